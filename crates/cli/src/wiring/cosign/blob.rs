//! Signing files.

use pki::digest::Sha256;
use signing::sign::{
    AttestedBlob, EntryKind, attest_blob, attest_blob_legacy, sign_blob, sign_blob_legacy,
};
use signing::verify::{BlobEvidence, Whose, look_up_blob};
use sigstore::bundle::Bundle;
use sigstore::legacy::LegacyBlob;
use sigstore::verify::Artifact;

use super::Client;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{BlobOps, Party};

impl BlobOps for Client<'_> {
    fn look_up(
        &mut self,
        log: &str,
        evidence: BlobEvidence,
        artifact: &Artifact<'_>,
        whose: &Whose,
    ) -> Result<BlobEvidence, Error> {
        let log = self.log(log)?;
        self.block_on(async { Ok(look_up_blob(evidence, artifact, whose, &log).await?) })
    }

    fn sign_blob(&mut self, party: &Party, blob: &[u8]) -> Result<Bundle, Error> {
        let plan = party.blob_plan(self.process.now());
        self.block_on(async { Ok(sign_blob(&plan, blob).await?) })
    }

    fn sign_blob_legacy(&mut self, party: &Party, blob: &[u8]) -> Result<LegacyBlob, Error> {
        let plan = party.blob_plan(self.process.now());
        self.block_on(async { Ok(sign_blob_legacy(&plan, blob).await?) })
    }

    fn attest_blob(
        &mut self,
        party: &Party,
        digest: &Sha256,
        statement: String,
    ) -> Result<Bundle, Error> {
        let plan = party.blob_plan(self.process.now());
        self.block_on(async { Ok(attest_blob(&plan, digest, statement).await?) })
    }

    fn attest_blob_legacy(
        &mut self,
        party: &Party,
        statement: String,
        entry: EntryKind,
    ) -> Result<AttestedBlob, Error> {
        let plan = party.blob_plan(self.process.now());
        self.block_on(async { Ok(attest_blob_legacy(&plan, statement, entry).await?) })
    }
}
