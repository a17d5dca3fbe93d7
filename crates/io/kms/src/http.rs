//! What the remote services have in common: small JSON answers, and failures told in JSON.

use net::{Body, Bytes, HeaderValue, Request, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::error::{Service, ServiceError};

/// Most bytes of an answer; a Vault key with its whole history of RSA versions has a few hundred kilobytes.
pub(crate) const ANSWER_LIMIT: u64 = 1 << 20;

/// Most characters of a service's own words that are shown.
const MESSAGE_CHARS: usize = 300;

/// An answer that is read.
pub(crate) struct Answer {
    service: Service,
    pub(crate) status: StatusCode,
    body: Bytes,
}

/// The forms in which Vault, AWS, Google, Azure and OAuth token endpoints tell of a failure.
#[derive(Deserialize, Default)]
struct Failure {
    #[serde(default)]
    errors: Vec<String>,
    #[serde(rename = "__type")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
    error: Option<serde_json::Value>,
    error_description: Option<String>,
}

pub(crate) async fn ask(
    http: &net::Client,
    service: Service,
    request: Request,
) -> Result<Answer, ServiceError> {
    let failed = |source| ServiceError::Http { service, source };
    let response = http.send(request).await.map_err(failed)?;
    let status = response.status;
    let body = response.read_to_limit(ANSWER_LIMIT).await.map_err(failed)?;
    Ok(Answer {
        service,
        status,
        body,
    })
}

/// A JSON body.
pub(crate) fn json(request: Request, value: &serde_json::Value) -> Request {
    request
        .header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )
        .body(Body::Bytes(Bytes::from(value.to_string())))
}

/// The address of something below another; a slash in a segment is escaped, as GitLab wants a project's path.
pub(crate) fn below(url: &Url, segments: &[&str]) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

impl Answer {
    /// The JSON of a success; `key` names what a 404 says is not there.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        key: &str,
        what: &'static str,
    ) -> Result<T, ServiceError> {
        self.check(key)?;
        serde_json::from_slice(&self.body).map_err(|_| self.service.malformed(what))
    }

    /// Whether it is a success.
    pub(crate) fn check(&self, key: &str) -> Result<(), ServiceError> {
        let service = self.service;
        let (kind, message) = self.failure();
        Err(match self.status.as_u16() {
            200..=299 => return Ok(()),
            // AWS answers 400 to everything and names the fault.
            404 => ServiceError::KeyNotFound {
                service,
                key: key.to_owned(),
                message,
            },
            400 if kind == "NotFoundException" => ServiceError::KeyNotFound {
                service,
                key: key.to_owned(),
                message,
            },
            status @ (401 | 403) => ServiceError::Denied {
                service,
                status,
                message,
            },
            status @ 400 if is_denial(&kind) => ServiceError::Denied {
                service,
                status,
                message,
            },
            status => ServiceError::Answer {
                service,
                status,
                message,
            },
        })
    }

    /// The fault's name and the words for it, as far as there are any.
    fn failure(&self) -> (String, String) {
        let failure: Failure = serde_json::from_slice(&self.body).unwrap_or_default();
        let mut words = failure.errors;
        // `com.amazonaws.kms#NotFoundException`, or the name alone.
        let kind = failure
            .kind
            .map(|kind| kind.rsplit('#').next().unwrap_or_default().to_owned());
        words.extend(kind.clone());
        words.extend(failure.message);
        match failure.error {
            Some(serde_json::Value::String(text)) => words.push(text),
            Some(error) => words.extend(
                ["status", "code", "message"]
                    .iter()
                    .filter_map(|name| error.get(name)?.as_str())
                    .map(str::to_owned),
            ),
            None => {}
        }
        words.extend(failure.error_description);
        (kind.unwrap_or_default(), plain(&words.join(": ")))
    }
}

fn is_denial(kind: &str) -> bool {
    [
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    ]
    .contains(&kind)
}

/// One line without control characters, since it is shown on terminals.
pub(crate) fn plain(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MESSAGE_CHARS)
        .collect()
}

/// For fields of JSON that hold secrets.
pub(crate) fn secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}
