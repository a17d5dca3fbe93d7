use std::{collections::BTreeMap, sync::Arc};

use axum::{body::Body, response::Response};
use chassis::body::{BodyError, collect};
use http::{HeaderMap, header::CONTENT_TYPE};
use hyper::body::Body as _;
use tuf::{Gun, Role, limits::MAX_DELEGATIONS};

use super::done;
use crate::{
    Refused, TrustServer, TrustStore,
    multipart::{self, MultipartError, Part},
    server::{apart, kib},
};

/// As many files as a repository can have.
const PARTS: usize = MAX_DELEGATIONS + 4;

/// Takes a publication: a form with a part for each file, named by role.
pub(super) async fn take<S: TrustStore>(
    server: &Arc<TrustServer<S>>,
    gun: Gun,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.ok_or(Refused::Multipart(MultipartError::ContentType))?;
    let boundary = multipart::boundary(kind).map_err(Refused::Multipart)?;
    let limits = server.settings.limits;
    let too_large = || Refused::TooLarge {
        limit: limits.request,
    };
    // A body of unknown length may become as large as any.
    let hint = body.size_hint();
    let announced = hint.upper().map(usize::try_from);
    let announced = announced.map_or(Ok(limits.request), |size| size.map_err(|_| too_large()))?;
    if announced > limits.request {
        return Err(too_large());
    }
    let room = Arc::clone(&server.room)
        .acquire_many_owned(kib(announced))
        .await;
    let _room = room.map_err(|_| Refused::Updating(store::Error::Closed))?;
    let body = collect(body, limits.request)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge { limit } => Refused::TooLarge { limit },
            cut => Refused::BodyCut(cut),
        })?;
    let files = apart("read a form", move || {
        let parts = multipart::parse(&body, &boundary, PARTS).map_err(Refused::Multipart)?;
        by_role(parts, limits.part)
    });
    server.publish(gun, files.await??).await?;
    Ok(done())
}

/// The files by role; of several for one role the last.
fn by_role(parts: Vec<Part>, limit: usize) -> Result<BTreeMap<Role, Vec<u8>>, Refused> {
    let mut files = BTreeMap::new();
    for part in parts {
        let name = part.filename.filter(|name| !name.is_empty());
        let name = name.ok_or(Refused::NoFilename)?;
        let role = Role::parse(name.strip_suffix(".json").unwrap_or(&name));
        let role = role.map_err(|_| Refused::RoleInvalid { name: name.clone() })?;
        if part.content.len() > limit {
            return Err(Refused::TooLarge { limit });
        }
        files.insert(role, part.content);
    }
    files.remove(&Role::Timestamp);
    Ok(files
        .into_iter()
        .map(|(role, bytes)| (role, bytes.into()))
        .collect())
}
