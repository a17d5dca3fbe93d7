use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, Request, StatusCode, header::CONTENT_TYPE};
use tower::{ServiceExt, service_fn};

use crate::{Health, Metrics};

/// Several roles on one origin: each request goes to the first role that claims its path.
///
/// The registry's and the trust server's paths begin alike and hold names with slashes, which a route table cannot
/// tell apart; each role knows its own paths best.
#[derive(Debug, Default)]
pub struct Origin {
    roles: Vec<Role>,
}

#[derive(Clone, Debug)]
struct Role {
    claims: fn(&str) -> bool,
    router: Router,
}

impl Origin {
    /// An origin that answers 404 to everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a role behind those already there; `claims` is asked with the raw (undecoded) path, without the query.
    #[must_use]
    pub fn role(mut self, claims: fn(&str) -> bool, router: Router) -> Self {
        self.roles.push(Role { claims, router });
        self
    }

    /// The roles as one router.
    pub fn into_router(self) -> Router {
        let roles: Arc<[Role]> = self.roles.into();
        Router::new().fallback_service(service_fn(move |request: Request<Body>| {
            let role = roles
                .iter()
                .find(|role| (role.claims)(request.uri().path()));
            let router = role.map(|role| role.router.clone());
            async move {
                match router {
                    Some(router) => router.oneshot(request).await,
                    None => Ok::<_, Infallible>(StatusCode::NOT_FOUND.into_response()),
                }
            }
        }))
    }
}

/// The faces for the operator: `/healthz` (the process runs), `/readyz` (every check passes; else 503 and the failed
/// checks as a JSON object) and `/metrics`.
pub fn operations(health: Arc<Health>, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(health))
        .route("/metrics", get(expose).with_state(metrics))
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    let failures = health.failures().await;
    let status = if failures.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    for (check, failure) in &failures {
        tracing::warn!(check, failure, "not ready");
    }
    let text = serde_json::to_string(&failures).expect("a map of strings serialises");
    (
        status,
        [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        text,
    )
        .into_response()
}

async fn expose(State(metrics): State<Metrics>) -> Response {
    let kind =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(CONTENT_TYPE, kind)], metrics.encode()).into_response()
}
