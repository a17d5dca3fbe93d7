//! Sigstore, pure: bytes and `now` in, values out.
//!
//! * [`bundle`], [`entry`], [`dsse`], [`statement`], [`predicate`]: the new form of signatures and attestations.
//! * [`simple_signing`], [`legacy`]: the form of cosign before version 3.
//! * [`fulcio`], [`chain`], [`identity`]: who signed, who vouches for them, and who may.
//! * [`timestamp`]: when they signed, by an authority's word.
//! * [`trust`]: trusted roots and signing configurations.
//! * [`verify`]: the verdict on one signature.
//!
//! Parsed and verified are different types. Nothing here reads a file, a clock, the environment or a socket.
#![deny(missing_docs)]

pub mod bundle;
pub mod chain;
pub mod dsse;
mod encoding;
pub mod entry;
pub mod fulcio;
pub mod identity;
pub mod legacy;
pub mod limits;
pub mod predicate;
pub mod simple_signing;
pub mod statement;
pub mod timestamp;
pub mod trust;
pub mod verify;
