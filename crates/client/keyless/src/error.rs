//! Why a service gave nothing that can be used.

use std::time::Duration;

use pki::digest::Sha256;
use pki::signing::{ProviderError, SignError};
use sigstore::entry::{BodyError, EntryError};
use sigstore::fulcio::CertificateError;
use sigstore::timestamp::TimestampError;
use tlog::sct::SctError;

use crate::oauth::OauthFault;
use crate::token::TokenError;

/// Whom we spoke to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Fulcio.
    CertificateAuthority,
    /// An OpenID Connect issuer.
    IdentityProvider,
    /// The place that gives a machine its identity token.
    TokenProvider,
    /// An RFC 3161 authority.
    TimestampAuthority,
    /// Rekor.
    TransparencyLog,
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CertificateAuthority => "certificate authority",
            Self::IdentityProvider => "identity provider",
            Self::TokenProvider => "identity token provider",
            Self::TimestampAuthority => "timestamp authority",
            Self::TransparencyLog => "transparency log",
        })
    }
}

/// Why something failed. Addresses are without secrets; no field holds a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that cannot be one of a service.
    #[error("{service}: {source}")]
    Address {
        /// What it was to be the address of.
        service: Service,
        /// What is wrong with it.
        source: net::Error,
    },
    /// An answer that is not what was asked for.
    #[error("{service} {url}: {fault}")]
    Answer {
        /// Who answered.
        service: Service,
        /// Where.
        url: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// No answer, or one above the size limit.
    #[error("{service} {url}: {source}")]
    Network {
        /// Whom we asked.
        service: Service,
        /// Where.
        url: String,
        /// What happened.
        source: net::Error,
    },
    /// No randomness.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The service said no.
    #[error("{service} {url} answered {status}")]
    Refused {
        /// Who said no.
        service: Service,
        /// Where.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it says about it, cut and without control characters; not to be trusted.
        message: Option<String>,
        /// When to come again, if it says so.
        retry_after: Option<Duration>,
    },
    /// A key that did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The identity token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Something that this version of the service does not take; it was not asked.
    #[error("{service} {url} takes no {what}")]
    Unsupported {
        /// Who would not take it.
        service: Service,
        /// Where.
        url: String,
        /// What.
        what: &'static str,
    },
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Not base64.
    #[error("{member} is not base64")]
    Base64 {
        /// Which part.
        member: &'static str,
    },
    /// A certificate that is none.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Another number of log entries than one.
    #[error("{found} log entries in the answer")]
    EntryCount {
        /// How many.
        found: usize,
    },
    /// A log entry that is none.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Not JSON, or JSON of another shape.
    #[error("malformed answer: {reason}")]
    Json {
        /// The parser's reason.
        reason: String,
    },
    /// The entry exists, and the log does not say where.
    #[error("the log has the entry and does not say where")]
    Location,
    /// A member that must be there.
    #[error("no {member} in the answer")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// The identity provider's answer breaks the protocol.
    #[error(transparent)]
    Oauth(#[from] OauthFault),
    /// The log's entry is about something else than what was sent.
    #[error("the log's entry has another {part}")]
    OtherEntry {
        /// The part that differs.
        part: &'static str,
    },
    /// A certificate's promise of a log that is none.
    #[error(transparent)]
    Sct(#[from] SctError),
    /// A success that means something else.
    #[error("status {found}, expected {expected}")]
    Status {
        /// The status of the interface.
        expected: u16,
        /// The status that came.
        found: u16,
    },
    /// A timestamp that is none, or one of something else.
    #[error(transparent)]
    Timestamp(#[from] TimestampError),
    /// Not text.
    #[error("the answer is not text")]
    Text,
    /// An identity token that cannot be used.
    #[error(transparent)]
    Token(TokenError),
    /// No identifier of a log entry.
    #[error("{found:?} identifies no log entry")]
    Uuid {
        /// What is there, cut.
        found: String,
    },
    /// A certificate for another key.
    #[error("the certificate is for the key {found}, ours is {expected}")]
    WrongKey {
        /// SHA-256 of our SubjectPublicKeyInfo.
        expected: Sha256,
        /// SHA-256 of the certificate's.
        found: Sha256,
    },
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        Self::Entry(error.into())
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        // Its position and what was expected; never a piece of the answer, which may be a secret.
        let reason = match error.classify() {
            serde_json::error::Category::Data => "JSON of another shape",
            _ => "no JSON",
        };
        Self::Json {
            reason: format!("{reason}, line {} column {}", error.line(), error.column()),
        }
    }
}
