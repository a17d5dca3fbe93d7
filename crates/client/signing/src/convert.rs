//! Signatures over files and attestations about them in the older form, made into bundles
//! (`sigstore/cosign:cmd/cosign/cli/bundle/bundle.go`).

use jiff::Timestamp;
use keyless::rekor::{Content as Recorded, Proposal, RekorV1, Verifier};
use pki::signature::{HashAlgorithm, VerifyingKey};
use sigstore::bundle::{
    Bundle, BundleVersion, Content, MessageDigest, MessageSignature, SignerMaterial,
};
use sigstore::dsse::{Envelope, EnvelopeError};
use sigstore::entry::LogEntry;
use sigstore::fulcio::SigningCertificate;
use sigstore::legacy::LogPromise;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{Artifact, Because, Rule, TimestampRule};

use crate::sign::key_material;
use crate::verify::{
    BlobEvidence, BlobFailure, BlobRequest, Proofs, Whose, verify_blob, verify_blob_attestation,
};

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// It is a bundle already.
    #[error("it is a bundle already")]
    AlreadyBundle,
    /// An attestation with several signatures, of which a bundle has one.
    #[error("an envelope with {found} signatures")]
    EnvelopeSignatures {
        /// How many.
        found: usize,
    },
    /// Something else than an envelope in its place.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The log.
    #[error(transparent)]
    Log(#[from] keyless::Error),
    /// It has a log's promise, and no log was given: a bundle has the proof that the log kept it.
    #[error("it has the promise of a log, and a bundle needs the log's proof")]
    LogNeeded,
    /// Neither a certificate nor a key says whose signature it is.
    #[error("neither certificate nor key")]
    NoKey,
    /// The log has no entry of the signature.
    #[error("the log has no entry of the signature")]
    NotLogged,
    /// The log has another entry where the promise says that it is.
    #[error("the log's entry {index} is not the one it promised")]
    OtherEntry {
        /// The index over all shards.
        index: u64,
    },
    /// The certificate is for another key.
    #[error("the certificate is for another key")]
    OtherKey,
    /// The signature is not over the file, or not by the key.
    #[error(transparent)]
    Unverified(BlobFailure),
}

/// Makes a bundle of version 0.3 of `evidence` about `artifact`. `key` says whose signature it is where no certificate
/// does. With a `log`, the proof that it has the signature is fetched from there.
///
/// The signature itself is verified; what the log and a timestamp authority said is not: whoever verifies the bundle
/// does that, and knows whom to trust.
///
/// # Errors
/// See [`ConvertError`].
pub async fn convert(
    artifact: &[u8],
    evidence: &BlobEvidence,
    key: Option<&VerifyingKey>,
    log: Option<&RekorV1>,
    now: Timestamp,
) -> Result<Bundle, ConvertError> {
    let Parts {
        content,
        certificate,
        timestamp,
    } = Parts::of(artifact, evidence)?;
    let signer = match (certificate, key) {
        (Some(certificate), Some(key)) if certificate.key() != key => {
            return Err(ConvertError::OtherKey);
        }
        (Some(certificate), _) => Verifier::Certificate(certificate),
        (None, Some(key)) => Verifier::PublicKey(key),
        (None, None) => return Err(ConvertError::NoKey),
    };
    check_signature(artifact, evidence, signer.key(), now)?;
    let entry = match (evidence.log_promise(), log) {
        (None, None) => None,
        (Some(_), None) => return Err(ConvertError::LogNeeded),
        (Some(promise), Some(log)) => Some(promised(log, promise).await?),
        (None, Some(log)) => Some(found(log, signer, &content, evidence).await?),
    };
    Ok(Bundle {
        version: BundleVersion::V0_3,
        signer: match signer {
            Verifier::Certificate(leaf) => SignerMaterial::Certificate {
                leaf: Box::new(leaf.clone()),
                intermediates: Vec::new(),
            },
            Verifier::PublicKey(key) => key_material(key),
        },
        log_entries: entry.into_iter().collect(),
        timestamps: timestamp.into_iter().map(<[u8]>::to_vec).collect(),
        content,
    })
}

/// What a signature of the older form consists of.
struct Parts<'a> {
    content: Content,
    certificate: Option<&'a SigningCertificate>,
    timestamp: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(artifact: &[u8], evidence: &'a BlobEvidence) -> Result<Self, ConvertError> {
        match evidence {
            BlobEvidence::Bundle(_) => Err(ConvertError::AlreadyBundle),
            BlobEvidence::Signature(blob) => Ok(Self {
                content: Content::Message(MessageSignature {
                    // The older form knows no other.
                    digest: Some(MessageDigest::of(HashAlgorithm::Sha256, artifact)),
                    signature: blob.signature.clone(),
                }),
                certificate: blob.certificate.as_deref(),
                timestamp: blob.timestamp.as_deref(),
            }),
            BlobEvidence::Attestation(attestation) => {
                let envelope = Envelope::parse(&attestation.payload)?;
                let found = envelope.signatures().len();
                if found != 1 {
                    return Err(ConvertError::EnvelopeSignatures { found });
                }
                Ok(Self {
                    content: Content::Dsse(envelope),
                    certificate: attestation.certificate.as_deref(),
                    timestamp: attestation.timestamp.as_deref(),
                })
            }
        }
    }
}

/// Whether the signature is by the key, over the file or over a statement about it.
fn check_signature(
    artifact: &[u8],
    evidence: &BlobEvidence,
    key: &VerifyingKey,
    now: Timestamp,
) -> Result<(), ConvertError> {
    let bare = evidence.bare();
    let waived = Rule::Waived(Because::NotDemanded);
    let request = BlobRequest {
        whose: Whose::Keys(vec![key.clone()]),
        proofs: Proofs {
            log: waived,
            sct: waived,
            timestamp: TimestampRule::IfThere,
            legacy_timestamp: TimestampRule::IfThere,
        },
    };
    let (artifact, trust) = (Artifact::Bytes(artifact), TrustedRoot::default());
    let outcome = if bare.is_attestation() {
        verify_blob_attestation(&artifact, &bare, None, &request, &trust, now)
    } else {
        verify_blob(&artifact, &bare, &request, &trust, now)
    };
    outcome.result.map(drop).map_err(ConvertError::Unverified)
}

/// The entry that a log promised to keep.
async fn promised(log: &RekorV1, promise: &LogPromise) -> Result<LogEntry, ConvertError> {
    let index = promise.log_index;
    let entry = log.entry_at(index).await?.entry;
    let is_it = entry.canonicalized_body == promise.canonicalized_body
        && entry.log_id == *promise.log_id.as_bytes()
        && entry.integrated_time == Some(promise.integrated_time);
    if is_it {
        Ok(entry)
    } else {
        Err(ConvertError::OtherEntry { index })
    }
}

/// The entry of a signature that came without a promise.
async fn found(
    log: &RekorV1,
    verifier: Verifier<'_>,
    content: &Content,
    evidence: &BlobEvidence,
) -> Result<LogEntry, ConvertError> {
    let json;
    let kinds = match (content, evidence) {
        (Content::Dsse(envelope), BlobEvidence::Attestation(attestation)) => {
            json = String::from_utf8_lossy(&attestation.payload).into_owned();
            let json = json.as_str();
            vec![
                Recorded::Dsse { envelope, json },
                Recorded::Intoto { envelope, json },
            ]
        }
        (Content::Message(message), _) => {
            let digest = message.digest.as_ref().ok_or(ConvertError::NotLogged)?;
            let signature = &message.signature;
            vec![Recorded::HashedRekord { digest, signature }]
        }
        (Content::Dsse(_), _) => Vec::new(),
    };
    for content in kinds {
        let found = log.find(&Proposal { verifier, content }).await?;
        if let Some(recorded) = found.into_iter().next() {
            return Ok(recorded.entry);
        }
    }
    Err(ConvertError::NotLogged)
}
