//! Verification outside trust metadata: logs, certificates and artifacts name a scheme, sign with DER ECDSA, and often
//! hand over a digest instead of the message.
//!
//! [`crate::key`] keeps Notary's own rules, whose signatures look different (raw r‖s, always SHA-256).

mod public_file;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{self as provider, Digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};

pub use public_file::{VERIFYING_KEY_FILE_LIMIT, VerifyingKeyFileError};

use crate::armor;
use crate::digest::Sha256;
use crate::key::{Curve, MIN_RSA_BITS, Material, PublicKeyError, SignatureValid};

/// Most bytes of a SubjectPublicKeyInfo: an RSA key of 16384 bits has about 2100.
pub const SPKI_LIMIT: usize = 4096;

/// Most bits of an RSA modulus; longer ones cost a verifier too much.
pub const MAX_RSA_BITS: usize = 8192;

/// The hash under a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// Bytes of a digest.
    #[must_use]
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of `message`.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        provider::digest(self.provider(), message).as_ref().to_vec()
    }

    pub(crate) fn provider(self) -> &'static provider::Algorithm {
        match self {
            Self::Sha256 => &provider::SHA256,
            Self::Sha384 => &provider::SHA384,
            Self::Sha512 => &provider::SHA512,
        }
    }
}

/// How a signature was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// ECDSA (FIPS 186-5) on the key's curve, the signature a DER `ECDSA-Sig-Value` (RFC 3279 2.2.3).
    Ecdsa(HashAlgorithm),
    /// Pure Ed25519 (RFC 8032): over the message itself, so there is no digest form. The prehashed Ed25519ph is not
    /// served: what cosign 3 signs with it, cosign 3 does not verify.
    Ed25519,
    /// RSASSA-PKCS1-v1_5 (RFC 8017 8.2).
    RsaPkcs1v15(HashAlgorithm),
    /// RSASSA-PSS (RFC 8017 8.1), MGF1 with the same hash and a salt as long as the digest.
    RsaPss(HashAlgorithm),
}

impl Scheme {
    /// The hash under the signature; `None` for a scheme that signs the message itself.
    #[must_use]
    pub const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Ecdsa(hash) | Self::RsaPkcs1v15(hash) | Self::RsaPss(hash) => Some(hash),
            Self::Ed25519 => None,
        }
    }
}

/// What kind of key it is, and with it which schemes fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerifyingKeyKind {
    /// An elliptic curve key; never [`Curve::P224`].
    Ecdsa(Curve),
    /// An Ed25519 key.
    Ed25519,
    /// An RSA key of [`MIN_RSA_BITS`] to [`MAX_RSA_BITS`] bits.
    Rsa {
        /// Bits of the modulus.
        bits: usize,
    },
}

/// Why bytes give no key that can verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyingKeyError {
    /// The structure does not parse, or names an algorithm or curve that is not served here.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// An RSA modulus outside the limits.
    #[error("RSA key of {bits} bits, {MIN_RSA_BITS} to {MAX_RSA_BITS} needed")]
    RsaSize {
        /// Its size.
        bits: usize,
    },
    /// More than [`SPKI_LIMIT`] bytes.
    #[error("public key of {found} bytes, at most {SPKI_LIMIT}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// A curve that no library here verifies on.
    #[error("no verification on curve {curve:?}")]
    UnsupportedCurve {
        /// The curve.
        curve: Curve,
    },
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The digest is not as long as the scheme's hash makes it.
    #[error("digest of {found} bytes, expected {expected}")]
    DigestLength {
        /// Bytes that the scheme's hash has.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The signature is not of the key over this message.
    #[error("signature mismatch")]
    Mismatch,
    /// The scheme signs the message itself: a digest is not enough.
    #[error("{scheme:?} cannot be verified from a digest")]
    NeedsMessage {
        /// The scheme.
        scheme: Scheme,
    },
    /// The scheme belongs to another kind of key.
    #[error("scheme {scheme:?} does not fit a key of kind {kind:?}")]
    SchemeMismatch {
        /// The scheme.
        scheme: Scheme,
        /// The key's kind.
        kind: VerifyingKeyKind,
    },
}

/// A raw ECDSA signature that is not as long as its curve makes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("raw signature of {found} bytes, expected {expected}")]
pub struct RawSignatureError {
    /// Bytes of r‖s on the curve.
    pub expected: usize,
    /// Bytes given.
    pub found: usize,
}

/// A public key that can verify, with the SubjectPublicKeyInfo it is known by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifyingKey {
    kind: VerifyingKeyKind,
    /// What the provider takes: an uncompressed point, 32 raw bytes, or a PKCS#1 `RSAPublicKey`.
    material: Vec<u8>,
    spki: Vec<u8>,
}

impl VerifyingKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7) of P-256, P-384, P-521, Ed25519 or RSA.
    ///
    /// # Errors
    /// Malformed or oversized DER, another algorithm or curve, an RSA key outside the limits.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, VerifyingKeyError> {
        if der.len() > SPKI_LIMIT {
            return Err(VerifyingKeyError::TooLarge { found: der.len() });
        }
        let (kind, material) = match ed25519_of_spki(der)? {
            Some(raw) => (VerifyingKeyKind::Ed25519, raw),
            None => match Material::from_spki_der(der)? {
                Material::Ecdsa {
                    curve: curve @ Curve::P224,
                    ..
                } => return Err(VerifyingKeyError::UnsupportedCurve { curve }),
                Material::Ecdsa { curve, point } => (VerifyingKeyKind::Ecdsa(curve), point),
                Material::Rsa { bits, .. } if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) => {
                    return Err(VerifyingKeyError::RsaSize { bits });
                }
                Material::Rsa { pkcs1, bits } => (VerifyingKeyKind::Rsa { bits }, pkcs1),
            },
        };
        Ok(Self {
            kind,
            material,
            spki: der.to_vec(),
        })
    }

    /// Takes the 32 raw bytes of an Ed25519 key (RFC 8032 5.1.5).
    #[must_use]
    pub fn from_ed25519(raw: &[u8; 32]) -> Self {
        let spki = SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>> {
            algorithm: AlgorithmIdentifierRef {
                oid: ID_ED_25519,
                parameters: None,
            },
            subject_public_key: BitStringRef::from_bytes(raw)
                .expect("32 bytes are within the limits of a bit string"),
        };
        Self {
            kind: VerifyingKeyKind::Ed25519,
            material: raw.to_vec(),
            spki: spki
                .to_der()
                .expect("an Ed25519 key is within the limits of DER"),
        }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> VerifyingKeyKind {
        self.kind
    }

    /// The 32 raw bytes, if it is an Ed25519 key.
    #[must_use]
    pub fn ed25519(&self) -> Option<&[u8; 32]> {
        match self.kind {
            VerifyingKeyKind::Ed25519 => self.material.as_slice().try_into().ok(),
            VerifyingKeyKind::Ecdsa(_) | VerifyingKeyKind::Rsa { .. } => None,
        }
    }

    /// The SubjectPublicKeyInfo in DER, byte for byte as it was given.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The PEM text of a public key file such as `cosign.pub`: a `PUBLIC KEY` block without headers.
    #[must_use]
    pub fn to_pem(&self) -> String {
        std::mem::take(&mut *armor::encode(
            "PUBLIC KEY",
            &BTreeMap::new(),
            &self.spki,
        ))
    }

    /// SHA-256 of the SubjectPublicKeyInfo: the log id of RFC 6962 and of Rekor v1.
    #[must_use]
    pub fn spki_sha256(&self) -> Sha256 {
        Sha256::of(&self.spki)
    }

    /// The scheme that this kind of key is used with when nothing else is said: the curve's own hash, PKCS#1 v1.5
    /// with SHA-256 (`sigstore/sigstore:pkg/signature/algorithm_registry.go`).
    #[must_use]
    pub fn default_scheme(&self) -> Scheme {
        match self.kind {
            VerifyingKeyKind::Ecdsa(Curve::P384) => Scheme::Ecdsa(HashAlgorithm::Sha384),
            VerifyingKeyKind::Ecdsa(Curve::P521) => Scheme::Ecdsa(HashAlgorithm::Sha512),
            VerifyingKeyKind::Ecdsa(_) => Scheme::Ecdsa(HashAlgorithm::Sha256),
            VerifyingKeyKind::Ed25519 => Scheme::Ed25519,
            VerifyingKeyKind::Rsa { .. } => Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
        }
    }

    /// Checks `signature` over `message`.
    ///
    /// # Errors
    /// The scheme does not fit the key, or the signature does not hold.
    pub fn verify(
        &self,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<SignatureValid, VerifyError> {
        let algorithm = self.algorithm(scheme)?;
        UnparsedPublicKey::new(algorithm, &self.material)
            .verify(message, signature)
            .map_err(|_| VerifyError::Mismatch)?;
        Ok(SignatureValid(()))
    }

    /// Checks `signature` over a message of which only the digest under the scheme's hash is at hand.
    ///
    /// # Errors
    /// As [`Self::verify`]; a digest of another length; a scheme without a digest form.
    pub fn verify_digest(
        &self,
        scheme: Scheme,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<SignatureValid, VerifyError> {
        let algorithm = self.algorithm(scheme)?;
        let hash = scheme.hash().ok_or(VerifyError::NeedsMessage { scheme })?;
        let digest = Digest::import_less_safe(digest, hash.provider()).map_err(|_| {
            VerifyError::DigestLength {
                expected: hash.digest_bytes(),
                found: digest.len(),
            }
        })?;
        UnparsedPublicKey::new(algorithm, &self.material)
            .verify_digest(&digest, signature)
            .map_err(|_| VerifyError::Mismatch)?;
        Ok(SignatureValid(()))
    }

    fn algorithm(&self, scheme: Scheme) -> Result<&'static dyn VerificationAlgorithm, VerifyError> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        Ok(match (self.kind, scheme) {
            (VerifyingKeyKind::Ecdsa(Curve::P256), Scheme::Ecdsa(hash)) => match hash {
                Sha256 => &ECDSA_P256_SHA256_ASN1,
                Sha384 => &ECDSA_P256_SHA384_ASN1,
                Sha512 => &ECDSA_P256_SHA512_ASN1,
            },
            (VerifyingKeyKind::Ecdsa(Curve::P384), Scheme::Ecdsa(hash)) => match hash {
                Sha256 => &ECDSA_P384_SHA256_ASN1,
                Sha384 => &ECDSA_P384_SHA384_ASN1,
                Sha512 => &ECDSA_P384_SHA512_ASN1,
            },
            (VerifyingKeyKind::Ecdsa(Curve::P521), Scheme::Ecdsa(hash)) => match hash {
                Sha256 => &ECDSA_P521_SHA256_ASN1,
                Sha384 => &ECDSA_P521_SHA384_ASN1,
                Sha512 => &ECDSA_P521_SHA512_ASN1,
            },
            (VerifyingKeyKind::Ed25519, Scheme::Ed25519) => &ED25519,
            (VerifyingKeyKind::Rsa { .. }, Scheme::RsaPkcs1v15(hash)) => match hash {
                Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                Sha384 => &RSA_PKCS1_2048_8192_SHA384,
                Sha512 => &RSA_PKCS1_2048_8192_SHA512,
            },
            (VerifyingKeyKind::Rsa { .. }, Scheme::RsaPss(hash)) => match hash {
                Sha256 => &RSA_PSS_2048_8192_SHA256,
                Sha384 => &RSA_PSS_2048_8192_SHA384,
                Sha512 => &RSA_PSS_2048_8192_SHA512,
            },
            (kind, scheme) => return Err(VerifyError::SchemeMismatch { scheme, kind }),
        })
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kind", &self.kind)
            .field("spki_sha256", &self.spki_sha256())
            .finish_non_exhaustive()
    }
}

/// RFC 3279 2.2.3 `ECDSA-Sig-Value`.
#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// The DER form of an ECDSA signature that came as r‖s, each in the curve's width.
///
/// # Errors
/// Another length than `curve` has.
pub fn ecdsa_der(curve: Curve, raw: &[u8]) -> Result<Vec<u8>, RawSignatureError> {
    let expected = 2 * curve.field_bytes();
    let length = || RawSignatureError {
        expected,
        found: raw.len(),
    };
    if raw.len() != expected {
        return Err(length());
    }
    let (r, s) = raw.split_at(curve.field_bytes());
    UintRef::new(r)
        .and_then(|r| {
            let s = UintRef::new(s)?;
            EcdsaSignature { r, s }.to_der()
        })
        .map_err(|_| length())
}

/// The raw bytes if `der` is a SubjectPublicKeyInfo of Ed25519 (RFC 8410 4), which has no parameters.
fn ed25519_of_spki(der: &[u8]) -> Result<Option<Vec<u8>>, PublicKeyError> {
    let malformed = |what| PublicKeyError::Malformed { what };
    let spki = SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>>::from_der(der)
        .map_err(|_| malformed("SubjectPublicKeyInfo"))?;
    if spki.algorithm.oid != ID_ED_25519 {
        return Ok(None);
    }
    match (
        spki.algorithm.parameters,
        spki.subject_public_key.as_bytes(),
    ) {
        (None, Some(raw)) if raw.len() == 32 => Ok(Some(raw.to_vec())),
        _ => Err(malformed("Ed25519 public key")),
    }
}
