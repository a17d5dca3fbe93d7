//! The wildcards of `${X#p}`, `${X%p}` and `${X/p/r}`: `*`, `?` and backslash escapes, no brackets.

/// Steps that one match may take; a Dockerfile has no business needing more.
const STEPS_MAX: usize = 4_000_000;

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// A backslash before a character that is not special.
    #[error("invalid escape")]
    Escape,
    /// The pattern matches the empty text, of which a replacement makes no sense here.
    #[error("the pattern matches the empty text")]
    MatchesNothing,
    /// Pattern and value are too long together.
    #[error("the match takes too long")]
    TooLong,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Any,
    Many,
    One(char),
}

pub(crate) struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parts = Vec::new();
        let mut input = text.chars().peekable();
        while let Some(ch) = input.next() {
            parts.push(match ch {
                '*' => Part::Many,
                '?' => Part::Any,
                '\\' => match input.next() {
                    Some(escaped @ ('*' | '?' | '\\' | '}' | '/')) => Part::One(escaped),
                    _ => return Err(PatternError::Escape),
                },
                ch => Part::One(ch),
            });
        }
        Ok(Self { parts })
    }

    /// True if the pattern matches all of `value`.
    pub(crate) fn matches(&self, value: &[char]) -> Result<bool, PatternError> {
        Ok(self.ends(value)?.last().copied().unwrap_or_default())
    }

    /// `value` without its shortest or longest prefix that matches; all of it if none does.
    pub(crate) fn without_prefix<'a>(
        &self,
        value: &'a [char],
        longest: bool,
    ) -> Result<&'a [char], PatternError> {
        let end = pick(&self.ends(value)?, longest);
        Ok(end.map_or(value, |end| value.get(end..).unwrap_or_default()))
    }

    /// `value` without its shortest or longest suffix that matches; all of it if none does.
    pub(crate) fn without_suffix(
        &self,
        value: &[char],
        longest: bool,
    ) -> Result<Vec<char>, PatternError> {
        let backwards = Self {
            parts: self.parts.iter().rev().copied().collect(),
        };
        let mut value: Vec<char> = value.iter().rev().copied().collect();
        value = backwards.without_prefix(&value, longest)?.to_vec();
        value.reverse();
        Ok(value)
    }

    /// `value` with its first match, or all, replaced; a star takes as much as it can.
    pub(crate) fn replace(
        &self,
        value: &[char],
        replacement: &str,
        all: bool,
    ) -> Result<String, PatternError> {
        if self.parts.iter().all(|part| *part == Part::Many) {
            return Err(PatternError::MatchesNothing);
        }
        let cost = value.len().saturating_mul(value.len());
        if cost.saturating_mul(self.parts.len()) > STEPS_MAX * 16 {
            return Err(PatternError::TooLong);
        }
        let mut result = String::new();
        let mut at = 0;
        let mut open = true;
        while let Some(ch) = value.get(at) {
            let rest = value.get(at..).unwrap_or_default();
            match pick(&self.ends(rest)?, true).filter(|_| open) {
                Some(length) if length > 0 => {
                    result.push_str(replacement);
                    at += length;
                    open = all;
                }
                _ => {
                    result.push(*ch);
                    at += 1;
                }
            }
        }
        Ok(result)
    }

    /// For each length of prefix of `value` whether the pattern matches exactly it.
    fn ends(&self, value: &[char]) -> Result<Vec<bool>, PatternError> {
        if self.parts.len().saturating_mul(value.len() + 1) > STEPS_MAX {
            return Err(PatternError::TooLong);
        }
        let mut now = vec![false; value.len() + 1];
        if let Some(first) = now.first_mut() {
            *first = true;
        }
        for part in &self.parts {
            let mut next = Vec::with_capacity(now.len());
            let mut carried = false;
            for (at, reached) in now.iter().enumerate() {
                let before = at
                    .checked_sub(1)
                    .and_then(|before| Some((*now.get(before)?, *value.get(before)?)));
                // As in Go's regexp package, no wildcard matches a line end.
                carried = *reached || (carried && before.is_none_or(|(_, ch)| ch != '\n'));
                next.push(match (part, before) {
                    (Part::Many, _) => carried,
                    (Part::Any, Some((reached, ch))) => reached && ch != '\n',
                    (Part::One(wanted), Some((reached, ch))) => reached && ch == *wanted,
                    (_, None) => false,
                });
            }
            now = next;
        }
        Ok(now)
    }
}

fn pick(ends: &[bool], longest: bool) -> Option<usize> {
    if longest {
        ends.iter().rposition(|end| *end)
    } else {
        ends.iter().position(|end| *end)
    }
}
