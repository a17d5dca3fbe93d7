use std::path::PathBuf;

use jiff::Timestamp;
use zeroize::Zeroizing;

/// What the services need to know besides the reference.
#[derive(Clone)]
pub struct Settings {
    /// Asks all remote services.
    pub http: net::Client,
    /// The time, for signatures and tokens that are good for minutes.
    pub now: Timestamp,
    /// For `pkcs11:`.
    pub pkcs11: Pkcs11Settings,
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
            pkcs11: Pkcs11Settings::default(),
            vault: VaultSettings::default(),
        }
    }
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
