//! Writing version 0.3 in the member order of cosign 3.1 (that of the protobuf messages).

use pki::signature::HashAlgorithm;

use super::{Bundle, Content, MEDIA_TYPE, MessageDigest, SignerMaterial, wire};
use crate::encoding::Bytes;

impl Bundle {
    /// Writes the bundle as version 0.3, compact: intermediates, which that version has no place for, are left out. A log
    /// entry without a proof of inclusion, which only 0.1 may have, makes it one that no reader of 0.3 takes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (message_signature, dsse_envelope) = match &self.content {
            Content::Dsse(envelope) => (None, Some(envelope.to_wire())),
            Content::Message(message) => {
                let written = wire::MessageSignature {
                    message_digest: message.digest.as_ref().map(digest),
                    signature: Some(Bytes(message.signature.clone())),
                };
                (Some(written), None)
            }
        };
        let bundle = wire::Bundle {
            media_type: Some(MEDIA_TYPE.to_owned()),
            verification_material: Some(self.material()),
            message_signature,
            dsse_envelope,
        };
        serde_json::to_string(&bundle).expect("no member can fail to be written")
    }

    fn material(&self) -> wire::VerificationMaterial {
        let mut material = wire::VerificationMaterial::default();
        match &self.signer {
            SignerMaterial::Certificate { leaf, .. } => {
                material.certificate = Some(wire::RawBytes {
                    raw_bytes: Some(Bytes(leaf.der().to_vec())),
                });
            }
            SignerMaterial::PublicKey { hint } => {
                material.public_key = Some(wire::PublicKeyHint {
                    hint: Some(hint.clone()).filter(|hint| !hint.is_empty()),
                });
            }
        }
        if !self.log_entries.is_empty() {
            let entries = self.log_entries.iter().map(crate::entry::LogEntry::to_wire);
            material.tlog_entries = Some(entries.collect());
        }
        if !self.timestamps.is_empty() {
            let written = self.timestamps.iter().map(|der| wire::SignedTimestamp {
                signed_timestamp: Some(Bytes(der.clone())),
            });
            material.timestamp_verification_data = Some(wire::Timestamps {
                rfc3161_timestamps: Some(written.collect()),
            });
        }
        material
    }
}

fn digest(digest: &MessageDigest) -> wire::HashOutput {
    let name = match digest.algorithm() {
        HashAlgorithm::Sha256 => "SHA2_256",
        HashAlgorithm::Sha384 => "SHA2_384",
        HashAlgorithm::Sha512 => "SHA2_512",
    };
    wire::HashOutput {
        algorithm: Some(name.to_owned()),
        digest: Some(Bytes(digest.bytes().to_vec())),
    }
}
