//! Public keys as they come in files, in answers of key services and from tokens.

use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION};
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Encode as _, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};

use super::{VerifyingKey, VerifyingKeyError};
use crate::armor::{self, PemError};
use crate::certificate::Certificate;
use crate::key::{Curve, PublicKeyError};

/// Most bytes of a public key file; a certificate with a long chain behind it has about 10,000.
pub const VERIFYING_KEY_FILE_LIMIT: usize = 64 << 10;

const PKIX: &str = "PUBLIC KEY";
const PKCS1: &str = "RSA PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";
/// What `openssl ecparam -genkey` writes in front of a key.
const EC_PARAMETERS: &str = "EC PARAMETERS";

/// Why a file gives no key that can verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyingKeyFileError {
    /// The certificate does not parse.
    #[error(transparent)]
    Certificate(PublicKeyError),
    /// The block holds no key that can verify.
    #[error(transparent)]
    Key(#[from] VerifyingKeyError),
    /// No PEM block in it.
    #[error("no PEM block")]
    NoPemBlock,
    /// PEM that does not parse.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A private key where a public one is wanted.
    #[error("a private key ({found:?}), where a public one is wanted")]
    PrivateKey {
        /// The block's type.
        found: String,
    },
    /// More than [`VERIFYING_KEY_FILE_LIMIT`] bytes.
    #[error("public key file of {found} bytes, at most {VERIFYING_KEY_FILE_LIMIT}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// A block of another type.
    #[error("unsupported PEM block type {found:?}")]
    UnsupportedBlock {
        /// The type.
        found: String,
    },
}

/// RFC 8017 A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl VerifyingKey {
    /// Reads the first PEM block of a public key file: `PUBLIC KEY` (RFC 7468 13), `RSA PUBLIC KEY` (RFC 8017 A.1.1),
    /// or `CERTIFICATE`, of which only the key is taken: who issued it and until when it is valid is not looked at.
    ///
    /// # Errors
    /// Too much text, no PEM, another type of block, and as [`Self::from_spki_der`].
    pub fn from_pem(text: &[u8]) -> Result<Self, VerifyingKeyFileError> {
        if text.len() > VERIFYING_KEY_FILE_LIMIT {
            return Err(VerifyingKeyFileError::TooLarge { found: text.len() });
        }
        let block = armor::parse(text)?
            .into_iter()
            .find(|block| block.label != EC_PARAMETERS)
            .ok_or(VerifyingKeyFileError::NoPemBlock)?;
        match block.label.as_str() {
            PKIX => Ok(Self::from_spki_der(&block.contents)?),
            PKCS1 => Ok(Self::from_pkcs1_der(&block.contents)?),
            CERTIFICATE => {
                let certificate = Certificate::from_der(&block.contents)
                    .map_err(VerifyingKeyFileError::Certificate)?;
                Ok(Self::from_spki_der(certificate.spki_der())?)
            }
            label if label.ends_with("PRIVATE KEY") => {
                Err(VerifyingKeyFileError::PrivateKey { found: block.label })
            }
            _ => Err(VerifyingKeyFileError::UnsupportedBlock { found: block.label }),
        }
    }

    /// Takes a PKCS#1 `RSAPublicKey` in DER (RFC 8017 A.1.1).
    ///
    /// # Errors
    /// As [`Self::from_spki_der`].
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, VerifyingKeyError> {
        Self::from_spki_der(&spki(RSA_ENCRYPTION, AnyRef::NULL, der)?)
    }

    /// Takes the two numbers of an RSA key, big-endian.
    ///
    /// # Errors
    /// As [`Self::from_spki_der`].
    pub fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, VerifyingKeyError> {
        let pkcs1 = UintRef::new(modulus)
            .and_then(|modulus| {
                let exponent = UintRef::new(exponent)?;
                RsaPublicKey { modulus, exponent }.to_der()
            })
            .map_err(|_| malformed("RSA public key"))?;
        Self::from_pkcs1_der(&pkcs1)
    }

    /// Takes a point of a curve in SEC1's uncompressed form: `04`, then both coordinates in the curve's width.
    ///
    /// # Errors
    /// As [`Self::from_spki_der`].
    pub fn from_ec_point(curve: Curve, point: &[u8]) -> Result<Self, VerifyingKeyError> {
        Self::from_spki_der(&spki(ID_EC_PUBLIC_KEY, (&curve.oid()).into(), point)?)
    }
}

fn spki(
    oid: const_oid::ObjectIdentifier,
    parameters: AnyRef<'_>,
    key: &[u8],
) -> Result<Vec<u8>, VerifyingKeyError> {
    BitStringRef::from_bytes(key)
        .and_then(|subject_public_key| {
            SubjectPublicKeyInfo {
                algorithm: AlgorithmIdentifierRef {
                    oid,
                    parameters: Some(parameters),
                },
                subject_public_key,
            }
            .to_der()
        })
        .map_err(|_| malformed("SubjectPublicKeyInfo"))
}

fn malformed(what: &'static str) -> VerifyingKeyError {
    PublicKeyError::Malformed { what }.into()
}
