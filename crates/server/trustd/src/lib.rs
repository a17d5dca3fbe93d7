//! The trust server: Notary's HTTP API over SQLite, with server-held keys.
//!
//! Source of the behaviour: `notary:server` 0.7.0. What it receives it stores and hashes as it is. Where Notary is
//! unsafe this is not: digests are bound to their GUN and role, GUNs compare exactly, a stored root is never replaced
//! by one that it did not sign, publications of one GUN happen one after the other and a version that is not new is a
//! 409, timestamps are renewed before they expire.
//!
//! Siblings: `tuf` (which uploads to take, what to sign), `pki` (keys and their envelopes), `store` (SQL), `chassis`
//! (listener, access, clock), `registryd` (the other role under `/v2/`), `trust` (the client).

mod current;
mod error;
mod http;
mod http_date;
mod keychain;
mod keys;
mod metrics;
pub mod multipart;
mod publish;
mod recent;
mod route;
mod server;
mod settings;
mod sqlite;
mod trust_store;

pub use error::Refused;
pub use http::router;
pub use keychain::KeyError;
pub use route::claims;
pub use server::{LocalTrustServer, StartError, TrustServer};
pub use settings::{Caching, GunPrefix, GunPrefixError, KeyAlgorithm, Settings, UploadLimits};
pub use sqlite::SqliteTrustStore;
pub use trust_store::{
    Change, ChangeWindow, GunState, Published, RoleSet, SealedKey, StoredFile, TrustStore,
};
