//! Signing files.

use signing::sign::{
    attest_blob, attest_blob_legacy, attest_statement, attest_statement_legacy, sign_blob,
    sign_blob_legacy,
};
use signing::verify::{BlobEvidence, Whose, look_up_blob};
use sigstore::predicate::About;
use sigstore::verify::Artifact;

use super::Client;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{
    AttestFile, AttestedFile, BlobForm, BlobOps, Party, Said, SignedFile,
};

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

    fn sign_blob(
        &mut self,
        party: &Party,
        form: BlobForm,
        blob: &[u8],
    ) -> Result<SignedFile, Error> {
        let plan = party.blob_plan(self.process.now());
        self.block_on(async {
            Ok(match form {
                BlobForm::Bundle => SignedFile::Bundle(Box::new(sign_blob(&plan, blob).await?)),
                BlobForm::Legacy => {
                    SignedFile::Legacy(Box::new(sign_blob_legacy(&plan, blob).await?))
                }
            })
        })
    }

    fn attest_blob(&mut self, request: &AttestFile<'_>) -> Result<AttestedFile, Error> {
        let plan = request.party.blob_plan(self.process.now());
        let entry = request.entry;
        self.block_on(async {
            Ok(match (request.said, request.form) {
                (
                    Said::Predicate {
                        name,
                        digest,
                        kind,
                        predicate,
                    },
                    form,
                ) => {
                    let about = About {
                        name,
                        digest: &digest,
                    };
                    match form {
                        BlobForm::Bundle => AttestedFile::Bundle(Box::new(
                            attest_blob(&plan, about, kind, predicate).await?,
                        )),
                        BlobForm::Legacy => AttestedFile::Legacy(Box::new(
                            attest_blob_legacy(&plan, about, kind, predicate, entry).await?,
                        )),
                    }
                }
                (Said::Statement { digest, statement }, BlobForm::Bundle) => AttestedFile::Bundle(
                    Box::new(attest_statement(&plan, &digest, statement.to_owned()).await?),
                ),
                (Said::Statement { statement, .. }, BlobForm::Legacy) => AttestedFile::Legacy(
                    Box::new(attest_statement_legacy(&plan, statement.to_owned(), entry).await?),
                ),
            })
        })
    }
}
