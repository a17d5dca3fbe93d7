//! Public key files as `docker trust signer add` and `notary delegation add` take them
//! (`notary:tuf/utils/x509.go:ParsePEMPublicKey`), and as `docker trust key generate` writes them.

use std::collections::BTreeMap;

use const_oid::ObjectIdentifier;
use jiff::Timestamp;

use super::{KeyType, PublicKey, PublicKeyError};
use crate::armor::{self, PemError};
use crate::certificate::{CertificateBundle, CertificateError};
use crate::keyfile::HeaderError;

/// Most bytes of a public key file (`docker/cli:cli/command/trust/signer_add.go`).
pub const PUBLIC_KEY_FILE_LIMIT: usize = 1 << 20;

const LABEL: &str = "PUBLIC KEY";

/// Why a file gives no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyFileError {
    /// The certificate must not be used.
    #[error("invalid certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The certificate or key does not parse.
    #[error(transparent)]
    Key(PublicKeyError),
    /// No PEM block in it.
    #[error("no PEM block")]
    NoPemBlock,
    /// A PEM block that does not parse.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The file is longer than [`PUBLIC_KEY_FILE_LIMIT`].
    #[error("public key file of {found} bytes, at most {PUBLIC_KEY_FILE_LIMIT}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// A public key other than ECDSA or RSA.
    #[error("unknown public key format {oid}")]
    UnknownFormat {
        /// The algorithm.
        oid: ObjectIdentifier,
    },
    /// The first block is neither `PUBLIC KEY` nor `CERTIFICATE`.
    #[error("unsupported PEM block type {found:?}")]
    UnsupportedBlock {
        /// The block's type.
        found: String,
    },
}

/// A key that cannot be written as a `PUBLIC KEY` block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyPemError {
    /// The role is no header value.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Keys of this type are not a SubjectPublicKeyInfo.
    #[error("keys of type {key_type} have no PUBLIC KEY form")]
    KeyType {
        /// The type.
        key_type: KeyType,
    },
}

impl PublicKey {
    /// Reads the first PEM block of a public key file: a `PUBLIC KEY`, or a `CERTIFICATE` that is valid at `now`.
    ///
    /// A certificate gives a key of an x509 type over that one certificate; [`Self::canonical_id`] is then the id of
    /// its bare key.
    ///
    /// # Errors
    /// Each reason has its variant, since each persona has a sentence for it.
    pub fn from_pem(text: &[u8], now: Timestamp) -> Result<Self, PublicKeyFileError> {
        if text.len() > PUBLIC_KEY_FILE_LIMIT {
            return Err(PublicKeyFileError::TooLarge { found: text.len() });
        }
        let block = armor::parse(text)?
            .into_iter()
            .next()
            .ok_or(PublicKeyFileError::NoPemBlock)?;
        match block.label.as_str() {
            "CERTIFICATE" => {
                let bundle = CertificateBundle::single(&block.contents).map_err(key_error)?;
                bundle.leaf().check(Some(now))?;
                bundle.public_key().map_err(key_error)
            }
            LABEL => Self::from_spki_der(&block.contents).map_err(key_error),
            _ => Err(PublicKeyFileError::UnsupportedBlock { found: block.label }),
        }
    }

    /// Writes the file `NAME.pub` of `docker trust key generate`: a `PUBLIC KEY` block, with a `role` header if given.
    ///
    /// # Errors
    /// A role that is no header value, or a key that is no SubjectPublicKeyInfo.
    pub fn to_pem(&self, role: Option<&str>) -> Result<String, PublicKeyPemError> {
        if !matches!(self.key_type, KeyType::Ecdsa | KeyType::Rsa) {
            return Err(PublicKeyPemError::KeyType {
                key_type: self.key_type.clone(),
            });
        }
        let mut headers = BTreeMap::new();
        if let Some(role) = role {
            if role.contains(['\n', '\r']) || role.trim() != role {
                return Err(HeaderError { name: "role" }.into());
            }
            headers.insert("role".to_owned(), role.to_owned());
        }
        Ok(std::mem::take(&mut *armor::encode(
            LABEL,
            &headers,
            &self.bytes,
        )))
    }
}

fn key_error(error: PublicKeyError) -> PublicKeyFileError {
    match error {
        PublicKeyError::UnsupportedAlgorithm { oid } | PublicKeyError::UnsupportedCurve { oid } => {
            PublicKeyFileError::UnknownFormat { oid }
        }
        other => PublicKeyFileError::Key(other),
    }
}
