use std::fmt::Debug;

use futures_util::future::BoxFuture;
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey, VerifyingKeyKind};
use pki::signing::KeyAlgorithm;
use tokio::sync::OnceCell;

use crate::aws::Aws;
use crate::azure::Azure;
use crate::error::{Service, ServiceError};
use crate::google::Google;
use crate::pkcs11::Pkcs11Key;
use crate::plugin::Plugin;
use crate::reference::ServiceReference;
use crate::settings::Settings;
use crate::vault::Vault;

/// What a service says about its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceKey {
    /// The public half.
    pub verifying_key: VerifyingKey,
    /// The schemes that [`SigningService::sign`] makes with it, never empty; [`VerifyingKey::default_scheme`] comes
    /// first if it is among them. A service may have fixed one when the key was made.
    pub schemes: Vec<Scheme>,
}

impl ServiceKey {
    /// A key with the schemes that fit it, in order, but the default one first; `None` if none fits.
    pub(crate) fn new(
        verifying_key: VerifyingKey,
        schemes: impl IntoIterator<Item = Scheme>,
    ) -> Option<Self> {
        let mut schemes: Vec<Scheme> = schemes
            .into_iter()
            .filter(|scheme| fits(verifying_key.kind(), *scheme))
            .collect();
        let default = verifying_key.default_scheme();
        schemes.sort_by_key(|scheme| *scheme != default);
        (!schemes.is_empty()).then_some(Self {
            verifying_key,
            schemes,
        })
    }

    /// A key of a service that takes a digest of any hash; RSA with PKCS#1 v1.5.
    pub(crate) fn any_hash(verifying_key: VerifyingKey) -> Self {
        let hashes = [
            HashAlgorithm::Sha256,
            HashAlgorithm::Sha384,
            HashAlgorithm::Sha512,
        ];
        let schemes = [
            hashes.map(Scheme::Ecdsa).as_slice(),
            &hashes.map(Scheme::RsaPkcs1v15),
            &[Scheme::Ed25519],
        ]
        .concat();
        Self::new(verifying_key, schemes).expect("every kind of key has a scheme among these")
    }

    /// The scheme to sign with when nothing else is said.
    ///
    /// # Panics
    /// Never for a key that a [`SigningService`] gave.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        *self.schemes.first().expect("a service's key has a scheme")
    }
}

fn fits(kind: VerifyingKeyKind, scheme: Scheme) -> bool {
    matches!(
        (kind, scheme),
        (VerifyingKeyKind::Ecdsa(_), Scheme::Ecdsa(_))
            | (VerifyingKeyKind::Ed25519, Scheme::Ed25519)
            | (
                VerifyingKeyKind::Rsa { .. },
                Scheme::RsaPkcs1v15(_) | Scheme::RsaPss(_)
            )
    )
}

/// What Vault calls a kind of key, and plugins are asked for.
pub(crate) const fn algorithm_name(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => "ecdsa-p256",
        KeyAlgorithm::EcdsaP384 => "ecdsa-p384",
        KeyAlgorithm::EcdsaP521 => "ecdsa-p521",
        KeyAlgorithm::Ed25519 => "ed25519",
        KeyAlgorithm::Rsa2048 => "rsa-2048",
        KeyAlgorithm::Rsa3072 => "rsa-3072",
        KeyAlgorithm::Rsa4096 => "rsa-4096",
    }
}

/// One key that signs where it is.
pub trait SigningService: Debug + Send + Sync {
    /// Which kind of place it is.
    fn service(&self) -> Service;

    /// The key; asked for once, then remembered.
    ///
    /// # Errors
    /// The service does not answer, denies it, has no such key, or one that cannot sign artifacts.
    fn key(&self) -> BoxFuture<'_, Result<ServiceKey, ServiceError>>;

    /// Signs `message`, of which the service sees only the digest where the scheme has one. An ECDSA signature is DER,
    /// an RSA one as long as the modulus, an Ed25519 one 64 bytes. It was verified under [`Self::key`].
    ///
    /// # Errors
    /// As [`Self::key`]; a scheme that the key does not have; a signature that does not hold.
    fn sign<'a>(
        &'a self,
        scheme: Scheme,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, ServiceError>>;

    /// Fails where [`Self::sign`] would for want of a login, so that it can be asked for in time. Contacts nobody over
    /// a network.
    ///
    /// # Errors
    /// [`crate::Pkcs11Error::PinNeeded`]; the token is not there.
    fn check_login(&self) -> BoxFuture<'_, Result<(), ServiceError>>;

    /// Makes the key. One that is there already stays as it is and is given, whatever its kind, as in cosign.
    ///
    /// # Errors
    /// As [`Self::key`]; a kind of key that the service does not make.
    fn create(&self, algorithm: KeyAlgorithm) -> BoxFuture<'_, Result<ServiceKey, ServiceError>>;
}

/// Prepares to use the key; contacts nobody yet.
///
/// # Errors
/// A setting that the service needs is missing or cannot be used.
pub fn open(
    reference: &ServiceReference,
    settings: &Settings,
) -> Result<Box<dyn SigningService>, ServiceError> {
    Ok(match reference {
        ServiceReference::Vault(key) => checked(Vault::new(key, settings)?),
        ServiceReference::Aws(key) => checked(Aws::new(key, settings)?),
        ServiceReference::Azure(key) => checked(Azure::new(key, settings)?),
        ServiceReference::Google(key) => checked(Google::new(key, settings)?),
        ServiceReference::Pkcs11(uri) => checked(Pkcs11Key::new(uri, settings)?),
        ServiceReference::Plugin(key) => checked(Plugin::new(key, settings)?),
    })
}

fn checked(backend: impl Backend + 'static) -> Box<dyn SigningService> {
    Box::new(Checked {
        backend,
        key: OnceCell::new(),
    })
}

/// What each kind of service does; [`Checked`] adds what all have in common.
pub(crate) trait Backend: Debug + Send + Sync {
    /// Which it is.
    const SERVICE: Service;

    /// Whether [`Self::fetch`] says [`ServiceError::KeyNotFound`] where there is no key, and not just any failure.
    const TELLS_MISSING: bool = true;

    /// Something of the key that must not change between asking for it and signing, such as its version.
    type Pin: Clone + Debug + Send + Sync;

    /// Fails for want of a login.
    fn check_login(&self) -> impl Future<Output = Result<(), ServiceError>> + Send {
        async { Ok(()) }
    }

    /// Asks for the key.
    fn fetch(&self) -> impl Future<Output = Result<(ServiceKey, Self::Pin), ServiceError>> + Send;

    /// Signs with one of the key's own schemes.
    fn sign(
        &self,
        key: &ServiceKey,
        pin: &Self::Pin,
        scheme: Scheme,
        message: &[u8],
    ) -> impl Future<Output = Result<Vec<u8>, ServiceError>> + Send;

    /// Makes the key, which is not there.
    fn create(
        &self,
        algorithm: KeyAlgorithm,
    ) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

#[derive(Debug)]
struct Checked<B: Backend> {
    backend: B,
    key: OnceCell<(ServiceKey, B::Pin)>,
}

impl<B: Backend> Checked<B> {
    async fn known(&self) -> Result<&(ServiceKey, B::Pin), ServiceError> {
        self.key.get_or_try_init(|| self.backend.fetch()).await
    }
}

impl<B: Backend> SigningService for Checked<B> {
    fn service(&self) -> Service {
        B::SERVICE
    }

    fn key(&self) -> BoxFuture<'_, Result<ServiceKey, ServiceError>> {
        Box::pin(async { Ok(self.known().await?.0.clone()) })
    }

    fn sign<'a>(
        &'a self,
        scheme: Scheme,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, ServiceError>> {
        Box::pin(async move {
            let service = B::SERVICE;
            let (key, pin) = self.known().await?;
            if !key.schemes.contains(&scheme) {
                return Err(ServiceError::UnsupportedScheme { service, scheme });
            }
            let signature = self.backend.sign(key, pin, scheme, message).await?;
            match key.verifying_key.verify(scheme, message, &signature) {
                Ok(_valid) => Ok(signature),
                Err(_) => Err(ServiceError::SignatureMismatch { service }),
            }
        })
    }

    fn check_login(&self) -> BoxFuture<'_, Result<(), ServiceError>> {
        Box::pin(self.backend.check_login())
    }

    fn create(&self, algorithm: KeyAlgorithm) -> BoxFuture<'_, Result<ServiceKey, ServiceError>> {
        Box::pin(async move {
            match self.known().await {
                Ok(_) => {}
                Err(ServiceError::KeyNotFound { .. }) => self.backend.create(algorithm).await?,
                Err(_) if !B::TELLS_MISSING => self.backend.create(algorithm).await?,
                Err(error) => return Err(error),
            }
            self.key().await
        })
    }
}
