//! Private keys that sign, and the encodings they are read from and written to.

mod encoding;
mod generate;
mod scheme;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PSS_SHA256, RsaKeyPair,
};
use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

pub use generate::KeyAlgorithm;
pub use scheme::SignError;

use crate::key::{CanonicalKeyId, Curve, KeyType, Method, PublicKey, ecdsa_digest};

/// RSA sizes, in bits, that can be imported; below them no signature would ever verify.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why bytes give no private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The structure does not parse, or its parts do not fit together.
    #[error("malformed {what}")]
    Malformed {
        /// The structure.
        what: &'static str,
    },
    /// An RSA modulus outside [`RSA_BITS`].
    #[error("RSA key of {bits} bits")]
    RsaSize {
        /// Its size.
        bits: usize,
    },
    /// An algorithm other than ECDSA, RSA and Ed25519.
    #[error("unsupported private key algorithm {oid}")]
    UnsupportedAlgorithm {
        /// Its object identifier.
        oid: ObjectIdentifier,
    },
    /// A curve other than P-256, P-384 and P-521.
    #[error("unsupported elliptic curve {oid}")]
    UnsupportedCurve {
        /// Its object identifier.
        oid: ObjectIdentifier,
    },
}

/// The crypto provider refused an operation that has no reason to fail (no memory, no randomness).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic provider failed to {operation}")]
pub struct ProviderError {
    /// What it was asked to do.
    pub operation: &'static str,
}

/// A signature as metadata records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// How it was made: `ecdsa`, `rsapss` or `eddsa`.
    pub method: Method,
    /// Its bytes: raw r‖s, the PSS block, or the 64 bytes of Ed25519.
    pub bytes: Vec<u8>,
}

/// A private key in memory. Its secret is wiped on drop and never shown.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ecdsa {
        curve: Curve,
        pair: EcdsaKeyPair,
        scalar: Zeroizing<Vec<u8>>,
    },
    Ed25519 {
        pair: Ed25519KeyPair,
        seed: Zeroizing<Vec<u8>>,
    },
    Rsa {
        pair: RsaKeyPair,
        pkcs1: Zeroizing<Vec<u8>>,
    },
}

impl SigningKey {
    /// Reads an unencrypted PKCS#8, SEC1 or PKCS#1 private key; which one is told by its second field.
    ///
    /// Besides the standard forms this takes what Notary writes: PKCS#8 version 1 without a public key, RSA
    /// without NULL parameters, and Ed25519 under an object identifier of its own with 96 raw bytes.
    ///
    /// # Errors
    /// Malformed DER, an algorithm or curve that cannot sign here, an RSA key outside [`RSA_BITS`].
    pub fn from_der(der: &[u8]) -> Result<Self, SigningKeyError> {
        encoding::read(der)
    }

    /// Reads Notary's raw Ed25519 form: public(32) ‖ seed(32) ‖ public(32).
    ///
    /// # Errors
    /// Another length, or public halves that do not belong to the seed.
    pub fn from_notary_ed25519(raw: &[u8]) -> Result<Self, SigningKeyError> {
        let malformed = SigningKeyError::Malformed {
            what: "Ed25519 private key",
        };
        let (Some(public), Some(seed), Some(again), 96) =
            (raw.get(..32), raw.get(32..64), raw.get(64..), raw.len())
        else {
            return Err(malformed);
        };
        let key = Self::ed25519(seed)?;
        if key.public.public_bytes() == public && public == again {
            Ok(key)
        } else {
            Err(malformed)
        }
    }

    /// The public half, of type `ecdsa`, `rsa` or `ed25519`.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The id that names the key's file.
    #[must_use]
    pub fn canonical_id(&self) -> CanonicalKeyId {
        self.public
            .canonical_id()
            .expect("a bare key's canonical id is its TUF id")
    }

    /// Signs `message` with the method that Notary uses for this kind of key.
    ///
    /// # Errors
    /// The provider failed.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, ProviderError> {
        let failed = ProviderError { operation: "sign" };
        let (method, bytes) = match &self.pair {
            Pair::Ecdsa { curve, pair, .. } => {
                let digest = ecdsa_digest(*curve, digest(&SHA256, message).as_ref());
                let signature = pair.sign_digest(&digest).map_err(|_| failed)?;
                (Method::Ecdsa, signature.as_ref().to_vec())
            }
            Pair::Ed25519 { pair, .. } => {
                let signature = pair.try_sign(message).map_err(|_| failed)?;
                (Method::Eddsa, signature.as_ref().to_vec())
            }
            Pair::Rsa { pair, .. } => {
                let mut bytes = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut bytes)
                    .map_err(|_| failed)?;
                (Method::RsaPss, bytes)
            }
        };
        Ok(Signature { method, bytes })
    }

    /// Writes unencrypted PKCS#8 version 0 in its standard form (RFC 5208, RFC 5915, RFC 8410).
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        encoding::write_pkcs8(self)
    }

    /// Writes the PKCS#8 that Notary reads: the standard form, but Ed25519 in Notary's own.
    #[must_use]
    pub fn to_notary_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        encoding::write_notary_pkcs8(self)
    }

    /// Writes what `notary-signer` keeps inside a database row: SEC1, PKCS#1, or Notary's 96 raw Ed25519 bytes.
    #[must_use]
    pub fn to_signer_secret(&self) -> Zeroizing<Vec<u8>> {
        encoding::write_signer_secret(self)
    }

    /// Reads what `notary-signer` keeps inside a database row whose `algorithm` is `key_type`.
    ///
    /// # Errors
    /// As [`Self::from_der`]; [`SigningKeyError::Malformed`] too if the key is of another type.
    pub fn from_signer_secret(key_type: &KeyType, secret: &[u8]) -> Result<Self, SigningKeyError> {
        let key = match key_type {
            KeyType::Ed25519 => Self::from_notary_ed25519(secret)?,
            _ => Self::from_der(secret)?,
        };
        if key.public.key_type() == key_type {
            Ok(key)
        } else {
            Err(SigningKeyError::Malformed {
                what: "private key for the declared type",
            })
        }
    }

    /// A key from a scalar of at most the curve's width; leading zeros may be missing.
    fn ecdsa(curve: Curve, scalar: &[u8]) -> Result<Self, SigningKeyError> {
        let malformed = SigningKeyError::Malformed {
            what: "elliptic curve scalar",
        };
        let algorithm = signing_algorithm(curve)?;
        let width = curve.field_bytes();
        let significant = scalar
            .iter()
            .position(|byte| *byte != 0)
            .unwrap_or(scalar.len());
        let significant = scalar.get(significant..).unwrap_or_default();
        let Some(padding) = width.checked_sub(significant.len()) else {
            return Err(malformed);
        };
        let mut padded = Zeroizing::new(vec![0; width]);
        padded[padding..].copy_from_slice(significant);
        let sec1 = encoding::write_sec1(curve, &padded, None);
        let pair = EcdsaKeyPair::from_private_key_der(algorithm, &sec1).map_err(|_| malformed)?;
        let spki = encoding::write_ecdsa_spki(curve, pair.public_key().as_ref());
        Ok(Self {
            public: PublicKey::new(KeyType::Ecdsa, spki),
            pair: Pair::Ecdsa {
                curve,
                pair,
                scalar: padded,
            },
        })
    }

    fn ed25519(seed: &[u8]) -> Result<Self, SigningKeyError> {
        let malformed = SigningKeyError::Malformed {
            what: "Ed25519 seed",
        };
        if seed.len() != 32 {
            return Err(malformed);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| malformed)?;
        Ok(Self {
            public: PublicKey::new(KeyType::Ed25519, pair.public_key().as_ref().to_vec()),
            pair: Pair::Ed25519 {
                pair,
                seed: Zeroizing::new(seed.to_vec()),
            },
        })
    }

    /// A key from a PKCS#1 `RSAPrivateKey`.
    fn rsa(pkcs1: &[u8], bits: usize) -> Result<Self, SigningKeyError> {
        if !RSA_BITS.contains(&bits) {
            return Err(SigningKeyError::RsaSize { bits });
        }
        let pair = RsaKeyPair::from_der(pkcs1).map_err(|_| SigningKeyError::Malformed {
            what: "RSA private key",
        })?;
        let spki = encoding::write_rsa_spki(pair.public_key().as_ref());
        Ok(Self {
            public: PublicKey::new(KeyType::Rsa, spki),
            pair: Pair::Rsa {
                pair,
                pkcs1: Zeroizing::new(pkcs1.to_vec()),
            },
        })
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("key_type", self.public.key_type())
            .field("canonical_id", &self.canonical_id())
            .finish_non_exhaustive()
    }
}

/// The one for digests in the width of [`ecdsa_digest`].
fn signing_algorithm(curve: Curve) -> Result<&'static EcdsaSigningAlgorithm, SigningKeyError> {
    match curve {
        Curve::P224 => Err(SigningKeyError::UnsupportedCurve { oid: curve.oid() }),
        Curve::P256 => Ok(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Curve::P384 => Ok(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Curve::P521 => Ok(&ECDSA_P521_SHA512_FIXED_SIGNING),
    }
}
