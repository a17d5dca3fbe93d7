//! The HTTP face: each path and method to what the registry does.

mod blobs;
mod lists;
mod manifests;
mod uploads;

use std::sync::Arc;

use axum::{Router, body::Body, response::Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RANGE},
    request::Parts,
};
use oci::ByteRange;
use url::form_urlencoded;

use crate::{Catalog, Content, Refused, Registry, route::Route};

pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The registry as a router for every path that [`claims`](crate::claims).
pub fn router<C: Catalog, B: Content>(registry: Arc<Registry<C, B>>) -> Router {
    Router::new().fallback(move |request: Request<Body>| {
        let registry = Arc::clone(&registry);
        async move {
            let mut response = match answer(&registry, request).await {
                Ok(response) => response,
                Err(refused) => refusal(&refused),
            };
            response
                .headers_mut()
                .insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
            response
        }
    })
}

async fn answer<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let Parts {
        method,
        uri,
        headers,
        ..
    } = head;
    let query = Query(uri.query().unwrap_or_default());
    match Route::parse(uri.path())? {
        Route::Base => match method {
            Method::GET | Method::HEAD => Ok(json(Body::from("{}"))),
            _ => Err(Refused::MethodUnsupported { allow: "GET, HEAD" }),
        },
        Route::Blob(name, digest) => match method {
            Method::GET => blobs::read(registry, &name, digest, &headers).await,
            Method::HEAD => blobs::describe(registry, &name, digest).await,
            Method::DELETE => blobs::delete(registry, &name, digest).await,
            _ => Err(Refused::MethodUnsupported {
                allow: "DELETE, GET, HEAD",
            }),
        },
        Route::Catalog => match method {
            Method::GET => lists::repositories(registry, &query).await,
            _ => Err(Refused::MethodUnsupported { allow: "GET" }),
        },
        Route::Manifest(name, key) => match method {
            Method::GET | Method::HEAD => manifests::read(registry, &name, &key).await,
            Method::PUT => manifests::put(registry, &name, key, &headers, body).await,
            Method::DELETE => manifests::delete(registry, &name, &key).await,
            _ => Err(Refused::MethodUnsupported {
                allow: "DELETE, GET, HEAD, PUT",
            }),
        },
        Route::Referrers(name, digest) => match method {
            Method::GET => lists::referrers(registry, &name, digest, &query).await,
            _ => Err(Refused::MethodUnsupported { allow: "GET" }),
        },
        Route::Tags(name) => match method {
            Method::GET => lists::tags(registry, &name, &query).await,
            _ => Err(Refused::MethodUnsupported { allow: "GET" }),
        },
        Route::Upload(name, id) => match method {
            Method::PATCH => uploads::append(registry, &name, id, &headers, body).await,
            Method::PUT => uploads::finish(registry, &name, id, &query, &headers, body).await,
            Method::GET | Method::HEAD => uploads::status(registry, &name, id),
            Method::DELETE => uploads::cancel(registry, &name, id),
            _ => Err(Refused::MethodUnsupported {
                allow: "DELETE, GET, HEAD, PATCH, PUT",
            }),
        },
        Route::Uploads(name) => match method {
            Method::POST => uploads::start(registry, &name, &query, body).await,
            _ => Err(Refused::MethodUnsupported { allow: "POST" }),
        },
    }
}

fn refusal(refused: &Refused) -> Response {
    let mut response = refused.response();
    match refused {
        Refused::ChunkOutOfOrder { expected, .. } => {
            response
                .headers_mut()
                .insert(RANGE, value(ByteRange::received(*expected)));
        }
        Refused::MethodUnsupported { allow } => {
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static(allow));
        }
        _ => {}
    }
    response
}

/// The parameters after the `?`.
pub(crate) struct Query<'a>(&'a str);

impl Query<'_> {
    /// The first value of a parameter, unescaped.
    fn first(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.0.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    fn text(&self) -> &str {
        self.0
    }
}

/// A response without a body.
fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

fn json(body: Body) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A header from something this program wrote or has parsed: names, digests, numbers, escaped text.
fn value(text: impl ToString) -> HeaderValue {
    HeaderValue::try_from(text.to_string())
        .expect("names, digests, numbers and escaped text are visible ASCII")
}

/// A request header as text; one that is not ASCII counts as absent.
fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
