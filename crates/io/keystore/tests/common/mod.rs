#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of this"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
//! Key folders made by the real programs, copied to where a test may change them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use keystore::{Fixed, TrustDir};
use pki::{key::CanonicalKeyId, keyfile::Passphrase};
use tempfile::TempDir;

pub const WAIT: Duration = Duration::from_secs(5);

/// `carol.key` of the golden inputs.
pub const CAROL: &str = "144655cd73315b0dfe3321b4ed89d6893fe03c41083caf4c56254ded9f70a394";

/// `bob.key`, of 1.7 kB.
pub const BOB: &str = "0abebddc1fd704f8294d924947d1a0e01a76a36b73d8e7f374705c3d4026c2f5";

/// `carol.key` as `openssl ec -aes256` encrypts it, passphrase `legacy-passphrase`.
pub const CAROL_DEK_INFO: &str = "\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,626EB782A4BDD9A1816857DBEEAED5C9

rvJTtDWaO4iC05YvtXXQjxKgDFiiJTz18V83SU7ZQaPqGKKJLYzrPsrcIeLOk3zC
aXQROy/j2b9KgjArg8KmrGIYYxZ9qbsx7MgZ728wsMzxNRuWIoPAkuKzsuVrimjh
586eIBl+mGjuh/5vAk9IyUZgcvYl3MPHI5cGUNKNVVk=
-----END EC PRIVATE KEY-----
";

/// `carol.key` as `openssl pkcs8 -topk8` encrypts it (PBKDF2 with HMAC-SHA256), passphrase `openssl-passphrase`.
pub const CAROL_PBES2: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAisu5rTCincgAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEISCAQfo9yUmT6adw3TtsUAEgZAS
wm/0EWWezZJxxFe4KRFbQc3liLBFY7zRRKTsf9AzliNxJPl0LBsAFTjus0UhokoY
qpF4GaXiL6KJy8qkGxAedJk1HhfdMYCdlwJS3PlTZ6jFstaeDPB9FN6T/WH/JT2x
vwshKXqeJXliLnRBLBopQFIYr8pzq/y4wzNgMYitTfHsKGoi70vMyWCxIvIZIo0=
-----END ENCRYPTED PRIVATE KEY-----
";

pub fn golden(inside: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../testdata/golden")
        .join(inside)
}

/// A trust folder with a copy of the keys of a golden one.
pub fn copy_of(inside: &str) -> (TempDir, TrustDir) {
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("private");
    fs::create_dir(&private).unwrap();
    for entry in fs::read_dir(golden(inside).join("private")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), private.join(entry.file_name())).unwrap();
    }
    let keys = TrustDir::new(folder.path());
    (folder, keys)
}

pub fn empty() -> (TempDir, TrustDir) {
    let folder = tempfile::tempdir().unwrap();
    let keys = TrustDir::new(folder.path().join("trust"));
    (folder, keys)
}

pub fn phrase(text: &str) -> Passphrase {
    Passphrase::from(text.to_owned())
}

pub fn notary_passphrases() -> Fixed {
    Fixed::new()
        .with("root", phrase("root-passphrase-1"))
        .with("targets", phrase("targets-passphrase-1"))
        .with("snapshot", phrase("snapshot-passphrase-1"))
        .otherwise(phrase("delegation-passphrase-1"))
}

pub fn id(text: &str) -> CanonicalKeyId {
    CanonicalKeyId::parse_hex(text).unwrap()
}

/// The names of everything in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
