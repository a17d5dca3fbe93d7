use oci::{Digest, Reference};

use super::{Client, unplaced};
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::ResolveOps;

impl ResolveOps for Client<'_> {
    fn resolve(&mut self, image: &Reference) -> Result<Digest, Error> {
        let place = self.place(image)?;
        self.block_on(async {
            let found = place.resolve().await;
            found
                .map(|image| image.digest())
                .map_err(|error| unplaced(image, error))
        })
    }
}
