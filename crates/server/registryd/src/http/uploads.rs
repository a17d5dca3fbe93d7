use std::sync::Arc;

use axum::{body::Body, response::Response};
use chassis::Action;
use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{CONTENT_RANGE, LOCATION, RANGE},
};
use oci::{ByteRange, Digest, RepositoryName};

use super::{CONTENT_DIGEST, Query, empty, header, value};
use crate::{
    Catalog, Content, Refused, Registry,
    uploads::{Upload, UploadId},
};

const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// Begins an upload; with `digest` the body is the whole blob, with `mount` and `from` there may be nothing to send.
pub(crate) async fn start<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    query: &Query<'_>,
    body: Body,
) -> Result<Response, Refused> {
    registry.check(Action::Push, Some(name))?;
    if let Some(digest) = mount(registry, name, query).await? {
        return Ok(created(name, digest));
    }
    let id = registry.uploads.begin(name).await?;
    let mut upload = registry.uploads.take(name, id)?;
    let Some(digest) = query.first("digest") else {
        return Ok(accepted(name, &upload));
    };
    // Nobody learns the id, so nobody can go on with it.
    upload.discard();
    let digest = Digest::parse(&digest).map_err(Refused::DigestInvalid)?;
    upload.append(body, None).await?;
    registry.publish(name, upload.finish(digest).await?).await?;
    Ok(created(name, digest))
}

pub(crate) async fn append<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    id: UploadId,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    registry.check(Action::Push, Some(name))?;
    let mut upload = registry.uploads.take(name, id)?;
    upload.append(body, chunk(headers)?).await?;
    Ok(accepted(name, &upload))
}

pub(crate) async fn finish<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    id: UploadId,
    query: &Query<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    registry.check(Action::Push, Some(name))?;
    let mut upload = registry.uploads.take(name, id)?;
    let digest = query.first("digest").ok_or(Refused::DigestMissing)?;
    let digest = Digest::parse(&digest).map_err(Refused::DigestInvalid)?;
    // A client that ends with an empty body may still say where it stands ("0-0", or the last chunk again).
    let is_empty = axum::body::HttpBody::size_hint(&body).exact() == Some(0);
    upload
        .append(body, if is_empty { None } else { chunk(headers)? })
        .await?;
    registry.publish(name, upload.finish(digest).await?).await?;
    Ok(created(name, digest))
}

pub(crate) fn status<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    id: UploadId,
) -> Result<Response, Refused> {
    registry.check(Action::Push, Some(name))?;
    let upload = registry.uploads.take(name, id)?;
    let mut response = accepted(name, &upload);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().remove(http::header::CONTENT_LENGTH);
    Ok(response)
}

pub(crate) fn cancel<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    id: UploadId,
) -> Result<Response, Refused> {
    registry.check(Action::Push, Some(name))?;
    registry.uploads.take(name, id)?.discard();
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Mounts the blob that the query asks for, if it can be; else the client uploads it.
async fn mount<C: Catalog, B: Content>(
    registry: &Registry<C, B>,
    name: &RepositoryName,
    query: &Query<'_>,
) -> Result<Option<Digest>, Refused> {
    let (Some(digest), Some(from)) = (query.first("mount"), query.first("from")) else {
        return Ok(None);
    };
    let digest = Digest::parse(&digest).map_err(Refused::DigestInvalid)?;
    let from = RepositoryName::parse(&from).map_err(Refused::NameInvalid)?;
    // Whoever may not read the other repository is told nothing about what it has.
    if registry.check(Action::Pull, Some(&from)).is_err() {
        return Ok(None);
    }
    Ok(registry
        .catalog
        .mount_blob(&from, name, digest)
        .await?
        .then_some(digest))
}

fn chunk(headers: &HeaderMap) -> Result<Option<ByteRange>, Refused> {
    header(headers, CONTENT_RANGE)
        .map(|text| ByteRange::parse(text).map_err(|_| Refused::ChunkSize))
        .transpose()
}

fn accepted(name: &RepositoryName, upload: &Upload<'_>) -> Response {
    let mut response = empty(StatusCode::ACCEPTED);
    let headers = response.headers_mut();
    headers.insert(
        LOCATION,
        value(format_args!("/v2/{name}/blobs/uploads/{}", upload.id())),
    );
    headers.insert(RANGE, value(ByteRange::received(upload.size())));
    headers.insert(UPLOAD_UUID, value(upload.id()));
    response
}

fn created(name: &RepositoryName, digest: Digest) -> Response {
    let mut response = empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    headers.insert(LOCATION, value(format_args!("/v2/{name}/blobs/{digest}")));
    headers.insert(CONTENT_DIGEST, value(digest));
    response
}
