//! Public key files as `docker trust signer add` and `notary delegation add` take them
//! (`notary:tuf/utils/x509.go:ParsePEMPublicKey`).

use const_oid::ObjectIdentifier;
use jiff::Timestamp;

use super::{PublicKey, PublicKeyError};

/// Most bytes of a public key file (`docker/cli:cli/command/trust/signer_add.go`).
pub const PUBLIC_KEY_FILE_LIMIT: usize = 1 << 20;

/// Why a file gives no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyFileError {
    /// The file is longer than [`PUBLIC_KEY_FILE_LIMIT`].
    #[error("public key file of {found} bytes, at most {PUBLIC_KEY_FILE_LIMIT}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// No PEM block in it.
    #[error("no PEM block")]
    NoPemBlock,
    /// The first block is no `PUBLIC KEY` or `CERTIFICATE`.
    #[error("PEM block of type {found:?}")]
    UnsupportedBlock {
        /// The block's type.
        found: String,
    },
    /// A public key other than ECDSA or RSA.
    #[error("public key algorithm {oid}")]
    UnknownFormat {
        /// Its object identifier.
        oid: ObjectIdentifier,
    },
    /// The block's content is no key.
    #[error(transparent)]
    Key(PublicKeyError),
}
