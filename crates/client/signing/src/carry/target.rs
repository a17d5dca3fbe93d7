//! Putting manifests and everything below them into a registry or a layout.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use layout::Writer;
use net::ByteStream;
use oci::{Content, Descriptor, Manifest, MediaType, Tag};
use registry::{BlobSource, UploadMode};

use super::CarryError;
use crate::place::{Place, RegistryPlace, Remote};

/// Where things go.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    Registry(&'a RegistryPlace),
    Layout(&'a Writer),
}

/// The image or what is attached to it: they may be in two repositories, on either side.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Image,
    Attached,
}

/// The way from one place to another.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) from: &'a Place,
    pub(super) to: Target<'a>,
    pub(super) workers: usize,
}

impl Way<'_> {
    /// Puts a manifest, after its blobs. What an index lists must be there already.
    pub(super) async fn manifest(
        self,
        side: Side,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<(), CarryError> {
        self.blobs(side, manifest).await?;
        match self.to {
            Target::Layout(writer) => Ok(writer.put_manifest(manifest).await?),
            Target::Registry(place) => {
                let Remote {
                    registry,
                    repository,
                } = side.of(place);
                let pushed = registry.push_manifest(repository.path(), tag, manifest);
                pushed.await.map(drop).map_err(CarryError::To)
            }
        }
    }

    /// Puts a manifest that refers to another, and its entry in the list of that.
    pub(super) async fn referrer(self, manifest: &Manifest) -> Result<(), CarryError> {
        let Target::Registry(place) = self.to else {
            return self.manifest(Side::Attached, manifest, None).await;
        };
        self.blobs(Side::Attached, manifest).await?;
        let at = place.attachments();
        let pushed = at.registry.push_referrer(at.repository.path(), manifest);
        pushed.await.map(drop).map_err(CarryError::To)
    }

    /// Puts the blobs of a manifest.
    pub(super) async fn blobs(self, side: Side, manifest: &Manifest) -> Result<(), CarryError> {
        if matches!(manifest.content(), Content::Index { .. }) {
            return Ok(());
        }
        let blobs = manifest
            .children()
            .filter(|blob| is_distributed(&blob.media_type));
        stream::iter(blobs)
            .map(|blob| self.blob(side, blob))
            .buffer_unordered(self.workers.max(1))
            .try_collect()
            .await
    }

    async fn blob(self, side: Side, blob: &Descriptor) -> Result<(), CarryError> {
        match (self.from, self.to) {
            (Place::Registry(from), Target::Registry(to)) => {
                let (from, to) = (side.of(from), side.of(to));
                let copied = from.registry.copy_blob(
                    from.repository.path(),
                    blob,
                    &to.registry,
                    to.repository.path(),
                );
                copied.await.map(drop).map_err(|error| match error {
                    // Nothing tells which side it was, but the source is read first.
                    registry::Error::NotFound { .. } => CarryError::From(error.into()),
                    error => CarryError::To(error),
                })
            }
            (Place::Registry(from), Target::Layout(writer)) => {
                if writer.has(blob).await? {
                    return Ok(());
                }
                let from = side.of(from);
                let mut staged = writer.stage().await?;
                let pulled = from
                    .registry
                    .pull_blob(from.repository.path(), blob, staged.writer())
                    .await;
                let proof = pulled.map_err(|error| CarryError::From(error.into()))?;
                Ok(staged.keep(&proof).await?)
            }
            (Place::Layout(from), Target::Registry(to)) => {
                let to = side.of(to);
                let chunks: ByteStream = Box::pin(from.layout().stream(blob).await?);
                let source = BlobSource::Stream {
                    digest: blob.digest,
                    size: blob.size,
                    chunks,
                };
                let pushed =
                    to.registry
                        .push_blob(to.repository.path(), source, UploadMode::Monolithic);
                pushed.await.map(drop).map_err(CarryError::To)
            }
            (Place::Layout(from), Target::Layout(writer)) => {
                let bytes = from.layout().blob(blob, blob.size).await?;
                Ok(writer.put_blob(&bytes).await.map(drop)?)
            }
        }
    }
}

impl Side {
    pub(super) fn of(self, place: &RegistryPlace) -> &Remote {
        match self {
            Self::Image => place.image(),
            Self::Attached => place.attachments(),
        }
    }
}

/// Layers that are fetched from their maker, never kept in registries (OCI image spec, `layer.md`; docker's "foreign").
fn is_distributed(media_type: &MediaType) -> bool {
    let text = media_type.as_str();
    !text.starts_with("application/vnd.oci.image.layer.nondistributable.")
        && !text.starts_with("application/vnd.docker.image.rootfs.foreign.")
}
