//! The one place where parsed metadata becomes verified.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use pki::key::{PublicKey, TufKeyId};

use crate::expiry::Expiry;
use crate::limits::{MAX_METADATA_BYTES, MAX_ROOT_BYTES};
use crate::metadata::{FileMeta, KeyMap, Metadata, Parsed, RoleKeys, SHA256, SHA512, Signature};
use crate::name::Role;
use crate::refusal::Refusal;

/// A file whose signatures, structure, version and (where asked for) time were checked. Made in this module only.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    signed: T,
    signatures: Vec<Signature>,
    bytes: Arc<[u8]>,
}

impl<T: Metadata> Verified<T> {
    /// The content.
    #[must_use]
    pub fn signed(&self) -> &T {
        &self.signed
    }

    /// All signatures of the file; those beyond the threshold may be invalid.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The bytes received.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.signed.version()
    }

    /// When it stops being valid.
    #[must_use]
    pub fn expires(&self) -> &Expiry {
        self.signed.expires()
    }
}

/// The keys that may sign for a role, and how many distinct ones must.
#[derive(Debug, Clone)]
pub(crate) struct Signers<'a> {
    pub(crate) keys: BTreeMap<TufKeyId, &'a PublicKey>,
    pub(crate) need: usize,
}

impl<'a> Signers<'a> {
    /// The keys of a role as its delegator lists them.
    pub(crate) fn of(role: &RoleKeys, keys: &'a KeyMap) -> Self {
        let keys = role
            .keyids
            .iter()
            .filter_map(|id| Some((*id, keys.get(id)?)))
            .collect();
        Self {
            keys,
            need: threshold(role),
        }
    }

    /// Distinct underlying keys with a valid signature over `message`. A certificate and the bare key inside it are
    /// one key, although they have two ids.
    pub(crate) fn count(&self, message: &[u8], signatures: &[Signature]) -> usize {
        let mut signed = BTreeSet::new();
        for signature in signatures {
            let Some(key) = self.keys.get(&signature.keyid) else {
                continue;
            };
            let Ok(canonical) = key.canonical_id() else {
                continue;
            };
            if !signed.contains(&canonical)
                && key
                    .verify(&signature.method, message, &signature.sig)
                    .is_ok()
            {
                signed.insert(canonical);
            }
        }
        signed.len()
    }

    pub(crate) fn check<T: Metadata>(&self, role: &Role, file: &Parsed<T>) -> Result<(), Refusal> {
        if file.signatures().is_empty() {
            return Err(Refusal::NoSignatures { role: role.clone() });
        }
        let have = self.count(file.message(), file.signatures());
        if have < self.need {
            return Err(Refusal::ThresholdUnmet {
                role: role.clone(),
                have,
                need: self.need,
            });
        }
        Ok(())
    }
}

/// A role's threshold; one below 1, which no verified file has, becomes one that nobody can meet.
pub(crate) fn threshold(role: &RoleKeys) -> usize {
    usize::try_from(role.threshold)
        .ok()
        .filter(|need| *need > 0)
        .unwrap_or(usize::MAX)
}

/// What a file must satisfy besides its signatures and structure.
pub(crate) struct Demands<'a> {
    pub(crate) role: &'a Role,
    /// The parent's description, if there is a parent.
    pub(crate) described: Option<&'a FileMeta>,
    /// Lowest version allowed.
    pub(crate) at_least: u64,
    /// The time of the check; none to accept an expired file.
    pub(crate) now: Option<Timestamp>,
}

/// Reads and verifies a file in the order of Notary: hash, signatures, structure, version, expiry.
pub(crate) fn verify<T: Metadata>(
    bytes: &[u8],
    signers: &Signers<'_>,
    demands: &Demands<'_>,
) -> Result<Verified<T>, Refusal> {
    let role = demands.role;
    if let Some(described) = demands.described {
        check_description(role, bytes, described)?;
    }
    let file = parse(role, bytes)?;
    signers.check(role, &file)?;
    check_rest(file, demands)
}

/// The checks after signatures, which the caller has made.
pub(crate) fn check_rest<T: Metadata>(
    file: Parsed<T>,
    demands: &Demands<'_>,
) -> Result<Verified<T>, Refusal> {
    let role = demands.role;
    let signed = file.unverified();
    signed
        .check_structure(role)
        .map_err(|source| Refusal::Structure {
            role: role.clone(),
            source,
        })?;
    if signed.version() < demands.at_least {
        return Err(Refusal::VersionRollback {
            role: role.clone(),
            seen: demands.at_least,
            got: signed.version(),
        });
    }
    if let Some(now) = demands.now {
        check_time(role, signed.expires(), now)?;
    }
    let (signed, signatures, bytes) = file.into_parts();
    Ok(Verified {
        signed,
        signatures,
        bytes,
    })
}

pub(crate) fn check_time(role: &Role, expires: &Expiry, now: Timestamp) -> Result<(), Refusal> {
    if expires.is_expired(now) {
        return Err(Refusal::Expired {
            role: role.clone(),
            expires: expires.clone(),
            now,
        });
    }
    Ok(())
}

/// Parses a file, within the limit for a file of unknown length.
pub(crate) fn parse<T: Metadata>(role: &Role, bytes: &[u8]) -> Result<Parsed<T>, Refusal> {
    let limit = if *role == Role::Root {
        MAX_ROOT_BYTES
    } else {
        MAX_METADATA_BYTES
    };
    check_size(role, bytes, limit)?;
    Parsed::from_bytes(bytes).map_err(|source| Refusal::Malformed {
        role: role.clone(),
        source,
    })
}

pub(crate) fn check_size(role: &Role, bytes: &[u8], limit: u64) -> Result<(), Refusal> {
    let got = length(bytes);
    if got > limit {
        Err(Refusal::TooLarge {
            role: role.clone(),
            got,
            limit,
        })
    } else {
        Ok(())
    }
}

/// Checks bytes against a description: the exact length, and every SHA-256 and SHA-512 listed, at least one.
pub(crate) fn check_description(
    role: &Role,
    bytes: &[u8],
    described: &FileMeta,
) -> Result<(), Refusal> {
    let got = length(bytes);
    if u64::try_from(described.length) != Ok(got) {
        return Err(Refusal::LengthMismatch {
            role: role.clone(),
            expected: described.length,
            got,
        });
    }
    let (sha256, sha512) = (described.hashes.raw(SHA256), described.hashes.raw(SHA512));
    if sha256.is_none() && sha512.is_none() {
        return Err(Refusal::NoKnownHash { role: role.clone() });
    }
    let mismatch = |algorithm, expected: &[u8]| {
        Err(Refusal::HashMismatch {
            role: role.clone(),
            algorithm,
            expected: hex::encode(expected),
        })
    };
    match (sha256, sha512) {
        (Some(expected), _) if *expected != pki::digest::Sha256::of(bytes).as_bytes()[..] => {
            mismatch(SHA256, expected)
        }
        (_, Some(expected)) if *expected != pki::digest::Sha512::of(bytes).as_bytes()[..] => {
            mismatch(SHA512, expected)
        }
        _ => Ok(()),
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
