//! The verdict on one candidate.

use std::sync::Arc;

use jiff::Timestamp;
use oci::Repository;
use sigstore::legacy::LegacySignature;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{
    AcceptedSigner, Artifact, Refusal, Trace, Verdict, verify_bundle, verify_legacy,
};

use super::proof::{Document, VerifiedImage};
use super::{Claims, GivenCertificate, Request};
use crate::discover::{Candidate, CandidateContent, CandidateError, Claimed, Location};
use crate::place::Image;

/// A candidate and its verdict.
#[derive(Debug)]
pub struct Judged {
    /// Where it was found, at least one place.
    pub locations: Vec<Location>,
    /// The digest of the document, or of the manifest if that could not be read.
    pub digest: oci::Digest,
    /// What it says of itself; nothing vouches for it.
    pub claimed: Claimed,
    /// The verdict.
    pub judgement: Judgement,
}

/// What came out for a candidate.
#[derive(Debug)]
pub enum Judgement {
    /// Not judged: it is of another kind than the one demanded.
    OtherKind,
    /// It is not what was demanded.
    Refused {
        /// The first thing that failed.
        refusal: Refusal,
        /// Every check in order, the refusal last.
        trace: Trace,
    },
    /// It could not be read.
    Unreadable(Arc<CandidateError>),
    /// It is all that was demanded.
    Verified(Box<VerifiedImage>),
}

/// What a candidate is judged by.
#[derive(Clone, Copy)]
pub(super) struct Court<'a> {
    pub(super) image: &'a Image,
    pub(super) repository: Option<&'a Repository>,
    pub(super) request: &'a Request,
    pub(super) trust: &'a TrustedRoot,
    pub(super) now: Timestamp,
}

impl Judged {
    /// The proof, if it is verified.
    #[must_use]
    pub fn verified(&self) -> Option<&VerifiedImage> {
        match &self.judgement {
            Judgement::Verified(verified) => Some(verified),
            _ => None,
        }
    }
}

impl<'a> Court<'a> {
    pub(super) fn judge(self, candidate: &Candidate) -> Judged {
        let claimed = candidate.claimed();
        let judgement = match &candidate.content {
            Err(error) => Judgement::Unreadable(Arc::clone(error)),
            Ok(_) if !self.request.search.kind.wants(&claimed) => Judgement::OtherKind,
            Ok(CandidateContent::OtherKind) => Judgement::OtherKind,
            Ok(CandidateContent::Legacy(legacy)) => {
                let certificate = self.request.certificate.as_ref();
                let legacy = certified(legacy, certificate);
                self.document(Document::Legacy(legacy), &candidate.locations)
            }
            Ok(CandidateContent::Bundle(bundle)) => {
                let document = Document::Bundle(Arc::clone(bundle));
                self.document(document, &candidate.locations)
            }
        };
        Judged {
            locations: candidate.locations.clone(),
            digest: candidate.digest,
            claimed,
            judgement,
        }
    }

    fn document(self, document: Document, locations: &[Location]) -> Judgement {
        let Verdict { trace, result } = {
            let verdict_on = |signer: AcceptedSigner<'_>| self.verdict_on(&document, signer);
            self.request.whose.verdict(verdict_on)
        };
        let signature = match result {
            Ok(signature) => signature,
            Err(refusal) => return Judgement::Refused { refusal, trace },
        };
        let signed = document.signed();
        Judgement::Verified(Box::new(VerifiedImage {
            image: self.image.digest(),
            repository: self.repository.cloned(),
            claims: match document {
                Document::Legacy(_) => self.request.claims,
                Document::Bundle(_) => Claims::Checked,
            },
            locations: locations.to_vec(),
            signature,
            trace,
            signed: signed.expect("verification has parsed the same bytes"),
            document,
        }))
    }

    fn verdict_on(self, document: &Document, signer: AcceptedSigner<'_>) -> Verdict {
        let Request {
            search,
            annotations,
            proofs,
            ..
        } = self.request;
        let predicate_type = search.kind.predicate_type();
        match document {
            Document::Bundle(bundle) => {
                let policy = proofs.policy(signer, predicate_type, annotations);
                let artifact = self.image.artifact();
                verify_bundle(bundle, &artifact, self.trust, &policy, self.now)
            }
            Document::Legacy(legacy) => {
                let policy = proofs.legacy().policy(signer, predicate_type, annotations);
                let artifact = self.legacy_artifact(document);
                verify_legacy(legacy, &artifact, self.trust, &policy, self.now)
            }
        }
    }

    fn legacy_artifact(self, document: &Document) -> Artifact<'a> {
        match self.request.claims {
            Claims::Checked => self.image.artifact(),
            Claims::Waived => document
                .own_artifact()
                .unwrap_or_else(|| self.image.artifact()),
        }
    }
}

fn certified(
    legacy: &Arc<LegacySignature>,
    certificate: Option<&GivenCertificate>,
) -> Arc<LegacySignature> {
    match certificate {
        Some(given) if legacy.certificate.is_none() => Arc::new(LegacySignature {
            certificate: Some(given.leaf.clone()),
            chain: given.chain.clone(),
            ..(**legacy).clone()
        }),
        _ => Arc::clone(legacy),
    }
}
