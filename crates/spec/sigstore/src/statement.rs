//! In-toto statements (`in-toto/attestation:spec/v1/statement.md`, `spec/v0.1.0/README.md`): what an attestation says
//! about which artifacts.

use std::collections::BTreeMap;

use pki::digest::Sha256;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dsse::{Envelope, IN_TOTO};
use crate::limits;

/// The predicate type of cosign's image signatures.
pub const COSIGN_SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

const V0_1: &str = "https://in-toto.io/Statement/v0.1";
const V1: &str = "https://in-toto.io/Statement/v1";

/// One parsed statement. Nothing but the envelope's signature vouches for it.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its version.
    pub version: StatementVersion,
    /// The artifacts, at least one.
    pub subjects: Vec<Subject>,
    /// What kind of predicate it is, a URI.
    pub predicate_type: String,
    /// The predicate's JSON as it was signed; absent if the statement has none.
    pub predicate: Option<Box<RawValue>>,
}

/// The version of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementVersion {
    /// `https://in-toto.io/Statement/v0.1`.
    V0_1,
    /// `https://in-toto.io/Statement/v1`.
    V1,
}

/// One artifact of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// Its name; not required.
    pub name: Option<String>,
    /// Its digests: algorithm and lower-case hex.
    pub digests: BTreeMap<String, String>,
    /// Text that was signed with it: cosign's `-a`. Members whose value is no text are not in here.
    pub annotations: BTreeMap<String, String>,
}

/// Why a payload is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// No JSON, or JSON of another shape.
    #[error("no in-toto statement: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// No subject, so that it says nothing about any artifact.
    #[error("the statement has no subject")]
    NoSubject,
    /// An envelope around something else.
    #[error("payload of type {found:?}, not {IN_TOTO:?}")]
    PayloadType {
        /// Its type.
        found: String,
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
    /// Another version.
    #[error("statement of type {found:?}")]
    UnknownType {
        /// Its type.
        found: String,
    },
}

impl StatementVersion {
    /// The `_type` of its statements.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::V0_1 => V0_1,
            Self::V1 => V1,
        }
    }
}

impl Statement {
    /// Reads the statement in an envelope.
    ///
    /// # Errors
    /// Another payload type; otherwise as [`Self::parse`].
    pub fn of_envelope(envelope: &Envelope) -> Result<Self, StatementError> {
        if envelope.payload_type() != IN_TOTO {
            return Err(StatementError::PayloadType {
                found: envelope.payload_type().to_owned(),
            });
        }
        Self::parse(envelope.payload())
    }

    /// Reads the JSON of a statement of version 0.1 or 1. Unknown members are ignored, as its specification says.
    ///
    /// # Errors
    /// Malformed, of another version, without subjects, or above the [`limits`].
    pub fn parse(json: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire =
            serde_json::from_slice(json).map_err(|error| StatementError::Malformed {
                reason: error.to_string(),
            })?;
        let version = match wire.statement_type.as_str() {
            V0_1 => StatementVersion::V0_1,
            V1 => StatementVersion::V1,
            _ => {
                return Err(StatementError::UnknownType {
                    found: wire.statement_type,
                });
            }
        };
        if wire.subject.is_empty() {
            return Err(StatementError::NoSubject);
        }
        at_most("subjects", wire.subject.len(), limits::STATEMENT_SUBJECTS)?;
        let subjects = wire
            .subject
            .into_iter()
            .map(|subject| {
                let digests = subject.digest.unwrap_or_default();
                at_most("digests", digests.len(), limits::SUBJECT_DIGESTS)?;
                let annotations = subject.annotations.unwrap_or_default().into_iter();
                Ok(Subject {
                    name: subject.name,
                    digests,
                    annotations: annotations
                        .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
                        .collect(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            version,
            subjects,
            predicate_type: wire.predicate_type,
            predicate: wire.predicate,
        })
    }

    /// The statement that cosign 3.1 signs for an image with this manifest digest: version 1, an empty predicate, the
    /// annotations with the subject. Compact JSON, members in the order of the protobuf message.
    #[must_use]
    pub fn cosign_signature(manifest: &Sha256, annotations: &BTreeMap<String, String>) -> String {
        let digest = BTreeMap::from([("sha256", manifest.to_string())]);
        let written = Written {
            statement_type: V1,
            subject: [WrittenSubject {
                digest,
                annotations,
            }],
            predicate_type: COSIGN_SIGNATURE,
            predicate: BTreeMap::new(),
        };
        serde_json::to_string(&written).expect("maps of text cannot fail to be written")
    }
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), StatementError> {
    if found > limit {
        return Err(StatementError::TooMany { what, found, limit });
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "_type")]
    statement_type: String,
    #[serde(default)]
    subject: Vec<WireSubject>,
    predicate_type: String,
    predicate: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct WireSubject {
    name: Option<String>,
    digest: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    subject: [WrittenSubject<'a>; 1],
    predicate_type: &'static str,
    predicate: BTreeMap<(), ()>,
}

#[derive(Serialize)]
struct WrittenSubject<'a> {
    digest: BTreeMap<&'static str, String>,
    annotations: &'a BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"t"}"#;

    #[test]
    fn what_is_no_statement_is_refused() {
        assert!(Statement::parse(MINIMAL.as_bytes()).is_ok());
        assert_eq!(
            Statement::parse(MINIMAL.replace("/v1", "/v2").as_bytes()).unwrap_err(),
            StatementError::UnknownType {
                found: "https://in-toto.io/Statement/v2".to_owned()
            }
        );
        let none = MINIMAL.replace(r#"{"digest":{"sha256":"00"}}"#, "");
        assert_eq!(
            Statement::parse(none.as_bytes()).unwrap_err(),
            StatementError::NoSubject
        );
        let many = MINIMAL.replace(
            r#"{"digest":{"sha256":"00"}}"#,
            &vec!["{}"; limits::STATEMENT_SUBJECTS + 1].join(","),
        );
        assert!(matches!(
            Statement::parse(many.as_bytes()).unwrap_err(),
            StatementError::TooMany {
                what: "subjects",
                ..
            }
        ));
        let envelope = Envelope::new("text/plain".to_owned(), MINIMAL.into(), vec![0]);
        assert_eq!(
            Statement::of_envelope(&envelope).unwrap_err(),
            StatementError::PayloadType {
                found: "text/plain".to_owned()
            }
        );
    }

    #[test]
    fn the_statement_of_an_image_signature_is_as_cosign_writes_it() {
        let annotations =
            BTreeMap::from([("b".to_owned(), "<&>".to_owned()), ("a".into(), "1".into())]);
        let text = Statement::cosign_signature(&Sha256::from_bytes([0; 32]), &annotations);
        let zeros = "0".repeat(64);
        assert_eq!(
            text,
            format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{zeros}"}},"annotations":{{"a":"1","b":"<&>"}}}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{{}}}}"#
            )
        );
        let read = Statement::parse(text.as_bytes()).unwrap();
        assert_eq!(read.subjects[0].annotations, annotations);
    }
}
