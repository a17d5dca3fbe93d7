//! The two identifiers of a public key.

use crate::fixed::fixed_bytes;

fixed_bytes!(
    /// The id that metadata uses: SHA-256 of the canonical JSON of the public key object, so a certificate and
    /// the bare key inside it have different ids (`notary:tuf/data/keys.go:ID`).
    TufKeyId,
    32
);

fixed_bytes!(
    /// The id that key files, prompts and messages use: for certificates the TUF id of the leaf's bare key,
    /// otherwise equal to the TUF id (`notary:tuf/utils/x509.go:CanonicalKeyID`).
    CanonicalKeyId,
    32
);

/// Hex digits shown in prompts (`notary:passphrase/passphrase.go`).
const SHORT_DIGITS: usize = 7;

impl TufKeyId {
    /// The first seven hex digits.
    #[must_use]
    pub fn short(&self) -> String {
        short(&self.0)
    }
}

impl CanonicalKeyId {
    /// The first seven hex digits, as shown in passphrase prompts.
    #[must_use]
    pub fn short(&self) -> String {
        short(&self.0)
    }
}

fn short(id: &[u8]) -> String {
    let mut text = hex::encode(id);
    text.truncate(SHORT_DIGITS);
    text
}
