//! The client's trust decisions, one type per phase: root, timestamp, snapshot, targets.
//!
//! A phase cannot be skipped, because each is made from the one before it. Nothing here fetches: every phase says
//! what it wants next and takes bytes.

mod authority;
mod phases;
mod previous;
mod root;
mod tree;
mod update;

pub use phases::{SnapshotTrusted, TimestampTrusted, Wanted};
pub use previous::Previous;
pub use root::{CachedRoot, RootRotation, RootTrusted, RootWanted};
pub use tree::{DelegatedRole, Skipped, TargetsTrusted, TrustedTarget};
pub use update::{Need, Update};

pub(crate) use phases::signers;
pub(crate) use root::{verify_own, verify_succession};
pub(crate) use tree::Paths;
