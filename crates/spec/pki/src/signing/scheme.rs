//! Signing as logs, certificates and artifacts want it: the counterpart of [`crate::signature`].

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};

use super::{Pair, ProviderError, SigningKey};
use crate::key::{KeyType, ecdsa_digest};
use crate::signature::{HashAlgorithm, Scheme, VerifyingKey, VerifyingKeyKind, ecdsa_der};

const FAILED: ProviderError = ProviderError { operation: "sign" };

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The digest is not as long as the scheme's hash makes it.
    #[error("digest of {found} bytes, expected {expected}")]
    DigestLength {
        /// Bytes that the scheme's hash has.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The scheme signs the message itself: a digest is not enough.
    #[error("{scheme:?} cannot sign a digest")]
    NeedsMessage {
        /// The scheme.
        scheme: Scheme,
    },
    /// The crypto provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The scheme belongs to another kind of key.
    #[error("scheme {scheme:?} does not fit a key of kind {kind:?}")]
    SchemeMismatch {
        /// The scheme.
        scheme: Scheme,
        /// The key's kind.
        kind: VerifyingKeyKind,
    },
}

impl SigningKey {
    /// The public half as logs, certificates and artifacts take it; [`VerifyingKey::default_scheme`] is how to sign.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let bytes = self.public.public_bytes();
        let key = match self.public.key_type() {
            KeyType::Ed25519 => bytes.try_into().ok().map(VerifyingKey::from_ed25519),
            _ => VerifyingKey::from_spki_der(bytes).ok(),
        };
        key.expect("every key that signs is of a kind and size that verifies")
    }

    /// Signs `message`: an ECDSA signature is DER, an RSA one as long as the modulus, an Ed25519 one 64 bytes.
    ///
    /// # Errors
    /// The scheme does not fit the key, or the provider failed.
    pub fn sign_with(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match (scheme, &self.pair) {
            (Scheme::Ed25519, Pair::Ed25519 { pair, .. }) => {
                let signature = pair.try_sign(message).map_err(|_| FAILED)?;
                Ok(signature.as_ref().to_vec())
            }
            (Scheme::Ed25519, _) => Err(self.mismatch(scheme)),
            (Scheme::Ecdsa(hash) | Scheme::RsaPkcs1v15(hash) | Scheme::RsaPss(hash), _) => {
                self.sign_hashed(scheme, &aws_lc_rs::digest::digest(hash.provider(), message))
            }
        }
    }

    /// Signs a message of which only the digest under the scheme's hash is at hand.
    ///
    /// # Errors
    /// As [`Self::sign_with`]; a digest of another length; a scheme without a digest form.
    pub fn sign_digest_with(&self, scheme: Scheme, digest: &[u8]) -> Result<Vec<u8>, SignError> {
        let hash = scheme.hash().ok_or(SignError::NeedsMessage { scheme })?;
        let digest = Digest::import_less_safe(digest, hash.provider()).map_err(|_| {
            SignError::DigestLength {
                expected: hash.digest_bytes(),
                found: digest.len(),
            }
        })?;
        self.sign_hashed(scheme, &digest)
    }

    fn sign_hashed(&self, scheme: Scheme, digest: &Digest) -> Result<Vec<u8>, SignError> {
        match (scheme, &self.pair) {
            (Scheme::Ecdsa(_), Pair::Ecdsa { curve, pair, .. }) => {
                let raw = pair
                    .sign_digest(&ecdsa_digest(*curve, digest.as_ref()))
                    .map_err(|_| FAILED)?;
                Ok(ecdsa_der(*curve, raw.as_ref()).map_err(|_| FAILED)?)
            }
            (Scheme::RsaPkcs1v15(hash), Pair::Rsa { pair, .. }) => {
                let encoding: &'static dyn RsaEncoding = match hash {
                    HashAlgorithm::Sha256 => &RSA_PKCS1_SHA256,
                    HashAlgorithm::Sha384 => &RSA_PKCS1_SHA384,
                    HashAlgorithm::Sha512 => &RSA_PKCS1_SHA512,
                };
                rsa(pair, encoding, digest)
            }
            (Scheme::RsaPss(hash), Pair::Rsa { pair, .. }) => {
                let encoding: &'static dyn RsaEncoding = match hash {
                    HashAlgorithm::Sha256 => &RSA_PSS_SHA256,
                    HashAlgorithm::Sha384 => &RSA_PSS_SHA384,
                    HashAlgorithm::Sha512 => &RSA_PSS_SHA512,
                };
                rsa(pair, encoding, digest)
            }
            _ => Err(self.mismatch(scheme)),
        }
    }

    fn mismatch(&self, scheme: Scheme) -> SignError {
        SignError::SchemeMismatch {
            scheme,
            kind: self.verifying_key().kind(),
        }
    }
}

fn rsa(
    pair: &RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
    digest: &Digest,
) -> Result<Vec<u8>, SignError> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(encoding, digest, &mut signature)
        .map_err(|_| FAILED)?;
    Ok(signature)
}
