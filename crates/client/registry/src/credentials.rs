//! Who we are to a registry, and where docker keeps that.

use std::fmt;
use std::sync::Arc;

use oci::Repository;
use zeroize::Zeroizing;

use crate::docker_config::DockerConfig;
use crate::error::Error;

/// Docker's key for Hub logins.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// What a login left behind. `Debug` shows the user name only.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A refresh token of a token server (`identitytoken`, or user `<token>` of a helper).
    IdentityToken {
        /// The token.
        token: Zeroizing<String>,
    },
    /// User name and password.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: Zeroizing<String>,
    },
    /// A token for the registry itself (`--registry-token`), sent as it is to a registry that asks who we are.
    RegistryToken {
        /// The token.
        token: Zeroizing<String>,
    },
}

/// Where credentials come from; nothing is looked up before a server asks for them.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// Nobody is logged in.
    Anonymous,
    /// Docker's configuration and its credential helpers.
    Docker {
        /// The configuration read.
        config: Arc<DockerConfig>,
        /// Key in it: the registry host, or Hub's URL.
        key: String,
    },
    /// Given by the caller.
    Fixed(Credentials),
}

impl CredentialSource {
    /// The login of the registry that holds `repository`; the trust server of a repository uses the same one.
    #[must_use]
    pub fn docker(config: Arc<DockerConfig>, repository: &Repository) -> Self {
        Self::Docker {
            config,
            key: login_key(repository).to_owned(),
        }
    }

    /// Looks the credentials up; `None` means anonymous.
    pub async fn find(&self) -> Result<Option<Credentials>, Error> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Docker { config, key } => config.credentials(key).await,
            Self::Fixed(credentials) => Ok(Some(credentials.clone())),
        }
    }
}

/// Under which key docker keeps the login of a repository's registry: the host, or Hub's URL.
#[must_use]
pub fn login_key(repository: &Repository) -> &str {
    if repository.is_hub() {
        HUB_KEY
    } else {
        repository.host()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdentityToken { .. } => f.write_str("IdentityToken(..)"),
            Self::RegistryToken { .. } => f.write_str("RegistryToken(..)"),
            Self::Password { username, .. } => f
                .debug_struct("Password")
                .field("username", username)
                .finish_non_exhaustive(),
        }
    }
}
