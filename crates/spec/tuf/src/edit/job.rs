//! What is to be signed, by whom; and the file once it is.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp as Instant};
use pki::key::{CanonicalKeyId, PublicKey, TufKeyId};
use pki::signing::{ProviderError, SigningKey};

use super::EditError;
use crate::expiry::Expiry;
use crate::metadata::{FileMeta, KeyMap, Metadata, RoleKeys, Signature, seal};
use crate::name::Role;
use crate::verify::threshold;

/// How long files are valid from the moment of signing; Notary's figures by default (`notary:const.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lifetimes {
    /// Root: 3650 days.
    pub root: SignedDuration,
    /// Targets and delegations: 1095 days.
    pub targets: SignedDuration,
    /// Snapshot: 1095 days.
    pub snapshot: SignedDuration,
    /// Timestamp: 14 days.
    pub timestamp: SignedDuration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self {
            root: days(3650),
            targets: days(1095),
            snapshot: days(1095),
            timestamp: days(14),
        }
    }
}

impl Lifetimes {
    pub(crate) fn expiry(&self, role: &Role, now: Instant) -> Result<Expiry, EditError> {
        let lifetime = match role {
            Role::Root => self.root,
            Role::Targets | Role::Delegation(_) => self.targets,
            Role::Snapshot => self.snapshot,
            Role::Timestamp => self.timestamp,
        };
        now.checked_add(lifetime)
            .map(Expiry::utc)
            .map_err(|_| EditError::Time)
    }
}

/// One file that waits for signatures.
#[derive(Debug, Clone)]
pub struct SigningJob {
    role: Role,
    version: u64,
    payload: Vec<u8>,
    quorums: Vec<Quorum>,
    optional: Vec<PublicKey>,
}

/// Keys of which a number must sign. A new root needs those of the root before it as well as its own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Quorum {
    /// The keys, in the order of the metadata.
    pub keys: Vec<PublicKey>,
    /// Distinct keys needed.
    pub threshold: usize,
}

/// A signed file: in exact Go form if made here, as received if uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedFile {
    /// The role.
    pub role: Role,
    /// The version.
    pub version: u64,
    /// The bytes to publish or store.
    pub bytes: Vec<u8>,
}

impl SignedFile {
    pub(crate) fn new(role: Role, version: u64, bytes: Vec<u8>) -> Self {
        Self {
            role,
            version,
            bytes,
        }
    }

    /// What a snapshot or timestamp says about the file.
    #[must_use]
    pub fn describe(&self) -> FileMeta {
        FileMeta::of(&self.bytes)
    }
}

impl Quorum {
    pub(crate) fn of(role: &RoleKeys, keys: &KeyMap) -> Self {
        let keys = role
            .keyids
            .iter()
            .filter_map(|id| keys.get(id).cloned())
            .collect();
        Self {
            keys,
            threshold: threshold(role),
        }
    }

    fn count(&self, signed: &BTreeSet<CanonicalKeyId>) -> usize {
        let ids: BTreeSet<_> = self
            .keys
            .iter()
            .filter_map(|key| key.canonical_id().ok())
            .collect();
        ids.intersection(signed).count()
    }
}

impl SigningJob {
    /// A job for the content of a role, with version and expiry set.
    pub(crate) fn new(
        role: Role,
        signed: &impl Metadata,
        quorums: Vec<Quorum>,
        optional: Vec<PublicKey>,
    ) -> Self {
        Self {
            role,
            version: signed.version(),
            payload: signed.write(),
            quorums,
            optional,
        }
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The version that the file will have.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The message to sign.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Who must sign: every quorum is to be met.
    #[must_use]
    pub fn quorums(&self) -> &[Quorum] {
        &self.quorums
    }

    /// Every key whose signature the file may carry, once: those of the quorums, then former root keys.
    pub fn keys(&self) -> impl Iterator<Item = (TufKeyId, &PublicKey)> {
        let mut seen = BTreeSet::new();
        let all = self
            .quorums
            .iter()
            .flat_map(|quorum| &quorum.keys)
            .chain(&self.optional);
        all.map(|key| (key.tuf_id(), key))
            .filter(move |(id, _)| seen.insert(*id))
    }

    /// Signs with a key in memory, under each id by which the job knows it; none if it does not know the key.
    ///
    /// # Errors
    /// The crypto provider failed.
    pub fn sign_with(&self, key: &SigningKey) -> Result<Vec<Signature>, ProviderError> {
        let own = key.canonical_id();
        self.keys()
            .filter(|(_, public)| public.canonical_id().is_ok_and(|id| id == own))
            .map(|(keyid, _)| {
                let signature = key.sign(&self.payload)?;
                Ok(Signature {
                    keyid,
                    method: signature.method,
                    sig: signature.bytes,
                })
            })
            .collect()
    }

    /// Makes the file. Signatures of the version before are not carried over: they are over other bytes.
    ///
    /// # Errors
    /// A signature by a key that the job does not know, one that does not verify, or a quorum that is not met.
    pub fn finish(&self, signatures: &[Signature]) -> Result<SignedFile, EditError> {
        let mut signed = BTreeSet::new();
        let mut kept: Vec<&Signature> = Vec::new();
        for signature in signatures {
            let refused = || EditError::BadSignature {
                role: self.role.clone(),
                keyid: signature.keyid,
            };
            let (_, key) = self
                .keys()
                .find(|(id, _)| *id == signature.keyid)
                .ok_or_else(refused)?;
            key.verify(&signature.method, &self.payload, &signature.sig)
                .map(drop)
                .map_err(|_| refused())?;
            signed.insert(key.canonical_id().map_err(|_| refused())?);
            if !kept.iter().any(|earlier| earlier.keyid == signature.keyid) {
                kept.push(signature);
            }
        }
        for quorum in &self.quorums {
            let have = quorum.count(&signed);
            if have < quorum.threshold {
                return Err(self.missing_keys(quorum, have));
            }
        }
        let kept: Vec<Signature> = kept.into_iter().cloned().collect();
        Ok(SignedFile::new(
            self.role.clone(),
            self.version,
            seal(&self.payload, &kept),
        ))
    }

    fn missing_keys(&self, quorum: &Quorum, have: usize) -> EditError {
        let keys = quorum
            .keys
            .iter()
            .filter_map(|key| key.canonical_id().ok())
            .collect();
        EditError::MissingSignatures {
            role: self.role.clone(),
            have,
            need: quorum.threshold,
            keys,
        }
    }
}
