use std::sync::Arc;

use axum::{body::Body, response::Response};
use chassis::{
    Action,
    body::{BodyError, collect},
};
use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use oci::{MANIFEST_MAX, Manifest, ManifestError, MediaType, RepositoryName};

use super::{CONTENT_DIGEST, empty, header, value};
use crate::{Catalog, Content, ManifestKey, NewManifest, PutManifest, Refused, Registry};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

pub(crate) async fn read<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    key: &ManifestKey,
) -> Result<Response, Refused> {
    registry.check(Action::Pull, Some(name))?;
    let manifest = registry
        .catalog
        .manifest(name, key)
        .await?
        .ok_or(Refused::ManifestUnknown)?;
    // For HEAD the body is dropped on the way out, after its length has been noted.
    let mut response = Response::new(Body::from(manifest.bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, value(manifest.media_type));
    headers.insert(CONTENT_DIGEST, value(manifest.digest));
    Ok(response)
}

pub(crate) async fn put<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    key: ManifestKey,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    registry.check(Action::Push, Some(name))?;
    let content_type = header(headers, CONTENT_TYPE).and_then(|text| MediaType::parse(text).ok());
    let bytes = collect(body, MANIFEST_MAX)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge { limit } => Refused::ManifestTooLarge { limit },
            BodyError::Cut(_) => Refused::BodyCut(error),
        })?;
    let manifest =
        Manifest::parse(bytes.into(), content_type.as_ref()).map_err(|error| match error {
            ManifestError::TooLarge { .. } => Refused::ManifestTooLarge {
                limit: MANIFEST_MAX,
            },
            error => Refused::ManifestInvalid(error),
        })?;
    let subject = manifest.subject().map(|subject| subject.digest);
    let expected = match &key {
        ManifestKey::Digest(digest) => *digest,
        ManifestKey::Tag(_) => manifest.digest(),
    };
    let manifest =
        NewManifest::new(manifest, key).map_err(|found| Refused::mismatch(expected, found))?;
    let digest = manifest.digest();
    match registry.catalog.put_manifest(name, manifest).await? {
        PutManifest::MissingContent(missing) => {
            return Err(Refused::ManifestContentUnknown(missing));
        }
        PutManifest::Stored => {}
    }
    let mut response = empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    headers.insert(
        LOCATION,
        value(format_args!("/v2/{name}/manifests/{digest}")),
    );
    headers.insert(CONTENT_DIGEST, value(digest));
    if let Some(subject) = subject {
        headers.insert(SUBJECT, value(subject));
    }
    Ok(response)
}

pub(crate) async fn delete<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    key: &ManifestKey,
) -> Result<Response, Refused> {
    registry.check(Action::Delete, Some(name))?;
    if !registry.catalog.delete_manifest(name, key).await? {
        return Err(Refused::ManifestUnknown);
    }
    Ok(empty(StatusCode::ACCEPTED))
}
