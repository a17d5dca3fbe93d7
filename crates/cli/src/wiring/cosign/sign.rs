//! Signing images.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use oci::{Content, Manifest, Reference};
use signing::sign::{Destination, Signed, attest_image, sign_image};
use signing::{Place, PlaceError};

use super::{Client, unplaced};
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{SignImages, SignOps, SignPlan};

/// Images signed at the same time.
const AT_ONCE: usize = 10;
/// Most manifests signed for one reference.
const MANIFESTS: usize = 1000;

impl SignOps for Client<'_> {
    fn sign_images(
        &mut self,
        request: &SignImages<'_>,
        report: &mut dyn FnMut(usize, Result<Vec<Signed>, Error>),
    ) {
        let places: Vec<_> = request
            .images
            .iter()
            .map(|image| self.place(image).map(|place| (image, place)))
            .collect();
        let running = stream::iter(places).map(|place| async move {
            let (image, place) = place?;
            every_manifest(image, &place, request).await
        });
        self.report_each(request.images.len(), running.buffered(AT_ONCE), report);
    }
}

/// One reference: the image, and with `--recursive` each manifest of its index.
async fn every_manifest(
    image: &Reference,
    place: &Place,
    request: &SignImages<'_>,
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
            Content::Index { manifests } if request.recursive => manifests.as_slice(),
            _ => &[],
        };
        // Before more is signed, or any of them fetched.
        if seen.len() + left.len() + children.len() > MANIFESTS {
            return Err(Error::TooManyManifests { limit: MANIFESTS });
        }
        signed.push(sign(&request.plan, place, &subject).await?);
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

async fn sign(plan: &SignPlan<'_>, place: &Place, subject: &Manifest) -> Result<Signed, Error> {
    let place = place.as_registry().expect("a reference is of a registry");
    let to = Destination { place, subject };
    Ok(match plan {
        SignPlan::Attest(plan) => attest_image(to, plan).await?,
        SignPlan::Sign(plan) => sign_image(to, plan).await?,
    })
}
