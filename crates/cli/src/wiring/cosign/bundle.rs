//! Bundles of what there is already.

use signing::convert::convert;
use sigstore::bundle::Bundle;

use super::Client;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{BundleOf, BundleOps};

impl BundleOps for Client<'_> {
    fn bundle_of(&mut self, request: &BundleOf<'_>) -> Result<Bundle, Error> {
        let log = request.log.map(|url| self.log(url)).transpose()?;
        let BundleOf {
            artifact,
            evidence,
            key,
            ..
        } = *request;
        let now = self.process.now();
        self.block_on(async { Ok(convert(artifact, evidence, key, log.as_ref(), now).await?) })
    }
}
