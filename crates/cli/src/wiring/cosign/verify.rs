//! Verifying images and attestations.

use futures_util::{StreamExt as _, stream};
use layout::Layout;
use signing::Place;
use signing::verify::{ImageOutcome, VerifyError, verify_image};

use super::{Client, unplaced};
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{Target, VerifyImages, VerifyOps};

impl VerifyOps for Client<'_> {
    fn verify_images(
        &mut self,
        request: &VerifyImages<'_>,
        report: &mut dyn FnMut(usize, Result<ImageOutcome, Error>),
    ) {
        let now = self.process.now();
        let mut demand = request.request.clone();
        demand.search.document_bytes = self.options.largest_attachment;
        let places: Vec<_> = request
            .images
            .iter()
            .map(|target| self.target(target).map(|place| (target, place)))
            .collect();
        let demand = &demand;
        let work = stream::iter(places).map(|place| async move {
            let (target, place) = place?;
            let outcome = verify_image(&place, demand, request.trust, now).await;
            outcome.map_err(|error| unknown(target, error))
        });
        let mut work = work.buffered(request.at_once);
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

impl Client<'_> {
    /// Where an image is.
    pub(super) fn target(&mut self, target: &Target) -> Result<Place, Error> {
        match target {
            Target::Registry(image) => self.place(image),
            Target::Folder(path) => {
                let folder = self.process.resolve(path);
                self.block_on(async {
                    let layout = Layout::open(&folder).await;
                    layout
                        .map(Place::layout)
                        .map_err(|error| Error::Layout(Box::new(error)))
                })
            }
        }
    }
}

/// Why nothing is known about an image.
fn unknown(target: &Target, error: VerifyError) -> Error {
    let (VerifyError::NoSuchImage(error) | VerifyError::Place(error)) = error;
    match target {
        Target::Registry(image) => unplaced(image, error),
        Target::Folder(_) => Error::Place(Box::new(error)),
    }
}
