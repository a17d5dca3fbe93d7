//! What somebody between the clients and the server can do: answer for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use bytes::Bytes;

/// Answers that are given instead of the server's. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Lies(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Lies {
    /// From now on, the trust server's files of this role are `answer`, by whatever name they are asked for.
    pub(super) fn tell(&self, role: &str, answer: Bytes) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(role.to_owned(), answer);
    }

    /// From now on, the truth.
    pub(super) fn stop(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Stands in front of `origin`.
    pub(super) fn before(self, origin: Router) -> Router {
        origin.layer(middleware::from_fn(move |request: Request, next: Next| {
            let lie = self.about(request.method() == http::Method::GET, request.uri().path());
            async move {
                match lie {
                    Some(answer) => Response::new(Body::from(answer)),
                    None => next.run(request).await,
                }
            }
        }))
    }

    /// `…/_trust/tuf/<role>.json` and `…/_trust/tuf/<role>.<sha256>.json`.
    fn about(&self, reading: bool, path: &str) -> Option<Bytes> {
        let (_, file) = path.split_once("/_trust/tuf/").filter(|_| reading)?;
        let name = file.strip_suffix(".json")?;
        let role = name.split_once('.').map_or(name, |(role, _)| role);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(role)
            .cloned()
    }
}
