//! What a server says when it refuses: the OCI error envelope, read under a bound.

use std::time::Duration;

use net::{Response, StatusCode, header};
use serde::Deserialize;

use crate::error::{Error, Oversize, Resource};

/// Largest error body read, bytes.
const BODY_MAX: u64 = 64 * 1024;
/// Longest text kept, characters.
const TEXT_MAX: usize = 500;

/// The first error of the envelope (OCI distribution spec, "Error Codes").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMessage {
    /// Code such as `MANIFEST_UNKNOWN`; empty when the server gives none.
    pub code: String,
    /// Text for people, cut and without control characters; not to be trusted.
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    errors: Vec<Entry>,
    /// Some token servers answer with this field alone.
    #[serde(default)]
    details: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The error that a response with a failure status stands for.
pub(crate) async fn refusal(response: Response, what: Resource, with_credentials: bool) -> Error {
    let host = host_port(&response.url);
    let status = response.status;
    let retry_after = response
        .header(header::RETRY_AFTER)
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    let server = message(response).await;
    match status {
        StatusCode::UNAUTHORIZED => Error::Unauthorized {
            host,
            with_credentials,
            server,
        },
        StatusCode::FORBIDDEN => Error::Denied { host, server },
        StatusCode::NOT_FOUND => Error::NotFound { host, what, server },
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge {
            what: Oversize::Request,
        },
        StatusCode::TOO_MANY_REQUESTS => Error::RateLimited {
            host,
            retry_after,
            server,
        },
        _ => Error::ServerError {
            host,
            status: status.as_u16(),
            server,
        },
    }
}

/// `host[:port]` as a user writes it.
pub(crate) fn host_port(url: &net::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Text from elsewhere, fit to be shown: one line, no control characters, cut.
pub(crate) fn shown(text: &str) -> String {
    let plain = text
        .trim()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    plain.take(TEXT_MAX).collect()
}

/// A body that cannot be read, or is no envelope, says nothing; the status already decides.
async fn message(response: Response) -> Option<ServerMessage> {
    let body = response.read_to_limit(BODY_MAX).await.ok()?;
    let envelope: Envelope = serde_json::from_slice(&body).ok()?;
    if let Some(first) = envelope.errors.into_iter().next() {
        return Some(ServerMessage {
            code: shown(&first.code),
            message: shown(&first.message),
        });
    }
    (!envelope.details.is_empty()).then(|| ServerMessage {
        code: String::new(),
        message: shown(&envelope.details),
    })
}
