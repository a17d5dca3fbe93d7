//! `trusted_root.json` (`sigstore/protobuf-specs:protos/sigstore_trustroot.proto`).

use jiff::Timestamp;
use pki::signature::{VerifyingKey, VerifyingKeyError};
use serde::Deserialize;
use tlog::checkpoint::{OriginRule, TrustedLog};
use tlog::log_id::LogId;
use tlog::note::KeyName;
use tlog::note_key::NoteKey;

use crate::chain::{Authority, AuthorityError, Window};
use crate::encoding::Bytes;
use crate::limits;

/// The one media type that clients in the field know.
pub const TRUSTED_ROOT: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

/// The instances that a verifier trusts, each with the time it was in use. The default trusts nobody.
#[derive(Debug, Clone, Default)]
pub struct TrustedRoot {
    /// Certificate authorities of signers; chains from the issuing certificate to the root.
    pub certificate_authorities: Vec<Authority>,
    /// Logs of signatures.
    pub logs: Vec<TransparencyLog>,
    /// Logs of certificates.
    pub ct_logs: Vec<TransparencyLog>,
    /// Timestamping authorities; chains from their own certificate to the root.
    pub timestamp_authorities: Vec<Authority>,
}

/// A trusted log.
#[derive(Debug, Clone)]
pub struct TransparencyLog {
    /// Where it is, or was.
    pub base_url: String,
    /// Its key.
    pub key: VerifyingKey,
    /// What entries and promises name it by.
    pub log_id: LogId,
    /// When it was in use.
    pub window: Window,
}

/// Why bytes are no trusted root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// An authority that is none.
    #[error("{list}[{index}]: {source}")]
    Authority {
        /// Which list.
        list: &'static str,
        /// Its place there, from 0.
        index: usize,
        /// What is wrong.
        source: AuthorityError,
    },
    /// A tree hash other than SHA-256.
    #[error("{list}[{index}] hashes with {found:?}")]
    HashAlgorithm {
        /// Which list.
        list: &'static str,
        /// The log's place there, from 0.
        index: usize,
        /// The algorithm's name.
        found: String,
    },
    /// A key that cannot verify.
    #[error("{list}[{index}]: {source}")]
    Key {
        /// Which list.
        list: &'static str,
        /// The log's place there, from 0.
        index: usize,
        /// What is wrong.
        source: VerifyingKeyError,
    },
    /// An identifier that is not 32 bytes.
    #[error("{list}[{index}] has a log id of {found} bytes")]
    LogId {
        /// Which list.
        list: &'static str,
        /// The log's place there, from 0.
        index: usize,
        /// Its length.
        found: usize,
    },
    /// No JSON, or JSON of another shape.
    #[error("no trusted root: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// A log without the time since when it is trusted.
    #[error("{list}[{index}] does not say since when it is in use")]
    NoStart {
        /// Which list.
        list: &'static str,
        /// The log's place there, from 0.
        index: usize,
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
    /// Another media type.
    #[error("media type {found:?} is no known version of a trusted root")]
    UnknownMediaType {
        /// The media type.
        found: String,
    },
}

impl TrustedRoot {
    /// Reads a trusted root of version 0.1. Unknown members are ignored.
    ///
    /// # Errors
    /// Malformed, of another version, above the [`limits`], or with an instance that cannot be used: a file that
    /// decides about trust is taken whole or not at all.
    pub fn parse(json: &[u8]) -> Result<Self, TrustError> {
        at_most("bytes", json.len(), limits::TRUST_BYTES)?;
        let wire: Wire = serde_json::from_slice(json).map_err(|error| TrustError::Malformed {
            reason: error.to_string(),
        })?;
        let media_type = wire.media_type.unwrap_or_default();
        if media_type != TRUSTED_ROOT {
            return Err(TrustError::UnknownMediaType { found: media_type });
        }
        Ok(Self {
            certificate_authorities: authorities(
                "certificateAuthorities",
                wire.certificate_authorities,
            )?,
            logs: logs("tlogs", wire.tlogs)?,
            ct_logs: logs("ctlogs", wire.ctlogs)?,
            timestamp_authorities: authorities("timestampAuthorities", wire.timestamp_authorities)?,
        })
    }
}

impl TransparencyLog {
    /// A log that is known by the hash of its key, as Rekor v1 and CT logs are: from a bare public key.
    #[must_use]
    pub fn of_key(base_url: String, key: VerifyingKey, window: Window) -> Self {
        Self {
            base_url,
            log_id: LogId::of(&key),
            key,
            window,
        }
    }

    /// How this log signs checkpoints: as a shard of Rekor v1, or as a note under the host name of its URL.
    pub(crate) fn note_keys(&self) -> Vec<TrustedLog> {
        let mut keys = vec![TrustedLog {
            key: NoteKey::of_rekor_v1(self.key.clone()),
            origin: OriginRule::RekorShard,
        }];
        let host = url::Url::parse(&self.base_url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned));
        if let Some(host) = host
            && let Ok(name) = KeyName::parse(&host)
        {
            keys.push(TrustedLog {
                key: NoteKey::of_log(name, self.key.clone()),
                origin: OriginRule::Exactly(host),
            });
        }
        keys
    }
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), TrustError> {
    if found > limit {
        return Err(TrustError::TooMany { what, found, limit });
    }
    Ok(())
}

fn logs(
    list: &'static str,
    logs: Option<Vec<WireLog>>,
) -> Result<Vec<TransparencyLog>, TrustError> {
    let logs = logs.unwrap_or_default();
    at_most(list, logs.len(), limits::INSTANCES)?;
    let logs = logs.into_iter().enumerate();
    logs.map(|(index, log)| transparency_log(list, index, log))
        .collect()
}

fn transparency_log(
    list: &'static str,
    index: usize,
    log: WireLog,
) -> Result<TransparencyLog, TrustError> {
    match log.hash_algorithm {
        None => {}
        Some(name) if name == "SHA2_256" => {}
        Some(found) => return Err(TrustError::HashAlgorithm { list, index, found }),
    }
    let mut key = log.public_key.unwrap_or_default();
    let id = log.log_id.unwrap_or_default().key_id.unwrap_or_default().0;
    let window = key.valid_for.take().unwrap_or_default();
    if window.start.is_none() {
        return Err(TrustError::NoStart { list, index });
    }
    Ok(TransparencyLog {
        base_url: log.base_url.unwrap_or_default(),
        key: verifying_key(&key).map_err(|source| TrustError::Key {
            list,
            index,
            source,
        })?,
        log_id: LogId::try_from(id.as_slice()).map_err(|_| TrustError::LogId {
            list,
            index,
            found: id.len(),
        })?,
        window: window.into(),
    })
}

/// All keys are SubjectPublicKeyInfos but those of one deprecated kind, which are bare PKCS #1.
fn verifying_key(key: &WireKey) -> Result<VerifyingKey, VerifyingKeyError> {
    let raw = key.raw_bytes.as_ref().map_or(&[][..], |bytes| &bytes.0);
    match key.key_details.as_deref() {
        Some("PKCS1_RSA_PKCS1V5") => VerifyingKey::from_pkcs1_der(raw),
        _ => VerifyingKey::from_spki_der(raw),
    }
}

fn authorities(
    list: &'static str,
    authorities: Option<Vec<WireAuthority>>,
) -> Result<Vec<Authority>, TrustError> {
    let authorities = authorities.unwrap_or_default();
    at_most(list, authorities.len(), limits::INSTANCES)?;
    let parsed = authorities.into_iter().enumerate().map(|(index, wire)| {
        let certificates = wire.cert_chain.unwrap_or_default().certificates;
        let chain = certificates.unwrap_or_default().into_iter();
        let chain = chain.map(|certificate| certificate.raw_bytes.unwrap_or_default().0);
        let window = wire.valid_for.unwrap_or_default().into();
        Authority::new(wire.uri.unwrap_or_default(), chain.collect(), window).map_err(|source| {
            TrustError::Authority {
                list,
                index,
                source,
            }
        })
    });
    parsed.collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(alias = "media_type")]
    media_type: Option<String>,
    tlogs: Option<Vec<WireLog>>,
    #[serde(alias = "certificate_authorities")]
    certificate_authorities: Option<Vec<WireAuthority>>,
    ctlogs: Option<Vec<WireLog>>,
    #[serde(alias = "timestamp_authorities")]
    timestamp_authorities: Option<Vec<WireAuthority>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLog {
    #[serde(alias = "base_url")]
    base_url: Option<String>,
    #[serde(alias = "hash_algorithm")]
    hash_algorithm: Option<String>,
    #[serde(alias = "public_key")]
    public_key: Option<WireKey>,
    #[serde(alias = "log_id")]
    log_id: Option<WireLogId>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WireKey {
    #[serde(alias = "raw_bytes")]
    raw_bytes: Option<Bytes>,
    #[serde(alias = "key_details")]
    key_details: Option<String>,
    #[serde(alias = "valid_for")]
    valid_for: Option<WireWindow>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WireLogId {
    #[serde(alias = "key_id")]
    key_id: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAuthority {
    uri: Option<String>,
    #[serde(alias = "cert_chain")]
    cert_chain: Option<WireChain>,
    #[serde(alias = "valid_for")]
    valid_for: Option<WireWindow>,
}

#[derive(Deserialize, Default)]
struct WireChain {
    certificates: Option<Vec<WireCertificate>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCertificate {
    #[serde(alias = "raw_bytes")]
    raw_bytes: Option<Bytes>,
}

#[derive(Deserialize, Default)]
pub(super) struct WireWindow {
    start: Option<WireTime>,
    end: Option<WireTime>,
}

/// RFC 3339, as the protobuf JSON mapping writes times.
struct WireTime(Timestamp);

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| serde::de::Error::custom("not a time of RFC 3339"))
    }
}

impl From<WireWindow> for Window {
    fn from(wire: WireWindow) -> Self {
        Self {
            start: wire.start.map(|time| time.0),
            end: wire.end.map(|time| time.0),
        }
    }
}
