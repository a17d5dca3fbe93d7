//! The publisher's side: from nothing, or from what is trusted, to new files.
//!
//! Nothing here holds a private key: an [`Editor`] becomes a [`Signing`], which says what is to be signed by which
//! keys and takes signatures back.

mod delegations;
mod editor;
mod job;
mod signing;

use pki::key::{CanonicalKeyId, TufKeyId};

pub use delegations::DelegationChange;
pub use editor::{Editor, InitialKeys};
pub use job::{Lifetimes, Quorum, SignedFile, SigningJob};
pub use signing::{Publication, Signing, SnapshotHolder, SnapshotSigning};

pub(crate) use signing::{describe, renew, role_job};

use crate::name::Role;

/// Why an edit or a signature cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// A signature that is not of the key it names, or of a key that has no say.
    #[error("signature by {keyid} is not valid for {role}")]
    BadSignature {
        /// The role.
        role: Role,
        /// The key.
        keyid: TufKeyId,
    },
    /// A target name with a control character, which the format cannot store.
    #[error("target name {name:?} has a control character")]
    ControlCharacter {
        /// The name.
        name: String,
    },
    /// The role has a published file that was not loaded; changing it would lose what it holds.
    #[error("the file of {role} was not loaded")]
    NotLoaded {
        /// The role.
        role: Role,
    },
    /// Too few of the keys signed.
    #[error("{role} has {have} of {need} signatures")]
    MissingSignatures {
        /// The role.
        role: Role,
        /// Distinct keys that signed.
        have: usize,
        /// Keys needed.
        need: usize,
        /// The keys of which they can be.
        keys: Vec<CanonicalKeyId>,
    },
    /// The role's file is expired or has too few signatures; it must be witnessed before it is changed.
    #[error("the file of {role} is not valid any more and must be witnessed first")]
    NeedsWitness {
        /// The role.
        role: Role,
    },
    /// A new role without any key.
    #[error("no keys for {role}")]
    NoKeys {
        /// The role.
        role: Role,
    },
    /// The role may not sign this name.
    #[error("{name:?} is outside of the paths of {role}")]
    OutsidePaths {
        /// The role.
        role: Role,
        /// The name.
        name: String,
    },
    /// A threshold of 0, or above the number of keys.
    #[error("threshold {threshold} with {keys} keys for {role}")]
    Threshold {
        /// The role.
        role: Role,
        /// The threshold.
        threshold: u32,
        /// Distinct keys.
        keys: usize,
    },
    /// The expiry would be beyond the last representable time.
    #[error("the expiry cannot be expressed")]
    Time,
    /// No such role, or not one that this edit is for.
    #[error("tuf: invalid role {role}.")]
    UnknownRole {
        /// The role.
        role: Role,
    },
}
