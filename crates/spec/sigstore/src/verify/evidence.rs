//! Values that exist only because something was verified, or because a caller said why not.

use jiff::Timestamp;
use pki::digest::Sha256;
use pki::key::SignatureValid;
use pki::signature::VerifyingKey;
use tlog::log_id::LogId;
use tlog::sct::SctVerified;

use super::Because;
use crate::chain::VerifiedChain;
use crate::identity::AcceptedIdentity;
use crate::simple_signing::Bound;
use crate::timestamp::Stamped;

/// That a log has the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged(LoggedHow);

#[derive(Debug, Clone, PartialEq, Eq)]
enum LoggedHow {
    Asserted(Because),
    Proven {
        log_id: LogId,
        index: u64,
        promised: bool,
        included: bool,
    },
}

impl Logged {
    /// The claim in the place of a proof.
    #[must_use]
    pub fn assertion(because: Because) -> Self {
        Self(LoggedHow::Asserted(because))
    }

    pub(super) fn proven(log_id: LogId, index: u64, promised: bool, included: bool) -> Self {
        Self(LoggedHow::Proven {
            log_id,
            index,
            promised,
            included,
        })
    }

    /// Why there is no proof, if there is none.
    #[must_use]
    pub fn asserted(&self) -> Option<Because> {
        match self.0 {
            LoggedHow::Asserted(because) => Some(because),
            LoggedHow::Proven { .. } => None,
        }
    }

    /// Log and index, if proven: over all shards if it is promised, in the log's tree if it is included only.
    #[must_use]
    pub fn entry(&self) -> Option<(LogId, u64)> {
        match self.0 {
            LoggedHow::Asserted(_) => None,
            LoggedHow::Proven { log_id, index, .. } => Some((log_id, index)),
        }
    }

    /// Whether the proof is one of inclusion, not the log's promise alone.
    #[must_use]
    pub fn is_included(&self) -> bool {
        matches!(self.0, LoggedHow::Proven { included: true, .. })
    }

    /// Whether the log signed a promise with a time.
    #[must_use]
    pub fn is_promised(&self) -> bool {
        matches!(self.0, LoggedHow::Proven { promised: true, .. })
    }
}

impl std::fmt::Display for Logged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            LoggedHow::Asserted(because) => write!(f, "{because:?}"),
            LoggedHow::Proven { log_id, index, .. } => write!(f, "{log_id}/{index}"),
        }
    }
}

/// A time at which the signature existed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeProven {
    at: Timestamp,
    source: TimeSource,
}

/// Who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeSource {
    /// Nobody: it is the verifier's own clock.
    Asserted(Because),
    /// A timestamping authority.
    Authority {
        /// Its URI in the trusted root.
        uri: String,
    },
    /// A log, by a signed promise.
    Log {
        /// Which one.
        log_id: LogId,
    },
}

impl TimeProven {
    /// The claim in the place of a proof.
    #[must_use]
    pub fn assertion(now: Timestamp, because: Because) -> Self {
        Self {
            at: now,
            source: TimeSource::Asserted(because),
        }
    }

    pub(super) fn by_authority(stamped: &Stamped) -> Self {
        Self {
            at: stamped.at,
            source: TimeSource::Authority {
                uri: stamped.authority.clone(),
            },
        }
    }

    pub(super) fn by_log(at: Timestamp, log_id: LogId) -> Self {
        Self {
            at,
            source: TimeSource::Log { log_id },
        }
    }

    /// The time.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Who says so.
    #[must_use]
    pub fn source(&self) -> &TimeSource {
        &self.source
    }
}

/// That a CT log promised to have the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SctEvidence(Result<SctVerified, Because>);

impl SctEvidence {
    /// The claim in the place of a proof.
    #[must_use]
    pub fn assertion(because: Because) -> Self {
        Self(Err(because))
    }

    pub(super) fn verified(sct: SctVerified) -> Self {
        Self(Ok(sct))
    }

    /// The proof, or why there is none.
    ///
    /// # Errors
    /// What the caller gave as the reason.
    pub fn proof(&self) -> Result<SctVerified, Because> {
        self.0
    }
}

/// That the caller trusts the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTrusted {
    spki_sha256: Sha256,
}

impl KeyTrusted {
    pub(super) fn new(key: &VerifyingKey) -> Self {
        Self {
            spki_sha256: key.spki_sha256(),
        }
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_sha256(&self) -> &Sha256 {
        &self.spki_sha256
    }
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifiedSigner {
    /// An accepted identity.
    Certified {
        /// Its certificate.
        chain: Box<VerifiedChain>,
        /// The CT log's promise.
        sct: SctEvidence,
        /// Which name was accepted.
        identity: AcceptedIdentity,
    },
    /// The holder of the demanded key.
    Key(KeyTrusted),
}

/// All that was proven about one signature; made by the functions of [`crate::verify`] only.
#[derive(Debug)]
#[must_use = "a proof is for something"]
pub struct VerifiedSignature {
    signer: VerifiedSigner,
    logged: Vec<Logged>,
    times: Vec<TimeProven>,
    signature: SignatureValid,
    bound: Bound,
}

impl VerifiedSignature {
    pub(super) fn new(
        signer: VerifiedSigner,
        logged: Vec<Logged>,
        times: Vec<TimeProven>,
        signature: SignatureValid,
        bound: Bound,
    ) -> Self {
        Self {
            signer,
            logged,
            times,
            signature,
            bound,
        }
    }

    /// Who signed.
    #[must_use]
    pub fn signer(&self) -> &VerifiedSigner {
        &self.signer
    }

    /// What logs have it, at least one element.
    #[must_use]
    pub fn logged(&self) -> &[Logged] {
        &self.logged
    }

    /// When it existed; may be empty for a key.
    #[must_use]
    pub fn times(&self) -> &[TimeProven] {
        &self.times
    }

    /// That the signature is of that signer's key.
    pub fn signature(&self) -> &SignatureValid {
        &self.signature
    }

    /// That it is about the artifact.
    pub fn bound(&self) -> &Bound {
        &self.bound
    }
}
