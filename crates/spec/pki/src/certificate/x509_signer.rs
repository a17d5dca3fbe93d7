//! Our keys as the certificate library wants them, without giving it a copy of the secret.

use jiff::Timestamp;
use rcgen::{
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA256, PKCS_RSA_SHA256,
    PublicKeyData, SignatureAlgorithm,
};
use time::OffsetDateTime;

use crate::key::{Curve, Material};
use crate::signature::HashAlgorithm::{Sha256, Sha384};
use crate::signature::Scheme;
use crate::signing::SigningKey;

/// A key that signs certificates.
pub(super) struct X509Signer<'a> {
    key: &'a SigningKey,
    /// The subjectPublicKey bits of the key's SubjectPublicKeyInfo.
    public: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
    /// The same, as the key signs.
    scheme: Scheme,
}

impl<'a> X509Signer<'a> {
    /// `None` for Ed25519, which Notary makes no certificates for.
    pub(super) fn new(key: &'a SigningKey) -> Option<Self> {
        let (public, algorithm, scheme) =
            match Material::from_spki_der(key.public_key().public_bytes()).ok()? {
                Material::Ecdsa {
                    curve: Curve::P224, ..
                } => return None,
                Material::Ecdsa {
                    curve: Curve::P256,
                    point,
                } => (point, &PKCS_ECDSA_P256_SHA256, Scheme::Ecdsa(Sha256)),
                Material::Ecdsa {
                    curve: Curve::P384,
                    point,
                } => (point, &PKCS_ECDSA_P384_SHA384, Scheme::Ecdsa(Sha384)),
                Material::Ecdsa {
                    curve: Curve::P521,
                    point,
                } => (point, &PKCS_ECDSA_P521_SHA256, Scheme::Ecdsa(Sha256)),
                Material::Rsa { pkcs1, .. } => {
                    (pkcs1, &PKCS_RSA_SHA256, Scheme::RsaPkcs1v15(Sha256))
                }
            };
        Some(Self {
            key,
            public,
            algorithm,
            scheme,
        })
    }
}

impl PublicKeyData for X509Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl rcgen::SigningKey for X509Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key
            .sign_with(self.scheme, message)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// `days` after `now`, in whole seconds, as the certificate library takes it.
pub(super) fn offset(now: Timestamp, days: i64) -> Option<OffsetDateTime> {
    let seconds = now.as_second().checked_add(days.checked_mul(86_400)?)?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}
