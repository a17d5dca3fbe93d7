//! Verifying images and attestations.

use futures_util::{StreamExt as _, stream};
use keyless::Http;
use keyless::rekor::RekorV1;
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
    ) -> Result<(), Error> {
        let now = self.process.now();
        let mut demand = request.request.clone();
        demand.search.document_bytes = self.options.largest_attachment;
        demand.log = request.log.map(|url| self.log(url)).transpose()?;
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
        self.report_each(request.images.len(), work.buffered(request.at_once), report);
        Ok(())
    }
}

impl Client<'_> {
    /// The log at an address.
    pub(super) fn log(&self, url: &str) -> Result<RekorV1, Error> {
        let http = Http::new(self.services_client(None)?);
        Ok(RekorV1::new(http, url)?)
    }

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
    let error = match error {
        VerifyError::Log(error) => return Error::from(*error),
        VerifyError::NoSuchImage(error) | VerifyError::Place(error) => error,
    };
    match target {
        Target::Registry(image) => unplaced(image, error),
        Target::Folder(_) => Error::Place(Box::new(error)),
    }
}
