//! `WWW-Authenticate` (RFC 9110 section 11.6.1): the challenges of registries and trust servers.

use std::fmt;

/// Longest header field read, in bytes.
pub const HEADER_MAX: usize = 8 * 1024;
/// Most challenges read from one answer.
pub const CHALLENGES_MAX: usize = 16;

/// One way in that the server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Challenge {
    /// User name and password in each request (RFC 7617).
    Basic {
        /// Shown to users; not used otherwise.
        realm: Option<String>,
    },
    /// A token from a token server (docker registry token authentication).
    Bearer(BearerChallenge),
    /// A scheme this product does not speak.
    Other {
        /// Scheme name in lower case.
        scheme: String,
    },
}

/// Where and for what to get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerChallenge {
    /// URL of the token server; not checked here.
    pub realm: String,
    /// Audience of the token.
    pub service: Option<String>,
    /// Space-separated scopes the request needed.
    pub scope: Option<String>,
    /// Why the token that was sent is not enough: `invalid_token`, `insufficient_scope`.
    pub error: Option<String>,
}

/// Why a `WWW-Authenticate` field cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// A parameter comes twice in one challenge.
    #[error("parameter {name:?} given twice")]
    Duplicate {
        /// Parameter name in lower case.
        name: String,
    },
    /// The bytes do not follow the grammar.
    #[error("malformed at byte {offset}")]
    Malformed {
        /// Byte offset in the field.
        offset: usize,
    },
    /// A Bearer challenge without `realm`.
    #[error("Bearer challenge without realm")]
    MissingRealm,
    /// More than [`HEADER_MAX`] bytes or [`CHALLENGES_MAX`] challenges.
    #[error("too long")]
    TooLong,
}

impl Challenge {
    /// Reads one field value; it may hold several challenges.
    pub fn parse_header(value: &str) -> Result<Vec<Self>, ChallengeError> {
        if value.len() > HEADER_MAX {
            return Err(ChallengeError::TooLong);
        }
        let mut cursor = Cursor {
            bytes: value.as_bytes(),
            at: 0,
        };
        let mut challenges = Vec::new();
        loop {
            cursor.skip(|byte| matches!(byte, b' ' | b'\t' | b','));
            if cursor.peek().is_none() {
                return Ok(challenges);
            }
            if challenges.len() == CHALLENGES_MAX {
                return Err(ChallengeError::TooLong);
            }
            challenges.push(cursor.challenge()?);
        }
    }

    /// Reads all fields of one answer, in order.
    pub fn parse_headers<'a>(
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Self>, ChallengeError> {
        let mut challenges = Vec::new();
        for value in values {
            challenges.extend(Self::parse_header(value)?);
            if challenges.len() > CHALLENGES_MAX {
                return Err(ChallengeError::TooLong);
            }
        }
        Ok(challenges)
    }

    fn from_parts(
        scheme: &str,
        mut parameters: Vec<(String, String)>,
    ) -> Result<Self, ChallengeError> {
        let mut take = |name: &str| {
            let at = parameters.iter().position(|(found, _)| found == name)?;
            Some(parameters.swap_remove(at).1)
        };
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Ok(Self::Basic {
                realm: take("realm"),
            }),
            "bearer" => Ok(Self::Bearer(BearerChallenge {
                realm: take("realm").ok_or(ChallengeError::MissingRealm)?,
                service: take("service"),
                scope: take("scope"),
                error: take("error"),
            })),
            other => Ok(Self::Other {
                scheme: other.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { realm } => write_challenge(f, "Basic", &[("realm", realm.as_deref())]),
            Self::Bearer(bearer) => write_challenge(
                f,
                "Bearer",
                &[
                    ("realm", Some(&bearer.realm)),
                    ("service", bearer.service.as_deref()),
                    ("scope", bearer.scope.as_deref()),
                    ("error", bearer.error.as_deref()),
                ],
            ),
            Self::Other { scheme } => f.write_str(scheme),
        }
    }
}

fn write_challenge(
    f: &mut fmt::Formatter<'_>,
    scheme: &str,
    parameters: &[(&str, Option<&str>)],
) -> fmt::Result {
    f.write_str(scheme)?;
    let given = parameters
        .iter()
        .filter_map(|(name, value)| Some((name, (*value)?)));
    for (position, (name, value)) in given.enumerate() {
        let separator = if position == 0 { " " } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "{separator}{name}=\"{value}\"")?;
    }
    Ok(())
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn at_list_end(&self) -> bool {
        matches!(self.peek(), None | Some(b','))
    }

    fn malformed(&self) -> ChallengeError {
        ChallengeError::Malformed { offset: self.at }
    }

    fn challenge(&mut self) -> Result<Challenge, ChallengeError> {
        let scheme = self.token()?;
        if self.at_list_end() {
            return Challenge::from_parts(scheme, Vec::new());
        }
        if self.peek() != Some(b' ') {
            return Err(self.malformed());
        }
        self.skip_space();
        if self.skip_token68() {
            return Challenge::from_parts(scheme, Vec::new());
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        while let Some((name, value)) = self.parameter()? {
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(ChallengeError::Duplicate { name });
            }
            parameters.push((name, value));
        }
        Challenge::from_parts(scheme, parameters)
    }

    /// The next `name=value`, or nothing when the list ends or a new scheme begins there.
    fn parameter(&mut self) -> Result<Option<(String, String)>, ChallengeError> {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b','));
        if self.peek().is_none() {
            return Ok(None);
        }
        let start = self.at;
        let name = self.token()?.to_ascii_lowercase();
        self.skip_space();
        if self.peek() != Some(b'=') {
            self.at = start;
            return Ok(None);
        }
        self.at += 1;
        self.skip_space();
        let value = if self.peek() == Some(b'"') {
            self.quoted()?
        } else {
            self.token()?.to_owned()
        };
        self.skip_space();
        if self.at_list_end() {
            Ok(Some((name, value)))
        } else {
            Err(self.malformed())
        }
    }

    fn token(&mut self) -> Result<&'a str, ChallengeError> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        match std::str::from_utf8(&self.bytes[start..self.at]) {
            Ok(token) if !token.is_empty() => Ok(token),
            _ => Err(self.malformed()),
        }
    }

    fn quoted(&mut self) -> Result<String, ChallengeError> {
        let mut value = Vec::new();
        self.at += 1;
        loop {
            let byte = self.peek().ok_or_else(|| self.malformed())?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    value.push(self.peek().ok_or_else(|| self.malformed())?);
                    self.at += 1;
                }
                _ => value.push(byte),
            }
        }
        String::from_utf8(value).map_err(|_| self.malformed())
    }

    /// Steps over a `token68` (a bare base64 credential), which stands alone in its challenge.
    fn skip_token68(&mut self) -> bool {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
        let found = self.at > start;
        self.skip(|byte| byte == b'=');
        self.skip_space();
        if found && self.at_list_end() {
            return true;
        }
        self.at = start;
        false
    }
}
