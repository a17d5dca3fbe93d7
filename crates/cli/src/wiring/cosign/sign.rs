//! Signing images.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use oci::{Content, Manifest, Reference};
use signing::sign::{Destination, ImagePlan, Signed, sign_image};
use signing::{Place, PlaceError};

use super::{Client, unplaced};
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{SignImages, SignOps};

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
        let now = self.process.now();
        let places: Vec<_> = request
            .images
            .iter()
            .map(|image| self.place(image).map(|place| (image, place)))
            .collect();
        let work = stream::iter(places).map(|place| async move {
            let (image, place) = place?;
            sign_all(image, &place, request, now).await
        });
        let mut work = work.buffered(AT_ONCE);
        let mut done = 0;
        let all = async {
            while let Some(outcome) = work.next().await {
                report(done, outcome);
                done += 1;
            }
            Ok(())
        };
        if let Err(Error::TimedOut { after }) = self.block_on(all) {
            for index in done..request.images.len() {
                report(index, Err(Error::TimedOut { after }));
            }
        }
    }
}

/// One reference: the image, and with `--recursive` each manifest of its index.
async fn sign_all(
    image: &Reference,
    place: &Place,
    request: &SignImages<'_>,
    now: Timestamp,
) -> Result<Vec<Signed>, Error> {
    let failed = |error| unplaced(image, error);
    let mut left = vec![manifest(place).await.map_err(failed)?];
    let mut seen = BTreeSet::new();
    let mut signed = Vec::new();
    while let Some(subject) = left.pop() {
        if !seen.insert(subject.digest().to_string()) {
            continue;
        }
        if seen.len() > MANIFESTS {
            return Err(Error::TooManyManifests { limit: MANIFESTS });
        }
        signed.push(sign_one(place, &subject, request, now).await?);
        if request.recursive
            && let Content::Index { manifests } = subject.content()
        {
            for child in manifests.iter().rev() {
                left.push(manifest(&place.at(child.digest)).await.map_err(failed)?);
            }
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

async fn sign_one(
    place: &Place,
    subject: &Manifest,
    request: &SignImages<'_>,
    now: Timestamp,
) -> Result<Signed, Error> {
    let Place::Registry(place) = place else {
        return Err(Error::Unsupported {
            what: "signing in a folder",
            instead: "Load the image into a registry with 'load', and sign it there.",
        });
    };
    let plan = ImagePlan {
        signer: &request.party.signer,
        witnesses: &request.party.witnesses,
        formats: request.formats,
        annotations: request.annotations,
        identity: request.identity,
        docker_media_types: request.docker_media_types,
        record_creation: request.record_creation,
        trust: request.party.trust.as_ref(),
        upload: request.upload,
        now,
    };
    Ok(sign_image(Destination { place, subject }, &plan).await?)
}
