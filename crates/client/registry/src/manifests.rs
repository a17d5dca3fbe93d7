//! Manifests: resolving a tag, pulling, pushing, deleting.

use net::{Body, Bytes, HeaderValue, Method, Request, Response, header};
use oci::{Digest, MANIFEST_MAX, Manifest, MediaType, Reference, Repository, RepositoryName, Tag};

use crate::auth::Scope;
use crate::client::{Registry, get, pull_scope, push_scope};
use crate::error::{Error, Fault, Resource};
use crate::server_error::shown;

/// How a manifest is named in its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestName {
    /// By what it is.
    Digest(Digest),
    /// By what the registry calls it today.
    Tag(Tag),
}

/// The image behind a reference: bytes that the registry sent and we hashed. This, never a tag, is signed or trusted.
///
/// Made by [`Registry::resolve`] only, or from a claim that is named as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedImage {
    repository: Repository,
    manifest_digest: Digest,
    size: u64,
    media_type: MediaType,
}

/// What the registry did with a pushed manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushedManifest {
    /// Its digest.
    pub digest: Digest,
    /// True when the registry said that it lists the manifest among the referrers of its subject (`OCI-Subject`).
    pub subject_listed: bool,
}

impl ResolvedImage {
    /// An image that nobody looked up: the user claims that these bytes are in the registry.
    #[must_use]
    pub const fn assertion(
        repository: Repository,
        manifest_digest: Digest,
        size: u64,
        media_type: MediaType,
    ) -> Self {
        Self {
            repository,
            manifest_digest,
            size,
            media_type,
        }
    }

    /// Registry and path.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Digest of the manifest or index bytes.
    #[must_use]
    pub const fn manifest_digest(&self) -> Digest {
        self.manifest_digest
    }

    /// Bytes in the manifest or index.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Image or index, docker or OCI.
    #[must_use]
    pub const fn media_type(&self) -> &MediaType {
        &self.media_type
    }
}

impl Registry {
    /// Fetches the manifest that `reference` names, and hashes it. With a digest, the tag is not looked at; without
    /// either it is [`Error::NameOnly`].
    pub async fn resolve(&self, reference: &Reference) -> Result<ResolvedImage, Error> {
        Ok(self.resolve_manifest(reference).await?.0)
    }

    /// As [`resolve`](Self::resolve), with the manifest itself.
    pub async fn resolve_manifest(
        &self,
        reference: &Reference,
    ) -> Result<(ResolvedImage, Manifest), Error> {
        self.check_host(reference)?;
        let name = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => ManifestName::Digest(*digest),
            (None, Some(tag)) => ManifestName::Tag(tag.clone()),
            (None, None) => return Err(Error::NameOnly),
        };
        let manifest = self.manifest(reference.path(), &name).await?;
        let descriptor = manifest.descriptor();
        let manifest_digest = match name {
            ManifestName::Digest(digest) => digest,
            ManifestName::Tag(_) => descriptor.digest,
        };
        let image = ResolvedImage {
            repository: reference.repository().clone(),
            manifest_digest,
            size: descriptor.size,
            media_type: descriptor.media_type,
        };
        Ok((image, manifest))
    }

    /// Pulls a manifest or index of at most [`MANIFEST_MAX`] bytes. Its bytes are checked against the digest asked
    /// for, and against the one the registry states.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        name: &ManifestName,
    ) -> Result<Manifest, Error> {
        let url = self
            .repository_url(repository, &format!("manifests/{}", name.text()))
            .await?;
        let mut request = get(url);
        for media_type in MediaType::MANIFESTS {
            request = request.header(header::ACCEPT, text_value(media_type.as_str()));
        }
        let response = self
            .send(
                request,
                &pull_scope(repository),
                Resource::Manifest(name.text()),
            )
            .await?;
        let stated = self.stated_digest(&response)?;
        let content_type = response
            .header(header::CONTENT_TYPE)
            .and_then(|text| MediaType::parse(text).ok());
        let limit = u64::try_from(MANIFEST_MAX).unwrap_or(u64::MAX);
        let bytes = response.read_to_limit(limit).await?;
        let asked = match name {
            ManifestName::Digest(digest) => Some(*digest),
            ManifestName::Tag(_) => None,
        };
        for expected in asked.into_iter().chain(stated) {
            expected.check(&bytes)?;
        }
        Manifest::parse(bytes.to_vec(), content_type.as_ref())
            .map_err(|fault| self.malformed(fault))
    }

    /// Pushes a manifest, under a tag or under its digest alone. What it points at must be there already.
    pub async fn push_manifest(
        &self,
        repository: &RepositoryName,
        tag: Option<&Tag>,
        manifest: &Manifest,
    ) -> Result<PushedManifest, Error> {
        let digest = manifest.digest();
        let name = tag.map_or_else(|| digest.to_string(), ToString::to_string);
        let url = self
            .repository_url(repository, &format!("manifests/{name}"))
            .await?;
        let request = Request::new(Method::PUT, url)
            .header(
                header::CONTENT_TYPE,
                text_value(manifest.media_type().as_str()),
            )
            .body(Body::Bytes(Bytes::copy_from_slice(manifest.bytes())));
        let response = self
            .send(request, &push_scope(repository), Resource::Repository)
            .await?;
        if let Some(stated) = self.stated_digest(&response)? {
            stated.check(manifest.bytes())?;
        }
        let listed = response
            .header("oci-subject")
            .and_then(|text| Digest::parse(text).ok());
        let subject = manifest.subject().map(|subject| subject.digest);
        Ok(PushedManifest {
            digest,
            subject_listed: subject.is_some() && listed == subject,
        })
    }

    /// Deletes a manifest and every tag that points to it.
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), Error> {
        let url = self
            .repository_url(repository, &format!("manifests/{digest}"))
            .await?;
        let scope = [Scope::repository(repository, "delete")];
        let what = Resource::Manifest(digest.to_string());
        self.send(Request::new(Method::DELETE, url), &scope, what)
            .await
            .map(drop)
    }

    /// Removes a tag. A registry that cannot do that loses the manifest instead, with every tag that points to it.
    pub async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), Error> {
        let url = self
            .repository_url(repository, &format!("manifests/{tag}"))
            .await?;
        let scope = [Scope::repository(repository, "delete")];
        let what = Resource::Manifest(tag.to_string());
        match self
            .send(Request::new(Method::DELETE, url), &scope, what)
            .await
        {
            Ok(_) => Ok(()),
            Err(Error::ServerError {
                status: 400 | 405, ..
            }) => {
                let name = ManifestName::Tag(tag.clone());
                let digest = self.manifest(repository, &name).await?.digest();
                self.delete_manifest(repository, &digest).await
            }
            Err(error) => Err(error),
        }
    }

    /// `Docker-Content-Digest`, if sent.
    pub(crate) fn stated_digest(&self, response: &Response) -> Result<Option<Digest>, Error> {
        let Some(value) = response.headers.get("docker-content-digest") else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        match Digest::parse(&text) {
            Ok(digest) => Ok(Some(digest)),
            Err(_) => Err(self.malformed(Fault::DigestHeader { text: shown(&text) })),
        }
    }
}

impl ManifestName {
    fn text(&self) -> String {
        match self {
            Self::Digest(digest) => digest.to_string(),
            Self::Tag(tag) => tag.to_string(),
        }
    }
}

pub(crate) fn text_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("media types and ranges are ASCII")
}
