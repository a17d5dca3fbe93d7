//! Trusted roots and signing configurations as JSON: byte for byte what cosign 3 writes, that is the protobuf JSON mapping
//! without blanks, members in the order of their field numbers, empty ones left out
//! (`sigstore/sigstore-go:pkg/root/trusted_root_create.go`, `signing_config.go`).

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{CN, O};
use der::asn1::{Any, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use der::{Decode as _, Tag, Tagged as _};
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use pki::key::Curve;
use pki::signature::VerifyingKeyKind;
use serde::Serialize;

use super::{
    SIGNING_CONFIG, Selector, Service, ServiceList, SigningConfig, TRUSTED_ROOT, TransparencyLog,
    TrustedRoot,
};
use crate::chain::{Authority, Window};
use crate::encoding::Bytes;

/// A key that the format has no name for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trusted root cannot name a key of kind {kind:?}")]
pub struct UnnamedKey {
    /// Its kind.
    pub kind: VerifyingKeyKind,
}

impl TrustedRoot {
    /// The file. Instances are sorted by when their use began; those that began together stay in order.
    ///
    /// # Errors
    /// An RSA key of other than 2048, 3072 or 4096 bits.
    pub fn to_json(&self) -> Result<String, UnnamedKey> {
        let json = RootJson {
            media_type: TRUSTED_ROOT,
            tlogs: logs(&self.logs)?,
            certificate_authorities: authorities(&self.certificate_authorities),
            ctlogs: logs(&self.ct_logs)?,
            timestamp_authorities: authorities(&self.timestamp_authorities),
        };
        Ok(to_string(&json))
    }
}

impl SigningConfig {
    /// The file.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_string(&ConfigJson {
            media_type: SIGNING_CONFIG,
            ca_urls: services(&self.certificate_authorities),
            oidc_urls: services(&self.identity_providers),
            rekor_tlog_urls: services(&self.logs.services),
            rekor_tlog_config: selector(&self.logs),
            tsa_urls: services(&self.timestamp_authorities.services),
            tsa_config: selector(&self.timestamp_authorities),
        })
    }
}

fn to_string<T: Serialize>(json: &T) -> String {
    serde_json::to_string(json).expect("text, numbers and lists of them can be written")
}

fn logs(logs: &[TransparencyLog]) -> Result<Vec<LogJson<'_>>, UnnamedKey> {
    let mut sorted: Vec<&TransparencyLog> = logs.iter().collect();
    sorted.sort_by_key(|log| began(log.window));
    sorted.into_iter().map(log).collect()
}

fn log(log: &TransparencyLog) -> Result<LogJson<'_>, UnnamedKey> {
    Ok(LogJson {
        base_url: &log.base_url,
        hash_algorithm: "SHA2_256",
        public_key: KeyJson {
            raw_bytes: Bytes(log.key.spki_der().to_vec()),
            key_details: details(log.key.kind())?,
            valid_for: window(log.window),
        },
        log_id: LogIdJson {
            key_id: Bytes(log.log_id.as_bytes().to_vec()),
        },
    })
}

fn details(kind: VerifyingKeyKind) -> Result<&'static str, UnnamedKey> {
    Ok(match kind {
        VerifyingKeyKind::Ecdsa(Curve::P256) => "PKIX_ECDSA_P256_SHA_256",
        VerifyingKeyKind::Ecdsa(Curve::P384) => "PKIX_ECDSA_P384_SHA_384",
        VerifyingKeyKind::Ecdsa(Curve::P521) => "PKIX_ECDSA_P521_SHA_512",
        VerifyingKeyKind::Ed25519 => "PKIX_ED25519",
        VerifyingKeyKind::Rsa { bits: 2048 } => "PKIX_RSA_PKCS1V15_2048_SHA256",
        VerifyingKeyKind::Rsa { bits: 3072 } => "PKIX_RSA_PKCS1V15_3072_SHA256",
        VerifyingKeyKind::Rsa { bits: 4096 } => "PKIX_RSA_PKCS1V15_4096_SHA256",
        VerifyingKeyKind::Ecdsa(Curve::P224) | VerifyingKeyKind::Rsa { .. } => {
            return Err(UnnamedKey { kind });
        }
    })
}

fn authorities(authorities: &[Authority]) -> Vec<AuthorityJson<'_>> {
    let mut sorted: Vec<&Authority> = authorities.iter().collect();
    sorted.sort_by_key(|authority| began(authority.window()));
    let written = sorted.into_iter().map(|authority| AuthorityJson {
        subject: subject(authority),
        uri: authority.uri(),
        cert_chain: ChainJson {
            certificates: authority
                .chain()
                .iter()
                .map(|der| certificate(der))
                .collect(),
        },
        valid_for: window(authority.window()),
    });
    written.collect()
}

fn certificate(der: &[u8]) -> CertificateJson {
    CertificateJson {
        raw_bytes: Bytes(der.to_vec()),
    }
}

/// The anchor's first organization and, as Go reads it, last common name.
fn subject(authority: &Authority) -> SubjectJson {
    let anchor = authority
        .chain()
        .last()
        .and_then(|der| x509_cert::Certificate::from_der(der).ok());
    let Some(anchor) = anchor else {
        return SubjectJson::default();
    };
    let subject = anchor.tbs_certificate().subject();
    let attributes: Vec<(ObjectIdentifier, String)> = subject
        .iter()
        .filter_map(|attribute| Some((attribute.oid, text(&attribute.value)?)))
        .collect();
    let mut organizations = attributes.iter().filter(|(oid, _)| *oid == O);
    let mut names = attributes.iter().filter(|(oid, _)| *oid == CN);
    let value = |found: Option<&(_, String)>| found.map(|(_, text)| text.clone());
    SubjectJson {
        organization: value(organizations.next()).unwrap_or_default(),
        common_name: value(names.next_back()).unwrap_or_default(),
    }
}

fn text(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => value
            .decode_as::<Utf8StringRef<'_>>()
            .ok()
            .map(|text| text.as_str().to_owned()),
        Tag::PrintableString => value
            .decode_as::<PrintableStringRef<'_>>()
            .ok()
            .map(|text| text.as_str().to_owned()),
        Tag::Ia5String => value
            .decode_as::<Ia5StringRef<'_>>()
            .ok()
            .map(|text| text.as_str().to_owned()),
        Tag::TeletexString => value
            .decode_as::<TeletexStringRef<'_>>()
            .ok()
            .map(|text| text.as_str().to_owned()),
        _ => None,
    }
}

fn services(services: &[Service]) -> Vec<ServiceJson<'_>> {
    let written = services.iter().map(|service| ServiceJson {
        url: &service.url,
        major_api_version: service.major_api_version,
        valid_for: window(service.window),
        operator: &service.operator,
    });
    written.collect()
}

fn selector(list: &ServiceList) -> SelectorJson {
    let (selector, count) = match list.selector {
        None => (None, 0),
        Some(Selector::All) => (Some("ALL"), 0),
        Some(Selector::Any) => (Some("ANY"), 0),
        Some(Selector::Exact(count)) => (Some("EXACT"), count),
    };
    SelectorJson { selector, count }
}

fn began(window: Window) -> Timestamp {
    window.start.unwrap_or(Timestamp::UNIX_EPOCH)
}

fn window(window: Window) -> WindowJson {
    WindowJson {
        start: window.start.map(time),
        end: window.end.map(time),
    }
}

/// RFC 3339 in UTC with no, three, six or nine digits of a second (protobuf `timestamp.proto`).
fn time(time: Timestamp) -> String {
    let nanoseconds = time.subsec_nanosecond();
    let digits = match nanoseconds {
        0 => 0,
        n if n % 1_000_000 == 0 => 3,
        n if n % 1_000 == 0 => 6,
        _ => 9,
    };
    let printer = DateTimePrinter::new().precision(Some(digits));
    printer.timestamp_to_string(&time)
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RootJson<'a> {
    media_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tlogs: Vec<LogJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificate_authorities: Vec<AuthorityJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ctlogs: Vec<LogJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timestamp_authorities: Vec<AuthorityJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    base_url: &'a str,
    hash_algorithm: &'static str,
    public_key: KeyJson,
    log_id: LogIdJson,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyJson {
    raw_bytes: Bytes,
    key_details: &'static str,
    valid_for: WindowJson,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogIdJson {
    key_id: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityJson<'a> {
    subject: SubjectJson,
    #[serde(skip_serializing_if = "str::is_empty")]
    uri: &'a str,
    cert_chain: ChainJson,
    valid_for: WindowJson,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct SubjectJson {
    #[serde(skip_serializing_if = "String::is_empty")]
    organization: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    common_name: String,
}

#[derive(Serialize)]
struct ChainJson {
    certificates: Vec<CertificateJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateJson {
    raw_bytes: Bytes,
}

#[derive(Serialize)]
struct WindowJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigJson<'a> {
    media_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ca_urls: Vec<ServiceJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    oidc_urls: Vec<ServiceJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rekor_tlog_urls: Vec<ServiceJson<'a>>,
    rekor_tlog_config: SelectorJson,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tsa_urls: Vec<ServiceJson<'a>>,
    tsa_config: SelectorJson,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    major_api_version: u32,
    valid_for: WindowJson,
    #[serde(skip_serializing_if = "str::is_empty")]
    operator: &'a str,
}

#[derive(Serialize)]
struct SelectorJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<&'static str>,
    #[serde(skip_serializing_if = "is_zero")]
    count: u32,
}
