//! Why a signature is not accepted.

use pki::signature::VerifyError;

use super::{LogError, SctRefusal};
use crate::chain::ChainError;
use crate::dsse::EnvelopeError;
use crate::identity::{IdentityError, listed};
use crate::simple_signing::{AnnotationMismatch, SimpleSigningError};
use crate::statement::StatementError;
use crate::timestamp::TimestampError;

/// The first check that failed, with what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A demanded annotation is not there, or is another.
    #[error(transparent)]
    Annotation(#[from] AnnotationMismatch),
    /// Annotations demanded of a form that cannot carry any.
    #[error("this form of signature carries no annotations")]
    AnnotationsImpossible,
    /// It is about another artifact.
    #[error("signed is {}, expected {expected}", listed(found))]
    Artifact {
        /// The artifact's digest.
        expected: String,
        /// The digests that were signed.
        found: Vec<String>,
    },
    /// An identity is demanded and there is a bare key.
    #[error("signed with a key, an identity is demanded")]
    CertificateExpected,
    /// No path to a trusted authority.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The attestation is no envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Another identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A key is demanded and there is a certificate for another one.
    #[error("signed with a certificate, a key is demanded")]
    KeyExpected,
    /// An entry of the log does not hold.
    #[error("log entry {index}: {error}")]
    Log {
        /// Its place in the bundle, from 0.
        index: usize,
        /// What is wrong.
        error: LogError,
    },
    /// No log has it, by what came with it.
    #[error("no entry of a transparency log")]
    LogAbsent,
    /// No time at which to judge the certificate.
    #[error("no trusted time of signing")]
    NoTrustedTime,
    /// Signed was a statement of another kind.
    #[error("predicate type {found:?}, expected {expected:?}")]
    PredicateType {
        /// What was demanded.
        expected: String,
        /// What was signed.
        found: String,
    },
    /// No promise of a CT log that holds.
    #[error(transparent)]
    Sct(SctRefusal),
    /// The signature is not of the key.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// More than one signature in the envelope.
    #[error("{found} signatures in the envelope, exactly one needed")]
    SignatureCount {
        /// How many.
        found: usize,
    },
    /// The payload does not parse.
    #[error(transparent)]
    SimpleSigning(#[from] SimpleSigningError),
    /// The statement does not parse.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A timestamp does not hold.
    #[error("timestamp {index}: {error}")]
    Timestamp {
        /// Its place in the bundle, from 0.
        index: usize,
        /// What is wrong.
        error: TimestampError,
    },
    /// A timestamp is demanded and there is none.
    #[error("no timestamp of a trusted authority")]
    TimestampAbsent,
}
