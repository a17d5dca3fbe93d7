//! The one HTTP client: TLS roots, proxies, timeouts, size limits, redaction.
//!
//! [`Client`] sends one [`Request`] and gives one [`Response`] whose body is read under a limit or as a stream. It
//! decides nothing about the protocol above it: no status code is an error here. What can go wrong on the way is an
//! [`Error`] variant with fields; which sentence a user reads is decided at the edge.

mod classify;
mod client;
mod error;
mod proxy;
mod redact;
mod request;
mod response;
mod retry;
mod tls;

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use url::Url;

pub use client::{Client, Config};
pub use error::{Error, Phase, ProxyFault, RedirectFault, TlsFault, TlsPart, UrlFault};
pub use proxy::{Proxies, is_loopback};
pub use redact::{redacted_headers, redacted_text, redacted_url};
pub use request::{Body, ByteStream, Redirects, Request, parse_url};
pub use response::Response;
pub use retry::Retry;
pub use tls::{ClientIdentity, InsecureTls, Tls};
