//! Digests, keys, signatures, certificates and key files of container signing; pure.
//!
//! * [`digest`]: SHA-256 and SHA-512 values.
//! * [`key`]: public keys, their two ids, and verification of one signature.
//! * [`signature`]: verification of one signature as logs, certificates and artifacts carry them.
//! * [`signing`]: private keys and the forms they are stored in.
//! * [`keyfile`]: private key files, encrypted and plain.
//! * [`cosign_key`]: cosign's private key files, and those that it imports.
//! * [`certificate`]: root certificates, and a server's own certificate authority.
//! * [`mac`]: HMAC-SHA256, for key services that are asked with it.
//! * [`envelope`]: secrets at rest in a server's database.
//! * [`random`]: random bytes.
//!
//! Nothing here reads a file, a clock or the environment. The one outside thing is the operating system's randomness,
//! for new keys, salts and serial numbers.
#![deny(missing_docs)]

mod armor;
pub mod certificate;
pub mod cosign_key;
pub mod digest;
pub mod envelope;
mod fixed;
pub mod key;
pub mod keyfile;
pub mod mac;
pub mod random;
pub mod signature;
pub mod signing;
