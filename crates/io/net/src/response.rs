use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    classify,
    client::idle_until,
    error::{Error, Phase},
    redact,
};

/// The head of an answer, and its body still to be read. Its `Debug` shows no credential.
pub struct Response {
    /// Any status.
    pub status: StatusCode,
    /// As received.
    pub headers: HeaderMap,
    /// The address that answered, after redirects.
    pub url: Url,
    body: reqwest::Response,
    host: String,
    read_timeout: Duration,
    deadline: Option<Instant>,
}

impl Response {
    pub(crate) fn new(
        mut body: reqwest::Response,
        host: String,
        read_timeout: Duration,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            status: body.status(),
            headers: std::mem::take(body.headers_mut()),
            url: body.url().clone(),
            body,
            host,
            read_timeout,
            deadline,
        }
    }

    /// A header as text; `None` when it is missing or not ASCII.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `Content-Length`: what the server says it will send (or, to `HEAD`, would send).
    pub fn content_length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH)
            .and_then(|text| text.parse().ok())
    }

    /// The next piece of the body; `None` at its proper end.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the body is cut, [`Error::Timeout`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let until = idle_until(self.read_timeout, self.deadline);
        match timeout_at(until, self.body.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(classify::body_error(error, &self.host)),
            Err(_) => Err(Error::Timeout {
                host: self.host.clone(),
                phase: Phase::Body,
            }),
        }
    }

    /// The whole body, which may have at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as soon as it is known, else as [`Response::chunk`].
    pub async fn read_to_limit(mut self, limit: u64) -> Result<Bytes, Error> {
        let announced = self.body.content_length().unwrap_or(0);
        if announced > limit {
            return Err(Error::TooLarge { limit });
        }
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let mut read = u64::try_from(first.len()).unwrap_or(u64::MAX);
        if read > limit {
            return Err(Error::TooLarge { limit });
        }
        let mut whole = BytesMut::from(first);
        while let Some(chunk) = self.chunk().await? {
            read = read.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if read > limit {
                return Err(Error::TooLarge { limit });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The body in pieces. An error is the last item.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        stream::try_unfold(self, |mut response| async move {
            Ok(response.chunk().await?.map(|chunk| (chunk, response)))
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("url", &redact::redacted_url(&self.url))
            .field("headers", &redact::redacted_headers(&self.headers))
            .finish_non_exhaustive()
    }
}
