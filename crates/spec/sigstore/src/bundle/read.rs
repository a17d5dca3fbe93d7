//! From the JSON to the typed bundle.

use pki::signature::HashAlgorithm;

use super::{
    Bundle, BundleError, BundleVersion, Content, MessageDigest, MessageSignature, SignerMaterial,
    wire,
};
use crate::dsse::Envelope;
use crate::entry::{EntryError, LogEntry};
use crate::fulcio::SigningCertificate;
use crate::limits;

impl Bundle {
    /// Reads a bundle of version 0.1, 0.2 or 0.3 from JSON.
    ///
    /// What the version demands of its parts is checked here: a proof of inclusion with every log entry from 0.2 on, a
    /// promise in 0.1, a single certificate from 0.3 on, never a root, exactly one signature.
    ///
    /// # Errors
    /// Anything malformed, missing, contradictory or above the [`limits`].
    pub fn parse(json: &[u8]) -> Result<Self, BundleError> {
        at_most("bytes", json.len(), limits::BUNDLE_BYTES)?;
        let wire: wire::Bundle =
            serde_json::from_slice(json).map_err(|error| BundleError::Malformed {
                reason: error.to_string(),
            })?;
        let media_type = wire.media_type.unwrap_or_default();
        let version = BundleVersion::from_media_type(&media_type)
            .ok_or(BundleError::UnknownMediaType { found: media_type })?;
        let mut material = wire.verification_material.ok_or(BundleError::Missing {
            member: "verificationMaterial",
        })?;
        Ok(Self {
            version,
            log_entries: log_entries(version, material.tlog_entries.take())?,
            timestamps: timestamps(material.timestamp_verification_data.take())?,
            signer: signer(version, material)?,
            content: content(wire.message_signature, wire.dsse_envelope)?,
        })
    }
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), BundleError> {
    if found > limit {
        return Err(BundleError::TooMany { what, found, limit });
    }
    Ok(())
}

fn signer(
    version: BundleVersion,
    material: wire::VerificationMaterial,
) -> Result<SignerMaterial, BundleError> {
    match (
        material.public_key,
        material.x509_certificate_chain,
        material.certificate,
    ) {
        (Some(key), None, None) => Ok(SignerMaterial::PublicKey {
            hint: key.hint.unwrap_or_default(),
        }),
        (None, Some(_), None) if version >= BundleVersion::V0_3 => {
            Err(BundleError::ChainNotAllowed)
        }
        (None, Some(chain), None) => certificates(chain.certificates.unwrap_or_default()),
        (None, None, Some(certificate)) => certificates(vec![certificate]),
        (None, None, None) => Err(BundleError::Missing {
            member: "verificationMaterial.{certificate, x509CertificateChain, publicKey}",
        }),
        _ => Err(BundleError::MoreThanOne {
            members: "certificate, x509CertificateChain, publicKey",
        }),
    }
}

fn certificates(chain: Vec<wire::RawBytes>) -> Result<SignerMaterial, BundleError> {
    at_most("certificates", chain.len(), limits::CHAIN_CERTIFICATES)?;
    let mut parsed = Vec::with_capacity(chain.len());
    for (index, certificate) in chain.into_iter().enumerate() {
        let der = certificate.raw_bytes.unwrap_or_default().0;
        let certificate = SigningCertificate::from_der(&der)
            .map_err(|source| BundleError::Certificate { index, source })?;
        if certificate.is_self_issued() {
            return Err(BundleError::RootInChain { index });
        }
        parsed.push(certificate);
    }
    let mut parsed = parsed.into_iter();
    let leaf = parsed.next().ok_or(BundleError::Missing {
        member: "x509CertificateChain.certificates",
    })?;
    Ok(SignerMaterial::Certificate {
        leaf: Box::new(leaf),
        intermediates: parsed
            .map(|certificate| certificate.der().to_vec())
            .collect(),
    })
}

fn log_entries(
    version: BundleVersion,
    entries: Option<Vec<wire::LogEntry>>,
) -> Result<Vec<LogEntry>, BundleError> {
    let entries = entries.unwrap_or_default();
    at_most("log entries", entries.len(), limits::LOG_ENTRIES)?;
    let mut parsed = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let at = |source| BundleError::LogEntry { index, source };
        let entry = LogEntry::from_wire(entry).map_err(at)?;
        if version == BundleVersion::V0_1 && entry.promise.is_none() {
            return Err(at(EntryError::Missing {
                member: "inclusionPromise",
            }));
        }
        let proven = entry
            .proof
            .as_ref()
            .is_some_and(|proof| proof.checkpoint.is_some());
        if version >= BundleVersion::V0_2 && !proven {
            return Err(at(EntryError::Missing {
                member: "inclusionProof.checkpoint",
            }));
        }
        parsed.push(entry);
    }
    Ok(parsed)
}

fn timestamps(data: Option<wire::Timestamps>) -> Result<Vec<Vec<u8>>, BundleError> {
    let timestamps = data
        .unwrap_or_default()
        .rfc3161_timestamps
        .unwrap_or_default();
    at_most("timestamps", timestamps.len(), limits::TIMESTAMPS)?;
    timestamps
        .into_iter()
        .map(|timestamp| {
            let der = timestamp.signed_timestamp.unwrap_or_default().0;
            at_most("bytes of a timestamp", der.len(), limits::TIMESTAMP_BYTES)?;
            Ok(der)
        })
        .collect()
}

fn content(
    message: Option<wire::MessageSignature>,
    envelope: Option<crate::dsse::wire::Envelope>,
) -> Result<Content, BundleError> {
    match (message, envelope) {
        (Some(message), None) => message_signature(message).map(Content::Message),
        (None, Some(envelope)) => {
            let envelope = Envelope::from_wire(envelope)?;
            match envelope.signatures().len() {
                1 => Ok(Content::Dsse(envelope)),
                found => Err(BundleError::SignatureCount { found }),
            }
        }
        (None, None) => Err(BundleError::Missing {
            member: "messageSignature or dsseEnvelope",
        }),
        (Some(_), Some(_)) => Err(BundleError::MoreThanOne {
            members: "messageSignature, dsseEnvelope",
        }),
    }
}

fn message_signature(message: wire::MessageSignature) -> Result<MessageSignature, BundleError> {
    let signature = message.signature.unwrap_or_default().0;
    at_most(
        "bytes of a signature",
        signature.len(),
        limits::SIGNATURE_BYTES,
    )?;
    if signature.is_empty() {
        return Err(BundleError::Missing {
            member: "messageSignature.signature",
        });
    }
    Ok(MessageSignature {
        digest: message.message_digest.map(digest).transpose()?,
        signature,
    })
}

fn digest(output: wire::HashOutput) -> Result<MessageDigest, BundleError> {
    let algorithm = output.algorithm.unwrap_or_default();
    let bytes = output.digest.unwrap_or_default().0;
    let unsupported = BundleError::UnsupportedDigest {
        bytes: bytes.len(),
        algorithm: algorithm.clone(),
    };
    let known = match algorithm.as_str() {
        "SHA2_256" => HashAlgorithm::Sha256,
        "SHA2_384" => HashAlgorithm::Sha384,
        "SHA2_512" => HashAlgorithm::Sha512,
        _ => return Err(unsupported),
    };
    MessageDigest::new(known, bytes).ok_or(unsupported)
}
