//! Keys that stay where they are.

use std::path::{Path, PathBuf};

use kms::{
    AwsCredentials, AwsSettings, AzureCredentials, AzureSettings, GoogleCredentials,
    GoogleSettings, Pkcs11Settings, PluginSettings, ServiceReference, Settings, SigningService,
    VaultSettings, open,
};
use net::{Redirects, Request};
use pki::signature::{VERIFYING_KEY_FILE_LIMIT, VerifyingKey};
use pki::signing::KeyAlgorithm;
use zeroize::Zeroizing;

use super::Client;
use crate::env;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::files;
use crate::personas::cosign::ops::KeyOps;
use crate::process::Process;

/// Most bytes of a file with credentials.
const CREDENTIALS_LIMIT: u64 = 64 << 10;

impl KeyOps for Client<'_> {
    fn service_key(&mut self, reference: &ServiceReference) -> Result<VerifyingKey, Error> {
        let service = self.service(reference)?;
        self.block_on(async { Ok(service.key().await?.verifying_key) })
    }

    fn fetch_public_key(&mut self, url: net::Url) -> Result<Vec<u8>, Error> {
        let client = self.services_client(None)?;
        let limit = u64::try_from(VERIFYING_KEY_FILE_LIMIT).unwrap_or(u64::MAX);
        self.block_on(async {
            let request = Request::get(url.clone()).redirects(Redirects::Follow { max: 3 });
            let response = client.send(request).await?;
            if !response.status.is_success() {
                return Err(Error::NoKeyThere {
                    url: net::redacted_url(&url),
                    status: response.status.as_u16(),
                });
            }
            Ok(response.read_to_limit(limit).await?.to_vec())
        })
    }

    fn create_service_key(&mut self, reference: &ServiceReference) -> Result<VerifyingKey, Error> {
        let service = self.service(reference)?;
        self.block_on(async {
            let made = service.create(KeyAlgorithm::EcdsaP256).await?;
            Ok(made.verifying_key)
        })
    }
}

impl Client<'_> {
    /// The service of a key; nobody is contacted yet.
    pub(super) fn service(
        &self,
        reference: &ServiceReference,
    ) -> Result<Box<dyn SigningService>, Error> {
        let process = self.process;
        let mut settings = Settings::new(self.services_client(None)?, process.now());
        settings.aws = aws(process);
        settings.azure = azure(process)?;
        settings.google = google(process)?;
        settings.pkcs11 = Pkcs11Settings {
            module_path: process
                .path_var("COSIGN_PKCS11_MODULE_PATH")
                .map(Path::to_owned),
            pin: secret(process, "COSIGN_PKCS11_PIN"),
        };
        settings.plugins = PluginSettings {
            search_path: std::env::split_paths(process.search_path()).collect(),
        };
        settings.vault = vault(process)?;
        Ok(open(reference, &settings)?)
    }
}

fn text(process: &Process, names: &[&str]) -> Option<String> {
    names
        .iter()
        .find_map(|name| process.var(name))
        .map(str::to_owned)
}

fn secret(process: &Process, name: &str) -> Option<Zeroizing<String>> {
    process.var(name).map(|text| text.to_owned().into())
}

fn file(process: &Process, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    process
        .path_var(name)
        .map(|path| files::read(process, path, CREDENTIALS_LIMIT).map(Zeroizing::new))
        .transpose()
}

fn aws(process: &Process) -> AwsSettings {
    let credentials = match (
        text(process, &["AWS_ACCESS_KEY_ID"]),
        secret(process, "AWS_SECRET_ACCESS_KEY"),
    ) {
        (Some(access_key_id), Some(secret_access_key)) => Some(AwsCredentials {
            access_key_id,
            secret_access_key,
            session_token: secret(process, "AWS_SESSION_TOKEN"),
        }),
        _ => None,
    };
    AwsSettings {
        region: text(process, &["AWS_REGION", "AWS_DEFAULT_REGION"]),
        endpoint: text(process, &["AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"]),
        credentials,
    }
}

fn azure(process: &Process) -> Result<AzureSettings, Error> {
    let token = match file(process, "AZURE_FEDERATED_TOKEN_FILE")? {
        Some(bytes) => Some(utf8(&bytes)?),
        None => None,
    };
    let credentials = match (
        text(process, &["AZURE_TENANT_ID"]),
        text(process, &["AZURE_CLIENT_ID"]),
        secret(process, "AZURE_CLIENT_SECRET"),
        token,
    ) {
        (Some(tenant), Some(client_id), Some(client_secret), _) => {
            Some(AzureCredentials::ClientSecret {
                tenant,
                client_id,
                client_secret,
            })
        }
        (Some(tenant), Some(client_id), None, Some(token)) => {
            Some(AzureCredentials::FederatedToken {
                tenant,
                client_id,
                token,
            })
        }
        _ => None,
    };
    Ok(AzureSettings {
        authority: text(process, &["AZURE_AUTHORITY_HOST"]),
        vault_address: None,
        credentials,
    })
}

fn google(process: &Process) -> Result<GoogleSettings, Error> {
    let credentials = match secret(process, "GOOGLE_OAUTH_ACCESS_TOKEN") {
        Some(token) => Some(GoogleCredentials::AccessToken(token)),
        None => file(process, "GOOGLE_APPLICATION_CREDENTIALS")?.map(GoogleCredentials::File),
    };
    Ok(GoogleSettings {
        endpoint: None,
        credentials,
    })
}

fn vault(process: &Process) -> Result<VaultSettings, Error> {
    let token = match secret(process, "VAULT_TOKEN").or_else(|| secret(process, "BAO_TOKEN")) {
        Some(token) => Some(token),
        None => vault_token_file(process)?,
    };
    Ok(VaultSettings {
        address: text(process, &["VAULT_ADDR", "BAO_ADDR"]),
        token,
        namespace: text(process, &["VAULT_NAMESPACE", "BAO_NAMESPACE"]),
        engine_path: text(process, &["TRANSIT_SECRET_ENGINE_PATH"]),
        key_version: None,
    })
}

/// What `vault login` left.
fn vault_token_file(process: &Process) -> Result<Option<Zeroizing<String>>, Error> {
    let Some(home) = process.path_var(env::HOME.name) else {
        return Ok(None);
    };
    let path: PathBuf = home.join(".vault-token");
    if !files::exists(process, &path)? {
        return Ok(None);
    }
    let bytes = Zeroizing::new(files::read(process, &path, CREDENTIALS_LIMIT)?);
    utf8(&bytes).map(Some)
}

fn utf8(bytes: &[u8]) -> Result<Zeroizing<String>, Error> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::Input(crate::input::InputError::NotText))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}
