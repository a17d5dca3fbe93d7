//! The HTTP face: each path and method to what the trust server does.

mod changes;
mod reads;
mod upload;

use std::{sync::Arc, time::Instant};

use axum::{Router, body::Body, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chassis::{Action, Metrics};
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use hyper::body::Body as _;
use pki::key::PublicKey;
use serde::Serialize;
use tuf::Role;

use self::reads::Headers;
use crate::{
    Refused, TrustServer, TrustStore,
    metrics::{Operation, TrustMetrics},
    route::Route,
};

/// The trust server as a router for every path that [`claims`](crate::claims), and for `/v2/`.
pub fn router<S: TrustStore>(server: Arc<TrustServer<S>>, metrics: &Metrics) -> Router {
    let face = Arc::new(Face {
        headers: Headers::new(&server.settings.caching),
        metrics: TrustMetrics::new(metrics),
        server,
    });
    Router::new().fallback(move |request: Request<Body>| {
        let face = Arc::clone(&face);
        async move { face.answer(request).await }
    })
}

struct Face<S> {
    server: Arc<TrustServer<S>>,
    headers: Headers,
    metrics: TrustMetrics,
}

impl<S: TrustStore> Face<S> {
    async fn answer(&self, request: Request<Body>) -> Response {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let route = Route::parse(head.uri.path());
        let operation = route
            .as_ref()
            .and_then(|route| operation(&head.method, route));
        let method = head.method.clone();
        let received = body.size_hint().lower();
        let mut response = match self.dispatch(route, head, body).await {
            Ok(response) => response,
            Err(refused) => refused.response(),
        };
        let sent = response.body().size_hint().lower();
        if method == Method::HEAD {
            response = without_body(response, sent);
        }
        if let Some(operation) = operation {
            let (status, took) = (response.status(), started.elapsed());
            self.metrics
                .observe(operation, &method, status, took, (received, sent));
        }
        response
    }

    async fn dispatch(
        &self,
        route: Option<Route>,
        head: Parts,
        body: Body,
    ) -> Result<Response, Refused> {
        let Some(route) = route else {
            return Err(no_route(&head.method));
        };
        self.check_prefix(&route, &head.method)?;
        let server = &self.server;
        match (head.method.clone(), route) {
            (Method::GET | Method::HEAD, route) => self.read(route, head.uri.query()).await,
            (Method::POST, Route::Gun(gun)) => {
                server.check(Action::Push, Some(&gun))?;
                upload::take(server, gun, &head.headers, body).await
            }
            (Method::POST, Route::InvalidGun) => Err(Refused::GunInvalid {
                prefixes: Vec::new(),
            }),
            (Method::POST, Route::Key(gun, role)) => {
                check_server_signs(&role)?;
                server.check(Action::Push, Some(&gun))?;
                Ok(key(&server.next_key(&gun, &role).await?))
            }
            (Method::DELETE, Route::Gun(gun)) => {
                server.check(Action::Delete, Some(&gun))?;
                server.delete(gun).await?;
                Ok(done())
            }
            (_, route) => Err(Refused::MethodUnsupported {
                allow: route.allow(),
            }),
        }
    }

    async fn read(&self, route: Route, query: Option<&str>) -> Result<Response, Refused> {
        let server = &self.server;
        match route {
            Route::Base => Ok(json(Body::from("{}"))),
            Route::Changes(gun) => changes::read(server, gun.as_ref(), query).await,
            Route::Gun(_) | Route::InvalidGun => Err(Refused::NotFound),
            Route::Health => Ok(self.health().await),
            Route::Key(gun, role) => {
                check_server_signs(&role)?;
                // Asking may make the key.
                server.check(Action::Push, Some(&gun))?;
                Ok(key(&server.public_key(&gun, &role).await?))
            }
            Route::Role(gun, role) => {
                server.check(Action::Pull, Some(&gun))?;
                reads::current(server, &self.headers, &gun, &role).await
            }
            Route::RoleByHash(gun, role, sha256) => {
                server.check(Action::Pull, Some(&gun))?;
                let file = server.store.file_by_digest(&gun, &role, sha256).await;
                self.headers.consistent(file)
            }
            Route::RoleByVersion(gun, role, version) => {
                server.check(Action::Pull, Some(&gun))?;
                let file = server.store.file_by_version(&gun, &role, version).await;
                self.headers.consistent(file)
            }
        }
    }

    /// Notary's check, by the name of its first half; keys need no service of their own here.
    async fn health(&self) -> Response {
        match self.server.store.check().await {
            Ok(()) => json(Body::from("{}")),
            Err(error) => {
                let failed = serde_json::json!({ "DB operational": error.to_string() });
                let mut response = json(Body::from(failed.to_string()));
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            }
        }
    }

    fn check_prefix(&self, route: &Route, method: &Method) -> Result<(), Refused> {
        let prefixes = &self.server.settings.gun_prefixes;
        let Some(gun) = route.gun() else {
            return Ok(());
        };
        if prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.begins(gun)) {
            return Ok(());
        }
        if *method == Method::POST && matches!(route, Route::Gun(_)) {
            let prefixes = prefixes.iter().map(|prefix| prefix.as_str().to_owned());
            return Err(Refused::GunInvalid {
                prefixes: prefixes.collect(),
            });
        }
        Err(Refused::NoRoute)
    }
}

fn operation(method: &Method, route: &Route) -> Option<Operation> {
    match (method, route) {
        (&Method::GET | &Method::HEAD, route) => match route {
            Route::Changes(_) => Some(Operation::Changefeed),
            Route::Key(..) => Some(Operation::GetKey),
            Route::Role(..) => Some(Operation::GetRole),
            Route::RoleByHash(..) => Some(Operation::GetRoleByHash),
            Route::RoleByVersion(..) => Some(Operation::GetRoleByVersion),
            Route::Base | Route::Gun(_) | Route::Health | Route::InvalidGun => None,
        },
        (&Method::POST, Route::Gun(_)) => Some(Operation::UpdateTuf),
        (&Method::POST, Route::Key(..)) => Some(Operation::RotateKey),
        (&Method::DELETE, Route::Gun(_)) => Some(Operation::DeleteTuf),
        _ => None,
    }
}

fn no_route(method: &Method) -> Refused {
    match *method {
        Method::DELETE | Method::GET | Method::HEAD | Method::POST | Method::PUT => {
            Refused::NoRoute
        }
        _ => Refused::MethodUnsupported { allow: "GET, HEAD" },
    }
}

/// The server signs for these two and no other.
fn check_server_signs(role: &Role) -> Result<(), Refused> {
    match role {
        Role::Snapshot | Role::Timestamp => Ok(()),
        _ => Err(Refused::NoRoute),
    }
}

/// A public key in the order of Notary's fields.
fn key(key: &PublicKey) -> Response {
    #[derive(Serialize)]
    struct Key<'a> {
        keytype: &'a str,
        keyval: KeyPair,
    }
    #[derive(Serialize)]
    struct KeyPair {
        public: String,
        private: Option<String>,
    }
    let key = Key {
        keytype: key.key_type().as_str(),
        keyval: KeyPair {
            public: STANDARD.encode(key.public_bytes()),
            private: None,
        },
    };
    let text = serde_json::to_string(&key).expect("strings serialise");
    let mut response = json(Body::from(text));
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

fn json(body: Body) -> Response {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// 200 and nothing else, as Notary answers what was done.
fn done() -> Response {
    let mut response = Response::new(Body::empty());
    let zero = HeaderValue::from_static("0");
    response.headers_mut().insert(CONTENT_LENGTH, zero);
    response
}

/// The answer to HEAD, which HTTP/2 would send with its body.
fn without_body(response: Response, length: u64) -> Response {
    let mut response = response.map(|_| Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}
