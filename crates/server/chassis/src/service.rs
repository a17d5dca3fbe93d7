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
use http::{HeaderName, HeaderValue, Request, StatusCode};
use hyper::{body::Incoming, service::Service};
use tower::ServiceExt;
use tracing::Instrument;

use crate::{RequestMetrics, guard::GuardedBody};

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
    let silence = shared.body_silence;
    let request = request.map(|body| Body::new(GuardedBody::new(body, silence)));
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
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}
