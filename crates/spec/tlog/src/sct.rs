//! Signed certificate timestamps, version 1 (RFC 6962 3.2 and 3.3): a CT log's promise to include a certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use pki::signature::{HashAlgorithm, Scheme, VerifyError, VerifyingKey, VerifyingKeyKind};

use crate::log_id::{LogId, LogKeys};
use crate::precert::PrecertEntry;

/// Most SCTs of a list.
pub const SCT_LIST_LIMIT: usize = 64;

/// Most bytes of the JSON answer of a CT log.
pub const ADD_CHAIN_RESPONSE_LIMIT: usize = 256 * 1024;

/// Most bytes of a certificate or TBSCertificate in a log entry: its length is written in 24 bits.
const ENTRY_LIMIT: usize = (1 << 24) - 1;

const V1: u8 = 0;
const CERTIFICATE_TIMESTAMP: u8 = 0;

/// Why bytes are no SCT, or one that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SctError {
    /// Hash and signature algorithm are no pair that a log with such a key may use.
    #[error(
        "hash {hash} and signature algorithm {signature} do not fit a log key of kind {kind:?}"
    )]
    Algorithm {
        /// The hash, RFC 5246 7.4.1.4.1.
        hash: u8,
        /// The signature algorithm, ibidem.
        signature: u8,
        /// The kind of the log's key.
        kind: VerifyingKeyKind,
    },
    /// The certificate is longer than its length field can say.
    #[error("log entry of {found} bytes, at most {ENTRY_LIMIT}")]
    EntryTooLarge {
        /// Its size.
        found: usize,
    },
    /// The answer of a log is no such JSON.
    #[error("malformed answer of a CT log")]
    Json,
    /// The signature is not the log's over this certificate.
    #[error("SCT of log {log_id}: {error}")]
    Signature {
        /// The log.
        log_id: LogId,
        /// What is wrong.
        error: VerifyError,
    },
    /// An empty list, or more than [`SCT_LIST_LIMIT`] SCTs.
    #[error("list of {found} SCTs, 1 to {SCT_LIST_LIMIT} needed")]
    ListLength {
        /// How many.
        found: usize,
    },
    /// A time no calendar has.
    #[error("SCT time of {milliseconds} milliseconds is out of range")]
    Time {
        /// Milliseconds since 1970.
        milliseconds: u64,
    },
    /// Extensions or signature are longer than 65535 bytes, or a list is.
    #[error("{what} of {found} bytes is too large")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size.
        found: usize,
    },
    /// Bytes after the end.
    #[error("{found} bytes after the end")]
    Trailing {
        /// How many.
        found: usize,
    },
    /// It ends too early.
    #[error("ends inside {what}")]
    Truncated {
        /// The part that is cut short.
        what: &'static str,
    },
    /// No trusted log has this id.
    #[error("no trusted CT log has the id {log_id}")]
    UnknownLog {
        /// The id.
        log_id: LogId,
    },
    /// A version other than 1, which is written 0.
    #[error("SCT version {version}")]
    Version {
        /// Its byte.
        version: u8,
    },
}

/// An SCT; nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sct {
    /// Which log promises.
    pub log_id: LogId,
    /// When, in milliseconds since 1970.
    pub milliseconds: u64,
    /// The log's extensions, such as the leaf index of C2SP static-ct-api; signed, not understood.
    pub extensions: Vec<u8>,
    /// The hash of the signature (RFC 5246 7.4.1.4.1): 4 is SHA-256, 8 none apart.
    pub hash: u8,
    /// Its algorithm (ibidem): 1 is RSA, 3 ECDSA, 7 Ed25519 (RFC 8422 5.1.3).
    pub algorithm: u8,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What an SCT is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SctEntry<'a> {
    /// `x509_entry`, for detached SCTs: the certificate in DER.
    Certificate(&'a [u8]),
    /// `precert_entry`, for embedded SCTs.
    Precertificate(&'a PrecertEntry),
}

impl Sct {
    /// Reads one SCT.
    ///
    /// # Errors
    /// [`SctError::Version`], [`SctError::Truncated`] or [`SctError::Trailing`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SctError> {
        let mut rest = bytes;
        let [version] = *take(&mut rest, "version")?;
        if version != V1 {
            return Err(SctError::Version { version });
        }
        let sct = Self {
            log_id: LogId::from_bytes(*take(&mut rest, "log id")?),
            milliseconds: u64::from_be_bytes(*take(&mut rest, "time")?),
            extensions: take_vector(&mut rest, "extensions")?.to_vec(),
            hash: take::<1>(&mut rest, "hash algorithm")?[0],
            algorithm: take::<1>(&mut rest, "signature algorithm")?[0],
            signature: take_vector(&mut rest, "signature")?.to_vec(),
        };
        check_end(rest)?;
        Ok(sct)
    }

    /// Reads the JSON that `add-chain` and `add-pre-chain` answer with (RFC 6962 4.1).
    ///
    /// # Errors
    /// [`SctError::Json`], and those of its parts.
    pub fn from_add_chain_response(json: &[u8]) -> Result<Self, SctError> {
        if json.len() > ADD_CHAIN_RESPONSE_LIMIT {
            return Err(SctError::TooLarge {
                what: "answer",
                found: json.len(),
            });
        }
        let answer: AddChainResponse = serde_json::from_slice(json).map_err(|_| SctError::Json)?;
        if answer.sct_version != V1 {
            return Err(SctError::Version {
                version: answer.sct_version,
            });
        }
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| SctError::Json);
        let signed = bytes(&answer.signature)?;
        let mut rest = signed.as_slice();
        let sct = Self {
            log_id: LogId::try_from(bytes(&answer.id)?.as_slice()).map_err(|_| SctError::Json)?,
            milliseconds: answer.timestamp,
            extensions: bytes(answer.extensions.as_deref().unwrap_or_default())?,
            hash: take::<1>(&mut rest, "hash algorithm")?[0],
            algorithm: take::<1>(&mut rest, "signature algorithm")?[0],
            signature: take_vector(&mut rest, "signature")?.to_vec(),
        };
        check_end(rest)?;
        vector_length("extensions", &sct.extensions)?;
        Ok(sct)
    }

    /// Reads the TLS encoding of a list (RFC 6962 3.3).
    ///
    /// # Errors
    /// Those of [`Self::from_bytes`], and [`SctError::ListLength`].
    pub fn parse_list(bytes: &[u8]) -> Result<Vec<Self>, SctError> {
        let mut rest = bytes;
        let mut list = take_vector(&mut rest, "list")?;
        check_end(rest)?;
        let mut scts = Vec::new();
        while !list.is_empty() && scts.len() <= SCT_LIST_LIMIT {
            scts.push(Self::from_bytes(take_vector(&mut list, "list item")?)?);
        }
        check_list_length(scts.len())?;
        Ok(scts)
    }

    /// Writes the TLS encoding.
    ///
    /// # Errors
    /// [`SctError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, SctError> {
        let mut bytes = vec![V1];
        bytes.extend_from_slice(self.log_id.as_bytes());
        bytes.extend_from_slice(&self.milliseconds.to_be_bytes());
        put_vector(&mut bytes, "extensions", &self.extensions)?;
        bytes.extend_from_slice(&[self.hash, self.algorithm]);
        put_vector(&mut bytes, "signature", &self.signature)?;
        Ok(bytes)
    }

    /// Writes a list.
    ///
    /// # Errors
    /// [`SctError::TooLarge`] or [`SctError::ListLength`].
    pub fn write_list(scts: &[Self]) -> Result<Vec<u8>, SctError> {
        check_list_length(scts.len())?;
        let mut items = Vec::new();
        for sct in scts {
            put_vector(&mut items, "SCT", &sct.to_bytes()?)?;
        }
        let mut list = Vec::new();
        put_vector(&mut list, "list", &items)?;
        Ok(list)
    }

    /// What the log signs: the `digitally-signed` structure of RFC 6962 3.2.
    ///
    /// # Errors
    /// [`SctError::EntryTooLarge`] or [`SctError::TooLarge`].
    pub fn signed_data(&self, entry: SctEntry<'_>) -> Result<Vec<u8>, SctError> {
        let mut data = vec![V1, CERTIFICATE_TIMESTAMP];
        data.extend_from_slice(&self.milliseconds.to_be_bytes());
        let contents = match entry {
            SctEntry::Certificate(certificate) => {
                data.extend_from_slice(&[0, 0]);
                certificate
            }
            SctEntry::Precertificate(entry) => {
                data.extend_from_slice(&[0, 1]);
                data.extend_from_slice(entry.issuer_key_hash.as_bytes());
                &entry.tbs
            }
        };
        let found = contents.len();
        match u32::try_from(found).map(u32::to_be_bytes) {
            Ok([0, length @ ..]) => data.extend_from_slice(&length),
            _ => return Err(SctError::EntryTooLarge { found }),
        }
        data.extend_from_slice(contents);
        put_vector(&mut data, "extensions", &self.extensions)?;
        Ok(data)
    }

    /// Checks that a trusted log made this promise about `entry`.
    ///
    /// # Errors
    /// [`SctError::UnknownLog`], [`SctError::Algorithm`], [`SctError::Signature`] or [`SctError::Time`].
    pub fn verify(&self, entry: SctEntry<'_>, logs: &LogKeys) -> Result<SctVerified, SctError> {
        let log_id = self.log_id;
        let key = logs.find(&log_id).ok_or(SctError::UnknownLog { log_id })?;
        let scheme = self.scheme(key)?;
        let data = self.signed_data(entry)?;
        let _proof = key
            .verify(scheme, &data, &self.signature)
            .map_err(|error| SctError::Signature { log_id, error })?;
        let out_of_range = SctError::Time {
            milliseconds: self.milliseconds,
        };
        let time = i64::try_from(self.milliseconds)
            .ok()
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
            .ok_or(out_of_range)?;
        Ok(SctVerified { log_id, time })
    }

    /// RFC 6962 2.1.4 names ECDSA and RSA with SHA-256; Ed25519 is what some private logs use.
    fn scheme(&self, key: &VerifyingKey) -> Result<Scheme, SctError> {
        match (self.hash, self.algorithm, key.kind()) {
            (4, 3, VerifyingKeyKind::Ecdsa(_)) => Ok(Scheme::Ecdsa(HashAlgorithm::Sha256)),
            (4, 1, VerifyingKeyKind::Rsa { .. }) => Ok(Scheme::RsaPkcs1v15(HashAlgorithm::Sha256)),
            (8, 7, VerifyingKeyKind::Ed25519) => Ok(Scheme::Ed25519),
            (hash, signature, kind) => Err(SctError::Algorithm {
                hash,
                signature,
                kind,
            }),
        }
    }
}

/// Proof that a trusted CT log promised to include a certificate; made by [`Sct::verify`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a proof is for something"]
pub struct SctVerified {
    log_id: LogId,
    time: Timestamp,
}

impl SctVerified {
    /// The log.
    #[must_use]
    pub fn log_id(&self) -> &LogId {
        &self.log_id
    }

    /// When, to the millisecond. Whether the log was in use then is for the caller.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }
}

#[derive(serde::Deserialize)]
struct AddChainResponse {
    sct_version: u8,
    id: String,
    timestamp: u64,
    extensions: Option<String>,
    signature: String,
}

fn take<'a, const N: usize>(
    rest: &mut &'a [u8],
    what: &'static str,
) -> Result<&'a [u8; N], SctError> {
    let (head, tail) = rest
        .split_first_chunk::<N>()
        .ok_or(SctError::Truncated { what })?;
    *rest = tail;
    Ok(head)
}

/// Bytes behind a length of 16 bits.
fn take_vector<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<&'a [u8], SctError> {
    let length = u16::from_be_bytes(*take(rest, what)?);
    let (head, tail) = rest
        .split_at_checked(length.into())
        .ok_or(SctError::Truncated { what })?;
    *rest = tail;
    Ok(head)
}

fn put_vector(bytes: &mut Vec<u8>, what: &'static str, contents: &[u8]) -> Result<(), SctError> {
    bytes.extend_from_slice(&vector_length(what, contents)?.to_be_bytes());
    bytes.extend_from_slice(contents);
    Ok(())
}

fn vector_length(what: &'static str, contents: &[u8]) -> Result<u16, SctError> {
    let found = contents.len();
    u16::try_from(found).map_err(|_| SctError::TooLarge { what, found })
}

fn check_list_length(found: usize) -> Result<(), SctError> {
    if (1..=SCT_LIST_LIMIT).contains(&found) {
        Ok(())
    } else {
        Err(SctError::ListLength { found })
    }
}

fn check_end(rest: &[u8]) -> Result<(), SctError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(SctError::Trailing { found: rest.len() })
    }
}
