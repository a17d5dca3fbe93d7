//! Where an image is, and where its signatures are.

use std::sync::Arc;

use layout::Layout;
use net::Bytes;
use oci::{Descriptor, Digest, Manifest, Reference, Repository, Tag};
use registry::{ManifestName, Referrers, ReferrersSource, Registry};
use sigstore::bundle::MessageDigest;
use sigstore::verify::Artifact;

/// One image by the name that the user gave it, and the place of what is attached to it.
///
/// Cheap to clone; the connections are shared.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a registry.
    Registry(RegistryPlace),
    /// In an OCI image layout on disk.
    Layout(LayoutPlace),
}

/// A repository and the way to its registry.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The registry, which must be the repository's.
    pub registry: Arc<Registry>,
    /// The repository.
    pub repository: Repository,
}

/// An image in a registry.
#[derive(Clone, Debug)]
pub struct RegistryPlace {
    image: Remote,
    name: ManifestName,
    attachments: Option<Remote>,
    tag_prefix: String,
}

/// An image in an OCI image layout, with what is attached to it.
#[derive(Clone, Debug)]
pub struct LayoutPlace {
    layout: Arc<Layout>,
    digest: Option<Digest>,
}

/// What cosign's older form keeps under a tag made of the image's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagKind {
    /// `.sig`: signatures.
    Signatures,
    /// `.att`: attestations.
    Attestations,
    /// `.sbom`: a bill of materials, unsigned.
    Sbom,
}

/// An image by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    digest: Digest,
    manifest: Option<Manifest>,
}

/// Why something cannot be had from a place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The layout, or a file of it.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// The reference has neither tag nor digest.
    #[error("reference without tag and digest")]
    NameOnly,
    /// The layout has no image, or several and nothing that says which.
    #[error("no image, or more than one, in the layout")]
    NoImage,
    /// The registry, or the way to it.
    #[error(transparent)]
    Registry(#[from] registry::Error),
}

impl Place {
    /// The image that a reference names, in its registry.
    ///
    /// # Errors
    /// [`PlaceError::NameOnly`]: a tag is never added silently. Nobody is contacted yet.
    pub fn registry(registry: Arc<Registry>, reference: &Reference) -> Result<Self, PlaceError> {
        let name = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => ManifestName::Digest(*digest),
            (None, Some(tag)) => ManifestName::Tag(tag.clone()),
            (None, None) => return Err(PlaceError::NameOnly),
        };
        Ok(Self::Registry(RegistryPlace {
            image: Remote {
                registry,
                repository: reference.repository().clone(),
            },
            name,
            attachments: None,
            tag_prefix: String::new(),
        }))
    }

    /// The image that a layout holds.
    #[must_use]
    pub fn layout(layout: Layout) -> Self {
        Self::Layout(LayoutPlace {
            layout: Arc::new(layout),
            digest: None,
        })
    }

    /// The same with everything attached in another repository (`COSIGN_REPOSITORY`), which may be in another registry.
    /// A layout keeps it together in any case.
    #[must_use]
    pub fn with_attachments(mut self, attachments: Remote) -> Self {
        match &mut self {
            Self::Registry(place) => place.attachments = Some(attachments),
            Self::Layout(_) => {}
        }
        self
    }

    /// The same with a text before the tags of the older form (`--attachment-tag-prefix`).
    #[must_use]
    pub fn with_tag_prefix(mut self, prefix: String) -> Self {
        match &mut self {
            Self::Registry(place) => place.tag_prefix = prefix,
            Self::Layout(_) => {}
        }
        self
    }

    /// Another manifest of the same repository or layout: one platform of an index.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        let mut place = self.clone();
        match &mut place {
            Self::Registry(place) => place.name = ManifestName::Digest(digest),
            Self::Layout(place) => place.digest = Some(digest),
        }
        place
    }

    /// The image in its registry; none for a layout.
    #[must_use]
    pub const fn as_registry(&self) -> Option<&RegistryPlace> {
        match self {
            Self::Registry(place) => Some(place),
            Self::Layout(_) => None,
        }
    }

    /// The repository of the image; none for a layout.
    #[must_use]
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Registry(place) => Some(&place.image.repository),
            Self::Layout(_) => None,
        }
    }

    /// Looks the image up and hashes its manifest.
    ///
    /// # Errors
    /// See [`PlaceError::is_absent`] for an image that is not there.
    pub async fn resolve(&self) -> Result<Image, PlaceError> {
        match self {
            Self::Registry(place) => {
                let manifest = place.image.manifest(&place.name).await?;
                let digest = match place.name {
                    ManifestName::Digest(digest) => digest,
                    ManifestName::Tag(_) => manifest.digest(),
                };
                Ok(Image {
                    digest,
                    manifest: Some(manifest),
                })
            }
            Self::Layout(place) => {
                let image = place.layout.image().map(|image| image.digest);
                let digest = place.digest.or(image).ok_or(PlaceError::NoImage)?;
                Ok(Image {
                    digest,
                    manifest: Some(place.layout.manifest(&digest).await?),
                })
            }
        }
    }

    /// As [`resolve`](Self::resolve), but an image that is named by its digest is not looked up: what is signed is the
    /// digest, so that nothing would be learnt.
    ///
    /// # Errors
    /// As `resolve`.
    pub async fn locate(&self) -> Result<Image, PlaceError> {
        match self {
            Self::Registry(RegistryPlace {
                name: ManifestName::Digest(digest),
                ..
            }) => Ok(Image::of_digest(*digest)),
            Self::Registry(_) | Self::Layout(_) => self.resolve().await,
        }
    }

    /// A manifest of the image's repository or layout.
    ///
    /// # Errors
    /// Those of the place; the bytes were hashed.
    pub async fn manifest(&self, digest: &Digest) -> Result<Manifest, PlaceError> {
        match self {
            Self::Registry(place) => {
                let name = ManifestName::Digest(*digest);
                Ok(place.image.manifest(&name).await?)
            }
            Self::Layout(place) => Ok(place.layout.manifest(digest).await?),
        }
    }

    /// What hangs on an image under the tag of the older form, if that tag is there.
    ///
    /// # Errors
    /// Those of the place; absence is none.
    pub async fn tagged(
        &self,
        image: &Digest,
        kind: TagKind,
    ) -> Result<Option<Manifest>, PlaceError> {
        match self {
            Self::Registry(place) => {
                let Some(tag) = place.tag(image, kind) else {
                    return Ok(None);
                };
                let found = place.attachments().manifest(&ManifestName::Tag(tag)).await;
                match found {
                    Ok(manifest) => Ok(Some(manifest)),
                    Err(registry::Error::NotFound { .. }) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            Self::Layout(place) => {
                let entry = place.layout.attached(image, kind.in_layout());
                let digest = match entry {
                    Some(entry) => entry.digest,
                    None => return Ok(None),
                };
                Ok(Some(place.layout.manifest(&digest).await?))
            }
        }
    }

    /// What refers to an image, of every type: the types in such lists are often wrong. A layout has no list; its
    /// manifests are looked through, and the answer says that it is the API's.
    ///
    /// # Errors
    /// Those of the place; a registry that has no list at all has an empty one.
    pub async fn referrers(&self, image: &Digest) -> Result<Referrers, PlaceError> {
        match self {
            Self::Registry(place) => {
                let Remote {
                    registry,
                    repository,
                } = place.attachments();
                let found = registry.referrers(repository.path(), image, None).await;
                match found {
                    Err(registry::Error::NotFound { .. }) => Ok(Referrers {
                        entries: Vec::new(),
                        source: ReferrersSource::TagSchema,
                    }),
                    found => Ok(found?),
                }
            }
            Self::Layout(place) => {
                let manifests = place.layout.referrers(image).await?;
                Ok(Referrers {
                    entries: manifests.iter().map(Manifest::referrer_entry).collect(),
                    source: ReferrersSource::Api,
                })
            }
        }
    }

    /// A manifest that is attached to the image: one that refers to it.
    ///
    /// # Errors
    /// Those of the place; the bytes were hashed.
    pub async fn attached_manifest(&self, digest: &Digest) -> Result<Manifest, PlaceError> {
        match self {
            Self::Registry(place) => {
                let name = ManifestName::Digest(*digest);
                Ok(place.attachments().manifest(&name).await?)
            }
            Self::Layout(place) => Ok(place.layout.manifest(digest).await?),
        }
    }

    /// A blob of what is attached, of at most `limit` bytes.
    ///
    /// # Errors
    /// Those of the place; the bytes were hashed.
    pub async fn attached_blob(&self, blob: &Descriptor, limit: u64) -> Result<Bytes, PlaceError> {
        match self {
            Self::Registry(place) => {
                let Remote {
                    registry,
                    repository,
                } = place.attachments();
                Ok(registry.read_blob(repository.path(), blob, limit).await?)
            }
            Self::Layout(place) => Ok(place.layout.blob(blob, limit).await?),
        }
    }
}

/// The repository as payloads and statements name it: Docker Hub by its old name (`google/go-containerregistry:pkg/name`).
#[must_use]
pub fn docker_reference(repository: &Repository) -> String {
    if repository.is_hub() {
        format!("index.docker.io/{}", repository.path())
    } else {
        format!("{}/{}", repository.host(), repository.path())
    }
}

impl RegistryPlace {
    /// The repository of the image.
    #[must_use]
    pub const fn image(&self) -> &Remote {
        &self.image
    }

    /// The name of the image in its repository.
    #[must_use]
    pub const fn name(&self) -> &ManifestName {
        &self.name
    }

    /// The repository of everything attached to the image.
    #[must_use]
    pub fn attachments(&self) -> &Remote {
        self.attachments.as_ref().unwrap_or(&self.image)
    }

    /// The tag of the older form; none if the prefix makes it no tag.
    #[must_use]
    pub fn tag(&self, image: &Digest, kind: TagKind) -> Option<Tag> {
        let prefix = &self.tag_prefix;
        let text = format!("{prefix}{}.{}", image.referrers_tag(), kind.suffix());
        Tag::parse(&text).ok()
    }
}

impl LayoutPlace {
    /// The layout.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl Remote {
    async fn manifest(&self, name: &ManifestName) -> Result<Manifest, registry::Error> {
        self.registry.manifest(self.repository.path(), name).await
    }
}

impl TagKind {
    /// What the tag ends in, after the dot.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Signatures => "sig",
            Self::Attestations => "att",
            Self::Sbom => "sbom",
        }
    }

    pub(crate) const fn in_layout(self) -> layout::Kind {
        match self {
            Self::Signatures => layout::Kind::Signatures,
            Self::Attestations => layout::Kind::Attestations,
            Self::Sbom => layout::Kind::Sbom,
        }
    }
}

impl Image {
    /// An image of which no more than the digest is known.
    #[must_use]
    pub const fn of_digest(digest: Digest) -> Self {
        Self {
            digest,
            manifest: None,
        }
    }

    /// The digest: what is signed.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The manifest or index, if it was looked up.
    #[must_use]
    pub const fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// What signatures must be about.
    #[must_use]
    pub fn artifact(&self) -> Artifact<'_> {
        use pki::signature::HashAlgorithm::{Sha256, Sha512};
        let algorithm = match self.digest {
            Digest::Sha256(_) => Sha256,
            Digest::Sha512(_) => Sha512,
        };
        match &self.manifest {
            Some(manifest) => Artifact::Bytes(manifest.bytes()),
            None => Artifact::Digest(
                MessageDigest::new(algorithm, self.digest.as_bytes().to_vec())
                    .expect("a digest is as long as its algorithm makes it"),
            ),
        }
    }
}

impl PlaceError {
    /// Whether what was asked for is not there: no such tag, digest, repository or layout.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(
            self,
            Self::NoImage
                | Self::Registry(registry::Error::NotFound { .. })
                | Self::Layout(layout::Error::NotFound { .. } | layout::Error::Absent { .. })
        )
    }

    /// Whether we may not look: no login, a wrong one, or one without the right.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(
            self,
            Self::Registry(registry::Error::Unauthorized { .. } | registry::Error::Denied { .. })
        )
    }

    /// Whether there was no exchange, or a broken one.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Registry(
                registry::Error::Unreachable { .. }
                    | registry::Error::Interrupted { .. }
                    | registry::Error::TlsUntrusted { .. }
            )
        )
    }
}
