//! Trusted roots and signing configurations: from files, from a TUF repository (The Update Framework 1.0), and from the
//! cache of one, which is laid out as cosign 3 lays it out, so that either program reads what the other wrote.
//!
//! ```text
//! <cache>/remote.json                     {"mirror":"https://tuf.example.com"}, whom `initialize` named
//! <cache>/tuf.example.com.json            {"lastTimestamp":"2026-01-01T00:00:00Z"}, when the mirror was last asked
//! <cache>/tuf.example.com/root.json       and timestamp.json, snapshot.json, targets.json, <delegated role>.json
//! <cache>/tuf.example.com/targets/        trusted_root.json, signing_config.v0.2.json, …
//! <cache>/tuf.example.com/root_history/   2.root.json, …: ours, to lead from a pinned root to the newest
//! ```
//!
//! The rules of TUF (thresholds, rollback, expiry, pins) are `sigstore-tuf`'s trusted set, which touches no socket and no
//! file; [`Repository`] drives it. [`initialize`] and [`load`] are what programs call.
#![deny(missing_docs)]

mod cache;
mod error;
mod folder;
mod legacy;
pub mod limits;
mod material;
mod mirror;
mod repository;
mod transport;

pub use cache::{Cache, CacheError};
pub use error::{Error, MetadataFault, TargetError};
pub use folder::RepositoryFolder;
pub use material::{
    Contact, FileError, Freshness, Loaded, Material, RootChecksum, RootChecksumError, fetch_root,
    initialize, load, signing_config_file,
};
pub use mirror::{Mirror, MirrorError};
pub use repository::{Repository, RoleStatus, Status, Trusted};
pub use transport::{FetchFuture, FolderTransport, HttpTransport, Transport, TransportError};
