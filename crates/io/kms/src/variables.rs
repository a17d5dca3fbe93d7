//! Settings from the variables that cosign and the services' own programs read, and from the files that they name.
//!
//! The variables come through a function: whoever calls has read the environment.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::reference::ServiceReference;
use crate::settings::{
    AwsCredentials, AwsSettings, AzureCredentials, AzureSettings, GitLabSettings,
    GoogleCredentials, GoogleSettings, Pkcs11Settings, PluginSettings, Settings, VaultSettings,
};

/// Most bytes of a file with credentials or a profile.
const FILE_LIMIT: u64 = 1 << 20;

/// The value of a variable, if it is set.
pub type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A file that a variable names cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct VariablesError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says; [`io::ErrorKind::InvalidData`] for a file that is no text or longer than 1 MiB.
    pub source: io::Error,
}

impl Settings {
    /// What the service of `reference` needs, and of no other service anything:
    ///
    /// * `awskms`: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, or the profile `AWS_PROFILE` of
    ///   `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE`; `AWS_REGION`, `AWS_DEFAULT_REGION`;
    ///   `AWS_ENDPOINT_URL_KMS`, `AWS_ENDPOINT_URL`.
    /// * `azurekms`: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET` or `AZURE_FEDERATED_TOKEN_FILE`;
    ///   `AZURE_AUTHORITY_HOST`, `AZURE_ENVIRONMENT`.
    /// * `gcpkms`: `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_OAUTH_ACCESS_TOKEN`, or the file that
    ///   `gcloud auth application-default login` writes.
    /// * `hashivault`, `openbao`: `VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_NAMESPACE` or the same with `BAO_`, the file
    ///   `~/.vault-token`, and `TRANSIT_SECRET_ENGINE_PATH`.
    /// * `pkcs11`: `COSIGN_PKCS11_MODULE_PATH`, `COSIGN_PKCS11_PIN`.
    /// * plugins: `PATH`.
    ///
    /// An empty variable is as good as none.
    ///
    /// # Errors
    /// A file that is named cannot be read.
    pub fn from_variables(
        reference: &ServiceReference,
        http: net::Client,
        now: Timestamp,
        variables: &Variables<'_>,
    ) -> Result<Self, VariablesError> {
        let mut settings = Self::new(http, now);
        let reader = Reader(variables);
        match reference {
            ServiceReference::Aws(_) => settings.aws = reader.aws()?,
            ServiceReference::Azure(_) => settings.azure = reader.azure()?,
            ServiceReference::Google(_) => settings.google = reader.google()?,
            ServiceReference::Pkcs11(_) => {
                settings.pkcs11 = Pkcs11Settings {
                    module_path: reader.text("COSIGN_PKCS11_MODULE_PATH").map(PathBuf::from),
                    pin: reader.secret("COSIGN_PKCS11_PIN"),
                }
            }
            ServiceReference::Plugin(_) => {
                let path = reader.text("PATH").unwrap_or_default();
                settings.plugins = PluginSettings {
                    search_path: std::env::split_paths(&path).collect(),
                };
            }
            ServiceReference::Vault(_) => settings.vault = reader.vault()?,
        }
        Ok(settings)
    }
}

impl GitLabSettings {
    /// `GITLAB_TOKEN`, and `GITLAB_HOST`, which is gitlab.com without it; as in cosign it is a URL, and here a bare name
    /// too.
    #[must_use]
    pub fn from_variables(variables: &Variables<'_>) -> Self {
        let reader = Reader(variables);
        let host = reader.text("GITLAB_HOST");
        let host = host.unwrap_or_else(|| "https://gitlab.com".to_owned());
        let address = if host.contains("://") {
            host
        } else {
            format!("https://{host}")
        };
        Self {
            address: Some(address),
            token: reader.secret("GITLAB_TOKEN"),
        }
    }
}

/// Reads one service's settings.
struct Reader<'a>(&'a Variables<'a>);

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn secret(&self, name: &str) -> Option<Zeroizing<String>> {
        self.text(name).map(Zeroizing::new)
    }

    /// The first that is set.
    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A file in the home folder.
    fn home(&self, rest: &str) -> Option<PathBuf> {
        Some(Path::new(&self.text("HOME")?).join(rest))
    }

    fn vault(&self) -> Result<VaultSettings, VariablesError> {
        let token = match self.first(&["VAULT_TOKEN", "BAO_TOKEN"]) {
            Some(token) => Some(Zeroizing::new(token)),
            None => read_if_there(self.home(".vault-token"))?,
        };
        Ok(VaultSettings {
            address: self.first(&["VAULT_ADDR", "BAO_ADDR"]),
            token,
            namespace: self.first(&["VAULT_NAMESPACE", "BAO_NAMESPACE"]),
            engine_path: self.text("TRANSIT_SECRET_ENGINE_PATH"),
            key_version: None,
        })
    }

    fn aws(&self) -> Result<AwsSettings, VariablesError> {
        let profile = self.text("AWS_PROFILE");
        let profile = profile.as_deref().unwrap_or("default");
        let credentials = match self
            .text("AWS_ACCESS_KEY_ID")
            .zip(self.secret("AWS_SECRET_ACCESS_KEY"))
        {
            Some((access_key_id, secret_access_key)) => Some(AwsCredentials {
                access_key_id,
                secret_access_key,
                session_token: self.secret("AWS_SESSION_TOKEN"),
            }),
            None => self
                .profile_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")?
                .and_then(|text| aws_credentials(&text, profile)),
        };
        let region = match self.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]) {
            Some(region) => Some(region),
            None => {
                let section = match profile {
                    "default" => "default".to_owned(),
                    name => format!("profile {name}"),
                };
                self.profile_file("AWS_CONFIG_FILE", ".aws/config")?
                    .and_then(|text| Some(setting(&text, &section, "region")?.to_owned()))
            }
        };
        Ok(AwsSettings {
            region,
            endpoint: self.first(&["AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"]),
            credentials,
        })
    }

    fn profile_file(
        &self,
        variable: &str,
        rest: &str,
    ) -> Result<Option<Zeroizing<String>>, VariablesError> {
        match self.text(variable) {
            Some(path) => read(path.into()).map(Some),
            None => read_if_there(self.home(rest)),
        }
    }

    fn google(&self) -> Result<GoogleSettings, VariablesError> {
        let credentials = match self.text("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(path) => Some(file(&read(path.into())?)),
            None => match self.secret("GOOGLE_OAUTH_ACCESS_TOKEN") {
                Some(token) => Some(GoogleCredentials::AccessToken(token)),
                None => {
                    let rest = ".config/gcloud/application_default_credentials.json";
                    read_if_there(self.home(rest))?.map(|text| file(&text))
                }
            },
        };
        Ok(GoogleSettings {
            endpoint: None,
            credentials,
        })
    }

    fn azure(&self) -> Result<AzureSettings, VariablesError> {
        let application = self
            .text("AZURE_TENANT_ID")
            .zip(self.text("AZURE_CLIENT_ID"));
        let credentials = match application {
            None => None,
            Some((tenant, client_id)) => match self.secret("AZURE_CLIENT_SECRET") {
                Some(client_secret) => Some(AzureCredentials::ClientSecret {
                    tenant,
                    client_id,
                    client_secret,
                }),
                None => match self.text("AZURE_FEDERATED_TOKEN_FILE") {
                    Some(path) => Some(AzureCredentials::FederatedToken {
                        tenant,
                        client_id,
                        token: read(path.into())?,
                    }),
                    None => None,
                },
            },
        };
        let authority = self.text("AZURE_AUTHORITY_HOST").or_else(|| {
            let host = match self.text("AZURE_ENVIRONMENT")?.as_str() {
                "AZUREUSGOVERNMENT" | "AZUREUSGOVERNMENTCLOUD" => "login.microsoftonline.us",
                "AZURECHINACLOUD" => "login.chinacloudapi.cn",
                _ => return None,
            };
            Some(format!("https://{host}/"))
        });
        Ok(AzureSettings {
            authority,
            vault_address: None,
            credentials,
        })
    }
}

fn file(text: &str) -> GoogleCredentials {
    GoogleCredentials::File(text.as_bytes().to_vec().into())
}

fn read(path: PathBuf) -> Result<Zeroizing<String>, VariablesError> {
    match read_text(&path) {
        Ok(text) => Ok(text),
        Err(source) => Err(VariablesError { path, source }),
    }
}

/// A file that nobody named may be missing.
fn read_if_there(path: Option<PathBuf>) -> Result<Option<Zeroizing<String>>, VariablesError> {
    let Some(path) = path else { return Ok(None) };
    match read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.len() > FILE_LIMIT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(FILE_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

fn aws_credentials(text: &str, profile: &str) -> Option<AwsCredentials> {
    let secret = |name| setting(text, profile, name).map(|value| value.to_owned().into());
    Some(AwsCredentials {
        access_key_id: setting(text, profile, "aws_access_key_id")?.to_owned(),
        secret_access_key: secret("aws_secret_access_key")?,
        session_token: secret("aws_session_token"),
    })
}

/// A value of AWS's profile files: `[section]` lines and `name = value` lines, `#` and `;` before comments.
fn setting<'a>(text: &'a str, section: &str, name: &str) -> Option<&'a str> {
    let mut within = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            within = header.split_whitespace().eq(section.split_whitespace());
        } else if within && !line.starts_with(['#', ';']) {
            let value = line
                .split_once('=')
                .filter(|(found, _)| found.trim() == name)
                .map(|(_, value)| value.trim())
                .filter(|value| !value.is_empty());
            found = value.or(found);
        }
    }
    found
}
