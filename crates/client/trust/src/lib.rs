//! Content trust as a use case: initialise, sign, delegate, revoke, inspect, resolve.
mod cache;
mod client;
mod error;
mod inspect;
mod publish;
mod remote;
mod server;
mod session;
mod sign;
mod signer;
mod update;

pub use cache::{Cache, CacheError};
pub use client::{Config, Repository, TrustClient};
pub use error::{TrustError, UnusedCache};
pub use inspect::{Inspection, RoleExpiry, SignedTag, Signer};
pub use publish::{Initialised, Published};
pub use remote::{Access, Remote, RemoteError, Resource};
pub use server::{ServerError, TrustServer};
pub use session::{Event, Observer, Session};
pub use sign::{Revoked, Signed, TagSigned, Unchanged};
pub use signer::{SignerAdded, SignerName, SignerNameError, SignerRemoved};
