//! What is attached to images.

use oci::{Content, Digest, Reference, Tag};
use registry::Resource;
use signing::attach::{attach_attestation, attach_bundle, attach_sbom, attach_signature};
use signing::carry::{
    CarryError, CleanPlan, PlatformFilter, Removed, Selection, Tree, clean, tree, triangulate,
};
use signing::download::{DownloadPlan, Wanted, download};
use signing::sign::Destination;
use signing::{Place, PlaceError, RegistryPlace, TagKind};

use super::{Client, unplaced};
use crate::personas::cosign::carry_ops::{AttachedOps, Attachment, Downloaded};
use crate::personas::cosign::error::Error;

/// Requests at the same time for one image.
pub(super) const WORKERS: usize = 10;

impl AttachedOps for Client<'_> {
    fn attach(&mut self, to: &Reference, what: Attachment<'_>) -> Result<Option<Digest>, Error> {
        let now = self.process.now();
        let place = self.registry_place(to)?;
        self.block_on(async {
            let image = Place::Registry(place.clone()).resolve().await;
            let image = image.map_err(|error| unplaced(to, error))?;
            let subject = image.manifest().expect("a resolved image has its manifest");
            let destination = Destination {
                place: &place,
                subject,
            };
            let pushed = match what {
                Attachment::Attestation(attestation) => {
                    attach_attestation(destination, attestation, now).await?
                }
                Attachment::Bundle(bundle) => Some(attach_bundle(destination, bundle, now).await?),
                Attachment::Sbom {
                    media_type,
                    content,
                    form,
                } => attach_sbom(destination, media_type, content, form).await?,
                Attachment::Signature(signature) => {
                    attach_signature(destination, signature).await?;
                    None
                }
            };
            Ok(pushed.map(|pushed| pushed.digest))
        })
    }

    fn download(
        &mut self,
        from: &Reference,
        wanted: Wanted<'_>,
        platform: Option<&PlatformFilter>,
    ) -> Result<Downloaded, Error> {
        let place = self.place(from)?;
        let plan = DownloadPlan {
            wanted,
            platform,
            document_bytes: self.options.largest_attachment,
            workers: WORKERS,
        };
        self.block_on(async {
            let (_, documents) = download(&place, plan)
                .await
                .map_err(|error| uncarried(from, error))?;
            let mut ask_for_platform = false;
            if documents.is_empty() {
                // Of a digest it is not known yet whether there is such an image.
                let image = place.resolve().await;
                let image = image.map_err(|error| unplaced(from, error))?;
                let is_index = image
                    .manifest()
                    .is_some_and(|found| matches!(found.content(), Content::Index { .. }));
                ask_for_platform = platform.is_none() && is_index;
            }
            Ok(Downloaded {
                documents,
                ask_for_platform,
            })
        })
    }

    fn tree(&mut self, image: &Reference) -> Result<Tree, Error> {
        let place = self.place(image)?;
        self.block_on(async {
            let found = tree(&place, WORKERS).await;
            found.map_err(|error| uncarried(image, error))
        })
    }

    fn triangulate(&mut self, image: &Reference, kind: TagKind) -> Result<Reference, Error> {
        let place = self.registry_place(image)?;
        self.block_on(async {
            let found = triangulate(&place, kind).await;
            found.map_err(|error| uncarried(image, error))
        })
    }

    fn clean(
        &mut self,
        image: &Reference,
        tags: Selection,
        referrers: Selection,
    ) -> Result<Vec<Removed>, Error> {
        let place = self.registry_place(image)?;
        let plan = CleanPlan {
            tags,
            referrers,
            workers: WORKERS,
        };
        self.block_on(async {
            let removed = clean(&place, plan).await;
            removed.map_err(|error| uncarried(image, error))
        })
    }
}

impl Client<'_> {
    /// Where an image in a registry is.
    pub(super) fn registry_place(&mut self, image: &Reference) -> Result<RegistryPlace, Error> {
        let place = self.place(image)?;
        let place = place.as_registry().expect("a reference is of a registry");
        Ok(place.clone())
    }
}

/// Why nothing was done with an image: most often, because there is none of this name.
pub(super) fn uncarried(image: &Reference, error: CarryError) -> Error {
    let is_the_image = |name: &str| {
        image.tag().map(Tag::to_string).as_deref() == Some(name)
            || image.digest().map(Digest::to_string).as_deref() == Some(name)
    };
    match error {
        CarryError::From(PlaceError::Registry(registry::Error::NotFound {
            host,
            what: Resource::Manifest(name),
            server,
        })) => {
            let what = Resource::Manifest(name.clone());
            let error = registry::Error::NotFound { host, what, server };
            if is_the_image(&name) {
                unplaced(image, error.into())
            } else {
                error.into()
            }
        }
        CarryError::From(PlaceError::Registry(error)) => error.into(),
        error => Error::Carry(Box::new(error)),
    }
}
