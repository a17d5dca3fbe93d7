//! Attesting things about images.

use signing::sign::{AttestPlan, ImagePlan, Signed};

use super::Client;
use super::sign::{Each, Work};
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{AttestImages, AttestOps};

impl AttestOps for Client<'_> {
    fn attest_images(
        &mut self,
        request: &AttestImages<'_>,
        report: &mut dyn FnMut(usize, Result<Vec<Signed>, Error>),
    ) {
        let none = Default::default();
        let plan = AttestPlan {
            image: ImagePlan {
                payload: None,
                signer: &request.party.signer,
                witnesses: &request.party.witnesses,
                formats: request.formats,
                annotations: &none,
                identity: None,
                docker_media_types: false,
                record_creation: request.record_creation,
                trust: request.party.trust.as_ref(),
                upload: request.upload,
                now: self.process.now(),
            },
            said: request.said,
            replace: request.replace,
            entry: request.entry,
        };
        let work = Work {
            images: request.images,
            recursive: request.recursive,
            each: Each::Attest(plan),
        };
        self.work(&work, report);
    }
}
