//! Keys that stay where they are, and keys that another system keeps.

use kms::{
    GitLabSettings, Pkcs11Error, ServiceError, ServiceReference, Settings, SigningService,
    StoredKeyFile, StoredPrivateKey, fetch_stored_private_key, fetch_stored_public_key, open,
};
use net::{Redirects, Request};
use pki::signature::{VERIFYING_KEY_FILE_LIMIT, VerifyingKey};
use pki::signing::KeyAlgorithm;

use super::Client;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::KeyOps;
use crate::prompt;

impl KeyOps for Client<'_> {
    fn service_key(&mut self, reference: &ServiceReference) -> Result<VerifyingKey, Error> {
        let (_, key) = self.service(reference, async |service| {
            Ok(service.key().await?.verifying_key)
        })?;
        Ok(key)
    }

    fn create_service_key(&mut self, reference: &ServiceReference) -> Result<VerifyingKey, Error> {
        let (_, key) = self.service(reference, async |service| {
            service.check_login().await?;
            Ok(service.create(KeyAlgorithm::EcdsaP256).await?.verifying_key)
        })?;
        Ok(key)
    }

    fn stored_private_key(&mut self, place: &StoredKeyFile) -> Result<StoredPrivateKey, Error> {
        let settings = self.stored_settings()?;
        self.block_on(async { Ok(fetch_stored_private_key(place, &settings).await?) })
    }

    fn stored_public_key(&mut self, place: &StoredKeyFile) -> Result<VerifyingKey, Error> {
        let settings = self.stored_settings()?;
        self.block_on(async { Ok(fetch_stored_public_key(place, &settings).await?) })
    }

    fn store_key(
        &mut self,
        place: &StoredKeyFile,
        private: &StoredPrivateKey,
        public: &VerifyingKey,
    ) -> Result<(), Error> {
        let settings = self.stored_settings()?;
        self.block_on(async { Ok(kms::store_key(place, private, public, &settings).await?) })
    }

    fn fetch_public_key(&mut self, url: net::Url) -> Result<Vec<u8>, Error> {
        let client = self.services_client(None)?;
        let limit = u64::try_from(VERIFYING_KEY_FILE_LIMIT).unwrap_or(u64::MAX);
        let address = net::redacted_url(&url);
        let failed = |source| Error::KeyAddress {
            url: address.clone(),
            source,
        };
        self.block_on(async {
            let request = Request::get(url).redirects(Redirects::Follow { max: 3 });
            let response = client.send(request).await.map_err(failed)?;
            if !response.status.is_success() {
                return Err(Error::NoKeyThere {
                    url: address.clone(),
                    status: response.status.as_u16(),
                });
            }
            let text = response.read_to_limit(limit).await.map_err(failed)?;
            Ok(text.to_vec())
        })
    }
}

impl Client<'_> {
    /// The service of a key that will sign. A PIN that is needed was asked for.
    pub(super) fn signing_service(
        &self,
        reference: &ServiceReference,
    ) -> Result<Box<dyn SigningService>, Error> {
        let (service, ()) = self.service(reference, async |service| service.check_login().await)?;
        Ok(service)
    }

    /// The service of a key, and what it was first used for. A token's PIN is asked for on a terminal when it turns out
    /// to be needed.
    fn service<T>(
        &self,
        reference: &ServiceReference,
        first_use: impl AsyncFn(&dyn SigningService) -> Result<T, ServiceError>,
    ) -> Result<(Box<dyn SigningService>, T), Error> {
        let process = self.process;
        let variables = |name: &str| process.var(name).map(str::to_owned);
        let http = self.services_client(None)?;
        let mut settings = Settings::from_variables(reference, http, process.now(), &variables)?;
        loop {
            let service = open(reference, &settings)?;
            match self.block_on(async { Ok(first_use(&*service).await) })? {
                Ok(used) => return Ok((service, used)),
                Err(ServiceError::Pkcs11(Pkcs11Error::PinNeeded { token }))
                    if settings.pkcs11.pin.is_none() && process.terminals().stdin =>
                {
                    let question = format!("Enter PIN for PKCS11 token '{}': ", token.trim_end());
                    settings.pkcs11.pin = Some(prompt::secret_on_stderr(process, &question)?);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn stored_settings(&self) -> Result<Settings, Error> {
        let process = self.process;
        let variables = |name: &str| process.var(name).map(str::to_owned);
        let mut settings = Settings::new(self.services_client(None)?, process.now());
        settings.gitlab = GitLabSettings::from_variables(&variables);
        Ok(settings)
    }
}
