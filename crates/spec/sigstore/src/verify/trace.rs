//! What was checked, in order: the material of `--explain`.

use super::{Because, Refusal};

/// One kind of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The demanded annotations.
    Annotations,
    /// That the artifact is the one that was signed.
    Artifact,
    /// The certificate's path to a trusted authority, at every proven time.
    CertificateChain,
    /// The names in the certificate.
    Identity,
    /// The entry in the transparency log, and that it is about this signature.
    Log,
    /// The CT log's promise.
    Sct,
    /// The signature itself.
    Signature,
    /// Whether it is signed with a key or a certificate, as demanded.
    Signer,
    /// The proven times of signing: of a certificate there must be one, of a key there may be.
    Time,
    /// Timestamps of authorities.
    Timestamp,
}

/// How a check came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to check, and it was not demanded.
    Absent,
    /// Not demanded, and not verified.
    NotRequired {
        /// Why not.
        because: Because,
    },
    /// It was there and does not count, which is no harm.
    PassedOver(Refusal),
    /// It failed, and so did the verification; the refusal has what was expected and found.
    Refused(Refusal),
    /// It holds.
    Verified {
        /// The value that was found: an identity, a time, a digest, a log and index.
        found: String,
    },
}

/// A check and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which check.
    pub check: Check,
    /// Its outcome.
    pub outcome: Outcome,
}

/// The checks in the order they were made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace(Vec<Step>);

impl Trace {
    pub(super) fn push(&mut self, check: Check, outcome: Outcome) {
        self.0.push(Step { check, outcome });
    }

    /// The checks in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The outcome of a check; none if it was not reached.
    #[must_use]
    pub fn outcome(&self, check: Check) -> Option<&Outcome> {
        self.0
            .iter()
            .find(|step| step.check == check)
            .map(|step| &step.outcome)
    }
}
