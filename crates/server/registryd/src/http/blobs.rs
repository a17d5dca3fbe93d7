use std::sync::Arc;

use axum::{body::Body, response::Response};
use chassis::Action;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE},
};
use oci::{BlobRange, Digest, RepositoryName};

use super::{CONTENT_DIGEST, empty, header, value};
use crate::{Catalog, Content, Refused, Registry};

pub(crate) async fn read<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    digest: Digest,
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    registry.check(Action::Pull, Some(name))?;
    let size = size(registry, name, digest).await?;
    // A range that cannot be read is ignored (RFC 9110 section 14.2).
    let range = header(headers, RANGE).and_then(|text| BlobRange::parse(text).ok());
    let Some(range) = range else {
        return Ok(described(
            digest,
            size,
            registry.content.read(digest, None).await?,
        ));
    };
    match range.resolve(size) {
        Ok(range) => {
            let body = registry.content.read(digest, Some(range)).await?;
            let mut response = described(digest, range.length(), body);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response
                .headers_mut()
                .insert(CONTENT_RANGE, value(format_args!("bytes {range}/{size}")));
            Ok(response)
        }
        Err(_unsatisfiable) => {
            let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
            response
                .headers_mut()
                .insert(CONTENT_RANGE, value(format_args!("bytes */{size}")));
            Ok(response)
        }
    }
}

pub(crate) async fn describe<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    digest: Digest,
) -> Result<Response, Refused> {
    registry.check(Action::Pull, Some(name))?;
    let size = size(registry, name, digest).await?;
    Ok(described(digest, size, Body::empty()))
}

pub(crate) async fn delete<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    digest: Digest,
) -> Result<Response, Refused> {
    registry.check(Action::Delete, Some(name))?;
    if !registry.unlink(name, digest).await? {
        return Err(Refused::BlobUnknown(digest));
    }
    Ok(empty(StatusCode::ACCEPTED))
}

async fn size<C: Catalog, B: Content>(
    registry: &Registry<C, B>,
    name: &RepositoryName,
    digest: Digest,
) -> Result<u64, Refused> {
    registry
        .catalog
        .blob(name, digest)
        .await?
        .ok_or(Refused::BlobUnknown(digest))
}

fn described(digest: Digest, length: u64, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_DIGEST, value(digest));
    response
}
