//! `url=…,start-time=…`: how `trusted-root create` and `signing-config create` are told a service.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sigstore::chain::Window;
use thiserror::Error;

/// The members of one service.
#[derive(Debug)]
pub(super) struct Spec<'a> {
    service: &'static str,
    members: BTreeMap<&'a str, &'a str>,
}

/// Why a service cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("parsing {service} spec: {problem}")]
pub struct SpecError {
    /// `fulcio`, `rekor`, `ctfe`, `tsa` or `oidc-provider`.
    pub service: &'static str,
    /// What is wrong.
    pub problem: SpecProblem,
}

/// What is wrong with a service.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecProblem {
    /// It would end before it begins.
    #[error("end-time {end} is before start-time {start}")]
    EndsBeforeStart {
        /// The beginning.
        start: Timestamp,
        /// The end.
        end: Timestamp,
    },
    /// A required member that is not there, or empty.
    #[error("missing or empty required key '{key}'")]
    Missing {
        /// The member.
        key: &'static str,
    },
    /// A number that is none.
    #[error("parsing {key}: {text:?} is not a positive number")]
    Number {
        /// The member.
        key: &'static str,
        /// Its text.
        text: String,
    },
    /// A piece without an equals sign.
    #[error("invalid key-value pair: {piece}")]
    Pair {
        /// The piece.
        piece: String,
    },
    /// The same member twice.
    #[error("key '{key}' is given twice")]
    Repeated {
        /// The member.
        key: String,
    },
    /// A time that is none.
    #[error("parsing {key}: {text:?} is not a time such as 2024-01-31T00:00:00Z")]
    Time {
        /// The member.
        key: &'static str,
        /// Its text.
        text: String,
    },
    /// A member that no such service has: a mistyped `end-time` would be trusted for ever.
    #[error("unknown key '{key}'; known are {}", known.join(", "))]
    Unknown {
        /// The member.
        key: String,
        /// The members there are.
        known: &'static [&'static str],
    },
}

impl<'a> Spec<'a> {
    /// Takes one flag's value apart; `known` are the members it may have.
    pub(super) fn parse(
        service: &'static str,
        text: &'a str,
        known: &'static [&'static str],
    ) -> Result<Self, SpecError> {
        let refused = |problem| SpecError { service, problem };
        let mut members = BTreeMap::new();
        for piece in text.split(',') {
            let Some((key, value)) = piece.split_once('=') else {
                let piece = piece.to_owned();
                return Err(refused(SpecProblem::Pair { piece }));
            };
            let (key, value) = (key.trim(), value.trim());
            if !known.contains(&key) {
                let key = key.to_owned();
                return Err(refused(SpecProblem::Unknown { key, known }));
            }
            if members.insert(key, value).is_some() {
                let key = key.to_owned();
                return Err(refused(SpecProblem::Repeated { key }));
            }
        }
        Ok(Self { service, members })
    }

    /// A member; an empty one is as good as none.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.members
            .get(key)
            .copied()
            .filter(|text| !text.is_empty())
    }

    /// A member that must be there.
    pub(super) fn required(&self, key: &'static str) -> Result<&'a str, SpecError> {
        self.text(key)
            .ok_or_else(|| self.refused(SpecProblem::Missing { key }))
    }

    /// A positive number that must be there.
    pub(super) fn number(&self, key: &'static str) -> Result<u32, SpecError> {
        let text = self.required(key)?;
        positive(text).ok_or_else(|| {
            let text = text.to_owned();
            self.refused(SpecProblem::Number { key, text })
        })
    }

    /// `start-time` and `end-time`.
    pub(super) fn window(&self) -> Result<Window, SpecError> {
        let (start, end) = (self.time("start-time")?, self.time("end-time")?);
        match (start, end) {
            (Some(start), Some(end)) if end < start => {
                Err(self.refused(SpecProblem::EndsBeforeStart { start, end }))
            }
            _ => Ok(Window { start, end }),
        }
    }

    /// As [`Self::window`], with a beginning.
    pub(super) fn window_with_start(&self) -> Result<Window, SpecError> {
        self.required("start-time")?;
        self.window()
    }

    fn time(&self, key: &'static str) -> Result<Option<Timestamp>, SpecError> {
        self.text(key)
            .map(|text| {
                text.parse().map_err(|_| {
                    let text = text.to_owned();
                    self.refused(SpecProblem::Time { key, text })
                })
            })
            .transpose()
    }

    fn refused(&self, problem: SpecProblem) -> SpecError {
        SpecError {
            service: self.service,
            problem,
        }
    }
}

/// Digits only, above zero.
pub(super) fn positive(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|number| *number > 0 && !text.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["url", "api-version", "start-time", "end-time"];

    fn spec(text: &str) -> Result<Spec<'_>, SpecProblem> {
        Spec::parse("rekor", text, KNOWN).map_err(|error| error.problem)
    }

    #[test]
    fn members_are_told_apart_at_the_first_equals_sign() {
        let spec =
            spec("url=https://log.example.com/?a=b, api-version = 2 ,end-time=").expect("a spec");
        assert_eq!(spec.required("url"), Ok("https://log.example.com/?a=b"));
        assert_eq!(spec.number("api-version"), Ok(2));
        assert_eq!(spec.window().expect("a window"), Window::default());
        let error = spec.window_with_start().expect_err("no start");
        assert_eq!(
            error.to_string(),
            "parsing rekor spec: missing or empty required key 'start-time'"
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(matches!(spec("url"), Err(SpecProblem::Pair { .. })));
        assert!(matches!(spec("url=a,"), Err(SpecProblem::Pair { .. })));
        assert!(matches!(
            spec("url=a,url=b"),
            Err(SpecProblem::Repeated { .. })
        ));
        assert!(matches!(
            spec("url=a,endtime=x"),
            Err(SpecProblem::Unknown { .. })
        ));
        for text in [
            "api-version=0",
            "api-version=x",
            "api-version=-1",
            "api-version=+1",
        ] {
            let spec = spec(text).expect("a spec");
            assert!(spec.number("api-version").is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_ends_after_it_begins() {
        let times = "start-time=2024-01-02T00:00:00Z,end-time=2024-01-01T00:00:00Z";
        let error = spec(times)
            .expect("a spec")
            .window()
            .expect_err("ends first");
        assert!(matches!(error.problem, SpecProblem::EndsBeforeStart { .. }));
        let times = "start-time=2024-01-02T00:00:00+02:00,end-time=2024-01-01T23:00:00Z";
        let window = spec(times).expect("a spec").window().expect("a window");
        assert_eq!(
            window.start.map(|start| start.to_string()).as_deref(),
            Some("2024-01-01T22:00:00Z")
        );
        let error = spec("end-time=2024")
            .expect("a spec")
            .window()
            .expect_err("no time");
        assert!(matches!(
            error.problem,
            SpecProblem::Time {
                key: "end-time",
                ..
            }
        ));
    }
}
