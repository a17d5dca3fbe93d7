//! Content trust as a use case: initialise, sign, delegate, revoke, inspect, resolve.
mod cache;
mod client;
mod error;
mod inspect;
mod remote;
mod server;
mod update;

pub use cache::{Cache, CacheError};
pub use client::{Config, Repository, TrustClient};
pub use error::{TrustError, UnusedCache};
pub use inspect::{Inspection, RoleExpiry, SignedTag, Signer};
pub use remote::{Access, Remote, RemoteError, Resource};
pub use server::{ServerError, TrustServer};
