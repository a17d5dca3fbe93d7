//! Entries of a transparency log as bundles carry them (`sigstore/protobuf-specs:protos/sigstore_rekor.proto`).

mod body;

use jiff::Timestamp;
use pki::signature::HashAlgorithm;

pub use body::{BodyError, EntryBody, EntrySignature, EntryVerifier};

use crate::bundle::wire;
use crate::encoding::{Bytes, Int64};
use crate::limits;

/// One parsed entry. Parsed, not verified: [`crate::verify`] makes a [`crate::verify::Logged`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The entry's index over all shards of the log.
    pub log_index: u64,
    /// The log's identifier, the hash of its key (and, for the notes of Rekor v2, of its name).
    pub log_id: [u8; 32],
    /// When the log says that it took the entry, to the second; Rekor v2 does not say.
    pub integrated_time: Option<Timestamp>,
    /// The log's promise, a DER ECDSA signature (the signed entry timestamp of Rekor v1).
    pub promise: Option<Vec<u8>>,
    /// That the log holds the entry.
    pub proof: Option<InclusionProof>,
    /// The entry exactly as the log hashed it.
    pub canonicalized_body: Vec<u8>,
    /// The same, typed.
    pub body: EntryBody,
}

/// The unverified parts of a proof of inclusion (RFC 6962, 2.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The index inside the tree, which is that of the shard.
    pub log_index: u64,
    /// Leaves of the tree.
    pub tree_size: u64,
    /// The tree's root.
    pub root_hash: [u8; 32],
    /// The audit path, leaf's sibling first; at most [`limits::PROOF_HASHES`].
    pub hashes: Vec<[u8; 32]>,
    /// The signed note over size and root; absent in the oldest bundles only.
    pub checkpoint: Option<String>,
}

/// Why something is no log entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The logged body does not parse.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body says that it is of another kind or version than the entry does.
    #[error("the entry is {expected}, its body {found}")]
    KindMismatch {
        /// Kind and version of the entry.
        expected: String,
        /// Kind and version of the body.
        found: String,
    },
    /// Bytes of another length.
    #[error("{member} of {found} bytes, {expected} needed")]
    Length {
        /// The member's name.
        member: &'static str,
        /// Bytes needed.
        expected: usize,
        /// Bytes there.
        found: usize,
    },
    /// A member that must be there.
    #[error("no {member}")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// A negative index, size or time.
    #[error("{member} is {found}")]
    Negative {
        /// The member's name.
        member: &'static str,
        /// Its value.
        found: i64,
    },
    /// A time outside the years that can be expressed.
    #[error("integratedTime {seconds} is no time")]
    Time {
        /// Seconds since 1970.
        seconds: i64,
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

impl LogEntry {
    /// Reads the JSON of one entry, which is Rekor v2's answer to a new entry too.
    ///
    /// # Errors
    /// Malformed, of an unknown kind, or above the [`limits`].
    pub fn parse(json: &[u8]) -> Result<Self, EntryError> {
        at_most("bytes", json.len(), limits::ENTRY_BYTES)?;
        let wire = serde_json::from_slice(json).map_err(|error| BodyError::Malformed {
            reason: error.to_string(),
        })?;
        Self::from_wire(wire)
    }

    pub(crate) fn from_wire(wire: wire::LogEntry) -> Result<Self, EntryError> {
        let missing = |member| EntryError::Missing { member };
        let kind = wire.kind_version.ok_or(missing("kindVersion"))?;
        let body = wire.canonicalized_body.unwrap_or_default().0;
        at_most("bytes of a body", body.len(), limits::ENTRY_BYTES)?;
        if body.is_empty() {
            return Err(missing("canonicalizedBody"));
        }
        let typed = EntryBody::parse(&body)?;
        let expected = format!(
            "{} {}",
            kind.kind.unwrap_or_default(),
            kind.version.unwrap_or_default()
        );
        let found = format!("{} {}", typed.kind(), typed.version());
        if expected != found {
            return Err(EntryError::KindMismatch { expected, found });
        }
        let key_id = wire.log_id.and_then(|id| id.key_id).unwrap_or_default();
        let promise = wire
            .inclusion_promise
            .map(|promise| {
                let promise = promise.signed_entry_timestamp.unwrap_or_default().0;
                (!promise.is_empty())
                    .then_some(promise)
                    .ok_or(missing("inclusionPromise.signedEntryTimestamp"))
            })
            .transpose()?;
        if let Some(promise) = &promise {
            at_most("bytes of a promise", promise.len(), limits::SIGNATURE_BYTES)?;
        }
        Ok(Self {
            log_index: natural("logIndex", wire.log_index)?,
            log_id: fixed("logId.keyId", &key_id.0)?,
            integrated_time: time(wire.integrated_time)?,
            promise,
            proof: wire.inclusion_proof.map(proof).transpose()?,
            canonicalized_body: body,
            body: typed,
        })
    }

    pub(crate) fn to_wire(&self) -> wire::LogEntry {
        let signed = |value: u64| i64::try_from(value).map(Int64).ok();
        wire::LogEntry {
            log_index: signed(self.log_index),
            log_id: Some(wire::LogId {
                key_id: Some(Bytes(self.log_id.to_vec())),
            }),
            kind_version: Some(wire::KindVersion {
                kind: Some(self.body.kind().to_owned()),
                version: Some(self.body.version().to_owned()),
            }),
            integrated_time: self.integrated_time.map(|time| Int64(time.as_second())),
            inclusion_promise: self.promise.as_ref().map(|promise| wire::Promise {
                signed_entry_timestamp: Some(Bytes(promise.clone())),
            }),
            inclusion_proof: self.proof.as_ref().map(|proof| wire::Proof {
                log_index: signed(proof.log_index),
                root_hash: Some(Bytes(proof.root_hash.to_vec())),
                tree_size: signed(proof.tree_size),
                hashes: Some(&proof.hashes)
                    .filter(|hashes| !hashes.is_empty())
                    .map(|hashes| hashes.iter().map(|hash| Bytes(hash.to_vec())).collect()),
                checkpoint: proof.checkpoint.as_ref().map(|envelope| wire::Checkpoint {
                    envelope: Some(envelope.clone()),
                }),
            }),
            canonicalized_body: Some(Bytes(self.canonicalized_body.clone())),
        }
    }
}

/// The lower-case name of a hash, as Rekor v1 and in-toto write it.
pub(crate) fn hash_name(algorithm: HashAlgorithm) -> &'static str {
    match algorithm {
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
    }
}

fn proof(wire: wire::Proof) -> Result<InclusionProof, EntryError> {
    let hashes = wire.hashes.unwrap_or_default();
    at_most("hashes of a proof", hashes.len(), limits::PROOF_HASHES)?;
    let checkpoint = wire
        .checkpoint
        .and_then(|checkpoint| checkpoint.envelope)
        .filter(|envelope| !envelope.is_empty());
    if let Some(checkpoint) = &checkpoint {
        let found = checkpoint.len();
        at_most("bytes of a checkpoint", found, limits::CHECKPOINT_BYTES)?;
    }
    Ok(InclusionProof {
        log_index: natural("inclusionProof.logIndex", wire.log_index)?,
        tree_size: natural("inclusionProof.treeSize", wire.tree_size)?,
        root_hash: fixed(
            "inclusionProof.rootHash",
            &wire.root_hash.unwrap_or_default().0,
        )?,
        hashes: hashes
            .iter()
            .map(|hash| fixed("inclusionProof.hashes", &hash.0))
            .collect::<Result<_, _>>()?,
        checkpoint,
    })
}

fn natural(member: &'static str, value: Option<Int64>) -> Result<u64, EntryError> {
    let found = value.unwrap_or_default().0;
    u64::try_from(found).map_err(|_| EntryError::Negative { member, found })
}

/// Absent and zero are the same in proto3: the log does not say.
fn time(value: Option<Int64>) -> Result<Option<Timestamp>, EntryError> {
    let seconds = value.unwrap_or_default().0;
    match seconds {
        0 => Ok(None),
        ..0 => Err(EntryError::Negative {
            member: "integratedTime",
            found: seconds,
        }),
        _ => Timestamp::from_second(seconds)
            .map(Some)
            .map_err(|_| EntryError::Time { seconds }),
    }
}

fn fixed(member: &'static str, bytes: &[u8]) -> Result<[u8; 32], EntryError> {
    bytes.try_into().map_err(|_| EntryError::Length {
        member,
        expected: 32,
        found: bytes.len(),
    })
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), EntryError> {
    if found > limit {
        return Err(EntryError::TooMany { what, found, limit });
    }
    Ok(())
}
