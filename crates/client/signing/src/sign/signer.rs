//! Who signs.

use kms::{ServiceKey, SigningService};
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey};
use pki::signing::SigningKey;
use sigstore::bundle::SignerMaterial;
use sigstore::dsse::{Envelope, IN_TOTO, pre_authentication_encoding};
use sigstore::fulcio::SigningCertificate;

use super::SignError;

/// A key, wherever it is, and the certificate that says whose it is.
pub struct Signer {
    secret: Secret,
    key: VerifyingKey,
    certificate: Option<Certificate>,
}

/// The certificate of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// For the key itself.
    pub leaf: SigningCertificate,
    /// DER of its issuers, the root last.
    pub issuers: Vec<Vec<u8>>,
}

enum Secret {
    Here(SigningKey),
    Kept {
        service: Box<dyn SigningService>,
        schemes: Vec<Scheme>,
    },
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// A key at hand.
    #[must_use]
    pub fn with_key(key: SigningKey) -> Self {
        Self {
            key: key.verifying_key(),
            secret: Secret::Here(key),
            certificate: None,
        }
    }

    /// A key that signs where it is kept.
    ///
    /// # Errors
    /// The service does not give the public key.
    pub async fn with_service(service: Box<dyn SigningService>) -> Result<Self, SignError> {
        let ServiceKey {
            verifying_key,
            schemes,
        } = service.key().await?;
        Ok(Self {
            key: verifying_key,
            secret: Secret::Kept { service, schemes },
            certificate: None,
        })
    }

    /// The same with a certificate.
    ///
    /// # Errors
    /// It is for another key.
    pub fn certified(mut self, certificate: Certificate) -> Result<Self, SignError> {
        if *certificate.leaf.key() != self.key {
            return Err(SignError::CertificateOfAnotherKey {
                expected: self.key.spki_sha256(),
                found: certificate.leaf.key().spki_sha256(),
            });
        }
        self.certificate = Some(certificate);
        Ok(self)
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// How bundles are signed: with the hash that goes with the key.
    #[must_use]
    pub fn bundle_scheme(&self) -> Scheme {
        self.preferred(self.key.default_scheme())
    }

    /// How the older form is signed: its readers know SHA-256 only, whatever the curve.
    #[must_use]
    pub fn legacy_scheme(&self) -> Scheme {
        self.preferred(match self.key.default_scheme() {
            Scheme::Ecdsa(_) => Scheme::Ecdsa(HashAlgorithm::Sha256),
            other => other,
        })
    }

    /// A key that is kept elsewhere may not have the scheme that its readers would like.
    fn preferred(&self, scheme: Scheme) -> Scheme {
        match &self.secret {
            Secret::Kept { schemes, .. } if !schemes.contains(&scheme) => {
                schemes.first().copied().unwrap_or(scheme)
            }
            Secret::Here(_) | Secret::Kept { .. } => scheme,
        }
    }

    /// Signs `message`: ECDSA in DER.
    ///
    /// # Errors
    /// The provider's or the service's.
    pub async fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.secret {
            Secret::Here(key) => Ok(key.sign_with(scheme, message)?),
            Secret::Kept { service, .. } => Ok(service.sign(scheme, message).await?),
        }
    }

    /// Puts a statement into an envelope and signs it.
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub async fn envelope(&self, scheme: Scheme, statement: String) -> Result<Envelope, SignError> {
        let payload = statement.into_bytes();
        let encoded = pre_authentication_encoding(IN_TOTO, &payload);
        let signature = self.sign(scheme, &encoded).await?;
        Ok(Envelope::new(IN_TOTO.to_owned(), payload, signature))
    }

    /// What a bundle says about the signer.
    #[must_use]
    pub fn material(&self) -> SignerMaterial {
        match &self.certificate {
            Some(certificate) => SignerMaterial::Certificate {
                leaf: Box::new(certificate.leaf.clone()),
                intermediates: Vec::new(),
            },
            None => key_material(&self.key),
        }
    }
}

/// What a bundle says of a signer without a certificate: cosign's hint which key it is.
pub(crate) fn key_material(key: &VerifyingKey) -> SignerMaterial {
    use base64::Engine as _;
    SignerMaterial::PublicKey {
        hint: base64::engine::general_purpose::STANDARD.encode(key.spki_sha256().as_bytes()),
    }
}
