//! Why there is no signature.

use oci::Tag;
use pki::digest::Sha256;

use super::LayersError;

/// A signature that was not made, or not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// A digest algorithm that signatures of images are not made for.
    #[error("{digest} cannot be signed: signatures are over SHA-256 digests")]
    Algorithm {
        /// The image's digest.
        digest: oci::Digest,
    },
    /// The certificate is for another key.
    #[error("the certificate is for the key {found}, not {expected}")]
    CertificateOfAnotherKey {
        /// SHA-256 of the signer's SubjectPublicKeyInfo.
        expected: Sha256,
        /// That of the certificate's.
        found: Sha256,
    },
    /// The place that the key is kept at.
    #[error(transparent)]
    KeyService(#[from] kms::ServiceError),
    /// The tag's manifest cannot take the signature.
    #[error("tag {tag}: {fault}")]
    Layers {
        /// The tag.
        tag: Tag,
        /// Why.
        fault: LayersError,
    },
    /// A log that gives no promise, which the older form needs.
    #[error(
        "the log gives no promise of its entries, without which the older form cannot be verified"
    )]
    NoPromise,
    /// A ready payload about another image.
    #[error("the payload is about sha256:{found}, not sha256:{image}")]
    OtherPayload {
        /// SHA-256 of the image's manifest.
        image: Sha256,
        /// That in the payload.
        found: Sha256,
    },
    /// A ready statement, and none of its subjects is the image.
    #[error("no subject of the statement is sha256:{image}")]
    OtherSubject {
        /// SHA-256 of the image's manifest.
        image: Sha256,
    },
    /// The predicate.
    #[error(transparent)]
    Predicate(#[from] sigstore::predicate::PredicateError),
    /// The key.
    #[error(transparent)]
    Key(#[from] pki::signing::SignError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A log or a timestamp authority.
    #[error(transparent)]
    Service(#[from] keyless::Error),
    /// A ready statement that is none.
    #[error(transparent)]
    Statement(#[from] sigstore::statement::StatementError),
    /// The text before the tag makes it none.
    #[error("the prefix makes no tag of {digest}")]
    TagPrefix {
        /// The image.
        digest: oci::Digest,
    },
    /// What was made does not verify against the trusted root; nothing was written.
    #[error("the new signature does not verify: {0}")]
    Unverifiable(Box<sigstore::verify::Refusal>),
}
