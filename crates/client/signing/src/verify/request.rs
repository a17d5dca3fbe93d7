//! What a caller demands of the signatures of an image or a file.

use std::collections::BTreeMap;

use keyless::rekor::RekorV1;
use pki::signature::VerifyingKey;
use sigstore::fulcio::SigningCertificate;
use sigstore::identity::IdentityPolicy;
use sigstore::verify::{AcceptedSigner, Policy, Rule, TimestampRule};

use crate::discover::{Kind, Search};

/// Whose signature it must be.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Of the holder of one of these keys.
    Keys(Vec<VerifyingKey>),
    /// Of one of these identities, by a certificate.
    Identities(Vec<IdentityPolicy>),
}

/// Which proofs are demanded besides the signature itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proofs {
    /// Whether a transparency log must have the signature.
    pub log: Rule,
    /// Whether a certificate must have a promise of a CT log.
    pub sct: Rule,
    /// Whether a bundle must have a timestamp of an authority.
    pub timestamp: TimestampRule,
    /// The same for the older form, where `--use-signed-timestamps` uses one that is there and demands none.
    pub legacy_timestamp: TimestampRule,
}

/// Whether what is signed has to be about the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// It has to.
    Checked,
    /// In the older form it may be about anything (`--check-claims=false`); bundles are always bound to the image.
    Waived,
}

/// What is demanded of an image.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who must have signed.
    pub whose: Whose,
    /// What is looked for, and where.
    pub search: Search,
    /// What must have been signed with it. Also demanded when claims are not checked otherwise.
    pub annotations: BTreeMap<String, String>,
    /// Which proofs there must be.
    pub proofs: Proofs,
    /// Whether it has to be about the image.
    pub claims: Claims,
    /// A signature in files, to be judged instead of what is attached to the image.
    pub given: Option<GivenSignature>,
    /// A certificate for those signatures of the older form that have none.
    pub certificate: Option<GivenCertificate>,
    /// A log that is asked for the entries of those signatures of the older form that came without (`--rekor-url`).
    /// Without it nobody is.
    pub log: Option<RekorV1>,
}

/// A signature in the caller's files (`--signature`, `--payload`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenSignature {
    /// The raw signature.
    pub signature: Vec<u8>,
    /// What is signed; without it, the payload that cosign makes for the image when there are no annotations.
    pub payload: Option<Vec<u8>>,
}

/// A certificate in the caller's files (`--certificate`, `--certificate-chain`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenCertificate {
    /// The signer's own.
    pub leaf: Box<SigningCertificate>,
    /// DER of its issuers: untrusted, candidates for intermediates.
    pub chain: Vec<Vec<u8>>,
}

impl Proofs {
    /// All that there can be: log, SCT where there is a certificate, a timestamp if it is there.
    pub const STRICT: Self = Self {
        log: Rule::Required,
        sct: Rule::Required,
        timestamp: TimestampRule::IfThere,
        legacy_timestamp: TimestampRule::IfThere,
    };
}

impl Request {
    /// Strict: every proof is demanded, nothing is waived.
    #[must_use]
    pub const fn new(whose: Whose, kind: Kind) -> Self {
        Self {
            whose,
            search: Search::new(kind),
            annotations: BTreeMap::new(),
            proofs: Proofs::STRICT,
            claims: Claims::Checked,
            given: None,
            certificate: None,
            log: None,
        }
    }
}

impl Whose {
    /// The signers to be tried one after the other. Identities are one: a certificate is checked against all of them.
    pub(super) fn signers(&self) -> Vec<AcceptedSigner<'_>> {
        match self {
            Self::Keys(keys) => keys.iter().map(AcceptedSigner::Key).collect(),
            Self::Identities(identities) => vec![AcceptedSigner::Identities(identities)],
        }
    }
}

impl Proofs {
    pub(super) const fn policy<'a>(
        &self,
        signer: AcceptedSigner<'a>,
        predicate_type: Option<&'a str>,
        annotations: &'a BTreeMap<String, String>,
    ) -> Policy<'a> {
        Policy {
            signer,
            log: self.log,
            sct: self.sct,
            timestamp: self.timestamp,
            predicate_type,
            annotations,
        }
    }

    pub(super) const fn legacy(self) -> Self {
        Self {
            timestamp: self.legacy_timestamp,
            ..self
        }
    }
}
