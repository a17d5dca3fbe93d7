//! New keys.

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{EcdsaKeyPair, RsaKeyPair};
use zeroize::Zeroizing;

use super::{ProviderError, SigningKey, signing_algorithm};
use crate::key::Curve;

/// A kind of key that can be made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256: what Notary, Docker and cosign make.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits.
    Rsa4096,
}

impl SigningKey {
    /// Makes a key; RSA takes seconds.
    ///
    /// # Errors
    /// The provider failed.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, ProviderError> {
        match algorithm {
            KeyAlgorithm::EcdsaP256 => Self::generate_ecdsa(Curve::P256),
            KeyAlgorithm::EcdsaP384 => Self::generate_ecdsa(Curve::P384),
            KeyAlgorithm::EcdsaP521 => Self::generate_ecdsa(Curve::P521),
            KeyAlgorithm::Ed25519 => Self::generate_ed25519(),
            KeyAlgorithm::Rsa2048 => Self::generate_rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => Self::generate_rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => Self::generate_rsa(KeySize::Rsa4096),
        }
    }

    /// Makes the kind of key that Notary and Docker make for every role.
    ///
    /// # Errors
    /// The provider failed.
    pub fn generate_ecdsa_p256() -> Result<Self, ProviderError> {
        Self::generate(KeyAlgorithm::EcdsaP256)
    }

    /// Makes an Ed25519 key, the second kind a trust server may hold.
    ///
    /// # Errors
    /// The provider failed.
    pub fn generate_ed25519() -> Result<Self, ProviderError> {
        let failed = ProviderError {
            operation: "generate an Ed25519 key",
        };
        let mut seed = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(seed.as_mut_slice()).map_err(|_| failed)?;
        Self::ed25519(seed.as_slice()).map_err(|_| failed)
    }

    fn generate_ecdsa(curve: Curve) -> Result<Self, ProviderError> {
        let failed = ProviderError {
            operation: "generate an ECDSA key",
        };
        let algorithm = signing_algorithm(curve).map_err(|_| failed)?;
        let pair = EcdsaKeyPair::generate(algorithm).map_err(|_| failed)?;
        let scalar = pair.private_key().as_be_bytes().map_err(|_| failed)?;
        Self::ecdsa(curve, scalar.as_ref()).map_err(|_| failed)
    }

    fn generate_rsa(size: KeySize) -> Result<Self, ProviderError> {
        let failed = ProviderError {
            operation: "generate an RSA key",
        };
        let pair = RsaKeyPair::generate(size).map_err(|_| failed)?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| failed)?;
        Self::from_der(der.as_ref()).map_err(|_| failed)
    }
}
