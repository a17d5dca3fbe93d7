//! The side that the client sees.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};

use super::forward::Forwarder;
use super::{Exchange, Fault, State};
use crate::server::Body;

/// An error closes the connection without an answer.
pub(super) async fn answer(
    request: Request<Incoming>,
    forwarder: &Forwarder,
    state: &State,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let fault = state.fault(&head.method, head.uri.path());
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut exchange = asked(&head, body.clone());
    if let Some(status) = status_without_end(fault.as_ref()) {
        exchange.status = status;
        state.record(exchange);
        return match fault {
            Some(Fault::Disconnect) => Err(io::Error::other("closed on purpose")),
            Some(Fault::Endless) => Ok(Response::new(endless())),
            Some(Fault::Promise(length)) => {
                let mut response = Response::new(endless());
                let headers = response.headers_mut();
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
                Ok(response)
            }
            _ => std::future::pending().await,
        };
    }
    let (status, mut headers, body) = finite(fault.as_ref(), &head, body, forwarder).await;
    headers.remove(TRANSFER_ENCODING);
    if head.method != http::Method::HEAD && status != StatusCode::NO_CONTENT {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    exchange.status = Some(status);
    exchange.response_headers = headers.clone();
    exchange.response_body = body.clone();
    state.record(exchange);
    let cut = matches!(fault, Some(Fault::CutHalf));
    let mut response = Response::new(if cut { half(&body) } else { whole(body) });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

type Answer = (StatusCode, HeaderMap, Bytes);

/// What is known before the answer.
fn asked(head: &Parts, body: Bytes) -> Exchange {
    let target = head.uri.path_and_query();
    Exchange {
        method: head.method.clone(),
        target: target.map_or_else(|| "/".to_owned(), ToString::to_string),
        request_headers: head.headers.clone(),
        request_body: body,
        status: None,
        response_headers: HeaderMap::new(),
        response_body: Bytes::new(),
    }
}

/// For faults whose answer has no end: the status that the client gets, if any.
fn status_without_end(fault: Option<&Fault>) -> Option<Option<StatusCode>> {
    match fault? {
        Fault::Disconnect | Fault::Hang => Some(None),
        Fault::Endless | Fault::Promise(_) => Some(Some(StatusCode::OK)),
        _ => None,
    }
}

/// The answer that is sent, or half of it.
async fn finite(fault: Option<&Fault>, head: &Parts, body: Bytes, forwarder: &Forwarder) -> Answer {
    if let Some(Fault::Answer {
        status,
        headers,
        body,
    }) = fault
    {
        return made_up(*status, headers, body.clone());
    }
    if let Some(Fault::Delay(time)) = fault {
        tokio::time::sleep(*time).await;
    }
    let (status, mut headers, body) = forwarder
        .forward(head, body)
        .await
        .unwrap_or_else(|error| bad_gateway(&error));
    if let Some(Fault::Header(name, value)) = fault {
        let (name, value) = header(name, value);
        headers.insert(name, value);
    }
    match fault {
        Some(Fault::Rewrite(change)) => (status, headers, change(body)),
        Some(Fault::LoseAnswer) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            HeaderMap::new(),
            Bytes::new(),
        ),
        _ => (status, headers, body),
    }
}

fn made_up(status: u16, headers: &[(String, String)], body: Bytes) -> Answer {
    let headers = headers
        .iter()
        .map(|(name, value)| header(name, value))
        .collect();
    (
        StatusCode::from_u16(status).expect("the test gives a valid status"),
        headers,
        body,
    )
}

fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    let name = name.parse().expect("the test gives valid header names");
    let value = value.parse().expect("the test gives valid header values");
    (name, value)
}

fn bad_gateway(error: &io::Error) -> Answer {
    (
        StatusCode::BAD_GATEWAY,
        HeaderMap::new(),
        Bytes::from(format!("the proxy cannot reach the server: {error}")),
    )
}

fn whole(body: Bytes) -> Body {
    http_body_util::Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// The first half, then an error, on which the connection ends. It comes late enough that the half is on its way.
fn half(body: &Bytes) -> Body {
    let first = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2)))]);
    let error = stream::once(async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(io::Error::other("cut on purpose"))
    });
    StreamBody::new(first.chain(error)).boxed_unsync()
}

fn endless() -> Body {
    static BLANKS: [u8; 16 * 1024] = [b' '; 16 * 1024];
    StreamBody::new(stream::repeat_with(|| {
        Ok(Frame::data(Bytes::from_static(&BLANKS)))
    }))
    .boxed_unsync()
}
