//! Signatures of cosign before bundles: a payload in a layer, everything else in the layer's annotations
//! (`sigstore/cosign:specs/SIGNATURE_SPEC.md`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tlog::log_id::LogId;

use crate::encoding::{base64, from_base64};
use crate::entry::{BodyError, EntryBody, LogEntry};
use crate::fulcio::{CertificateError, SigningCertificate, chain_from_pem, to_pem};
use crate::limits;

/// Base64 of the raw signature; empty for attestations, whose envelope has it.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// PEM of the signer's certificate.
pub const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// PEM of its issuers, the root last.
pub const CHAIN: &str = "dev.sigstore.cosign/chain";
/// JSON of the log's promise.
pub const BUNDLE: &str = "dev.sigstore.cosign/bundle";
/// JSON of a timestamp over the raw signature.
pub const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// One parsed signature: the payload's bytes and what its layer says about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacySignature {
    /// The bytes of the layer's blob.
    pub payload: Vec<u8>,
    /// The raw signature; empty for attestations.
    pub signature: Vec<u8>,
    /// The signer's certificate.
    pub certificate: Option<Box<SigningCertificate>>,
    /// DER of its issuers in the order given: untrusted, candidates for intermediates.
    pub chain: Vec<Vec<u8>>,
    /// The log's promise.
    pub log_promise: Option<LogPromise>,
    /// A DER `TimeStampResp`.
    pub timestamp: Option<Vec<u8>>,
}

/// A signature over a file in the form of cosign 2's `--bundle`, or put together from the files of `--signature`,
/// `--certificate` and `--rfc3161-timestamp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyBlob {
    /// The raw signature.
    pub signature: Vec<u8>,
    /// The signer's certificate.
    pub certificate: Option<Box<SigningCertificate>>,
    /// The log's promise.
    pub log_promise: Option<LogPromise>,
    /// A DER `TimeStampResp`; the file of `--bundle` has no place for one.
    pub timestamp: Option<Vec<u8>>,
}

/// An entry and a log's promise to keep it, without proof of inclusion: the format has no place for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPromise {
    /// The DER ECDSA signature.
    pub signed_entry_timestamp: Vec<u8>,
    /// The entry as the log recorded it.
    pub canonicalized_body: Vec<u8>,
    /// The same, typed.
    pub body: EntryBody,
    /// When the log says that it took the entry, to the second.
    pub integrated_time: Timestamp,
    /// The index over all shards.
    pub log_index: u64,
    /// The log.
    pub log_id: LogId,
}

/// Why a layer is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// The logged body does not parse.
    #[error("the log's entry: {0}")]
    Body(#[from] BodyError),
    /// A certificate does not parse.
    #[error("annotation {annotation}: {source}")]
    Certificate {
        /// Which annotation.
        annotation: &'static str,
        /// What is wrong.
        source: CertificateError,
    },
    /// An annotation that is not base64, not JSON, or JSON of another shape.
    #[error("annotation {annotation} is malformed")]
    Malformed {
        /// Which one.
        annotation: &'static str,
    },
    /// No annotation with a signature.
    #[error("no annotation {SIGNATURE}")]
    NoSignature,
    /// More than the limit.
    #[error("annotation {annotation} holds {found} bytes")]
    TooLarge {
        /// Which one.
        annotation: &'static str,
        /// Its size.
        found: usize,
    },
}

impl LegacySignature {
    /// Reads a layer: its annotations, and the bytes of its blob, whose digest the caller has checked.
    ///
    /// # Errors
    /// No signature, or an annotation of cosign's that does not parse: a broken certificate or promise is not taken for
    /// an absent one. Empty annotations are absent, as for cosign.
    pub fn from_annotations(
        payload: &[u8],
        annotations: &BTreeMap<String, String>,
    ) -> Result<Self, LegacyError> {
        let signature = annotations.get(SIGNATURE).ok_or(LegacyError::NoSignature)?;
        check_size(SIGNATURE, signature, limits::SIGNATURE_BYTES)?;
        let text = |name: &str| annotations.get(name).filter(|text| !text.is_empty());
        Ok(Self {
            payload: payload.to_vec(),
            signature: decode(SIGNATURE, signature)?,
            certificate: text(CERTIFICATE)
                .map(|text| certificate(text))
                .transpose()?,
            chain: match text(CHAIN) {
                Some(text) => chain_from_pem(text).map_err(|source| LegacyError::Certificate {
                    annotation: CHAIN,
                    source,
                })?,
                None => Vec::new(),
            },
            log_promise: text(BUNDLE)
                .map(|text| LogPromise::parse(text))
                .transpose()?,
            timestamp: text(TIMESTAMP)
                .map(|text| timestamp_from_json(text))
                .transpose()?,
        })
    }

    /// Reads an attestation about a file in the form of cosign 2's `attest-blob --bundle`: that of [`LegacyBlob`], with
    /// the envelope in the place of the signature.
    ///
    /// # Errors
    /// As [`LegacyBlob::parse`], for an envelope of up to [`limits::BUNDLE_BYTES`].
    pub fn from_attestation_bundle(json: &[u8]) -> Result<Self, LegacyError> {
        let blob = LegacyBlob::within(json, limits::BUNDLE_BYTES)?;
        Ok(Self {
            payload: blob.signature,
            signature: Vec::new(),
            certificate: blob.certificate,
            chain: Vec::new(),
            log_promise: blob.log_promise,
            timestamp: None,
        })
    }

    /// The layer's annotations as cosign 2.5 writes them.
    #[must_use]
    pub fn to_annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::from([(SIGNATURE.to_owned(), base64(&self.signature))]);
        let mut put = |name: &str, text: Option<String>| {
            if let Some(text) = text {
                annotations.insert(name.to_owned(), text);
            }
        };
        let chain: String = self.chain.iter().map(|der| to_pem(der)).collect();
        put(
            CERTIFICATE,
            self.certificate.as_ref().map(|leaf| leaf.to_pem()),
        );
        put(CHAIN, Some(chain).filter(|chain| !chain.is_empty()));
        put(BUNDLE, self.log_promise.as_ref().map(LogPromise::to_json));
        put(TIMESTAMP, self.timestamp.as_deref().map(timestamp_json));
        annotations
    }
}

impl LegacyBlob {
    /// Reads cosign 2's `{"base64Signature":…,"cert":…,"rekorBundle":…}`.
    ///
    /// # Errors
    /// Malformed JSON, base64 or certificate, no signature, or above the limit.
    pub fn parse(json: &[u8]) -> Result<Self, LegacyError> {
        Self::within(json, limits::SIGNATURE_BYTES)
    }

    /// The same with a signature of up to `limit` bytes.
    fn within(json: &[u8], limit: usize) -> Result<Self, LegacyError> {
        const MALFORMED: LegacyError = LegacyError::Malformed {
            annotation: SIGNATURE,
        };
        if json.len() > 2 * limit + 4 * limits::ENTRY_BYTES {
            return Err(LegacyError::TooLarge {
                annotation: SIGNATURE,
                found: json.len(),
            });
        }
        let wire: WireBlob = serde_json::from_slice(json).map_err(|_| MALFORMED)?;
        check_size(SIGNATURE, &wire.base64_signature, limit)?;
        let signature = decode(SIGNATURE, &wire.base64_signature)?;
        if signature.is_empty() {
            return Err(LegacyError::NoSignature);
        }
        let certificate = match wire.cert.filter(|text| !text.is_empty()) {
            Some(text) => blob_certificate(&text)?,
            None => None,
        };
        Ok(Self {
            signature,
            certificate,
            log_promise: wire.rekor_bundle.map(LogPromise::typed).transpose()?,
            timestamp: None,
        })
    }

    /// Writes what [`Self::parse`] reads, as cosign 2.5 does; a timestamp goes into a file of its own.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&WireBlob {
            base64_signature: base64(&self.signature),
            cert: self
                .certificate
                .as_ref()
                .map(|leaf| base64(leaf.to_pem().as_bytes())),
            rekor_bundle: self.log_promise.as_ref().map(LogPromise::to_wire),
        })
        .expect("text and numbers cannot fail to be written")
    }
}

/// JSON of a timestamp as the annotation and the file of `--rfc3161-timestamp` have it.
#[must_use]
pub fn timestamp_json(der: &[u8]) -> String {
    serde_json::to_string(&WireTimestamp {
        signed_rfc3161_timestamp: base64(der),
    })
    .expect("text cannot fail to be written")
}

/// Reads what [`timestamp_json`] writes: a DER `TimeStampResp`.
///
/// # Errors
/// Malformed, or above [`limits::TIMESTAMP_BYTES`].
pub fn timestamp_from_json(json: &str) -> Result<Vec<u8>, LegacyError> {
    check_size(TIMESTAMP, json, limits::TIMESTAMP_BYTES)?;
    let wire: WireTimestamp = serde_json::from_str(json).map_err(|_| LegacyError::Malformed {
        annotation: TIMESTAMP,
    })?;
    decode(TIMESTAMP, &wire.signed_rfc3161_timestamp)
}

impl LogPromise {
    /// Reads cosign's `{"SignedEntryTimestamp":…,"Payload":…}`, the annotation and the `rekorBundle` of old blob
    /// bundles.
    ///
    /// # Errors
    /// Malformed JSON, base64 or hex, an entry of an unknown kind, or above the limit.
    pub fn parse(json: &str) -> Result<Self, LegacyError> {
        check_size(BUNDLE, json, limits::ENTRY_BYTES)?;
        let wire = serde_json::from_str(json)
            .map_err(|_| LegacyError::Malformed { annotation: BUNDLE })?;
        Self::typed(wire)
    }

    /// Reads Rekor's own answer about one entry: `{"<name>":{"body":…,"verification":{"signedEntryTimestamp":…}}}`
    /// (`sigstore/rekor:openapi.yaml`).
    ///
    /// # Errors
    /// As [`Self::parse`]; no entry, several, or one without the promise.
    pub fn parse_answer(json: &str) -> Result<Self, LegacyError> {
        let malformed = || LegacyError::Malformed { annotation: BUNDLE };
        check_size(BUNDLE, json, limits::ENTRY_BYTES)?;
        let answer: BTreeMap<String, WireAnswer> =
            serde_json::from_str(json).map_err(|_| malformed())?;
        let mut entries = answer.into_values();
        match (entries.next(), entries.next()) {
            (
                Some(WireAnswer {
                    payload,
                    verification,
                }),
                None,
            ) => Self::typed(WirePromise {
                signed_entry_timestamp: verification.signed_entry_timestamp,
                payload,
            }),
            _ => Err(malformed()),
        }
    }

    fn typed(wire: WirePromise) -> Result<Self, LegacyError> {
        let malformed = || LegacyError::Malformed { annotation: BUNDLE };
        let body = decode(BUNDLE, &wire.payload.body)?;
        Ok(Self {
            signed_entry_timestamp: decode(BUNDLE, &wire.signed_entry_timestamp)?,
            body: EntryBody::parse(&body)?,
            canonicalized_body: body,
            integrated_time: Timestamp::from_second(wire.payload.integrated_time)
                .map_err(|_| malformed())?,
            log_index: u64::try_from(wire.payload.log_index).map_err(|_| malformed())?,
            log_id: LogId::parse_hex(&wire.payload.log_id).map_err(|_| malformed())?,
        })
    }

    /// Writes it: numbers are numbers here, members in cosign's order.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.to_wire()).expect("text and numbers cannot fail to be written")
    }

    /// Of an entry that a log has taken; `None` without its promise and time, as from Rekor v2.
    #[must_use]
    pub fn of_entry(entry: &LogEntry) -> Option<Self> {
        Some(Self {
            signed_entry_timestamp: entry.promise.clone()?,
            canonicalized_body: entry.canonicalized_body.clone(),
            body: entry.body.clone(),
            integrated_time: entry.integrated_time?,
            log_index: entry.log_index,
            log_id: LogId::from_bytes(entry.log_id),
        })
    }

    fn to_wire(&self) -> WirePromise {
        WirePromise {
            signed_entry_timestamp: base64(&self.signed_entry_timestamp),
            payload: WirePayload {
                body: base64(&self.canonicalized_body),
                integrated_time: self.integrated_time.as_second(),
                log_index: i64::try_from(self.log_index).unwrap_or(i64::MAX),
                log_id: self.log_id.to_string(),
            },
        }
    }
}

/// Base64 and what is around it is less than twice as long as the bytes.
fn check_size(annotation: &'static str, text: &str, limit: usize) -> Result<(), LegacyError> {
    if text.len() > 2 * limit {
        return Err(LegacyError::TooLarge {
            annotation,
            found: text.len(),
        });
    }
    Ok(())
}

/// As Go does, without the ends of lines: `cosign attach signature` takes them along from the file.
fn decode(annotation: &'static str, text: &str) -> Result<Vec<u8>, LegacyError> {
    from_base64(&text.replace(['\r', '\n'], "")).ok_or(LegacyError::Malformed { annotation })
}

fn certificate(text: &str) -> Result<Box<SigningCertificate>, LegacyError> {
    SigningCertificate::from_pem(text)
        .map(Box::new)
        .map_err(|source| LegacyError::Certificate {
            annotation: CERTIFICATE,
            source,
        })
}

/// The certificate of a blob's bundle; where somebody signed with a key, both cosigns put that key there.
fn blob_certificate(base64: &str) -> Result<Option<Box<SigningCertificate>>, LegacyError> {
    let pem = decode(CERTIFICATE, base64)?;
    let pem = String::from_utf8(pem).map_err(|_| LegacyError::Malformed {
        annotation: CERTIFICATE,
    })?;
    if pem.starts_with("-----BEGIN PUBLIC KEY-----") {
        return Ok(None);
    }
    certificate(&pem).map(Some)
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBlob {
    base64_signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rekor_bundle: Option<WirePromise>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WirePromise {
    signed_entry_timestamp: String,
    payload: WirePayload,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePayload {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
struct WireAnswer {
    #[serde(flatten)]
    payload: WirePayload,
    verification: WireVerification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireVerification {
    signed_entry_timestamp: String,
}

#[derive(Serialize, Deserialize)]
struct WireTimestamp {
    #[serde(rename = "SignedRFC3161Timestamp")]
    signed_rfc3161_timestamp: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "eyJhcGlWZXJzaW9uIjoiMC4wLjEiLCJraW5kIjoiaGFzaGVkcmVrb3JkIiwic3BlYyI6e319";

    #[test]
    fn line_ends_in_base64_are_nothing() {
        let signature = |text: &str| {
            let annotations = BTreeMap::from([(SIGNATURE.to_owned(), text.to_owned())]);
            LegacySignature::from_annotations(b"{}", &annotations).map(|read| read.signature)
        };
        for text in ["YWJj", "YWJj\n", "YW\r\nJj\r\n"] {
            assert_eq!(signature(text).as_deref(), Ok(&b"abc"[..]), "{text:?}");
        }
        for text in ["YWJj ", "YW Jj", "YWJ", "YWJj\n="] {
            let malformed = LegacyError::Malformed {
                annotation: SIGNATURE,
            };
            assert_eq!(signature(text), Err(malformed), "{text:?}");
        }
    }

    #[test]
    fn answers_of_a_log_that_are_none() {
        let entry = format!(
            r#"{{"body":"{BODY}","integratedTime":1,"logID":"00","logIndex":1,"verification":{{"signedEntryTimestamp":"YWJj"}}}}"#
        );
        for answer in [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            r#"{"a":{}}"#.to_owned(),
            format!(r#"{{"a":{entry},"b":{entry}}}"#),
            // A body that is no entry.
            format!(r#"{{"a":{entry}}}"#),
        ] {
            assert!(LogPromise::parse_answer(&answer).is_err(), "{answer}");
        }
    }
}
