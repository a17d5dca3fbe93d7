//! What an attestation may say: the predicate types that cosign has names for, and the statement around a predicate
//! (`sigstore/cosign:pkg/cosign/attestation/attestation.go`).

use std::fmt;

use jiff::Timestamp;
use pki::digest::Sha256;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::limits;
use crate::statement::StatementVersion;

/// A predicate type: one that cosign has a name for, or any other URI.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PredicateType {
    /// `custom`: any text, with the time of attesting.
    Custom,
    /// `cyclonedx`: a bill of materials.
    CycloneDx,
    /// `link`: an in-toto link.
    Link,
    /// `openvex`: which vulnerabilities matter.
    OpenVex,
    /// `slsaprovenance` and `slsaprovenance02`: SLSA provenance 0.2.
    SlsaProvenance02,
    /// `slsaprovenance1`: SLSA provenance 1.
    SlsaProvenance1,
    /// `spdx`: a bill of materials as tag-value text.
    Spdx,
    /// `spdxjson`: the same as JSON.
    SpdxJson,
    /// `vuln`: what a scanner found.
    Vuln,
    /// Any other, with a JSON predicate.
    Uri(String),
}

/// Why a predicate cannot be attested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// No JSON where the type demands it.
    #[error("no JSON: {reason}")]
    NoJson {
        /// The parser's reason: what, line and column.
        reason: String,
    },
    /// JSON, and no object.
    #[error("a predicate is a JSON object")]
    NoObject,
    /// No UTF-8 where the predicate is kept as text.
    #[error("no UTF-8 from byte {valid_up_to} on")]
    NoText {
        /// How many bytes are text.
        valid_up_to: usize,
    },
    /// The statement would be larger than [`limits::STATEMENT_BYTES`].
    #[error("a statement of {found} bytes, at most {limit}", limit = limits::STATEMENT_BYTES)]
    TooLarge {
        /// How large at least, in bytes.
        found: usize,
    },
    /// Neither a name that is known nor a URI.
    #[error("{found:?} is neither a known predicate type nor a URI")]
    UnknownType {
        /// The text.
        found: String,
    },
}

/// What a statement is about: an image, by its repository and manifest, or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// The name to go with it: `HOST/REPOSITORY` of an image, the file's name otherwise.
    pub name: &'a str,
    /// Of the manifest or of the file.
    pub digest: &'a Sha256,
}

/// The short names, in the order in which they are shown.
static NAMES: [(&str, PredicateType); 10] = [
    ("slsaprovenance", PredicateType::SlsaProvenance02),
    ("slsaprovenance02", PredicateType::SlsaProvenance02),
    ("slsaprovenance1", PredicateType::SlsaProvenance1),
    ("link", PredicateType::Link),
    ("spdx", PredicateType::Spdx),
    ("spdxjson", PredicateType::SpdxJson),
    ("cyclonedx", PredicateType::CycloneDx),
    ("vuln", PredicateType::Vuln),
    ("openvex", PredicateType::OpenVex),
    ("custom", PredicateType::Custom),
];

impl PredicateType {
    /// Reads what `--type` says: a short name or a URI with a scheme.
    ///
    /// # Errors
    /// Neither.
    pub fn parse(text: &str) -> Result<Self, PredicateError> {
        if let Some((_, known)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(known.clone());
        }
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        match scheme {
            Some(scheme) if is_scheme(scheme) => Ok(Self::Uri(text.to_owned())),
            _ => Err(PredicateError::UnknownType {
                found: text.to_owned(),
            }),
        }
    }

    /// The short names that [`Self::parse`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The URI that is signed.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self {
            Self::Custom => "https://cosign.sigstore.dev/attestation/v1",
            Self::CycloneDx => "https://cyclonedx.org/bom",
            Self::Link => "https://in-toto.io/Link/v1",
            Self::OpenVex => "https://openvex.dev/ns",
            Self::SlsaProvenance02 => "https://slsa.dev/provenance/v0.2",
            Self::SlsaProvenance1 => "https://slsa.dev/provenance/v1",
            Self::Spdx | Self::SpdxJson => "https://spdx.dev/Document",
            Self::Vuln => "https://cosign.sigstore.dev/attestation/vuln/v1",
            Self::Uri(uri) => uri,
        }
    }

    /// The statement to sign about an artifact. A JSON predicate goes into it byte for byte, so that what is signed is
    /// what the file says. `now` is written into a [`Self::Custom`] one only.
    ///
    /// Both cosigns write version 0.1 everywhere; sigstore-python reads no other than 1, which cosign reads as well.
    ///
    /// # Errors
    /// Not what the type demands, or too large.
    pub fn statement(
        &self,
        version: StatementVersion,
        about: About<'_>,
        predicate: &[u8],
        now: Timestamp,
    ) -> Result<String, PredicateError> {
        at_most(predicate.len())?;
        let predicate = match self {
            Self::Custom => json(&Custom {
                data: text(predicate)?,
                timestamp: format!("{now:.0}"),
            }),
            Self::Spdx => json(text(predicate)?),
            _ => object(predicate)?,
        };
        let statement = Written {
            statement_type: version.uri(),
            subject: [WrittenSubject {
                name: about.name,
                digest: WrittenDigest {
                    sha256: about.digest.to_string(),
                },
            }],
            predicate_type: self.uri(),
            predicate: &predicate,
        };
        let statement = json(&statement).get().to_owned();
        at_most(statement.len())?;
        Ok(statement)
    }
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri())
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn at_most(found: usize) -> Result<(), PredicateError> {
    if found > limits::STATEMENT_BYTES {
        return Err(PredicateError::TooLarge { found });
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, PredicateError> {
    std::str::from_utf8(bytes).map_err(|error| PredicateError::NoText {
        valid_up_to: error.valid_up_to(),
    })
}

fn object(bytes: &[u8]) -> Result<Box<RawValue>, PredicateError> {
    let value: Box<RawValue> =
        serde_json::from_slice(bytes).map_err(|error| PredicateError::NoJson {
            reason: error.to_string(),
        })?;
    if value.get().starts_with('{') {
        Ok(value)
    } else {
        Err(PredicateError::NoObject)
    }
}

fn json(value: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("text and JSON cannot fail to be written")
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Custom<'a> {
    data: &'a str,
    timestamp: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    subject: [WrittenSubject<'a>; 1],
    predicate_type: &'a str,
    predicate: &'a RawValue,
}

#[derive(Serialize)]
struct WrittenSubject<'a> {
    name: &'a str,
    digest: WrittenDigest,
}

#[derive(Serialize)]
struct WrittenDigest {
    sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> Sha256 {
        Sha256::of(b"a manifest")
    }

    fn statement(kind: &str, predicate: &[u8]) -> Result<String, PredicateError> {
        let digest = digest();
        let about = About {
            name: "registry.example.com/app",
            digest: &digest,
        };
        let now = "2026-11-20T22:22:34.7Z".parse().expect("a time");
        PredicateType::parse(kind)?.statement(StatementVersion::V0_1, about, predicate, now)
    }

    #[test]
    fn a_json_predicate_is_signed_byte_for_byte() {
        let predicate = br#"{"z": 1.50,  "a": 12345678901234567890123, "t": "<&>"}"#;
        let written = statement("slsaprovenance1", predicate).expect("a statement");
        assert!(written.ends_with(&format!(
            r#","predicate":{}}}"#,
            std::str::from_utf8(predicate).expect("text")
        )));
        let read = crate::statement::Statement::parse(written.as_bytes()).expect("a statement");
        assert_eq!(read.predicate_type, "https://slsa.dev/provenance/v1");
        assert_eq!(
            read.subjects[0].name.as_deref(),
            Some("registry.example.com/app")
        );
        assert_eq!(read.subjects[0].digests["sha256"], digest().to_string());
    }

    /// As in the golden attestation of cosign 3.1 (`c18_v31_attest`).
    #[test]
    fn a_custom_predicate_is_text_with_a_time_of_whole_seconds() {
        let written =
            statement("custom", br#"{"hello": "<world> & more", "n": 1}"#).expect("a statement");
        assert!(
            written.ends_with(
                r#","predicateType":"https://cosign.sigstore.dev/attestation/v1","predicate":{"Data":"{\"hello\": \"<world> & more\", \"n\": 1}","Timestamp":"2026-11-20T22:22:34Z"}}"#
            ),
            "{written}"
        );
    }

    #[test]
    fn spdx_text_stays_text() {
        let written = statement("spdx", b"SPDXVersion: SPDX-2.3\n").expect("a statement");
        assert!(written.contains(r#""predicate":"SPDXVersion: SPDX-2.3\n""#));
    }

    #[test]
    fn what_is_no_predicate_of_its_type_is_refused() {
        assert!(matches!(
            statement("spdxjson", b"SPDXVersion: SPDX-2.3"),
            Err(PredicateError::NoJson { .. })
        ));
        assert_eq!(statement("vuln", b"[1]"), Err(PredicateError::NoObject));
        assert_eq!(
            statement("custom", b"ab\xff"),
            Err(PredicateError::NoText { valid_up_to: 2 })
        );
        // Escaped, a control character takes six bytes.
        let large = vec![0x01; limits::STATEMENT_BYTES / 6];
        assert!(matches!(
            statement("custom", &large),
            Err(PredicateError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_type_is_a_name_or_a_uri() {
        for name in PredicateType::names() {
            PredicateType::parse(name).expect(name);
        }
        let uri = "https://example.com/scan/v1";
        assert_eq!(
            PredicateType::parse(uri),
            Ok(PredicateType::Uri(uri.to_owned()))
        );
        for text in ["", "slsa", "/no/scheme", "1https://x", ":x"] {
            assert_eq!(
                PredicateType::parse(text),
                Err(PredicateError::UnknownType {
                    found: text.to_owned()
                })
            );
        }
    }
}
