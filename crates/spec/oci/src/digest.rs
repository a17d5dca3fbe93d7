//! Content digests (`sha256:<hex>`) and the check that streamed bytes are the ones asked for.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use pki::digest::{Sha256, Sha256Hasher, Sha512, Sha512Hasher};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::Tag;

/// The name of some bytes: algorithm and hash. Text form `sha256:<64 hex>` or `sha512:<128 hex>`, lower case only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// SHA-256, what every registry uses.
    Sha256(Sha256),
    /// SHA-512, allowed by the OCI image spec.
    Sha512(Sha512),
}

/// A hash algorithm registered by the OCI image spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
}

/// Why a text is not a digest. The cases are those docker tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The algorithm is neither `sha256` nor `sha512`.
    #[error("unsupported digest algorithm")]
    Algorithm,
    /// No colon, or characters other than lower-case hexadecimal digits after it.
    #[error("invalid digest format")]
    Format,
    /// The wrong number of hexadecimal digits.
    #[error("invalid digest length")]
    Length,
}

/// Hashes bytes that arrive in pieces.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// SHA-256.
    Sha256(Sha256Hasher),
    /// SHA-512.
    Sha512(Sha512Hasher),
}

/// Checks that bytes arriving in pieces are the blob that was asked for.
#[derive(Clone, Debug)]
pub struct BlobVerifier {
    expected: Digest,
    expected_size: Option<u64>,
    seen: u64,
    hasher: Hasher,
}

/// Proof that all bytes of a blob were seen and match its digest; made only by [`BlobVerifier::finish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedBlob {
    digest: Digest,
    size: u64,
}

/// Bytes that are not the blob that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobMismatch {
    /// They have another digest.
    #[error(transparent)]
    Digest(#[from] Box<DigestMismatch>),
    /// There are more or fewer of them; `found` counts up to the first piece too many.
    #[error("expected {expected} bytes, found {found}")]
    Size {
        /// The size asked for, bytes.
        expected: u64,
        /// The bytes seen.
        found: u64,
    },
}

/// Bytes with another digest than they should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct DigestMismatch {
    /// The digest asked for or stated.
    pub expected: Digest,
    /// The digest of the bytes.
    pub found: Digest,
}

impl Digest {
    /// The SHA-256 digest of `bytes`.
    #[must_use]
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::Sha256(Sha256::of(bytes))
    }

    /// The digest of `bytes` under `algorithm`.
    #[must_use]
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::of(bytes)),
            Algorithm::Sha512 => Self::Sha512(Sha512::of(bytes)),
        }
    }

    /// Reads `algorithm:hex`; upper-case digits are refused, so that equal digests have equal texts.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError::Format)?;
        let algorithm = Algorithm::parse(algorithm)?;
        if encoded.len() != algorithm.hex_length() {
            return Err(DigestError::Length);
        }
        match algorithm {
            Algorithm::Sha256 => Sha256::parse_hex(encoded).map(Self::Sha256),
            Algorithm::Sha512 => Sha512::parse_hex(encoded).map(Self::Sha512),
        }
        .map_err(|_| DigestError::Format)
    }

    /// Checks that `bytes` have this digest.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Box<DigestMismatch>> {
        let found = Self::of(self.algorithm(), bytes);
        if found == *self {
            Ok(())
        } else {
            Err(Box::new(DigestMismatch {
                expected: *self,
                found,
            }))
        }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The hash, 32 or 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(hash) => hash.as_bytes(),
            Self::Sha512(hash) => hash.as_bytes(),
        }
    }

    /// The hash in lower-case hex, without the algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// The tag that lists referrers of this digest on registries without the referrers API.
    ///
    /// OCI distribution spec, "Referrers Tag Schema": the hex part is cut to 64 characters.
    #[must_use]
    pub fn referrers_tag(&self) -> Tag {
        let mut encoded = self.hex();
        encoded.truncate(64);
        Tag::from_checked(format!("{}-{encoded}", self.algorithm()))
    }
}

impl Algorithm {
    /// Reads `sha256` or `sha512`.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err(DigestError::Algorithm),
        }
    }

    const fn hex_length(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl Hasher {
    /// A hasher that has seen no bytes.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256Hasher::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512Hasher::new()),
        }
    }

    /// Appends `piece`.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(piece),
            Self::Sha512(hasher) => hasher.update(piece),
        }
    }

    /// The digest of everything appended.
    #[must_use]
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finish()),
            Self::Sha512(hasher) => Digest::Sha512(hasher.finish()),
        }
    }
}

impl BlobVerifier {
    /// Expects a blob by digest, and by size in bytes where it is known.
    #[must_use]
    pub fn new(expected: Digest, expected_size: Option<u64>) -> Self {
        Self {
            expected,
            expected_size,
            seen: 0,
            hasher: Hasher::new(expected.algorithm()),
        }
    }

    /// Appends `piece`; refuses it as soon as there are more bytes than expected.
    pub fn update(&mut self, piece: &[u8]) -> Result<(), BlobMismatch> {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.seen = self.seen.saturating_add(length);
        if let Some(expected) = self.expected_size.filter(|size| self.seen > *size) {
            return Err(BlobMismatch::Size {
                expected,
                found: self.seen,
            });
        }
        self.hasher.update(piece);
        Ok(())
    }

    /// Compares size and digest of everything appended.
    pub fn finish(self) -> Result<VerifiedBlob, BlobMismatch> {
        if let Some(expected) = self.expected_size.filter(|size| self.seen != *size) {
            return Err(BlobMismatch::Size {
                expected,
                found: self.seen,
            });
        }
        let found = self.hasher.finish();
        if found != self.expected {
            return Err(Box::new(DigestMismatch {
                expected: self.expected,
                found,
            })
            .into());
        }
        Ok(VerifiedBlob {
            digest: found,
            size: self.seen,
        })
    }
}

impl VerifiedBlob {
    /// The digest that the bytes have.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The number of bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl From<Sha256> for Digest {
    fn from(hash: Sha256) -> Self {
        Self::Sha256(hash)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
