//! Timestamp, snapshot and targets: each phase is made from the one before it and from bytes.

use std::sync::Arc;

use jiff::Timestamp as Instant;
use pki::key::{PublicKey, TufKeyId};

use super::RootTrusted;
use super::tree::TargetsTrusted;
use crate::limits::{MAX_METADATA_BYTES, MAX_TIMESTAMP_BYTES};
use crate::metadata::{FileMeta, Root, Snapshot, Targets, Timestamp};
use crate::name::{Gun, Role};
use crate::refusal::Refusal;
use crate::verify::{Demands, Signers, Verified, check_description, check_size, verify};

/// Root and timestamp are trusted.
#[derive(Debug, Clone)]
pub struct TimestampTrusted {
    root: RootTrusted,
    timestamp: Arc<Verified<Timestamp>>,
}

/// Root, timestamp and snapshot are trusted, and belong together.
#[derive(Debug, Clone)]
pub struct SnapshotTrusted {
    timestamp: TimestampTrusted,
    snapshot: Arc<Verified<Snapshot>>,
}

/// A file to fetch by its content: what the parent says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// The role.
    pub role: Role,
    /// Digests and length that the bytes must have; a verified parent always states a SHA-256 of 32 bytes for root,
    /// targets and snapshot.
    pub meta: FileMeta,
}

impl Wanted {
    /// Whether these bytes, say from a cache, are the file wanted.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        check_description(&self.role, bytes, &self.meta).is_ok()
    }

    /// Most bytes worth reading: the stated length, never more than [`MAX_METADATA_BYTES`].
    #[must_use]
    pub fn limit(&self) -> u64 {
        u64::try_from(self.meta.length)
            .unwrap_or(0)
            .min(MAX_METADATA_BYTES)
    }
}

impl RootTrusted {
    /// Accepts `timestamp.json`, of at least version `at_least`.
    ///
    /// # Errors
    /// Any [`Refusal`] about the timestamp.
    pub fn timestamp(
        &self,
        bytes: &[u8],
        at_least: u64,
        now: Instant,
    ) -> Result<TimestampTrusted, Refusal> {
        let demands = Demands {
            role: &Role::Timestamp,
            described: None,
            at_least,
            now: Some(now),
        };
        check_size(&Role::Timestamp, bytes, MAX_TIMESTAMP_BYTES)?;
        let timestamp = verify(bytes, &self.signers(&Role::Timestamp), &demands)?;
        Ok(TimestampTrusted {
            root: self.clone(),
            timestamp: Arc::new(timestamp),
        })
    }

    /// The keys of a top-level role, in the order of the root.
    pub fn keys_of(&self, role: &Role) -> impl Iterator<Item = (TufKeyId, &PublicKey)> {
        role_keys(self.root(), role)
    }

    pub(crate) fn signers(&self, role: &Role) -> Signers<'_> {
        signers(self.root(), role)
    }
}

pub(crate) fn role_keys<'a>(
    root: &'a Root,
    role: &Role,
) -> impl Iterator<Item = (TufKeyId, &'a PublicKey)> {
    let ids = root
        .role_keys(role)
        .map_or(&[][..], |keys| keys.keyids.as_slice());
    ids.iter().filter_map(|id| Some((*id, root.keys.get(id)?)))
}

/// The keys of a top-level role of a verified root.
pub(crate) fn signers<'a>(root: &'a Root, role: &Role) -> Signers<'a> {
    let keys = root
        .role_keys(role)
        .expect("a verified root has the four roles");
    Signers::of(keys, &root.keys)
}

impl TimestampTrusted {
    /// The root it was verified with.
    #[must_use]
    pub fn root(&self) -> &RootTrusted {
        &self.root
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp
    }

    /// The snapshot to get next.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        let meta = self.timestamp.signed().meta.get(Role::Snapshot.as_str());
        Wanted {
            role: Role::Snapshot,
            meta: meta
                .expect("a verified timestamp describes the snapshot")
                .clone(),
        }
    }

    /// Accepts the snapshot, of at least version `at_least`.
    ///
    /// # Errors
    /// Any [`Refusal`] about the snapshot; [`Refusal::RootChanged`] if it is valid and describes another root.
    pub fn snapshot(
        &self,
        bytes: &[u8],
        at_least: u64,
        now: Instant,
    ) -> Result<SnapshotTrusted, Refusal> {
        self.snapshot_at(bytes, at_least, Some(now))
    }

    /// Accepts an expired snapshot, for the holder of its key to sign a new one: everything else is checked as ever.
    /// Nothing below it may be shown as trusted.
    ///
    /// # Errors
    /// Any [`Refusal`] about the snapshot but [`Refusal::Expired`].
    pub fn dangerous_expired_snapshot(
        &self,
        bytes: &[u8],
        at_least: u64,
    ) -> Result<SnapshotTrusted, Refusal> {
        self.snapshot_at(bytes, at_least, None)
    }

    fn snapshot_at(
        &self,
        bytes: &[u8],
        at_least: u64,
        now: Option<Instant>,
    ) -> Result<SnapshotTrusted, Refusal> {
        let wanted = self.wanted();
        let demands = Demands {
            role: &Role::Snapshot,
            described: Some(&wanted.meta),
            at_least,
            now,
        };
        let snapshot: Verified<Snapshot> =
            verify(bytes, &self.root.signers(&Role::Snapshot), &demands)?;
        let described = snapshot
            .signed()
            .describes(&Role::Root)
            .expect("a verified snapshot describes the root");
        if check_description(&Role::Root, self.root.bytes(), described).is_err() {
            let trusted = self.root.version();
            return Err(Refusal::RootChanged {
                trusted,
                described: Box::new(described.clone()),
            });
        }
        Ok(SnapshotTrusted {
            timestamp: self.clone(),
            snapshot: Arc::new(snapshot),
        })
    }
}

impl SnapshotTrusted {
    /// The GUN all of it is about.
    #[must_use]
    pub fn gun(&self) -> &Gun {
        self.root().gun()
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &RootTrusted {
        &self.timestamp.root
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp.timestamp
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// The targets file to get next.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        self.wanted_role(&Role::Targets)
            .expect("a verified snapshot describes targets")
    }

    /// Accepts `targets`, of at least version `at_least`.
    ///
    /// # Errors
    /// Any [`Refusal`] about the targets file.
    pub fn targets(
        &self,
        bytes: &[u8],
        at_least: u64,
        now: Instant,
    ) -> Result<TargetsTrusted, Refusal> {
        self.targets_at(bytes, at_least, Some(now))
    }

    /// Accepts an expired `targets` file, for its owner to sign anew: everything else is checked as ever. Nothing in
    /// it may be shown as trusted.
    ///
    /// # Errors
    /// Any [`Refusal`] about the targets file but [`Refusal::Expired`].
    pub fn dangerous_expired_targets(
        &self,
        bytes: &[u8],
        at_least: u64,
    ) -> Result<TargetsTrusted, Refusal> {
        self.targets_at(bytes, at_least, None)
    }

    pub(crate) fn wanted_role(&self, role: &Role) -> Option<Wanted> {
        let meta = self.snapshot.signed().describes(role)?.clone();
        Some(Wanted {
            role: role.clone(),
            meta,
        })
    }

    fn targets_at(
        &self,
        bytes: &[u8],
        at_least: u64,
        now: Option<Instant>,
    ) -> Result<TargetsTrusted, Refusal> {
        let wanted = self.wanted();
        let demands = Demands {
            role: &Role::Targets,
            described: Some(&wanted.meta),
            at_least,
            now,
        };
        let targets: Verified<Targets> =
            verify(bytes, &self.root().signers(&Role::Targets), &demands)?;
        Ok(TargetsTrusted::new(self.clone(), targets))
    }
}
