use std::path::PathBuf;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

/// What the services need to know besides the reference.
#[derive(Clone)]
pub struct Settings {
    /// Asks all remote services.
    pub http: net::Client,
    /// The time, for signatures and tokens that are good for minutes.
    pub now: Timestamp,
    /// For `awskms://`.
    pub aws: AwsSettings,
    /// For `azurekms://`.
    pub azure: AzureSettings,
    /// For `gitlab://`.
    pub gitlab: GitLabSettings,
    /// For `gcpkms://`.
    pub google: GoogleSettings,
    /// For `pkcs11:`.
    pub pkcs11: Pkcs11Settings,
    /// For all other schemes.
    pub plugins: PluginSettings,
    /// For `hashivault://` and `openbao://`.
    pub vault: VaultSettings,
}

impl Settings {
    /// Settings without any address, credential or module.
    #[must_use]
    pub fn new(http: net::Client, now: Timestamp) -> Self {
        Self {
            http,
            now,
            aws: AwsSettings::default(),
            azure: AzureSettings::default(),
            gitlab: GitLabSettings::default(),
            google: GoogleSettings::default(),
            pkcs11: Pkcs11Settings::default(),
            plugins: PluginSettings::default(),
            vault: VaultSettings::default(),
        }
    }
}

/// How to reach AWS KMS.
#[derive(Clone, Default)]
pub struct AwsSettings {
    /// `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile's; the region of an ARN goes before it.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL_KMS` or `AWS_ENDPOINT_URL`: where to ask instead of the region's own address; an endpoint in
    /// the reference goes before it.
    pub endpoint: Option<String>,
    /// Who asks.
    pub credentials: Option<AwsCredentials>,
}

/// Credentials of AWS.
#[derive(Clone)]
pub struct AwsCredentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Zeroizing<String>,
    /// `AWS_SESSION_TOKEN`, of temporary credentials.
    pub session_token: Option<Zeroizing<String>>,
}

/// How to reach Azure Key Vault.
#[derive(Clone, Default)]
pub struct AzureSettings {
    /// `AZURE_AUTHORITY_HOST`: where tokens are got; `https://login.microsoftonline.com/` without it.
    pub authority: Option<String>,
    /// Where the vault is, if not at `https://` and its name.
    pub vault_address: Option<String>,
    /// Who asks.
    pub credentials: Option<AzureCredentials>,
}

/// Credentials of Azure.
#[derive(Clone)]
pub enum AzureCredentials {
    /// A token for the vault's audience.
    AccessToken(Zeroizing<String>),
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`.
    ClientSecret {
        /// The tenant.
        tenant: String,
        /// The application.
        client_id: String,
        /// Its secret.
        client_secret: Zeroizing<String>,
    },
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and the content of `AZURE_FEDERATED_TOKEN_FILE`.
    FederatedToken {
        /// The tenant.
        tenant: String,
        /// The application.
        client_id: String,
        /// A token of an issuer that the application trusts.
        token: Zeroizing<String>,
    },
}

/// How to reach Google Cloud KMS.
#[derive(Clone, Default)]
pub struct GoogleSettings {
    /// Where to ask instead of `https://cloudkms.googleapis.com/`.
    pub endpoint: Option<String>,
    /// Who asks.
    pub credentials: Option<GoogleCredentials>,
}

/// Credentials of Google Cloud.
#[derive(Clone)]
pub enum GoogleCredentials {
    /// A token, such as a metadata server or `gcloud auth print-access-token` gives.
    AccessToken(Zeroizing<String>),
    /// The content of `GOOGLE_APPLICATION_CREDENTIALS`: JSON of type `service_account` or `authorized_user`.
    File(Zeroizing<Vec<u8>>),
}

/// How to reach GitLab.
#[derive(Clone, Default)]
pub struct GitLabSettings {
    /// `GITLAB_HOST`: the instance's address, such as `https://gitlab.com`.
    pub address: Option<String>,
    /// `GITLAB_TOKEN`: an access token that may read variables.
    pub token: Option<Zeroizing<String>>,
}

/// Where plugins are.
#[derive(Clone, Default)]
pub struct PluginSettings {
    /// The folders of `PATH`, in order; relative ones are passed over.
    pub search_path: Vec<PathBuf>,
}

/// What a `pkcs11:` URI may leave out.
#[derive(Clone, Default)]
pub struct Pkcs11Settings {
    /// `COSIGN_PKCS11_MODULE_PATH`: the library to load, an absolute path.
    pub module_path: Option<PathBuf>,
    /// `COSIGN_PKCS11_PIN`, or what the user entered.
    pub pin: Option<Zeroizing<String>>,
}

/// How to reach the transit engine. cosign takes these from the environment.
#[derive(Clone, Default)]
pub struct VaultSettings {
    /// `VAULT_ADDR` or `BAO_ADDR`: the server's address, such as `https://vault.example.com:8200`.
    pub address: Option<String>,
    /// `VAULT_TOKEN`, `BAO_TOKEN`, or the content of `~/.vault-token`.
    pub token: Option<Zeroizing<String>>,
    /// `VAULT_NAMESPACE` or `BAO_NAMESPACE`.
    pub namespace: Option<String>,
    /// `TRANSIT_SECRET_ENGINE_PATH`, where the engine is mounted; `transit` without it.
    pub engine_path: Option<String>,
    /// The version of the key to sign with; the newest without it.
    pub key_version: Option<u64>,
}

/// The time of day, counted on from one that was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    given: Timestamp,
    at: Instant,
}

impl Clock {
    pub(crate) fn starting_at(now: Timestamp) -> Self {
        Self {
            given: now,
            at: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.at.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.given.checked_add(passed).unwrap_or(self.given)
    }
}
