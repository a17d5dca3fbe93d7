//! Files that the server signs itself.

use std::collections::BTreeMap;

use jiff::Timestamp as Instant;
use pki::key::TufKeyId;

use super::{Signer, Stored};
use crate::edit::{EditError, Publication, SignedFile, SigningJob, describe, renew, role_job};
use crate::expiry::Expiry;
use crate::metadata::{FileMap, Metadata, Nullable, Root, Signature, Snapshot, Timestamp};
use crate::name::Role;

/// Files that were accepted, and those the server has yet to sign: perhaps a snapshot, then always a timestamp.
#[derive(Debug, Clone)]
#[must_use = "nothing is stored before it is finished"]
pub struct PendingUpdate {
    files: Vec<SignedFile>,
    snapshot: SnapshotSource,
    timestamp: Timestamp,
    root: Root,
}

/// The last step: the timestamp.
#[derive(Debug, Clone)]
#[must_use = "nothing is stored before it is finished"]
pub struct TimestampSigning {
    files: Vec<SignedFile>,
    job: SigningJob,
}

/// Where the snapshot comes from that the timestamp describes.
#[derive(Debug, Clone)]
pub(super) enum SnapshotSource {
    Job(SigningJob),
    /// Uploaded, or stored already.
    Bytes(Vec<u8>),
}

impl PendingUpdate {
    pub(super) fn new(
        files: Vec<SignedFile>,
        snapshot: SnapshotSource,
        root: Root,
        stored: &Stored,
        signer: &Signer<'_>,
        now: Instant,
    ) -> Result<Self, EditError> {
        let version = newest(stored, &Role::Timestamp);
        let mut timestamp = Timestamp {
            expires: unsigned(),
            meta: Nullable::default(),
            version,
        };
        renew(&mut timestamp, &Role::Timestamp, signer.lifetimes, now)?;
        Ok(Self {
            files,
            snapshot,
            timestamp,
            root,
        })
    }

    /// The snapshot to be signed with the server's key; none if it was uploaded or stays.
    #[must_use]
    pub fn snapshot_job(&self) -> Option<&SigningJob> {
        match &self.snapshot {
            SnapshotSource::Job(job) => Some(job),
            SnapshotSource::Bytes(_) => None,
        }
    }

    /// Takes the signatures of the snapshot, none if there is no job.
    ///
    /// # Errors
    /// A signature that is not valid, or too few of them.
    pub fn finish_snapshot(
        mut self,
        signatures: &[Signature],
    ) -> Result<TimestampSigning, EditError> {
        let snapshot = match self.snapshot {
            SnapshotSource::Bytes(bytes) => SignedFile::new(Role::Snapshot, 0, bytes),
            SnapshotSource::Job(job) => {
                let file = job.finish(signatures)?;
                self.files.push(file.clone());
                file
            }
        };
        describe(&mut self.timestamp.meta, &[snapshot]);
        let job = role_job(Role::Timestamp, &self.timestamp, &self.root);
        Ok(TimestampSigning {
            files: self.files,
            job,
        })
    }
}

impl TimestampSigning {
    /// The timestamp to be signed with the server's key.
    #[must_use]
    pub fn job(&self) -> &SigningJob {
        &self.job
    }

    /// Takes the signatures of the timestamp; returns everything to be stored, in one transaction.
    ///
    /// # Errors
    /// A signature that is not valid, or too few of them.
    pub fn finish(mut self, signatures: &[Signature]) -> Result<Publication, EditError> {
        self.files.push(self.job.finish(signatures)?);
        Ok(Publication(self.files))
    }
}

/// The next snapshot that the server signs: `meta` with the new files described.
pub(super) fn next_snapshot(
    mut meta: FileMap,
    files: &[SignedFile],
    root: &Root,
    stored: &Stored,
    signer: &Signer<'_>,
    now: Instant,
) -> Result<SigningJob, EditError> {
    describe(&mut meta, files);
    let mut snapshot = Snapshot {
        expires: unsigned(),
        meta,
        version: newest(stored, &Role::Snapshot),
    };
    renew(&mut snapshot, &Role::Snapshot, signer.lifetimes, now)?;
    Ok(role_job(Role::Snapshot, &snapshot, root))
}

/// Whether the server holds enough keys of a role to sign for it.
pub(super) fn holds(signer: &Signer<'_>, root: &Root, role: &Role) -> bool {
    let Some(keys) = root.role_keys(role) else {
        return false;
    };
    let held: BTreeMap<TufKeyId, ()> = keys
        .keyids
        .iter()
        .filter(|id| signer.held.contains(id))
        .map(|id| (*id, ()))
        .collect();
    held.len() >= crate::verify::threshold(keys)
}

/// The highest version known of a role.
fn newest(stored: &Stored, role: &Role) -> u64 {
    stored.newest.get(role).copied().unwrap_or(0)
}

/// Stands where signing puts an expiry.
fn unsigned() -> Expiry {
    Expiry::utc(Instant::UNIX_EPOCH)
}

/// Reads a file that was verified before it was stored.
pub(super) fn stored_file<T: Metadata>(bytes: &[u8]) -> Option<T> {
    let file = crate::metadata::Parsed::from_bytes(bytes).ok()?;
    Some(file.into_parts().0)
}
