//! Signing images.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use oci::{Content, Manifest, Reference};
use signing::sign::{AttestPlan, Destination, ImagePlan, Signed, attest_image, sign_image};
use signing::{Place, PlaceError};

use super::{Client, unplaced};
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{SignImages, SignOps};

/// Images signed at the same time.
const AT_ONCE: usize = 10;
/// Most manifests signed for one reference.
const MANIFESTS: usize = 1000;

/// What is done to images, and to which.
pub(super) struct Work<'a> {
    pub(super) images: &'a [Reference],
    /// To each manifest of an index, too.
    pub(super) recursive: bool,
    pub(super) each: Each<'a>,
}

/// What is done to each manifest.
pub(super) enum Each<'a> {
    Attest(AttestPlan<'a>),
    Sign(ImagePlan<'a>),
}

impl SignOps for Client<'_> {
    fn sign_images(
        &mut self,
        request: &SignImages<'_>,
        report: &mut dyn FnMut(usize, Result<Vec<Signed>, Error>),
    ) {
        let plan = ImagePlan {
            payload: request.payload,
            signer: &request.party.signer,
            witnesses: &request.party.witnesses,
            formats: request.formats,
            annotations: request.annotations,
            identity: request.identity,
            docker_media_types: request.docker_media_types,
            record_creation: request.record_creation,
            trust: request.party.trust.as_ref(),
            upload: request.upload,
            now: self.process.now(),
        };
        let work = Work {
            images: request.images,
            recursive: request.recursive,
            each: Each::Sign(plan),
        };
        self.work(&work, report);
    }
}

impl Client<'_> {
    /// Does it, to several images at once; `report` is told of each in their order.
    pub(super) fn work(
        &mut self,
        work: &Work<'_>,
        report: &mut dyn FnMut(usize, Result<Vec<Signed>, Error>),
    ) {
        let places: Vec<_> = work
            .images
            .iter()
            .map(|image| self.place(image).map(|place| (image, place)))
            .collect();
        let running = stream::iter(places).map(|place| async move {
            let (image, place) = place?;
            every_manifest(image, &place, work).await
        });
        self.report_each(work.images.len(), running.buffered(AT_ONCE), report);
    }
}

/// One reference: the image, and with `--recursive` each manifest of its index.
async fn every_manifest(
    image: &Reference,
    place: &Place,
    work: &Work<'_>,
) -> Result<Vec<Signed>, Error> {
    let failed = |error| unplaced(image, error);
    let mut left = vec![manifest(place).await.map_err(failed)?];
    let mut seen = BTreeSet::new();
    let mut signed = Vec::new();
    while let Some(subject) = left.pop() {
        if !seen.insert(subject.digest().to_string()) {
            continue;
        }
        let children = match subject.content() {
            Content::Index { manifests } if work.recursive => manifests.as_slice(),
            _ => &[],
        };
        // Before more is signed, or any of them fetched.
        if seen.len() + left.len() + children.len() > MANIFESTS {
            return Err(Error::TooManyManifests { limit: MANIFESTS });
        }
        signed.push(work.each.to(place, &subject).await?);
        for child in children.iter().rev() {
            left.push(manifest(&place.at(child.digest)).await.map_err(failed)?);
        }
    }
    Ok(signed)
}

async fn manifest(place: &Place) -> Result<Manifest, PlaceError> {
    let image = place.resolve().await?;
    Ok(image
        .manifest()
        .expect("a resolved image has its manifest")
        .clone())
}

impl Each<'_> {
    async fn to(&self, place: &Place, subject: &Manifest) -> Result<Signed, Error> {
        let Place::Registry(place) = place else {
            return Err(Error::Unsupported {
                what: "signing in a folder",
                instead: "Load the image into a registry with 'load', and sign it there.",
            });
        };
        let to = Destination { place, subject };
        Ok(match self {
            Self::Attest(plan) => attest_image(to, plan).await?,
            Self::Sign(plan) => sign_image(to, plan).await?,
        })
    }
}
