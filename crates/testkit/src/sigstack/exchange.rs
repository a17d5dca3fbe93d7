//! Requests and answers of the services.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Shared;
use crate::server::{Body, Server};

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which service got it: `fulcio`, `rekor`, `rekor-v2`, `tsa`, `oidc` or `tuf`.
    pub service: &'static str,
    /// The method.
    pub method: Method,
    /// The path, without trailing slashes.
    pub path: String,
    /// What follows the question mark; empty without one.
    pub query: String,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Call {
    pub(super) fn json(&self) -> Result<Value, Answer> {
        serde_json::from_slice(&self.body).map_err(|error| Answer::bad_request(&error.to_string()))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        field(self.query.as_bytes(), name)
    }

    pub(super) fn form(&self, name: &str) -> Option<String> {
        field(&self.body, name)
    }
}

fn field(encoded: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(encoded)
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

/// What a service answers.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Answer {
    pub(super) fn new(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// The error object that all services share.
    pub(super) fn error(status: StatusCode, code: u16, message: &str) -> Self {
        Self::json(
            status,
            &json!({"code": code, "message": message, "details": []}),
        )
    }

    /// 400, in Rekor's and the timestamp authority's form.
    pub(super) fn bad_request(message: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, 400, message)
    }

    pub(super) fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, 404, "not found")
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// How a service answers; an error is an answer too.
pub(super) type Handler = fn(&Shared, &Call) -> Result<Answer, Answer>;

pub(super) fn serve(shared: &Arc<Shared>, service: &'static str, handler: Handler) -> Server {
    let shared = Arc::clone(shared);
    Server::start(None, move |request| {
        let shared = Arc::clone(&shared);
        async move { answer(&shared, service, handler, request).await }
    })
}

async fn answer(
    shared: &Shared,
    service: &'static str,
    handler: Handler,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let call = Call {
        service,
        method: head.method,
        path: head.uri.path().trim_end_matches('/').to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.collect().await.map_err(io::Error::other)?.to_bytes(),
    };
    shared.record(&call);
    let answer = handler(shared, &call).unwrap_or_else(|refusal| refusal);
    let mut response = Response::builder()
        .status(answer.status)
        .header("content-type", answer.content_type);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = Full::new(answer.body).map_err(|never| match never {});
    response.body(body.boxed_unsync()).map_err(io::Error::other)
}
