use pki::signature::Scheme;
use pki::signing::KeyAlgorithm;

use crate::pkcs11::Pkcs11Error;
use crate::plugin::PluginError;

/// A kind of place where keys are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// AWS Key Management Service.
    Aws,
    /// Azure Key Vault.
    Azure,
    /// CI/CD variables of GitLab.
    GitLab,
    /// Google Cloud Key Management Service.
    Google,
    /// A PKCS#11 token.
    Pkcs11,
    /// A program `sigstore-kms-…`.
    Plugin,
    /// The transit engine of Vault or OpenBao.
    Vault,
}

impl Service {
    /// `what` of an answer is not what the service's protocol says.
    pub(crate) const fn malformed(self, what: &'static str) -> ServiceError {
        ServiceError::Malformed {
            service: self,
            what,
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Aws => "AWS KMS",
            Self::Azure => "Azure Key Vault",
            Self::GitLab => "GitLab",
            Self::Google => "Google Cloud KMS",
            Self::Pkcs11 => "PKCS#11 token",
            Self::Plugin => "key plugin",
            Self::Vault => "Vault",
        })
    }
}

/// Something that a service needs and [`crate::Settings`] lacks, or has in a form that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// `AwsSettings::credentials`.
    AwsCredentials,
    /// The endpoint of the reference, or `AwsSettings::endpoint`.
    AwsEndpoint,
    /// `AwsSettings::region`.
    AwsRegion,
    /// `AzureSettings::authority`.
    AzureAuthority,
    /// `AzureSettings::credentials`.
    AzureCredentials,
    /// The vault of the reference, or `AzureSettings::vault_address`.
    AzureVault,
    /// `GitLabSettings::address`.
    GitLabAddress,
    /// `GitLabSettings::token`.
    GitLabToken,
    /// `GoogleSettings::credentials`.
    GoogleCredentials,
    /// `GoogleSettings::endpoint`.
    GoogleEndpoint,
    /// `Pkcs11Settings::module_path`, an absolute path.
    Pkcs11Module,
    /// `VaultSettings::address`.
    VaultAddress,
    /// `VaultSettings::engine_path`.
    VaultEnginePath,
    /// `VaultSettings::namespace`.
    VaultNamespace,
    /// `VaultSettings::token`.
    VaultToken,
}

/// Why a service gave no key or signature.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// An answer that reports a failure of another kind than those below.
    #[error("{service} answered {status}: {message}")]
    Answer {
        /// Which service.
        service: Service,
        /// The HTTP status.
        status: u16,
        /// What the service says, without control characters and at most a line long; may be empty.
        message: String,
    },
    /// The credentials are refused, or do not allow it (401, 403 and what means the same).
    #[error("{service} denies access ({status}): {message}")]
    Denied {
        /// Which service.
        service: Service,
        /// The HTTP status.
        status: u16,
        /// As in [`Self::Answer`].
        message: String,
    },
    /// The service cannot be reached, or did not answer in HTTP.
    #[error("{service}: {source}")]
    Http {
        /// Which service.
        service: Service,
        /// What went wrong on the way.
        source: net::Error,
    },
    /// There is no such key, or no place where it could be.
    #[error("{service} has no key {key:?}: {message}")]
    KeyNotFound {
        /// Which service.
        service: Service,
        /// The key's name.
        key: String,
        /// As in [`Self::Answer`].
        message: String,
    },
    /// An answer that is not what the service's protocol says.
    #[error("{service} answered with a malformed {what}")]
    Malformed {
        /// Which service.
        service: Service,
        /// The part.
        what: &'static str,
    },
    /// Something is needed that was not given.
    #[error("{setting:?} is needed")]
    Missing {
        /// What.
        setting: Setting,
    },
    /// What was given cannot be used.
    #[error("{setting:?} cannot be used")]
    Unusable {
        /// What.
        setting: Setting,
    },
    /// AWS names new keys itself: only an alias can be made for one.
    #[error("AWS KMS makes a key for an alias only")]
    NeedsAlias,
    /// The plugin gives no key or signature.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The token gives no key or signature.
    #[error(transparent)]
    Pkcs11(#[from] Pkcs11Error),
    /// The signature that came back does not hold under the key that the service gave.
    #[error("the signature of {service} does not verify under its own public key")]
    SignatureMismatch {
        /// Which service.
        service: Service,
    },
    /// No key of this kind can be made there.
    #[error("{service} makes no key of kind {algorithm:?}")]
    UnsupportedAlgorithm {
        /// Which service.
        service: Service,
        /// The kind.
        algorithm: KeyAlgorithm,
    },
    /// Credentials of a kind that is not served.
    #[error("{service} is not asked with credentials of kind {found:?}")]
    UnsupportedCredentials {
        /// Which service.
        service: Service,
        /// The kind, in the words of the credentials.
        found: String,
    },
    /// The key is of a kind that cannot sign artifacts.
    #[error("{service} keeps a key of kind {found:?}, which cannot sign here")]
    UnsupportedKey {
        /// Which service.
        service: Service,
        /// The kind, in the service's words.
        found: String,
    },
    /// The key does not sign with this scheme.
    #[error("this key of {service} does not sign with {scheme:?}")]
    UnsupportedScheme {
        /// Which service.
        service: Service,
        /// The scheme.
        scheme: Scheme,
    },
    /// Key files there are recognised and not served.
    #[error("keys of {scheme}:// are not supported")]
    UnsupportedStore {
        /// The reference's scheme.
        scheme: &'static str,
    },
}
