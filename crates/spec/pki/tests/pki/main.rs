//! What real programs made (`testdata/golden`, `tests/openssl`), read and verified by this crate.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read their vectors from files and run openssl"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a vector that is not as expected fails the test"
)]

mod certificates;
mod cosign_keys;
mod golden_keys;
mod golden_metadata;
mod key_files;
mod public_files;
mod schemes;
mod sign_with;
mod signatures;
mod signer_rows;

use std::path::{Path, PathBuf};

use pki::key::PublicKey;
use pki::keyfile::{KeyBlock, Passphrase};
use pki::signing::SigningKey;

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../testdata/golden")
        .join(path)
}

fn openssl(name: &str) -> Vec<u8> {
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/openssl")
            .join(name),
    )
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` whose name ends in `suffix`, in order.
fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if entry.is_dir() {
            found.extend(files(&entry, suffix));
        } else if entry.to_str().is_some_and(|path| path.ends_with(suffix)) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::from(text.to_owned())
}

fn one_block(text: &[u8]) -> KeyBlock {
    let mut blocks = KeyBlock::parse_file(text).unwrap();
    assert_eq!(blocks.len(), 1);
    blocks.remove(0)
}

/// A key that OpenSSL made, unencrypted.
fn openssl_key(name: &str) -> SigningKey {
    one_block(&openssl(name)).unlock(None).unwrap()
}

fn openssl_public(name: &str) -> PublicKey {
    PublicKey::from_pem(&openssl(name), jiff::Timestamp::UNIX_EPOCH).unwrap()
}
