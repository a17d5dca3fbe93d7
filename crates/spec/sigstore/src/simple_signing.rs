//! The payload of image signatures before bundles
//! (`sigstore/cosign:specs/SIGNATURE_SPEC.md`, `containers/image:docs/containers-signature.5.md`).

use std::collections::BTreeMap;

use pki::digest::Sha256;
use serde::{Deserialize, Serialize};

use crate::identity::stated;
use crate::limits;

/// The media type of the layers that hold such payloads.
pub const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// What cosign writes as the payload's type. Others wrote other texts, and cosign does not look at it.
pub const SIGNATURE_TYPE: &str = "cosign container image signature";

/// One parsed payload, with the bytes that the signature is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleSigning {
    raw: Vec<u8>,
    reference: String,
    manifest: Sha256,
    signature_type: String,
    optional: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Proof that a payload is about a certain manifest; made by [`SimpleSigning::bind`] and by the verification of
/// statements and messages only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a proof is for something"]
pub struct Bound(pub(crate) ());

/// Why bytes are no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimpleSigningError {
    /// The digest is not `sha256:` and 64 hexadecimal digits in lower case.
    #[error("the signed digest is {found:?}")]
    Digest {
        /// The text there.
        found: String,
    },
    /// No JSON, or JSON of another shape.
    #[error("no signature payload: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// More than [`limits::SIMPLE_SIGNING_BYTES`].
    #[error("signature payload of {found} bytes")]
    TooLarge {
        /// Its size.
        found: usize,
    },
}

/// An annotation that a signature does not carry as demanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("annotation {key:?} is {}, expected {expected:?}", stated(found.as_deref()))]
pub struct AnnotationMismatch {
    /// Its name.
    pub key: String,
    /// What was demanded.
    pub expected: String,
    /// What the signature carries; nothing if it lacks the annotation or its value is no text.
    pub found: Option<String>,
}

impl SimpleSigning {
    /// Reads a payload and keeps its bytes: they are what is signed.
    ///
    /// # Errors
    /// Malformed, without a SHA-256 digest, or above the limit.
    pub fn parse(raw: &[u8]) -> Result<Self, SimpleSigningError> {
        if raw.len() > limits::SIMPLE_SIGNING_BYTES {
            return Err(SimpleSigningError::TooLarge { found: raw.len() });
        }
        let Wire { critical, optional } =
            serde_json::from_slice(raw).map_err(|error| SimpleSigningError::Malformed {
                reason: error.to_string(),
            })?;
        let found = critical.image.docker_manifest_digest;
        let manifest = found
            .strip_prefix("sha256:")
            .and_then(|hex| Sha256::parse_hex(hex).ok())
            .ok_or(SimpleSigningError::Digest { found })?;
        Ok(Self {
            raw: raw.to_vec(),
            reference: critical.identity.docker_reference,
            manifest,
            signature_type: critical.signature_type,
            optional,
        })
    }

    /// Writes the payload for a manifest as cosign does: compact, annotations sorted by their bytes, none as `null`.
    #[must_use]
    pub fn new(reference: &str, manifest: &Sha256, annotations: &BTreeMap<String, String>) -> Self {
        let optional = (!annotations.is_empty()).then(|| {
            annotations
                .iter()
                .map(|(key, value)| (key.clone(), value.clone().into()))
                .collect()
        });
        let wire = Wire {
            critical: Critical {
                identity: Identity {
                    docker_reference: reference.to_owned(),
                },
                image: Image {
                    docker_manifest_digest: format!("sha256:{manifest}"),
                },
                signature_type: SIGNATURE_TYPE.to_owned(),
            },
            optional,
        };
        let json = serde_json::to_string(&wire).expect("maps of text cannot fail to be written");
        Self {
            raw: escape_as_go(&json).into_bytes(),
            reference: reference.to_owned(),
            manifest: *manifest,
            signature_type: SIGNATURE_TYPE.to_owned(),
            optional: wire.optional,
        }
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The repository that the signer named, without a tag; cosign never compares it.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The manifest that is signed.
    #[must_use]
    pub fn manifest(&self) -> &Sha256 {
        &self.manifest
    }

    /// What the signer calls this payload.
    #[must_use]
    pub fn signature_type(&self) -> &str {
        &self.signature_type
    }

    /// The optional part: annotations, and what else the signer put there.
    #[must_use]
    pub fn optional(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
        self.optional.as_ref()
    }

    /// Whether the payload is about this manifest.
    #[must_use]
    pub fn bind(&self, manifest: &Sha256) -> Option<Bound> {
        (self.manifest == *manifest).then_some(Bound(()))
    }

    /// Checks that the payload carries each of these annotations.
    ///
    /// # Errors
    /// The first that it does not carry with this value.
    pub fn check_annotations(
        &self,
        demanded: &BTreeMap<String, String>,
    ) -> Result<(), AnnotationMismatch> {
        check_annotations(demanded, |key| self.optional.as_ref()?.get(key)?.as_str())
    }
}

pub(crate) fn check_annotations<'a>(
    demanded: &BTreeMap<String, String>,
    find: impl Fn(&str) -> Option<&'a str>,
) -> Result<(), AnnotationMismatch> {
    for (key, expected) in demanded {
        let found = find(key);
        if found != Some(expected) {
            return Err(AnnotationMismatch {
                key: key.clone(),
                expected: expected.clone(),
                found: found.map(str::to_owned),
            });
        }
    }
    Ok(())
}

/// Go's `encoding/json` escapes what HTML or JavaScript would take for syntax; those characters occur inside strings
/// only, so that the text as a whole can be rewritten.
fn escape_as_go(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[derive(Serialize, Deserialize)]
struct Wire {
    critical: Critical,
    optional: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    signature_type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Identity {
    docker_reference: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_written_as_go_does() {
        let annotations = BTreeMap::from([
            ("z".to_owned(), "<a&b>\u{2028}é\"\u{1}".to_owned()),
            ("A".to_owned(), String::new()),
        ]);
        let payload = SimpleSigning::new("h/r", &Sha256::from_bytes([0xab; 32]), &annotations);
        let digest = "ab".repeat(32);
        assert_eq!(
            String::from_utf8(payload.raw().to_vec()).unwrap(),
            format!(
                r#"{{"critical":{{"identity":{{"docker-reference":"h/r"}},"image":{{"docker-manifest-digest":"sha256:{digest}"}},"type":"cosign container image signature"}},"optional":{{"A":"","z":"\u003ca\u0026b\u003e\u2028é\"\u0001"}}}}"#
            )
        );
        assert_eq!(SimpleSigning::parse(payload.raw()), Ok(payload.clone()));
        assert!(payload.bind(&Sha256::from_bytes([0xab; 32])).is_some());
        assert!(payload.bind(&Sha256::from_bytes([0xac; 32])).is_none());
    }

    #[test]
    fn annotations_must_all_be_there() {
        let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let payload = SimpleSigning::new("r", &Sha256::from_bytes([0; 32]), &one("a", "1"));
        assert_eq!(payload.check_annotations(&one("a", "1")), Ok(()));
        assert_eq!(payload.check_annotations(&BTreeMap::new()), Ok(()));
        for (key, value, found) in [("a", "2", Some("1".to_owned())), ("b", "1", None)] {
            assert_eq!(
                payload.check_annotations(&one(key, value)),
                Err(AnnotationMismatch {
                    key: key.to_owned(),
                    expected: value.to_owned(),
                    found
                })
            );
        }
        // A number is not the text of its digits.
        let raw = String::from_utf8(payload.raw().to_vec()).unwrap();
        let payload = SimpleSigning::parse(raw.replace("\"1\"", "1").as_bytes()).unwrap();
        assert!(payload.check_annotations(&one("a", "1")).is_err());
    }
}
