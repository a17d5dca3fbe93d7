//! What happens around every request: an id, a span, a guard on the body, a catch for panics, counting.

use std::{
    convert::Infallible,
    hash::{BuildHasher, Hasher, RandomState},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body, response::IntoResponse, response::Response};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Request, StatusCode, header::EXPECT};
use hyper::{body::Incoming, service::Service};
use tower::ServiceExt;
use tracing::Instrument;

use crate::{
    RequestMetrics,
    guard::{GuardedBody, Leftover},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Tells the runs of a server apart in collected logs; not a secret.
static RUN: LazyLock<u32> = LazyLock::new(|| {
    let random = RandomState::new().build_hasher().finish();
    u32::try_from(random >> 32).unwrap_or_default()
});
static COUNT: AtomicU64 = AtomicU64::new(1);

/// The router as hyper's service, for one connection or many.
#[derive(Clone)]
pub(crate) struct Edge(Arc<Shared>);

struct Shared {
    router: Router,
    metrics: RequestMetrics,
    body_silence: Duration,
}

impl Edge {
    pub(crate) fn new(router: Router, metrics: RequestMetrics, body_silence: Duration) -> Self {
        Self(Arc::new(Shared {
            router,
            metrics,
            body_silence,
        }))
    }
}

impl Service<Request<Incoming>> for Edge {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let id = format!("{:08x}-{:x}", *RUN, COUNT.fetch_add(1, Ordering::Relaxed));
        // The path and never the query or a header: those may carry credentials.
        let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
        Box::pin(answer(Arc::clone(&self.0), request, id).instrument(span))
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    id: String,
) -> Result<Response, Infallible> {
    let started = Instant::now();
    let method = request.method().clone();
    let (request, leftover) = guard(request, shared.body_silence);
    let answered = AssertUnwindSafe(shared.router.clone().oneshot(request))
        .catch_unwind()
        .await;
    let mut response = match answered {
        Ok(Ok(response)) => response,
        // The panic hook has already written where and why.
        Err(_panic) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let (status, took) = (response.status(), started.elapsed());
    if status.is_server_error() {
        tracing::error!(status = status.as_u16(), ?took, "failed");
    } else {
        tracing::debug!(status = status.as_u16(), ?took, "answered");
    }
    shared.metrics.observe(&method, status, took);
    if let Some(leftover) = leftover
        && (status.is_client_error() || status.is_server_error())
    {
        leftover.drain().await;
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// Guards the body, if there is one, and keeps hold of what the handler may leave of it. A client that expects a
/// "continue" before it sends needs no draining: it has not begun.
fn guard(request: Request<Incoming>, silence: Duration) -> (Request<Body>, Option<Leftover>) {
    let (head, body) = request.into_parts();
    if hyper::body::Body::is_end_stream(&body) {
        return (Request::from_parts(head, Body::empty()), None);
    }
    let (body, leftover) = GuardedBody::new(body, silence);
    let leftover = (!head.headers.contains_key(EXPECT)).then_some(leftover);
    (Request::from_parts(head, Body::new(body)), leftover)
}
