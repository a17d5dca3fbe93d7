use std::{fmt, io, pin::Pin};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use crate::{
    error::{Error, UrlFault},
    redact,
};

/// Chunks of a body to send.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + 'static>>;

/// One HTTP request. Its `Debug` shows no credential.
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: Method,
    /// An `http` or `https` address without credentials.
    pub url: Url,
    /// Sent as they are; `User-Agent`, `Host` and `Content-Length` are added.
    pub headers: HeaderMap,
    /// What is sent.
    pub body: Body,
    /// What happens on a 301, 302, 303, 307 or 308 answer.
    pub redirects: Redirects,
}

impl Request {
    /// A request without body, headers or redirects.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::Empty,
            redirects: Redirects::None,
        }
    }

    /// A `GET` request.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// Adds a header; one with the same name stays.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets `Authorization`, marked as a secret. `value` is the whole header: `Bearer …` or `Basic …`.
    #[must_use]
    pub fn authorization(mut self, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.insert(header::AUTHORIZATION, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Sets what happens on a redirect.
    #[must_use]
    pub fn redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }

    /// The same request again, or `None` when the body is a stream, which can be read only once.
    pub fn replay(&self) -> Option<Self> {
        let body = match &self.body {
            Body::Empty => Body::Empty,
            Body::Bytes(bytes) => Body::Bytes(bytes.clone()),
            Body::Stream { .. } => return None,
        };
        Some(Self {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body,
            redirects: self.redirects,
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &redact::redacted_url(&self.url))
            .field("headers", &redact::redacted_headers(&self.headers))
            .field("body", &self.body)
            .field("redirects", &self.redirects)
            .finish()
    }
}

/// What a request sends. `Debug` shows sizes, never content.
pub enum Body {
    /// Nothing.
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// A stream, sent once.
    Stream {
        /// `Content-Length` in bytes when it is known; otherwise HTTP/1.1 sends chunks.
        length: Option<u64>,
        /// The chunks.
        chunks: ByteStream,
    },
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream { length, .. } => write!(f, "Stream({length:?})"),
        }
    }
}

/// What happens on a redirect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Redirects {
    /// Followed up to `max` times. Credentials are dropped when scheme, host or port change; https never becomes http.
    Follow {
        /// How many.
        max: u8,
    },
    /// The redirect is the answer.
    None,
}

/// Refuses what this client does not send: other schemes, and credentials inside the address.
pub(crate) fn check_url(url: &Url) -> Result<(), Error> {
    let fault = if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        UrlFault::Scheme
    } else if !url.username().is_empty() || url.password().is_some() {
        UrlFault::Credentials
    } else {
        return Ok(());
    };
    Err(Error::BadUrl {
        url: redact::redacted_url(url),
        reason: fault,
    })
}

/// Reads an address that [`crate::Client`] can send to.
///
/// # Errors
/// [`Error::BadUrl`].
pub fn parse_url(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| Error::BadUrl {
        url: redact::redacted_text(text),
        reason: UrlFault::Malformed(error.to_string()),
    })?;
    check_url(&url).map(|()| url)
}

/// `host:port` as it is dialled.
pub(crate) fn host_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
