//! Verification of one signature under one key, with Notary's rules (`notary:tuf/signed/verifiers.go`).

use aws_lc_rs::digest::{Digest, SHA256, SHA384, SHA512, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA256_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};

use super::{Curve, KeyType, MIN_RSA_BITS, Material, PublicKey, PublicKeyError};
use crate::armor;

/// The `method` of a signature in metadata.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `ecdsa`: r‖s, each padded to the curve's field size, over SHA-256 whatever the curve.
    Ecdsa,
    /// `eddsa`: Ed25519 over the message itself.
    Eddsa,
    /// Any other text (lower-cased); never verifies.
    Other(String),
    /// `pycrypto-pkcs#1 pss`: PSS under a key of type `rsa` whose bytes are PEM; read, never produced.
    PycryptoPkcs1Pss,
    /// `rsapkcs1v15`: PKCS#1 v1.5 over SHA-256; read, never produced.
    RsaPkcs1v15,
    /// `rsapss`: RSASSA-PSS with SHA-256, MGF1-SHA256 and a salt of exactly 32 bytes.
    RsaPss,
}

impl Method {
    /// Reads the text of metadata, without regard to case.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.to_lowercase();
        match text.as_str() {
            "ecdsa" => Self::Ecdsa,
            "eddsa" => Self::Eddsa,
            "pycrypto-pkcs#1 pss" => Self::PycryptoPkcs1Pss,
            "rsapkcs1v15" => Self::RsaPkcs1v15,
            "rsapss" => Self::RsaPss,
            _ => Self::Other(text),
        }
    }

    /// The text of metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Eddsa => "eddsa",
            Self::Other(text) => text,
            Self::PycryptoPkcs1Pss => "pycrypto-pkcs#1 pss",
            Self::RsaPkcs1v15 => "rsapkcs1v15",
            Self::RsaPss => "rsapss",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Proof that a signature was checked under a key and is right; made by [`PublicKey::verify`] and by
/// [`crate::signature::VerifyingKey`] only.
#[derive(Debug)]
#[must_use = "a proof is for counting towards a threshold"]
pub struct SignatureValid(pub(crate) ());

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key bytes hold no key.
    #[error("unusable key: {0}")]
    Key(#[from] PublicKeyError),
    /// The method cannot be used with a key of this type.
    #[error("method {method} does not fit a key of type {key_type}")]
    MethodMismatch {
        /// The signature's method.
        method: Method,
        /// The key's type.
        key_type: KeyType,
    },
    /// The signature is not of the key under this message.
    #[error("signature mismatch")]
    Mismatch,
    /// The signature has the wrong number of bytes for the key.
    #[error("signature of {found} bytes, expected {expected}")]
    SignatureLength {
        /// Bytes that this key's signatures have.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// No library here verifies on this curve.
    #[error("no verification on curve {curve:?}")]
    UnsupportedCurve {
        /// The curve.
        curve: Curve,
    },
    /// A method nobody defined.
    #[error("unknown signature method {method}")]
    UnsupportedMethod {
        /// The method.
        method: Method,
    },
    /// An RSA modulus shorter than [`MIN_RSA_BITS`].
    #[error("RSA key of {bits} bits, at least {MIN_RSA_BITS} needed")]
    WeakRsa {
        /// Its size.
        bits: usize,
    },
}

impl PublicKey {
    /// Checks `signature` over `message` under this key; for x509 types the leaf certificate's key.
    ///
    /// # Errors
    /// Every way in which the signature does not count; callers of a threshold skip it, as Notary does.
    pub fn verify(
        &self,
        method: &Method,
        message: &[u8],
        signature: &[u8],
    ) -> Result<SignatureValid, SignatureError> {
        match (method, &self.key_type) {
            (Method::Other(_), _) => {
                return Err(SignatureError::UnsupportedMethod {
                    method: method.clone(),
                });
            }
            (Method::Ecdsa, KeyType::Ecdsa | KeyType::EcdsaX509) => {
                ecdsa(&self.material()?, message, signature)?;
            }
            (Method::RsaPss, KeyType::Rsa | KeyType::RsaX509) => {
                rsa(
                    &RSA_PSS_2048_8192_SHA256,
                    &self.material()?,
                    message,
                    signature,
                )?;
            }
            (Method::RsaPkcs1v15, KeyType::Rsa | KeyType::RsaX509) => {
                rsa(
                    &RSA_PKCS1_2048_8192_SHA256,
                    &self.material()?,
                    message,
                    signature,
                )?;
            }
            (Method::PycryptoPkcs1Pss, KeyType::Rsa) => {
                rsa(
                    &RSA_PSS_2048_8192_SHA256,
                    &self.pem_material()?,
                    message,
                    signature,
                )?;
            }
            (Method::Eddsa, KeyType::Ed25519) => eddsa(&self.bytes, message, signature)?,
            (_, key_type) => {
                let (method, key_type) = (method.clone(), key_type.clone());
                return Err(SignatureError::MethodMismatch { method, key_type });
            }
        }
        Ok(SignatureValid(()))
    }

    /// The key of a PEM block where a SubjectPublicKeyInfo should be.
    fn pem_material(&self) -> Result<Material, PublicKeyError> {
        let malformed = PublicKeyError::Malformed {
            what: "public key PEM",
        };
        let blocks = armor::parse(&self.bytes).map_err(|_| malformed.clone())?;
        Material::from_spki_der(&blocks.first().ok_or(malformed)?.contents)
    }

    fn material(&self) -> Result<Material, PublicKeyError> {
        if self.key_type.is_x509() {
            Material::from_spki_der(&self.leaf_key()?.bytes)
        } else {
            Material::from_spki_der(&self.bytes)
        }
    }
}

/// `digest`, of whatever hash, in the width that the provider takes on `curve`.
///
/// ECDSA reads a digest as an integer and takes as many bits as the curve's order has, from the left (FIPS 186-5
/// 6.4.1). So zero bits in front of a short digest, and bits cut from the end of a long one, change no signature.
pub(crate) fn ecdsa_digest(curve: Curve, digest: &[u8]) -> Digest {
    let (algorithm, width) = match curve {
        Curve::P224 | Curve::P256 => (&SHA256, 32),
        Curve::P384 => (&SHA384, 48),
        Curve::P521 => (&SHA512, 64),
    };
    let mut wide = [0; 64];
    let taken = digest.len().min(width);
    wide[width - taken..width].copy_from_slice(&digest[..taken]);
    Digest::import_less_safe(&wide[..width], algorithm).expect("the width is the algorithm's")
}

fn ecdsa(material: &Material, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let Material::Ecdsa { curve, point } = material else {
        return Err(PublicKeyError::TypeMismatch {
            declared: KeyType::Ecdsa,
            found: KeyType::Rsa,
        }
        .into());
    };
    check_length(2 * curve.field_bytes(), signature)?;
    match curve {
        Curve::P224 => return Err(SignatureError::UnsupportedCurve { curve: *curve }),
        Curve::P256 => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
        }
        Curve::P384 => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify_digest(
            &ecdsa_digest(Curve::P384, digest(&SHA256, message).as_ref()),
            signature,
        ),
        Curve::P521 => {
            UnparsedPublicKey::new(&ECDSA_P521_SHA256_FIXED, point).verify(message, signature)
        }
    }
    .map_err(|_| SignatureError::Mismatch)
}

fn rsa(
    padding: &'static RsaParameters,
    material: &Material,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let Material::Rsa { pkcs1, bits } = material else {
        return Err(PublicKeyError::TypeMismatch {
            declared: KeyType::Rsa,
            found: KeyType::Ecdsa,
        }
        .into());
    };
    if *bits < MIN_RSA_BITS {
        return Err(SignatureError::WeakRsa { bits: *bits });
    }
    check_length(bits.div_ceil(8), signature)?;
    UnparsedPublicKey::new(padding, pkcs1)
        .verify(message, signature)
        .map_err(|_| SignatureError::Mismatch)
}

fn eddsa(public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    if public.len() != 32 {
        return Err(PublicKeyError::Malformed {
            what: "Ed25519 public key",
        }
        .into());
    }
    check_length(64, signature)?;
    UnparsedPublicKey::new(&ED25519, public)
        .verify(message, signature)
        .map_err(|_| SignatureError::Mismatch)
}

fn check_length(expected: usize, signature: &[u8]) -> Result<(), SignatureError> {
    if signature.len() == expected {
        Ok(())
    } else {
        Err(SignatureError::SignatureLength {
            expected,
            found: signature.len(),
        })
    }
}
