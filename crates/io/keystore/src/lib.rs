//! Key files in a trust folder and where their passphrases come from.
//!
//! [`TrustDir`] is the folder, `~/.docker/trust` or `~/.notary`, shared with stock `docker` and `notary`. Changes need
//! a [`WriteLock`]; each is atomic and on the disk when the call returns. [`Passphrases`] is where passphrases come
//! from, [`Keyring`] remembers what they opened. Everything here blocks; nothing reads the environment or a terminal.

mod bundle;
mod error;
mod files;
mod keyring;
mod legacy;
mod lock;
mod passphrases;
mod trust_dir;

pub use bundle::{BUNDLE_LIMIT, Export, Import, read_bundle};
pub use error::{Error, FileFault};
pub use files::{Replace, check_private};
pub use keyring::Keyring;
pub use legacy::Migration;
pub use lock::WriteLock;
pub use passphrases::{Fixed, KeyLabel, PassphraseError, Passphrases, unlock};
pub use trust_dir::{KEY_FILE_LIMIT, Listing, StoredKey, TrustDir};
