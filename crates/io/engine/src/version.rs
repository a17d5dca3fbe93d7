//! Versions of the Engine API.

use std::fmt;
use std::str::FromStr;

/// A version of the Engine API, such as `1.41`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

/// A text that is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an API version")]
pub struct ApiVersionError {
    /// What was read.
    pub text: String,
}

impl ApiVersion {
    /// The oldest we speak: Docker 20.10 knows 1.41.
    pub const OLDEST: Self = Self::new(1, 41);
    /// The newest we speak: that of Docker 28.5. Docker 29 still knows it; its minimum is 1.44.
    pub const NEWEST: Self = Self::new(1, 51);

    /// `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = ApiVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self::new(number(major)?, number(minor)?)))
            .ok_or_else(|| ApiVersionError {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let parse = |text: &str| text.parse::<ApiVersion>();
        assert!(parse("1.9").unwrap() < parse("1.41").unwrap());
        assert_eq!(parse("1.41").unwrap().to_string(), "1.41");
        for bad in ["", "1", "1.", ".4", "1.+4", "1.4.1", "v1.4", "1.99999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
