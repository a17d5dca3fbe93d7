//! Digests, keys, signatures, certificates and key files of container signing; pure.
//!
//! * [`digest`]: SHA-256 and SHA-512 values.
//! * [`key`]: public keys, their two ids, and verification of one signature.
#![deny(missing_docs)]

pub mod digest;
mod fixed;
pub mod key;
pub mod signing;
