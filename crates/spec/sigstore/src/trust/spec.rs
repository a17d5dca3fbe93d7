//! Instances as the words of `trusted-root create` and `signing-config create` describe them: `key=value` pairs with
//! commas between them (`sigstore/cosign:cmd/cosign/cli/trustedroot/trustedroot.go`, `signingconfig/signingconfig.go`).
//! Files are named here and read elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pki::signature::{VerifyingKey, VerifyingKeyFileError};
use tlog::log_id::LogId;
use tlog::note::KeyName;
use tlog::note_key::NoteKey;

use super::loose;
use super::{Selector, Service, TransparencyLog};
use crate::chain::{Authority, AuthorityError, Window, validity};
use crate::fulcio::{CertificateError, chain_from_pem};

/// A certificate or timestamping authority. Members may also be set without a text, from single flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthoritySpec {
    /// Where it is; may be empty.
    pub url: String,
    /// The name of a PEM file: the issuing certificate (a timestamping authority's own) first, the root last.
    pub certificate_chain: String,
    /// When its use began; by default when its certificate (of a certificate authority: its root) began.
    pub start: Option<Timestamp>,
    /// When its use ended.
    pub end: Option<Timestamp>,
}

/// A log. Members may also be set without a text, from single flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSpec {
    /// Where it is; may be empty.
    pub url: String,
    /// The name of a file with its public key.
    pub public_key: String,
    /// When its use began; by default in 1970.
    pub start: Option<Timestamp>,
    /// When its use ended.
    pub end: Option<Timestamp>,
    /// The name it signs checkpoints under, where its id is to be made of that and the key, as with Rekor v2.
    pub origin: Option<String>,
}

/// Why a text describes nothing, or a file is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Certificates that make no authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// PEM that holds no certificates, or one that does not parse.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// A count that goes with no selector, or lacks with one.
    #[error("selector {selector} with a count, or without the one it needs")]
    Count {
        /// The selector.
        selector: String,
    },
    /// A timestamping authority's chain that does not begin with its own certificate.
    #[error("the first certificate of a timestamping authority is a CA's")]
    FirstIsCa,
    /// No PEM of a public key.
    #[error(transparent)]
    Key(#[from] VerifyingKeyFileError),
    /// A key without a value, or with an empty one.
    #[error("no {key}")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A number that is none.
    #[error("{key}: {text:?} is no number")]
    Number {
        /// The key.
        key: &'static str,
        /// The text.
        text: String,
    },
    /// A name under which nothing can be signed.
    #[error("origin {text:?} is no name of a log")]
    Origin {
        /// The text.
        text: String,
    },
    /// A part without an equals sign.
    #[error("{text:?} is no pair of a key and a value")]
    Pair {
        /// The part.
        text: String,
    },
    /// An unknown selector.
    #[error("{text:?} is none of ANY, ALL and EXACT:count")]
    Selector {
        /// The text.
        text: String,
    },
    /// A chain without a root besides the first certificate.
    #[error("a timestamping authority's chain has at least two certificates")]
    Short,
    /// A time that is not of RFC 3339.
    #[error("{key}: {text:?} is no time of RFC 3339")]
    Time {
        /// The key.
        key: &'static str,
        /// The text.
        text: String,
    },
    /// A key that means nothing here.
    #[error("unknown key {key:?}")]
    UnknownKey {
        /// The key.
        key: String,
    },
}

impl AuthoritySpec {
    /// Reads `url=…,certificate-chain=…`, optionally with `start-time=…` and `end-time=…`. Of a key that is there twice
    /// the last counts, blanks around keys and values do not.
    ///
    /// # Errors
    /// Another form or key; a time that is none; no URL or chain.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let mut pairs = Pairs::parse(text)?;
        let spec = Self {
            url: pairs.required("url")?,
            certificate_chain: pairs.required("certificate-chain")?,
            start: pairs.time("start-time")?,
            end: pairs.time("end-time")?,
        };
        pairs.finish().map(|()| spec)
    }

    /// The certificate authority with the chain in `pem`.
    ///
    /// # Errors
    /// No PEM of certificates, too many of them, or one that does not parse.
    pub fn certificate_authority(&self, pem: &[u8]) -> Result<Authority, SpecError> {
        let chain = chain(pem)?;
        let first = chain.last().ok_or(AuthorityError::Count { found: 0 })?;
        let window = self.window(first)?;
        Ok(Authority::new(self.url.clone(), chain, window)?)
    }

    /// The timestamping authority with the chain in `pem`.
    ///
    /// # Errors
    /// As [`Self::certificate_authority`]; a chain that begins with a CA's certificate, or ends there.
    pub fn timestamp_authority(&self, pem: &[u8]) -> Result<Authority, SpecError> {
        let chain = chain(pem)?;
        let own = chain.first().ok_or(AuthorityError::Count { found: 0 })?;
        if loose::is_ca_certificate(own)? {
            return Err(SpecError::FirstIsCa);
        }
        if chain.len() < 2 {
            return Err(SpecError::Short);
        }
        let window = self.window(own)?;
        Ok(Authority::new(self.url.clone(), chain, window)?)
    }

    fn window(&self, first: &[u8]) -> Result<Window, SpecError> {
        Ok(Window {
            start: match self.start {
                Some(start) => Some(start),
                None => validity(first)?.start,
            },
            end: self.end,
        })
    }
}

impl LogSpec {
    /// Reads `url=…,public-key=…,start-time=…`, optionally with `end-time=…` and `origin=…`, as
    /// [`AuthoritySpec::parse`] does.
    ///
    /// # Errors
    /// Another form or key; a time that is none; no URL, key or beginning.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let mut pairs = Pairs::parse(text)?;
        let spec = Self {
            url: pairs.required("url")?,
            public_key: pairs.required("public-key")?,
            start: Some(pairs.required_time("start-time")?),
            end: pairs.time("end-time")?,
            origin: pairs.optional("origin"),
        };
        pairs.finish().map(|()| spec)
    }

    /// The log with the public key in `pem`.
    ///
    /// # Errors
    /// No PEM of a public key; an origin that is no name.
    pub fn log(&self, pem: &[u8]) -> Result<TransparencyLog, SpecError> {
        let key = VerifyingKey::from_pem(pem)?;
        let log_id = match &self.origin {
            None => LogId::of(&key),
            Some(origin) => {
                let name = KeyName::parse(origin).map_err(|_| SpecError::Origin {
                    text: origin.clone(),
                })?;
                NoteKey::of_log(name, key.clone()).log_id()
            }
        };
        Ok(TransparencyLog {
            base_url: self.url.clone(),
            key,
            log_id,
            window: Window {
                start: Some(self.start.unwrap_or(Timestamp::UNIX_EPOCH)),
                end: self.end,
            },
        })
    }
}

impl Service {
    /// Reads `url=…,api-version=…,start-time=…,operator=…`, optionally with `end-time=…`, as [`AuthoritySpec::parse`]
    /// does.
    ///
    /// # Errors
    /// Another form or key; a number or time that is none; something missing.
    pub fn parse_spec(text: &str) -> Result<Self, SpecError> {
        let mut pairs = Pairs::parse(text)?;
        let service = Self {
            url: pairs.required("url")?,
            major_api_version: {
                let text = pairs.required("api-version")?;
                number("api-version", &text)?
            },
            window: Window {
                start: Some(pairs.required_time("start-time")?),
                end: pairs.time("end-time")?,
            },
            operator: pairs.required("operator")?,
        };
        pairs.finish().map(|()| service)
    }
}

impl Selector {
    /// Reads `ANY`, `ALL` or `EXACT:count`, in any case.
    ///
    /// # Errors
    /// Another word; a count too few or too many.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let (word, count) = match text.split_once(':') {
            Some((word, count)) => (word, Some(count)),
            None => (text, None),
        };
        let selector = word.to_ascii_uppercase();
        match (selector.as_str(), count) {
            ("ANY", None) => Ok(Self::Any),
            ("ALL", None) => Ok(Self::All),
            ("EXACT", Some(count)) => number("EXACT", count).map(Self::Exact),
            ("ANY" | "ALL" | "EXACT", _) => Err(SpecError::Count { selector }),
            _ => Err(SpecError::Selector {
                text: text.to_owned(),
            }),
        }
    }
}

fn chain(pem: &[u8]) -> Result<Vec<Vec<u8>>, SpecError> {
    let text = std::str::from_utf8(pem).map_err(|_| CertificateError::Malformed)?;
    Ok(chain_from_pem(text)?)
}

/// Digits only: the parser alone takes a plus sign.
fn number(key: &'static str, text: &str) -> Result<u32, SpecError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| SpecError::Number {
        key,
        text: text.to_owned(),
    })
}

struct Pairs<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Pairs<'a> {
    fn parse(text: &'a str) -> Result<Self, SpecError> {
        let pairs = text.split(',').map(|pair| {
            let (key, value) = pair.split_once('=').ok_or_else(|| SpecError::Pair {
                text: pair.to_owned(),
            })?;
            Ok((key.trim(), value.trim()))
        });
        Ok(Self(pairs.collect::<Result<_, SpecError>>()?))
    }

    fn optional(&mut self, key: &'static str) -> Option<String> {
        let value = self.0.remove(key).unwrap_or_default();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn required(&mut self, key: &'static str) -> Result<String, SpecError> {
        self.optional(key).ok_or(SpecError::Missing { key })
    }

    fn time(&mut self, key: &'static str) -> Result<Option<Timestamp>, SpecError> {
        let Some(text) = self.optional(key) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(time) => Ok(Some(time)),
            Err(_) => Err(SpecError::Time { key, text }),
        }
    }

    fn required_time(&mut self, key: &'static str) -> Result<Timestamp, SpecError> {
        self.time(key)?.ok_or(SpecError::Missing { key })
    }

    /// A misspelt key must not widen trust unnoticed.
    fn finish(self) -> Result<(), SpecError> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(key) => Err(SpecError::UnknownKey {
                key: key.to_owned(),
            }),
        }
    }
}
