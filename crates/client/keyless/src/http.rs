//! One exchange with a service: a bound on the answer, patience with a busy server, and what a refusal says.

use std::time::Duration;

use net::{
    Body, Bytes, HeaderMap, HeaderValue, Method, Phase, Request, StatusCode, Url, header,
    redacted_url,
};
use zeroize::Zeroizing;

use crate::error::{Error, Fault, Service};

/// Largest answer that refuses, bytes.
const REFUSAL_MAX: u64 = 64 << 10;
/// Longest text kept of it, characters.
const MESSAGE_MAX: usize = 500;

/// How often a service that is busy or breaks off is asked again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often to ask again.
    pub again: u8,
    /// The wait before the second try, when the service does not name one; doubled each time.
    pub first_wait: Duration,
    /// The longest single wait; a `Retry-After` beyond it ends the trying.
    pub longest_wait: Duration,
}

impl Default for Patience {
    /// Twice more, after half a second and a second; up to 10 s when the service says so.
    fn default() -> Self {
        Self {
            again: 2,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(10),
        }
    }
}

/// The HTTP client with its patience.
#[derive(Debug, Clone)]
pub struct Http {
    client: net::Client,
    patience: Patience,
}

/// An answer with a status that the caller takes.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) service: Service,
    /// Without secrets.
    pub(crate) url: String,
}

impl Http {
    /// With the default patience.
    #[must_use]
    pub fn new(client: net::Client) -> Self {
        Self {
            client,
            patience: Patience::default(),
        }
    }

    /// With another patience.
    #[must_use]
    pub fn with_patience(client: net::Client, patience: Patience) -> Self {
        Self { client, patience }
    }

    /// Sends `request`, again while the service is busy, and reads an answer of at most `limit` bytes. A status that
    /// is neither success nor in `also` is a refusal. No redirect is followed: tokens and signatures go to the place
    /// that was named. All that is sent here may be sent twice.
    pub(crate) async fn call(
        &self,
        service: Service,
        request: Request,
        limit: u64,
        also: &[StatusCode],
    ) -> Result<Answer, Error> {
        let mut request = request;
        let mut wait = self.patience.first_wait;
        let mut left = self.patience.again;
        loop {
            let again = request.replay().filter(|_| left > 0);
            let url = redacted_url(&request.url);
            let outcome = self.exchange(service, request, limit, also).await;
            let (Err(error), Some(next)) = (&outcome, again) else {
                return outcome;
            };
            let Some(pause) =
                pause(error, wait).filter(|pause| *pause <= self.patience.longest_wait)
            else {
                return outcome;
            };
            tracing::debug!(%service, url, %error, "asking again");
            tokio::time::sleep(pause).await;
            request = next;
            wait = wait.saturating_mul(2);
            left -= 1;
        }
    }

    async fn exchange(
        &self,
        service: Service,
        request: Request,
        limit: u64,
        also: &[StatusCode],
    ) -> Result<Answer, Error> {
        let url = redacted_url(&request.url);
        let network = |source| Error::Network {
            service,
            url: url.clone(),
            source,
        };
        let response = self.client.send(request).await.map_err(network)?;
        let status = response.status;
        if !status.is_success() && !also.contains(&status) {
            let retry_after = response
                .header(header::RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs);
            let message = message(response).await;
            return Err(Error::Refused {
                service,
                url,
                status: status.as_u16(),
                message,
                retry_after,
            });
        }
        let headers = response.headers.clone();
        let body = response.read_to_limit(limit).await.map_err(network)?;
        Ok(Answer {
            status,
            headers,
            body,
            service,
            url,
        })
    }
}

impl Answer {
    pub(crate) fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|_| self.fault(Fault::Text))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.fault(error))
    }

    pub(crate) fn fault(&self, fault: impl Into<Fault>) -> Error {
        Error::Answer {
            service: self.service,
            url: self.url.clone(),
            fault: fault.into(),
        }
    }
}

/// How long to wait before asking again; `None` if that would not help.
fn pause(error: &Error, wait: Duration) -> Option<Duration> {
    match error {
        Error::Refused {
            status: 429 | 500 | 502 | 503 | 504,
            retry_after,
            ..
        } => Some(retry_after.unwrap_or(wait)),
        Error::Network {
            source:
                net::Error::ConnectRefused { .. }
                | net::Error::Interrupted {
                    phase: Phase::Answer,
                    ..
                },
            ..
        } => Some(wait),
        _ => None,
    }
}

/// A service's address: a path is added to it, and a slash at its end does not count.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    service: Service,
    url: Url,
}

impl Base {
    pub(crate) fn parse(service: Service, text: &str) -> Result<Self, Error> {
        let url = net::parse_url(text).map_err(|source| Error::Address { service, source })?;
        Ok(Self { service, url })
    }

    /// `path` begins with a slash.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let whole = format!("{}{path}", self.url.path().trim_end_matches('/'));
        url.set_path(&whole);
        url
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn unsupported(&self, what: &'static str) -> Error {
        Error::Unsupported {
            service: self.service,
            url: redacted_url(&self.url),
            what,
        }
    }
}

/// A `POST` with a body of this type.
pub(crate) fn post(url: Url, content_type: &'static str, body: Vec<u8>) -> Request {
    Request::new(Method::POST, url)
        .header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
        .body(Body::Bytes(body.into()))
}

/// A `POST` with a JSON body.
pub(crate) fn post_json(url: Url, body: &impl serde::Serialize) -> Request {
    let body = serde_json::to_vec(body).expect("maps with text keys can be written");
    post(url, "application/json", body)
}

/// A value of `Authorization`; `None` for text that no header can hold.
pub(crate) fn credential(scheme: &str, secret: &str) -> Option<HeaderValue> {
    let text = Zeroizing::new(format!("{scheme} {secret}"));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Text from elsewhere, fit to be shown: one line, no control characters, cut.
pub(crate) fn shown(text: &str) -> String {
    let plain = text
        .trim()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    plain.take(MESSAGE_MAX).collect()
}

/// What a refusal says. A body that cannot be read, or is a page for people, says nothing; the status already decides.
async fn message(response: net::Response) -> Option<String> {
    let html = response
        .header(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.starts_with("text/html"));
    let body = response.read_to_limit(REFUSAL_MAX).await.ok()?;
    let text = match serde_json::from_slice(&body) {
        Ok(serde_json::Value::Object(object)) => {
            // Fulcio, Rekor and the authority say `message`; OAuth 2.0 `error` and `error_description` (RFC 6749, 5.2).
            let texts = ["message", "error", "error_description"];
            let found = texts.iter().filter_map(|name| object.get(*name)?.as_str());
            found.collect::<Vec<_>>().join(": ")
        }
        _ if html => String::new(),
        _ => String::from_utf8_lossy(&body).into_owned(),
    };
    Some(shown(&text)).filter(|text| !text.is_empty())
}
