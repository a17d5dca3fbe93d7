//! Building requests, sending them, and reading bounded answers.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::connect::Connection;
use crate::engine::Engine;
use crate::error::{Error, TlsFault};

/// What is sent with a request.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The engine's errors are a sentence.
const ERROR_MAX: u64 = 64 << 10;
/// What Go's server says in plain text to a client without TLS.
const TLS_WANTED: &str = "Client sent an HTTP request to an HTTPS server";

/// A request to be sent.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// From the root, escaped, without the version.
    pub(crate) path: String,
    query: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
    /// How long the beginning of the answer may take.
    pub(crate) patience: Option<Duration>,
    /// What a 404 means.
    pub(crate) subject: String,
}

/// An answer whose status is a success.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Incoming,
    pub(crate) request: String,
    /// Held until the answer has been read, or is dropped.
    _connection: Connection,
}

impl Request {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            method,
            subject: path.clone(),
            path,
            query: String::new(),
            headers: Vec::new(),
            body: empty(),
            patience: None,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// What is looked for, for the message when it is not found.
    pub(crate) fn about(mut self, subject: impl ToString) -> Self {
        self.subject = subject.to_string();
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        let pair: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair(name, value)
            .finish();
        self.query
            .push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(&pair);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    pub(crate) fn json(mut self, body: Vec<u8>) -> Self {
        self.body = Full::new(Bytes::from(body))
            .map_err(|never| match never {})
            .boxed_unsync();
        let json = HeaderValue::from_static("application/json");
        self.headers.push((CONTENT_TYPE, json));
        self
    }

    pub(crate) fn tar(
        mut self,
        stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        self.body = StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync();
        let tar = HeaderValue::from_static("application/x-tar");
        self.headers.push((CONTENT_TYPE, tar));
        self
    }

    /// Waits at most this long for the answer to begin, and without end by default.
    pub(crate) fn patience(mut self, patience: Option<Duration>) -> Self {
        self.patience = patience;
        self
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn into_http(self, prefix: &str, user_agent: &HeaderValue) -> http::Request<Body> {
        let mut request = http::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = format!("{prefix}{}{}", self.path, self.query)
            .parse()
            .expect("the path is escaped and the query is encoded");
        let headers = request.headers_mut();
        // Over a socket there is no name; Go's servers accept any.
        headers.insert(HOST, HeaderValue::from_static("docker"));
        headers.insert(USER_AGENT, user_agent.clone());
        headers.extend(
            self.headers
                .into_iter()
                .map(|(name, value)| (Some(name), value)),
        );
        request
    }
}

impl Engine {
    /// Sends a request below the negotiated version.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Error> {
        let prefix = format!("/v{}", self.api_version());
        self.send_below(&prefix, request).await
    }

    /// Sends a request; an answer that is not a success is an error.
    pub(crate) async fn send_below(&self, prefix: &str, request: Request) -> Result<Answer, Error> {
        let (name, subject, patience) = (request.name(), request.subject.clone(), request.patience);
        let dialed = tokio::time::timeout(self.config.connect_timeout, self.dialer.dial());
        let (mut sender, connection) = dialed.await.map_err(|_| self.timed_out())??;
        let request = request.into_http(prefix, &self.config.user_agent);
        let answer = within(patience, sender.send_request(request))
            .await
            .ok_or_else(|| self.timed_out())?
            .map_err(|error| self.dialer.exchange_error(&error, &name))?;
        let (head, body) = answer.into_parts();
        let mut answer = Answer {
            status: head.status,
            headers: head.headers,
            body,
            request: name,
            _connection: connection,
        };
        if answer.status.is_success() {
            return Ok(answer);
        }
        let text = self.read(&mut answer, ERROR_MAX).await?;
        Err(self.refusal(answer.status, subject, &text))
    }

    /// Reads a whole JSON answer.
    pub(crate) async fn read_json<T: DeserializeOwned>(
        &self,
        mut answer: Answer,
    ) -> Result<T, Error> {
        let bytes = self.read(&mut answer, self.config.answer_max).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Malformed {
            request: answer.request,
            detail: error.to_string(),
        })
    }

    /// Reads a whole answer that should be of no interest, so that a cut one is noticed.
    pub(crate) async fn read_end(&self, mut answer: Answer) -> Result<(), Error> {
        self.read(&mut answer, self.config.answer_max).await?;
        Ok(())
    }

    async fn read(&self, answer: &mut Answer, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = self
            .next_piece(answer, Some(self.config.answer_timeout))
            .await?
        {
            let total = bytes.len() + piece.len();
            if u64::try_from(total).is_ok_and(|total| total <= limit) {
                bytes.extend_from_slice(&piece);
            } else {
                return Err(Error::TooLarge {
                    request: answer.request.clone(),
                    limit,
                });
            }
        }
        Ok(bytes)
    }

    /// The next bytes of an answer; `None` at its proper end.
    pub(crate) async fn next_piece(
        &self,
        answer: &mut Answer,
        patience: Option<Duration>,
    ) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = within(patience, answer.body.frame())
                .await
                .ok_or_else(|| self.timed_out())?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    return Err(self.dialer.exchange_error(&error, &answer.request));
                }
                Some(Ok(frame)) => {
                    // Trailers say nothing to us.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    fn timed_out(&self) -> Error {
        Error::Timeout {
            endpoint: self.endpoint().to_string(),
        }
    }

    fn refusal(&self, status: StatusCode, subject: String, body: &[u8]) -> Error {
        let message = message_of(body);
        match status {
            StatusCode::BAD_REQUEST if message.contains(TLS_WANTED) => Error::Tls {
                endpoint: self.endpoint().to_string(),
                reason: TlsFault::Wanted,
            },
            StatusCode::UNAUTHORIZED => Error::Unauthorized { message },
            StatusCode::FORBIDDEN => Error::Denied { message },
            StatusCode::NOT_FOUND => Error::NotFound {
                what: subject,
                message,
            },
            StatusCode::CONFLICT => Error::Conflict { message },
            status => Error::Server { status, message },
        }
    }
}

/// `{"message": …}`; anything else is taken as it is.
fn message_of(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    }
}

async fn within<F: Future>(patience: Option<Duration>, future: F) -> Option<F::Output> {
    match patience {
        None => Some(future.await),
        Some(limit) => tokio::time::timeout(limit, future).await.ok(),
    }
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A piece of a path. Slashes, colons and `@` stand for themselves, as the engine expects them in image names.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b':'
            | b'@' => {
                escaped.push(char::from(byte));
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}
