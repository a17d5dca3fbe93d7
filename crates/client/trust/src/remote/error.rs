use std::fmt;

use pki::digest::Sha256;
use serde::Deserialize;
use tuf::Role;

use net::{Response, StatusCode, header};

/// Most bytes read of an answer that reports an error.
const ERROR_BODY_LIMIT: u64 = 16 << 10;

/// Longest text taken over from a server, in characters.
const TEXT_LIMIT: usize = 500;

/// One thing asked of a trust server; its `Display` is the file name in the address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource {
    /// A role's file by its content: `targets.<sha256>.json`.
    ByHash(Role, Sha256),
    /// A role's file as it is now: `timestamp.json`.
    Current(Role),
    /// The public key that the server holds for a role: `snapshot.key`.
    Key(Role),
    /// All metadata of the repository, to publish or delete.
    Repository,
    /// A root by its version: `3.root.json`.
    RootVersion(u64),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByHash(role, sha256) => write!(f, "{role}.{sha256}.json"),
            Self::Current(role) => write!(f, "{role}.json"),
            Self::Key(role) => write!(f, "{role}.key"),
            Self::Repository => Ok(()),
            Self::RootVersion(version) => write!(f, "{version}.root.json"),
        }
    }
}

/// Why a trust server did not give or take what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Another publish came first: error code `VERSION`, or 409.
    #[error("the trust server has a newer version already")]
    Conflict,
    /// 403.
    #[error("the trust server forbids access to {resource}")]
    Forbidden {
        /// What was asked for.
        resource: Resource,
    },
    /// A web page where metadata should be, with status 200: the address is no trust server's.
    #[error("the answer for {resource} is a web page")]
    Html {
        /// What was asked for.
        resource: Resource,
    },
    /// A public key in no form that is understood.
    #[error("the answer for {resource} is no public key")]
    Key {
        /// What was asked for.
        resource: Resource,
    },
    /// No connection, no TLS, no whole answer.
    #[error(transparent)]
    Network(net::Error),
    /// 404.
    #[error("the trust server has no {resource}")]
    NotFound {
        /// What was asked for.
        resource: Resource,
    },
    /// 429.
    #[error("the trust server asks to wait")]
    RateLimited {
        /// Seconds to wait, if it said so.
        retry_after: Option<u64>,
    },
    /// 400 with the reason: what was sent breaks a rule of the server.
    #[error("the trust server refused the update: {rule}: {message}")]
    Refused {
        /// Notary's name of the rule: `ErrBadRoot`, `ErrBadTargets`, `ErrBadSnapshot`, `ErrBadHierarchy`,
        /// `ErrValidation`; or an error code such as `INVALID_ROLE`.
        rule: String,
        /// The server's text, bounded.
        message: String,
    },
    /// 5xx, or any other status that is no answer.
    #[error("the trust server answered {status} for {resource}: {message}")]
    Status {
        /// What was asked for.
        resource: Resource,
        /// The HTTP status.
        status: u16,
        /// The server's error code; empty if it gave none.
        code: String,
        /// The server's text, bounded; empty if it gave none.
        message: String,
    },
    /// Credentials for the trust server could not be had: the token server, a credential helper, a challenge.
    #[error(transparent)]
    Token(registry::Error),
    /// The answer is longer than the limit of its kind, or than its parent says.
    #[error("the answer for {resource} is longer than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        resource: Resource,
        /// The limit in bytes.
        limit: u64,
    },
    /// 401, with the credentials there are.
    #[error("the trust server does not accept the credentials")]
    Unauthorized {
        /// What was asked for.
        resource: Resource,
        /// Whether credentials were sent.
        credentials: bool,
    },
    /// 413: what was sent is too long for the server, or for something in front of it.
    #[error("the update of {length} bytes is too large for the trust server")]
    UploadTooLarge {
        /// Bytes sent.
        length: u64,
    },
}

impl RemoteError {
    /// Whether the server has no such file or repository.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether a publish that ended so may have been stored all the same.
    #[must_use]
    pub fn leaves_publish_open(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status >= 500,
            Self::Network(error) => !matches!(
                error,
                net::Error::ConnectRefused { .. }
                    | net::Error::ConnectFailed { .. }
                    | net::Error::ConnectTimeout { .. }
                    | net::Error::Dns { .. }
                    | net::Error::Proxy { .. }
                    | net::Error::Tls { .. }
                    | net::Error::BadUrl { .. }
            ),
            _ => false,
        }
    }
}

impl From<registry::Error> for RemoteError {
    fn from(error: registry::Error) -> Self {
        match error {
            registry::Error::Unreachable { source } | registry::Error::Interrupted { source } => {
                Self::Network(source)
            }
            registry::Error::TlsUntrusted { host, reason } => {
                Self::Network(net::Error::Tls { host, reason })
            }
            error => Self::Token(error),
        }
    }
}

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    errors: Vec<Entry>,
}

#[derive(Deserialize, Default)]
struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: serde_json::Value,
}

impl Entry {
    /// The rule and text of `{"Name":..,"Error":{"Msg":..}}`.
    fn validation(&self) -> Option<(&str, &str)> {
        Some((
            self.detail.get("Name")?.as_str()?,
            self.detail.get("Error")?.get("Msg")?.as_str()?,
        ))
    }
}

/// Makes the error of an answer that is neither 200 nor a challenge.
pub(super) async fn of(
    response: Response,
    resource: Resource,
    credentials: bool,
    sent: u64,
) -> RemoteError {
    let status = response.status;
    let retry_after = response
        .header(header::RETRY_AFTER)
        .and_then(|text| text.trim().parse().ok());
    match status {
        StatusCode::UNAUTHORIZED => {
            return RemoteError::Unauthorized {
                resource,
                credentials,
            };
        }
        StatusCode::FORBIDDEN => return RemoteError::Forbidden { resource },
        StatusCode::NOT_FOUND => return RemoteError::NotFound { resource },
        StatusCode::CONFLICT => return RemoteError::Conflict,
        StatusCode::PAYLOAD_TOO_LARGE if sent > 0 => {
            return RemoteError::UploadTooLarge { length: sent };
        }
        StatusCode::TOO_MANY_REQUESTS => return RemoteError::RateLimited { retry_after },
        _ => {}
    }
    // The status decides; a body that cannot be read only costs its explanation.
    let body = response
        .read_to_limit(ERROR_BODY_LIMIT)
        .await
        .unwrap_or_default();
    let envelope: Envelope = serde_json::from_slice(&body).unwrap_or_default();
    let entry = envelope.errors.into_iter().next().unwrap_or_default();
    if entry.code == "VERSION" {
        return RemoteError::Conflict;
    }
    if status == StatusCode::BAD_REQUEST && !entry.code.is_empty() {
        let (rule, message) = entry.validation().unwrap_or((&entry.code, &entry.message));
        return RemoteError::Refused {
            rule: bounded(rule),
            message: bounded(message),
        };
    }
    RemoteError::Status {
        resource,
        status: status.as_u16(),
        code: bounded(&entry.code),
        message: bounded(&entry.message),
    }
}

fn bounded(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(TEXT_LIMIT)
        .collect()
}
