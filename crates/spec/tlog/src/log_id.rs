//! The identity of a CT log or a Rekor log, and the keys known by it.

use pki::digest::{FixedBytesError, Sha256};
use pki::signature::VerifyingKey;

/// SHA-256 of the DER SubjectPublicKeyInfo of a log's key (RFC 6962 3.2), 32 bytes; the logs of Rekor v2 make theirs
/// otherwise but it looks the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(Sha256);

impl LogId {
    /// The id of the log that signs with `key`.
    #[must_use]
    pub fn of(key: &VerifyingKey) -> Self {
        Self(key.spki_sha256())
    }

    /// Takes the 32 bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Sha256::from_bytes(bytes))
    }

    /// Reads 64 lower-case hexadecimal digits, as Rekor v1 writes it.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse_hex(text: &str) -> Result<Self, FixedBytesError> {
        Sha256::parse_hex(text).map(Self)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl TryFrom<&[u8]> for LogId {
    type Error = FixedBytesError;

    fn try_from(bytes: &[u8]) -> Result<Self, FixedBytesError> {
        Sha256::try_from(bytes).map(Self)
    }
}

/// Lower-case hex.
impl std::fmt::Display for LogId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

/// The keys of the logs that are trusted for one purpose, found by log id.
///
/// The windows in which a log was in use are the trusted root's affair: give only the logs of the moment in question.
#[derive(Debug, Clone, Default)]
pub struct LogKeys(std::collections::BTreeMap<LogId, VerifyingKey>);

impl LogKeys {
    /// No logs: nothing verifies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts a log. Its id is computed from the key, so that no key can answer for another.
    pub fn insert(&mut self, key: VerifyingKey) {
        self.0.insert(LogId::of(&key), key);
    }

    /// The key of a log.
    #[must_use]
    pub fn find(&self, id: &LogId) -> Option<&VerifyingKey> {
        self.0.get(id)
    }
}

impl FromIterator<VerifyingKey> for LogKeys {
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        let mut logs = Self::new();
        keys.into_iter().for_each(|key| logs.insert(key));
        logs
    }
}
