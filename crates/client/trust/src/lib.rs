//! Content trust as use cases: what a command line, a GUI or another program calls.
//!
//! A [`TrustClient`] is told once where things are ([`Config`]); a [`Repository`] of it is read with
//! [`Repository::inspect`] and [`Repository::resolve`], and changed with [`Repository::initialise`],
//! [`Repository::sign`], [`Repository::revoke`], [`Repository::add_signer`] and [`Repository::remove_signer`].
//!
//! * Reading fails closed: the server must answer with valid and current metadata. What is cached counts for
//!   rollback protection and saves downloads; it is never an answer.
//! * A change is made in memory on top of what the server has now, and published by one request; nothing stays
//!   staged. If another publisher was faster, it is made again on top of theirs.
//! * Outcomes and errors are values with fields. Sentences are made by the caller.
//!
//! Keys and cached metadata are in the trust folder of stock clients (`~/.docker/trust`, `~/.notary`) in their form.
//! Siblings: `tuf` decides what is trusted, `keystore` has the keys, `registry` the logins and the images to sign.

mod cache;
mod client;
mod error;
mod inspect;
mod preflight;
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
pub use inspect::{Inspection, RoleExpiry, SignedTag, Signer, TagRoles};
pub use preflight::Outlook;
pub use publish::{Initialised, Published};
pub use remote::{Access, Remote, RemoteError, Resource};
pub use server::{ServerError, TrustServer};
pub use session::{Event, Observer, Session};
pub use sign::{FirstSigner, Revoked, Signed, TagSigned, Unchanged};
pub use signer::{SignerAdded, SignerName, SignerNameError, SignerRemoved};
