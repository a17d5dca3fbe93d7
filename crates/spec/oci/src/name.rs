//! Repository names and tags (OCI distribution spec, "Pulling manifests"; distribution/reference).

use std::fmt;
use std::str::FromStr;

/// Longest repository name in bytes, without the host.
pub const REPOSITORY_NAME_MAX: usize = 255;
/// Longest tag in bytes.
pub const TAG_MAX: usize = 128;

/// A repository inside one registry: `library/alpine`. Lower-case components separated by `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// Why a text is not a repository name or tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It does not follow the grammar.
    #[error("does not follow the grammar of names")]
    Format,
    /// It is longer than [`REPOSITORY_NAME_MAX`] or [`TAG_MAX`].
    #[error("has {length} bytes, which is too long")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl RepositoryName {
    /// Reads a name; components are `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if !text.split('/').all(is_component) {
            return Err(NameError::Format);
        }
        if text.len() > REPOSITORY_NAME_MAX {
            return Err(NameError::TooLong { length: text.len() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tag {
    /// Reads a tag.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = text.bytes().next().is_some_and(word)
            && text
                .bytes()
                .all(|byte| word(byte) || byte == b'.' || byte == b'-');
        match text.len() {
            _ if !fits => Err(NameError::Format),
            length if length > TAG_MAX => Err(NameError::TooLong { length }),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The tag `latest`.
    #[must_use]
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) const fn from_checked(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Alphanumeric runs with one separator between each two: `.`, `_`, `__` or one or more `-`.
fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let (Some(first), Some(last)) = (text.as_bytes().first(), text.as_bytes().last()) else {
        return false;
    };
    alphanumeric(first)
        && alphanumeric(last)
        && text
            .bytes()
            .all(|byte| alphanumeric(&byte) || matches!(byte, b'.' | b'_' | b'-'))
        && text
            .split(|char: char| char.is_ascii_alphanumeric())
            .all(|separator| {
                matches!(separator, "" | "." | "_" | "__")
                    || separator.bytes().all(|byte| byte == b'-')
            })
}
