//! The trust server's decisions: which uploads to take, what to generate, when to renew
//! (`notary:server/handlers/validation.go`, `notary:server/{snapshot,timestamp}`).

mod generate;
mod renew;
mod upload;

use std::collections::{BTreeMap, BTreeSet};

use pki::key::TufKeyId;

pub use generate::{PendingUpdate, TimestampSigning};
pub use renew::{RenewRefusal, SNAPSHOT_RENEWAL_HOURS, TIMESTAMP_RENEWAL_HOURS, renew};
pub use upload::{Area, Cause, UploadRefusal, check_upload};

use crate::edit::Lifetimes;
use crate::name::Role;

/// What the server has of one GUN.
#[derive(Debug, Clone, Default)]
#[allow(clippy::exhaustive_structs, reason = "filled in by the store")]
pub struct Stored {
    /// The newest root by version, whether or not a snapshot leads to it.
    pub root: Option<Vec<u8>>,
    /// The current targets files, as far as [`roles_needed`] asks for them.
    pub targets: BTreeMap<Role, Vec<u8>>,
    /// The current snapshot: the one that the newest timestamp describes.
    pub snapshot: Option<Vec<u8>>,
    /// The newest timestamp.
    pub timestamp: Option<Vec<u8>>,
    /// The highest version ever stored of each role.
    pub newest: BTreeMap<Role, u64>,
}

/// What the server can do by itself.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "an argument")]
pub struct Signer<'a> {
    /// The keys it holds.
    pub held: &'a BTreeSet<TufKeyId>,
    /// How long what it signs is valid.
    pub lifetimes: &'a Lifetimes,
}

/// The targets roles whose current files [`check_upload`] needs besides the uploaded ones.
#[must_use]
pub fn roles_needed<'a>(uploaded: impl IntoIterator<Item = &'a Role>) -> BTreeSet<Role> {
    let uploaded: BTreeSet<&Role> = uploaded.into_iter().collect();
    // A new root may have other targets keys than the stored file is signed with.
    let mut needed: BTreeSet<Role> = uploaded
        .contains(&Role::Root)
        .then_some(Role::Targets)
        .into_iter()
        .collect();
    for role in &uploaded {
        needed.extend(std::iter::successors(role.delegator(), Role::delegator));
    }
    needed.retain(|role| !uploaded.contains(role));
    needed
}
