//! Instances of a trusted root from the files of their operators
//! (`sigstore/cosign:cmd/cosign/cli/trustedroot/trustedroot.go`).

use jiff::Timestamp;
use pki::signature::{VerifyingKey, VerifyingKeyFileError};
use tlog::log_id::LogId;
use tlog::note::KeyName;
use tlog::note_key::NoteKey;

use super::loose::is_ca_certificate;
use super::{Selector, TransparencyLog};
use crate::chain::{Authority, AuthorityError, Window, validity};
use crate::fulcio::{CertificateError, chain_from_pem};

/// Why a file makes no instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// Certificates that make no authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// PEM that holds no certificates, or one that does not parse.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// A timestamping authority's chain that does not begin with its own certificate.
    #[error("the first certificate of a timestamping authority is a CA's")]
    FirstIsCa,
    /// No PEM of a public key.
    #[error(transparent)]
    Key(#[from] VerifyingKeyFileError),
    /// A name under which nothing can be signed.
    #[error("origin {text:?} is no name of a log")]
    Origin {
        /// The text.
        text: String,
    },
    /// A chain without a root besides the first certificate.
    #[error("a timestamping authority's chain has at least two certificates")]
    Short,
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// A count where there must be none, or none where there must be one.
    #[error("{selector} {}", if *.needed { "needs a count, as in EXACT:1" } else { "takes no count" })]
    Count {
        /// The selector.
        selector: &'static str,
        /// Whether it needs one.
        needed: bool,
    },
    /// A count that is no number of 32 bits.
    #[error("{text:?} is no count")]
    Number {
        /// The text.
        text: String,
    },
    /// Another word.
    #[error("{text:?} is none of ANY, ALL and EXACT:count")]
    Unknown {
        /// The text.
        text: String,
    },
}

impl Authority {
    /// A certificate authority with the chain in `pem`, the issuing certificate first, the root last. Its use begins by
    /// default when the root's validity does.
    ///
    /// # Errors
    /// No PEM of certificates, too many of them, or one that does not parse.
    pub fn issuing(
        uri: String,
        pem: &[u8],
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Result<Self, AssembleError> {
        let chain = chain(pem)?;
        let root = chain.last().ok_or(AuthorityError::Count { found: 0 })?;
        let start = match start {
            None => began(root)?,
            given => given,
        };
        Ok(Self::new(uri, chain, Window { start, end })?)
    }

    /// A timestamping authority with the chain in `pem`, its own certificate first, the root last. Its use begins by
    /// default when the validity of its own certificate does.
    ///
    /// # Errors
    /// As [`Self::issuing`]; a chain that begins with a CA's certificate, or ends with the first.
    pub fn timestamping(
        uri: String,
        pem: &[u8],
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Result<Self, AssembleError> {
        let chain = chain(pem)?;
        let own = chain.first().ok_or(AuthorityError::Count { found: 0 })?;
        if is_ca_certificate(own)? {
            return Err(AssembleError::FirstIsCa);
        }
        if chain.len() < 2 {
            return Err(AssembleError::Short);
        }
        let start = match start {
            None => began(own)?,
            given => given,
        };
        Ok(Self::new(uri, chain, Window { start, end })?)
    }
}

impl TransparencyLog {
    /// A log with the public key in `pem`. With an `origin`, the name it signs checkpoints under, its id is made of that
    /// and the key, as with Rekor v2; else of the key alone.
    ///
    /// # Errors
    /// No PEM of a public key; an origin that is no name.
    pub fn of_pem(
        base_url: String,
        pem: &[u8],
        origin: Option<&str>,
        window: Window,
    ) -> Result<Self, AssembleError> {
        let key = VerifyingKey::from_pem(pem)?;
        let log_id = match origin {
            None => LogId::of(&key),
            Some(origin) => {
                let name = KeyName::parse(origin).map_err(|_| AssembleError::Origin {
                    text: origin.to_owned(),
                })?;
                NoteKey::of_log(name, key.clone()).log_id()
            }
        };
        Ok(Self {
            base_url,
            key,
            log_id,
            window,
        })
    }
}

impl Selector {
    /// Reads `ANY`, `ALL` or `EXACT:count`, in any case (`sigstore/cosign:cmd/cosign/cli/signingconfig/signingconfig.go`).
    ///
    /// # Errors
    /// Another word; a count too few, too many, or that is none.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let (word, count) = match text.split_once(':') {
            Some((word, count)) => (word, Some(count)),
            None => (text, None),
        };
        let refuse = |selector, needed| Err(SelectorError::Count { selector, needed });
        match (word.to_ascii_uppercase().as_str(), count) {
            ("ANY", None) => Ok(Self::Any),
            ("ANY", Some(_)) => refuse("ANY", false),
            ("ALL", None) => Ok(Self::All),
            ("ALL", Some(_)) => refuse("ALL", false),
            ("EXACT", None) => refuse("EXACT", true),
            ("EXACT", Some(count)) => exact(count),
            _ => Err(SelectorError::Unknown {
                text: text.to_owned(),
            }),
        }
    }
}

/// Digits only: the parser alone takes a plus sign.
fn exact(text: &str) -> Result<Selector, SelectorError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.then(|| text.parse().ok()).flatten();
    count
        .map(Selector::Exact)
        .ok_or_else(|| SelectorError::Number {
            text: text.to_owned(),
        })
}

fn chain(pem: &[u8]) -> Result<Vec<Vec<u8>>, CertificateError> {
    let text = std::str::from_utf8(pem).map_err(|_| CertificateError::Malformed)?;
    chain_from_pem(text)
}

fn began(certificate: &[u8]) -> Result<Option<Timestamp>, CertificateError> {
    Ok(validity(certificate)?.start)
}
