//! What is inside a SubjectPublicKeyInfo, ready for the crypto provider.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_224_R_1, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1,
};
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode, Sequence};
use spki::SubjectPublicKeyInfo;

use super::KeyType;

/// Smallest RSA modulus, in bits, whose signatures count (`notary:const.go:MinRSABitSize`).
pub const MIN_RSA_BITS: usize = 2048;

/// Why key bytes hold no usable key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// The bytes are not the DER or PEM structure they should be.
    #[error("malformed {what}")]
    Malformed {
        /// The structure that failed to parse.
        what: &'static str,
    },
    /// The certificate's key is of another type than the entry declares.
    #[error("declared {declared}, found {found}")]
    TypeMismatch {
        /// The entry's type.
        declared: KeyType,
        /// The type of the certificate's key.
        found: KeyType,
    },
    /// A public-key algorithm other than ECDSA and RSA.
    #[error("unsupported public key algorithm {oid}")]
    UnsupportedAlgorithm {
        /// Its object identifier.
        oid: ObjectIdentifier,
    },
    /// An elliptic curve other than P-224, P-256, P-384 and P-521.
    #[error("unsupported elliptic curve {oid}")]
    UnsupportedCurve {
        /// Its object identifier.
        oid: ObjectIdentifier,
    },
}

/// A NIST prime curve that Notary can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Curve {
    /// P-224: keys parse; no library here verifies with it.
    P224,
    /// P-256, the one curve that clients generate.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    pub(crate) fn from_oid(oid: ObjectIdentifier) -> Result<Self, PublicKeyError> {
        match oid {
            SECP_224_R_1 => Ok(Self::P224),
            SECP_256_R_1 => Ok(Self::P256),
            SECP_384_R_1 => Ok(Self::P384),
            SECP_521_R_1 => Ok(Self::P521),
            oid => Err(PublicKeyError::UnsupportedCurve { oid }),
        }
    }

    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            Self::P224 => SECP_224_R_1,
            Self::P256 => SECP_256_R_1,
            Self::P384 => SECP_384_R_1,
            Self::P521 => SECP_521_R_1,
        }
    }

    /// Bytes of a coordinate, a scalar, or half a signature: the curve's bits, rounded up.
    #[must_use]
    pub const fn field_bytes(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The key of a SubjectPublicKeyInfo in the form the provider takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// An uncompressed point (not yet checked to lie on the curve; the provider does).
    Ecdsa { curve: Curve, point: Vec<u8> },
    /// A PKCS#1 `RSAPublicKey` in DER.
    Rsa { pkcs1: Vec<u8>, bits: usize },
}

/// RFC 8017 A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    #[allow(dead_code, reason = "read so that the structure is checked")]
    exponent: UintRef<'a>,
}

impl Material {
    /// Reads RFC 5280 `SubjectPublicKeyInfo`; trailing bytes are an error.
    pub(crate) fn from_spki_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        let spki =
            SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>>::from_der(der).map_err(|_| {
                PublicKeyError::Malformed {
                    what: "SubjectPublicKeyInfo",
                }
            })?;
        let bits = spki
            .subject_public_key
            .as_bytes()
            .ok_or(PublicKeyError::Malformed {
                what: "subjectPublicKey bit string",
            })?;
        match spki.algorithm.oid {
            ID_EC_PUBLIC_KEY => {
                let curve =
                    spki.algorithm
                        .parameters_oid()
                        .map_err(|_| PublicKeyError::Malformed {
                            what: "curve parameters",
                        })?;
                Self::ecdsa(Curve::from_oid(curve)?, bits)
            }
            // Go insists on the NULL (`crypto/x509: RSA key missing NULL parameters`).
            RSA_ENCRYPTION if spki.algorithm.parameters == Some(AnyRef::NULL) => Self::rsa(bits),
            RSA_ENCRYPTION => Err(PublicKeyError::Malformed {
                what: "RSA parameters",
            }),
            oid => Err(PublicKeyError::UnsupportedAlgorithm { oid }),
        }
    }

    fn ecdsa(curve: Curve, point: &[u8]) -> Result<Self, PublicKeyError> {
        // Go reads uncompressed points only.
        if point.first() != Some(&4) || point.len() != 1 + 2 * curve.field_bytes() {
            return Err(PublicKeyError::Malformed {
                what: "elliptic curve point",
            });
        }
        Ok(Self::Ecdsa {
            curve,
            point: point.to_vec(),
        })
    }

    fn rsa(pkcs1: &[u8]) -> Result<Self, PublicKeyError> {
        let key = RsaPublicKey::from_der(pkcs1).map_err(|_| PublicKeyError::Malformed {
            what: "RSAPublicKey",
        })?;
        Ok(Self::Rsa {
            pkcs1: pkcs1.to_vec(),
            bits: bit_length(key.modulus.as_bytes()),
        })
    }
}

/// Bits of a big-endian integer.
pub(crate) fn bit_length(integer: &[u8]) -> usize {
    let significant = integer.iter().skip_while(|byte| **byte == 0);
    let leading = significant
        .clone()
        .next()
        .map_or(0, |byte| byte.leading_zeros());
    significant.count() * 8 - usize::try_from(leading).unwrap_or_default()
}
