//! DSSE envelopes (`secure-systems-lab/dsse:envelope.md` and `protocol.md`).

use serde::Serialize;

use crate::encoding::Bytes;
use crate::limits;

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// One parsed envelope: a payload and signatures over its pre-authentication encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// The raw signature; ECDSA in DER.
    pub signature: Vec<u8>,
    /// Which key, by the signer's own account; nothing may depend on it.
    pub key_id: Option<String>,
}

/// Why something is no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// No JSON, or JSON of another shape.
    #[error("no DSSE envelope: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// A member that must be there and not be empty.
    #[error("no {member} in the DSSE envelope")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// More of something than the limit.
    #[error("{found} {what}, at most {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much there may be.
        limit: usize,
    },
}

impl Envelope {
    /// An envelope with one signature and no key id, as cosign writes into bundles.
    #[must_use]
    pub fn new(payload_type: String, payload: Vec<u8>, signature: Vec<u8>) -> Self {
        Self {
            payload_type,
            payload,
            signatures: vec![EnvelopeSignature {
                signature,
                key_id: None,
            }],
        }
    }

    /// Reads the JSON of an envelope, as in the blobs of attestations that are no bundles.
    ///
    /// # Errors
    /// Malformed JSON or base64, no payload type, no signature, or above the [`limits`].
    pub fn parse(json: &[u8]) -> Result<Self, EnvelopeError> {
        at_most("bytes", json.len(), limits::BUNDLE_BYTES)?;
        let wire = serde_json::from_slice(json).map_err(|error| EnvelopeError::Malformed {
            reason: error.to_string(),
        })?;
        Self::from_wire(wire)
    }

    pub(crate) fn from_wire(wire: wire::Envelope) -> Result<Self, EnvelopeError> {
        let missing = |member| EnvelopeError::Missing { member };
        let payload_type = wire
            .payload_type
            .filter(|text| !text.is_empty())
            .ok_or(missing("payloadType"))?;
        let signatures = wire.signatures.unwrap_or_default();
        if signatures.is_empty() {
            return Err(missing("signatures"));
        }
        at_most("signatures", signatures.len(), limits::ENVELOPE_SIGNATURES)?;
        let signatures = signatures
            .into_iter()
            .map(|signature| {
                let bytes = signature.sig.unwrap_or_default().0;
                at_most("bytes of a signature", bytes.len(), limits::SIGNATURE_BYTES)?;
                if bytes.is_empty() {
                    return Err(missing("signatures.sig"));
                }
                Ok(EnvelopeSignature {
                    signature: bytes,
                    key_id: signature.keyid.filter(|text| !text.is_empty()),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            payload_type,
            payload: wire.payload.unwrap_or_default().0,
            signatures,
        })
    }

    /// Writes the envelope as both cosigns write the blob of an attestation that is no bundle: type, payload,
    /// signatures, each with its key id, which is mostly empty.
    #[must_use]
    pub fn to_json(&self) -> String {
        let signatures = self.signatures.iter().map(|signature| WrittenSignature {
            keyid: signature.key_id.as_deref().unwrap_or_default(),
            sig: Bytes(signature.signature.clone()),
        });
        serde_json::to_string(&Written {
            payload_type: &self.payload_type,
            payload: Bytes(self.payload.clone()),
            signatures: signatures.collect(),
        })
        .expect("text cannot fail to be written")
    }

    /// Writes the envelope as it stands in bundles, and as cosign prints it from there: payload, type, signatures.
    #[must_use]
    pub fn to_bundle_json(&self) -> String {
        serde_json::to_string(&self.to_wire()).expect("text cannot fail to be written")
    }

    pub(crate) fn to_wire(&self) -> wire::Envelope {
        let signatures = self.signatures.iter().map(|signature| wire::Signature {
            sig: Some(Bytes(signature.signature.clone())),
            keyid: signature.key_id.clone(),
        });
        wire::Envelope {
            payload: Some(Bytes(self.payload.clone())),
            payload_type: Some(self.payload_type.clone()),
            signatures: Some(signatures.collect()),
        }
    }

    /// The type of the payload; signed.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload; signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures, at least one.
    #[must_use]
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// What the signatures are over.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload_type, &self.payload)
    }
}

/// `DSSEv1 <length> <type> <length> <payload>`, lengths in bytes and decimal (`protocol.md`, "PAE").
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    payload_type: &'a str,
    payload: Bytes,
    signatures: Vec<WrittenSignature<'a>>,
}

#[derive(Serialize)]
struct WrittenSignature<'a> {
    keyid: &'a str,
    sig: Bytes,
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), EnvelopeError> {
    if found > limit {
        return Err(EnvelopeError::TooMany { what, found, limit });
    }
    Ok(())
}

pub(crate) mod wire {
    use serde::{Deserialize, Serialize};

    use crate::encoding::Bytes;

    #[derive(Serialize, Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct Envelope {
        pub(crate) payload: Option<Bytes>,
        #[serde(alias = "payload_type")]
        pub(crate) payload_type: Option<String>,
        pub(crate) signatures: Option<Vec<Signature>>,
    }

    #[derive(Serialize, Deserialize, Default)]
    pub(crate) struct Signature {
        pub(crate) sig: Option<Bytes>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(crate) keyid: Option<String>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of protocol.md.
    #[test]
    fn the_encoding_of_the_specification() {
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    /// The member order of the blobs in the golden `.att` tags.
    #[test]
    fn an_envelope_is_written_as_cosign_writes_it() {
        let envelope = Envelope::new("t".to_owned(), b"p".to_vec(), b"s".to_vec());
        let json = envelope.to_json();
        assert_eq!(
            json,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"keyid":"","sig":"cw=="}]}"#
        );
        assert_eq!(Envelope::parse(json.as_bytes()), Ok(envelope));
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let missing = |member| Err(EnvelopeError::Missing { member });
        assert_eq!(Envelope::parse(b"{}"), missing("payloadType"));
        assert_eq!(
            Envelope::parse(br#"{"payloadType":"t","payload":"","signatures":[]}"#),
            missing("signatures")
        );
        assert_eq!(
            Envelope::parse(br#"{"payloadType":"t","payload":"","signatures":[{"sig":""}]}"#),
            missing("signatures.sig")
        );
        let many = format!(
            r#"{{"payloadType":"t","payload":"","signatures":[{}]}}"#,
            vec![r#"{"sig":"AA=="}"#; 17].join(",")
        );
        assert_eq!(
            Envelope::parse(many.as_bytes()),
            Err(EnvelopeError::TooMany {
                what: "signatures",
                found: 17,
                limit: 16
            })
        );
        assert!(matches!(
            Envelope::parse(br#"{"payloadType":"t","signatures":[{"sig":"AA=="}]} x"#),
            Err(EnvelopeError::Malformed { .. })
        ));
    }
}
