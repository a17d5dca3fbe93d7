//! Key files that another system keeps: `gitlab://` reads and writes CI/CD variables
//! (`docs.gitlab.com/api/project_level_variables`, `sigstore/cosign:pkg/cosign/git/gitlab`).
//!
//! `k8s://` and `github://` are read as references and refused here: the one needs a cluster's whole configuration,
//! the other's secrets cannot be read at all.

use net::{HeaderName, HeaderValue, Method, Request, Url};
use pki::signature::VerifyingKey;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::error::{Service, ServiceError, Setting};
use crate::http::{self, Answer};
use crate::reference::StoredKeyFile;
use crate::settings::Settings;

const SERVICE: Service = Service::GitLab;
const TOKEN: HeaderName = HeaderName::from_static("private-token");

const PRIVATE_KEY: &str = "COSIGN_PRIVATE_KEY";
const PASSWORD: &str = "COSIGN_PASSWORD";
const PUBLIC_KEY: &str = "COSIGN_PUBLIC_KEY";

/// A private key file and what opens it.
pub struct StoredPrivateKey {
    /// The file's text.
    pub pem: Zeroizing<String>,
    /// Its password.
    pub password: Zeroizing<String>,
}

/// Gets the private key and its password.
///
/// # Errors
/// As [`crate::SigningService::key`]; [`ServiceError::UnsupportedStore`].
pub async fn fetch_stored_private_key(
    place: &StoredKeyFile,
    settings: &Settings,
) -> Result<StoredPrivateKey, ServiceError> {
    let owner = Owner::find(place, settings).await?;
    Ok(StoredPrivateKey {
        pem: owner.read(PRIVATE_KEY).await?,
        password: owner.read(PASSWORD).await?,
    })
}

/// Gets the public key.
///
/// # Errors
/// As [`fetch_stored_private_key`].
pub async fn fetch_stored_public_key(
    place: &StoredKeyFile,
    settings: &Settings,
) -> Result<VerifyingKey, ServiceError> {
    let text = Owner::find(place, settings).await?.read(PUBLIC_KEY).await?;
    VerifyingKey::from_pem(text.as_bytes()).map_err(|_| SERVICE.malformed("public key"))
}

/// Puts a new key there. A variable that exists is not replaced, and an error.
///
/// # Errors
/// As [`fetch_stored_private_key`].
pub async fn store_key(
    place: &StoredKeyFile,
    private_key: &StoredPrivateKey,
    public_key: &VerifyingKey,
    settings: &Settings,
) -> Result<(), ServiceError> {
    let owner = Owner::find(place, settings).await?;
    for (name, value) in [
        (PASSWORD, private_key.password.as_str()),
        (PRIVATE_KEY, &private_key.pem),
        (PUBLIC_KEY, &public_key.to_pem()),
    ] {
        owner.write(name, value).await?;
    }
    Ok(())
}

/// Whose variables they are.
struct Owner<'a> {
    settings: &'a Settings,
    token: HeaderValue,
    /// `…/api/v4/projects/<id>` or `…/api/v4/groups/<id>`.
    address: Url,
}

#[derive(Deserialize)]
struct Variable {
    #[serde(deserialize_with = "http::secret")]
    value: Zeroizing<String>,
}

impl<'a> Owner<'a> {
    /// A project, or where there is none of that name a group.
    async fn find(place: &StoredKeyFile, settings: &'a Settings) -> Result<Self, ServiceError> {
        let project = match place {
            StoredKeyFile::GitLab { project } => project,
            StoredKeyFile::GitHub { .. } => {
                return Err(ServiceError::UnsupportedStore { scheme: "github" });
            }
            StoredKeyFile::Kubernetes { .. } => {
                return Err(ServiceError::UnsupportedStore { scheme: "k8s" });
            }
        };
        let gitlab = &settings.gitlab;
        let token = gitlab.token.as_ref().ok_or(ServiceError::Missing {
            setting: Setting::GitLabToken,
        })?;
        let mut token =
            HeaderValue::from_str(token.trim()).map_err(|_| ServiceError::Unusable {
                setting: Setting::GitLabToken,
            })?;
        token.set_sensitive(true);
        let address = gitlab.address.as_deref().ok_or(ServiceError::Missing {
            setting: Setting::GitLabAddress,
        })?;
        let address = net::parse_url(address).map_err(|_| ServiceError::Unusable {
            setting: Setting::GitLabAddress,
        })?;
        let of = |kind| Self {
            settings,
            token: token.clone(),
            address: http::below(&address, &["api", "v4", kind, project]),
        };
        let owner = of("projects");
        match owner.ask(Method::GET, &[], None).await?.check(project) {
            Ok(()) => return Ok(owner),
            Err(ServiceError::KeyNotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let owner = of("groups");
        owner.ask(Method::GET, &[], None).await?.check(project)?;
        Ok(owner)
    }

    async fn read(&self, name: &str) -> Result<Zeroizing<String>, ServiceError> {
        let answer = self.ask(Method::GET, &["variables", name], None).await?;
        Ok(answer.read::<Variable>(name, "variable")?.value)
    }

    async fn write(&self, name: &str, value: &str) -> Result<(), ServiceError> {
        let body = json!({
            "key": name,
            "value": value,
            "variable_type": "env_var",
            "protected": false,
            "masked": false,
        });
        self.ask(Method::POST, &["variables"], Some(&body))
            .await?
            .check(name)
    }

    async fn ask(
        &self,
        method: Method,
        segments: &[&str],
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, ServiceError> {
        let mut request = Request::new(method, http::below(&self.address, segments))
            .header(TOKEN, self.token.clone());
        if let Some(body) = body {
            request = http::json(request, body);
        }
        http::ask(&self.settings.http, SERVICE, request).await
    }
}

impl std::fmt::Debug for StoredPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredPrivateKey(..)")
    }
}
