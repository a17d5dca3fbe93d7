//! The OCI registry: blobs, uploads, manifests, tags, referrers.
//!
//! Source of the behaviour: OCI distribution specification 1.1, and the reference registry where clients depend on it.
//!
//! Content is shared, reading is not: a blob is read only through a repository that it was pushed or mounted to. What
//! was answered with 201 is on disk: the blob's file first, then the row that makes it visible, then the answer.
//!
//! Siblings: `oci` (names, digests, manifests), `store` (SQL and durable files), `chassis` (listener, access, clock),
//! `trustd` (the other role under `/v2/`), `registry` (the client).

mod catalog;
mod content;
mod error;
mod http;
mod registry;
mod route;
mod sqlite;
mod uploads;

pub use catalog::{
    Catalog, Listed, ManifestKey, NewManifest, PutManifest, StoredManifest, Unlinked,
};
pub use content::{Content, FileContent, StagedBlob};
pub use error::{Mismatch, Refused};
pub use http::router;
pub use registry::{LocalRegistry, Registry, Settings};
pub use route::claims;
pub use sqlite::SqliteCatalog;
