//! Access tokens for cloud services (RFC 6749), kept until shortly before they expire.

use jiff::{SignedDuration, Timestamp};
use net::{Body, Bytes, HeaderValue, Method, Request, Url, header};
use serde::Deserialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::error::{Service, ServiceError};
use crate::http;

/// A token is not used in its last minute.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// The longest life that is believed of a token.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// The token that was got last.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<Option<Token>>);

struct Token {
    authorization: HeaderValue,
    expires: Timestamp,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(deserialize_with = "http::secret")]
    access_token: Zeroizing<String>,
    expires_in: u32,
}

impl TokenCache {
    /// The header of the token that is kept, or of a new one that `request` asks for.
    pub(crate) async fn authorization(
        &self,
        http: &net::Client,
        service: Service,
        now: Timestamp,
        request: impl FnOnce() -> Result<Request, ServiceError>,
    ) -> Result<HeaderValue, ServiceError> {
        let mut kept = self.0.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| now < token.expires) {
            return Ok(token.authorization.clone());
        }
        let answer: Answer = http::ask(http, service, request()?)
            .await?
            .read("token", "access token")?;
        let life = SignedDuration::from_secs(answer.expires_in.into()).min(LONGEST);
        let authorization =
            bearer(&answer.access_token).ok_or(service.malformed("access token"))?;
        *kept = Some(Token {
            authorization: authorization.clone(),
            expires: now.saturating_add(life - MARGIN).unwrap_or(now),
        });
        Ok(authorization)
    }
}

/// `Bearer TOKEN`, marked as a secret; `None` if the token is no header text.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {}", token.trim()));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A `POST` of a form.
pub(crate) fn form(url: Url, fields: &[(&str, &str)]) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    Request::new(Method::POST, url)
        .header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        )
        .body(Body::Bytes(Bytes::from(body)))
}
