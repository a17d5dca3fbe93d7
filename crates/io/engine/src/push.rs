//! Pushing.

use std::collections::BTreeMap;

use oci::{Digest, Reference, Repository, Tag};

use crate::auth::RegistryAuth;
use crate::engine::Engine;
use crate::error::Error;
use crate::request::{Request, escape};
use crate::stream::{Aux, Event, OnEvent};

/// What the engine says it pushed. It is the engine's word only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The tag that the registry has now.
    pub tag: Tag,
    /// Of the manifest or index.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// How the engine said it.
    pub reported_in: ReportedIn,
}

/// Where in a push the digest was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportedIn {
    /// In a message made for programs: graph drivers.
    Aux,
    /// Only in the line for people, `TAG: digest: sha256:… size: N`: containerd store.
    StatusLine,
    /// Nowhere: it is what the registry has under the tag afterwards ([`Engine::distribution`]), which somebody else
    /// may have put there. It must be compared with the local image before it is signed.
    Registry,
}

/// What a stream said so far.
#[derive(Debug, Default)]
struct Reports {
    by_tag: BTreeMap<Tag, Pushed>,
    contradiction: Option<Tag>,
}

impl Engine {
    /// Pushes one tag.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] for everything that goes wrong at the registry, and for a tag that the engine does not have;
    /// [`Error::Interrupted`] when the stream is cut: then nothing is known about the registry.
    pub async fn push(
        &self,
        repository: &Repository,
        tag: &Tag,
        auth: &RegistryAuth,
        on_event: OnEvent<'_>,
    ) -> Result<Pushed, Error> {
        let mut pushed = self.run_push(repository, Some(tag), auth, on_event).await?;
        if let Some(pushed) = pushed.by_tag.remove(tag) {
            return Ok(pushed);
        }
        let name = Reference::new(repository.clone(), Some(tag.clone()), None);
        let found = self.distribution(&name, auth).await?.descriptor;
        Ok(Pushed {
            tag: tag.clone(),
            digest: found.digest,
            size: found.size,
            reported_in: ReportedIn::Registry,
        })
    }

    /// Pushes every tag that the engine has of a repository. Returns what it reported, by tag.
    ///
    /// # Errors
    ///
    /// As [`Engine::push`]; the tags pushed before the error are in the registry.
    pub async fn push_all(
        &self,
        repository: &Repository,
        auth: &RegistryAuth,
        on_event: OnEvent<'_>,
    ) -> Result<Vec<Pushed>, Error> {
        let reports = self.run_push(repository, None, auth, on_event).await?;
        Ok(reports.by_tag.into_values().collect())
    }

    async fn run_push(
        &self,
        repository: &Repository,
        tag: Option<&Tag>,
        auth: &RegistryAuth,
        on_event: OnEvent<'_>,
    ) -> Result<Reports, Error> {
        let name = repository.familiar();
        let mut request = Request::post(format!("/images/{}/push", escape(&name)))
            .header("x-registry-auth", auth.header())
            .about(&name)
            .patience(Some(self.config.stream_timeout));
        if let Some(tag) = tag {
            request = request.query("tag", tag.as_str());
        }
        let answer = self.send(request).await?;
        let name = answer.request.clone();
        let mut reports = Reports::default();
        self.follow(answer, Some(self.config.stream_timeout), &mut |event| {
            reports.note(event);
            on_event(event);
        })
        .await?;
        match &reports.contradiction {
            None => Ok(reports),
            Some(tag) => Err(Error::Malformed {
                request: name,
                detail: format!("two digests reported for the tag {tag}"),
            }),
        }
    }
}

impl Reports {
    fn note(&mut self, event: &Event) {
        let report = match event {
            Event::Aux(Aux::Pushed { tag, digest, size }) => {
                Tag::parse(tag).ok().map(|tag| Pushed {
                    tag,
                    digest: *digest,
                    size: *size,
                    reported_in: ReportedIn::Aux,
                })
            }
            Event::Status {
                id: None,
                text,
                progress: None,
            } => parse_line(text),
            _ => None,
        };
        let Some(report) = report else { return };
        match self.by_tag.get(&report.tag) {
            Some(known) if (known.digest, known.size) != (report.digest, report.size) => {
                self.contradiction = Some(report.tag);
            }
            Some(known) if known.reported_in == ReportedIn::Aux => {}
            _ => {
                self.by_tag.insert(report.tag.clone(), report);
            }
        }
    }
}

/// `1: digest: sha256:89c5… size: 523`
fn parse_line(text: &str) -> Option<Pushed> {
    let (tag, rest) = text.split_once(": digest: ")?;
    let (digest, size) = rest.split_once(" size: ")?;
    let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    Some(Pushed {
        tag: Tag::parse(tag).ok()?,
        digest: Digest::parse(digest).ok()?,
        size: size.parse().ok().filter(|_| is_number)?,
        reported_in: ReportedIn::StatusLine,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Event {
        Event::Status {
            id: None,
            text: text.to_owned(),
            progress: None,
        }
    }

    fn aux(tag: &str, fill: &str, size: u64) -> Event {
        Event::Aux(Aux::Pushed {
            tag: tag.to_owned(),
            digest: Digest::parse(&format!("sha256:{}", fill.repeat(64))).unwrap(),
            size,
        })
    }

    #[test]
    fn only_the_exact_line_counts() {
        let hex = "a".repeat(64);
        let pushed = parse_line(&format!("v1: digest: sha256:{hex} size: 523")).unwrap();
        assert_eq!((pushed.tag.as_str(), pushed.size), ("v1", 523));
        for bad in [
            format!("digest: sha256:{hex} size: 523"),
            format!("v1: digest: sha256:{hex} size: "),
            format!("v1: digest: sha256:{hex} size: +5"),
            format!("v1: digest: sha256:{hex} size: 5 "),
            format!("v1: digest: sha256:{hex}a size: 5"),
            format!("a b: digest: sha256:{hex} size: 5"),
            format!("v1: digest: sha256:{hex} size: 99999999999999999999"),
        ] {
            assert_eq!(parse_line(&bad), None, "{bad}");
        }
    }

    #[test]
    fn the_message_for_programs_comes_first_and_contradictions_are_noticed() {
        let said = format!("1: digest: sha256:{} size: 5", "a".repeat(64));
        for order in [
            [line(&said), aux("1", "a", 5)],
            [aux("1", "a", 5), line(&said)],
        ] {
            let mut reports = Reports::default();
            order.iter().for_each(|event| reports.note(event));
            let tag = Tag::parse("1").unwrap();
            assert_eq!(reports.by_tag[&tag].reported_in, ReportedIn::Aux);
            assert_eq!(reports.contradiction, None);
            reports.note(&aux("1", "b", 5));
            assert_eq!(reports.contradiction, Some(tag));
        }
        let mut reports = Reports::default();
        reports.note(&line(&said));
        reports.note(&aux("1", "a", 6));
        assert!(reports.contradiction.is_some());
    }

    #[test]
    fn a_layer_cannot_report_a_digest() {
        let mut reports = Reports::default();
        reports.note(&Event::Status {
            id: Some("0b3e901ecd8a".to_owned()),
            text: format!("1: digest: sha256:{} size: 5", "a".repeat(64)),
            progress: None,
        });
        assert!(reports.by_tag.is_empty());
    }
}
