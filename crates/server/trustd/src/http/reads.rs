use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, LAST_MODIFIED, PRAGMA},
};
use tuf::{Gun, Role};

use super::json;
use crate::{Caching, Refused, StoredFile, TrustServer, TrustStore, http_date::last_modified};

/// Headers that are the same for all answers.
pub(super) struct Headers {
    current: CacheControl,
    consistent: CacheControl,
}

struct CacheControl {
    value: HeaderValue,
    forbids: bool,
}

impl Headers {
    pub(super) fn new(caching: &Caching) -> Self {
        Self {
            current: CacheControl::new(caching.current, ", must-revalidate"),
            consistent: CacheControl::new(caching.consistent, ""),
        }
    }

    /// An answer that never changes.
    pub(super) fn consistent(
        &self,
        file: Result<Option<StoredFile>, store::Error>,
    ) -> Result<Response, Refused> {
        let file = file.map_err(Refused::Storage)?.ok_or(Refused::NotFound)?;
        Ok(self
            .consistent
            .answer(file.bytes, last_modified(file.created)))
    }
}

impl CacheControl {
    /// Notary's words (`notary:utils/http.go:NewCacheControlConfig`).
    fn new(seconds: u32, rest: &str) -> Self {
        let text = match seconds {
            0 => "max-age=0, no-cache, no-store".to_owned(),
            _ => format!("public, max-age={seconds}, s-maxage={seconds}{rest}"),
        };
        Self {
            value: HeaderValue::try_from(text).expect("numbers and words are ASCII"),
            forbids: seconds == 0,
        }
    }

    fn answer(&self, bytes: Bytes, last_modified: HeaderValue) -> Response {
        let mut response = json(Body::from(bytes));
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, self.value.clone());
        headers.insert(LAST_MODIFIED, last_modified);
        if self.forbids {
            headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        }
        response
    }
}

/// The current file of a role; what the server signs is renewed first if need be.
pub(super) async fn current<S: TrustStore>(
    server: &Arc<TrustServer<S>>,
    headers: &Headers,
    gun: &Gun,
    role: &Role,
) -> Result<Response, Refused> {
    if matches!(role, Role::Snapshot | Role::Timestamp) {
        let timestamp = server.current_timestamp(gun).await?;
        if *role == Role::Timestamp {
            return Ok(headers
                .current
                .answer(timestamp.bytes, timestamp.last_modified));
        }
    }
    let file = server.store.current_file(gun, role).await;
    let file = file.map_err(Refused::Storage)?.ok_or(Refused::NotFound)?;
    Ok(headers
        .current
        .answer(file.bytes, last_modified(file.created)))
}
