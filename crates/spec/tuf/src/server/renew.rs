//! Renewal of what the server signs, when it is asked for.

use jiff::{SignedDuration, Timestamp as Instant};

use super::generate::{PendingUpdate, SnapshotSource, holds, next_snapshot, stored_file};
use super::{Signer, Stored};
use crate::edit::EditError;
use crate::expiry::Expiry;
use crate::metadata::{Root, Snapshot, Timestamp};
use crate::name::{Gun, Role};
use crate::pins::Pins;
use crate::refusal::Refusal;
use crate::trusted::verify_own;
use crate::verify::parse;

/// A timestamp with less than this left is renewed when it is next read; it lasts 14 days, and Notary waits until it
/// has expired, so that clients with a slow clock or a cache between see an expired one.
pub const TIMESTAMP_RENEWAL_HOURS: i64 = 7 * 24;

/// A snapshot with less than this left is renewed with the timestamp; it lasts three years.
pub const SNAPSHOT_RENEWAL_HOURS: i64 = 60 * 24;

/// Why an expired timestamp or snapshot cannot be renewed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewRefusal {
    /// A stored file is missing or does not parse.
    #[error("no usable {role} is stored")]
    Missing {
        /// The role.
        role: Role,
    },
    /// The server does not hold the timestamp key that the root names.
    #[error("no  timestamp keys exist on the server")]
    NoTimestampKey,
    /// The root is not valid, or its certificate is not.
    #[error(transparent)]
    Root(#[from] Refusal),
    /// The new expiry cannot be expressed.
    #[error(transparent)]
    Signing(#[from] EditError),
}

/// Decides what to do when the timestamp, or the snapshot it describes, is read: none to serve what is stored,
/// otherwise the renewed files to sign and store. Renewal changes version and expiry, and nothing else.
///
/// An expired snapshot whose key the publisher holds stays: clients say that it has expired, and its owner can still
/// publish, which Notary makes impossible.
///
/// # Errors
/// [`RenewRefusal`], only if what is stored has expired; until then it is served as it is.
pub fn renew(
    gun: &Gun,
    stored: &Stored,
    signer: &Signer<'_>,
    now: Instant,
) -> Result<Option<PendingUpdate>, RenewRefusal> {
    let timestamp: Timestamp = read(stored.timestamp.as_deref(), Role::Timestamp)?;
    let bytes = stored.snapshot.as_deref();
    let snapshot: Snapshot = read(bytes, Role::Snapshot)?;
    let due = |expires: &Expiry, hours: i64| {
        now.checked_add(SignedDuration::from_hours(hours))
            .map_or(true, |limit| expires.at() < limit)
    };
    let snapshot_due = due(&snapshot.expires, SNAPSHOT_RENEWAL_HOURS);
    if !snapshot_due && !due(&timestamp.expires, TIMESTAMP_RENEWAL_HOURS) {
        return Ok(None);
    }
    let root = match valid_root(gun, stored, signer, now) {
        Ok(root) => root,
        Err(_) if !timestamp.expires.is_expired(now) && !snapshot.expires.is_expired(now) => {
            return Ok(None);
        }
        Err(refusal) => return Err(refusal),
    };
    let source = if snapshot_due && holds(signer, &root, &Role::Snapshot) {
        SnapshotSource::Job(next_snapshot(
            snapshot.meta,
            &[],
            &root,
            stored,
            signer,
            now,
        )?)
    } else if due(&timestamp.expires, TIMESTAMP_RENEWAL_HOURS) {
        SnapshotSource::Bytes(bytes.unwrap_or_default().to_vec())
    } else {
        return Ok(None);
    };
    Ok(Some(PendingUpdate::new(
        Vec::new(),
        source,
        root,
        stored,
        signer,
        now,
    )?))
}

fn valid_root(
    gun: &Gun,
    stored: &Stored,
    signer: &Signer<'_>,
    now: Instant,
) -> Result<Root, RenewRefusal> {
    let bytes = stored
        .root
        .as_deref()
        .ok_or(RenewRefusal::Missing { role: Role::Root })?;
    let root = verify_own(
        gun,
        parse(&Role::Root, bytes)?,
        Some((&Pins::none(), now)),
        1,
    )?;
    if !holds(signer, root.signed(), &Role::Timestamp) {
        return Err(RenewRefusal::NoTimestampKey);
    }
    Ok(root.signed().clone())
}

fn read<T: crate::metadata::Metadata>(bytes: Option<&[u8]>, role: Role) -> Result<T, RenewRefusal> {
    bytes
        .and_then(stored_file)
        .ok_or(RenewRefusal::Missing { role })
}
