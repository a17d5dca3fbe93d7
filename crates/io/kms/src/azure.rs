//! Azure Key Vault by its REST interface (`learn.microsoft.com/rest/api/keyvault/keys`), used as
//! `sigstore/sigstore:pkg/signature/kms/azure` does, but for RSA: every size signs with SHA-256, as a verifier that has
//! only the public key expects it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use net::{HeaderValue, Method, Request, Url};
use pki::key::Curve;
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey, VerifyingKeyKind, ecdsa_der};
use pki::signing::KeyAlgorithm;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Service, ServiceError, Setting};
use crate::http::{self, Answer};
use crate::oauth::{self, TokenCache};
use crate::reference::{AzureKey, is_azure_version};
use crate::service::{Backend, ServiceKey};
use crate::settings::{AzureCredentials, Clock, Settings};

const SERVICE: Service = Service::Azure;
const API_VERSION: &str = "7.4";
const AUTHORITY: &str = "https://login.microsoftonline.com/";
/// RFC 7523 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const CURVES: [(&str, Curve); 3] = [
    ("P-256", Curve::P256),
    ("P-384", Curve::P384),
    ("P-521", Curve::P521),
];

pub(crate) struct Azure {
    http: net::Client,
    clock: Clock,
    vault: Url,
    authority: Url,
    /// What a token is asked for: `https://vault.azure.net/.default`.
    scope: String,
    credentials: AzureCredentials,
    cache: TokenCache,
    key: AzureKey,
}

#[derive(Deserialize)]
struct KeyAnswer {
    key: JsonWebKey,
}

/// RFC 7517, with Azure's kinds of hardware-bound keys.
#[derive(Deserialize)]
struct JsonWebKey {
    kid: String,
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct SignAnswer {
    value: String,
}

impl Azure {
    pub(crate) fn new(key: &AzureKey, settings: &Settings) -> Result<Self, ServiceError> {
        let azure = &settings.azure;
        let unusable = |setting| ServiceError::Unusable { setting };
        let vault = azure
            .vault_address
            .clone()
            .unwrap_or_else(|| format!("https://{}/", key.vault));
        let authority = azure.authority.as_deref().unwrap_or(AUTHORITY);
        // `<name>.vault.azure.net`: the rest is the audience, in each of Azure's clouds.
        let (_, audience) = key
            .vault
            .split_once('.')
            .ok_or(unusable(Setting::AzureVault))?;
        Ok(Self {
            http: settings.http.clone(),
            clock: Clock::starting_at(settings.now),
            vault: net::parse_url(&vault).map_err(|_| unusable(Setting::AzureVault))?,
            authority: net::parse_url(authority).map_err(|_| unusable(Setting::AzureAuthority))?,
            scope: format!("https://{audience}/.default"),
            credentials: azure.credentials.clone().ok_or(ServiceError::Missing {
                setting: Setting::AzureCredentials,
            })?,
            cache: TokenCache::default(),
            key: key.clone(),
        })
    }

    async fn ask(
        &self,
        method: Method,
        segments: &[&str],
        body: Option<&Value>,
    ) -> Result<Answer, ServiceError> {
        let mut url = http::below(&self.vault, &[&["keys", &self.key.name], segments].concat());
        url.query_pairs_mut()
            .append_pair("api-version", API_VERSION);
        let mut request = Request::new(method, url).authorization(self.authorization().await?);
        if let Some(body) = body {
            request = http::json(request, body);
        }
        http::ask(&self.http, SERVICE, request).await
    }

    async fn authorization(&self) -> Result<HeaderValue, ServiceError> {
        let (tenant, client_id, secret) = match &self.credentials {
            AzureCredentials::AccessToken(token) => {
                return oauth::bearer(token).ok_or(ServiceError::Unusable {
                    setting: Setting::AzureCredentials,
                });
            }
            AzureCredentials::ClientSecret {
                tenant,
                client_id,
                client_secret,
            } => (
                tenant,
                client_id,
                vec![("client_secret", client_secret.as_str())],
            ),
            AzureCredentials::FederatedToken {
                tenant,
                client_id,
                token,
            } => (
                tenant,
                client_id,
                vec![
                    ("client_assertion_type", JWT_BEARER),
                    ("client_assertion", token.trim()),
                ],
            ),
        };
        let request = || {
            let url = http::below(&self.authority, &[tenant, "oauth2", "v2.0", "token"]);
            let mut fields = vec![
                ("grant_type", "client_credentials"),
                ("client_id", client_id),
                ("scope", &self.scope),
            ];
            fields.extend(secret);
            Ok(oauth::form(url, &fields))
        };
        self.cache
            .authorization(&self.http, SERVICE, self.clock.now(), request)
            .await
    }
}

impl Backend for Azure {
    const SERVICE: Service = SERVICE;
    /// The version.
    type Pin = String;

    async fn fetch(&self) -> Result<(ServiceKey, String), ServiceError> {
        let version: Vec<&str> = self.key.version.as_deref().into_iter().collect();
        let answer: KeyAnswer = self
            .ask(Method::GET, &version, None)
            .await?
            .read(&self.key.name, "key")?;
        let key = answer.key;
        // `https://VAULT/keys/NAME/VERSION`
        let version = key
            .kid
            .rsplit('/')
            .next()
            .filter(|version| is_azure_version(version))
            .filter(|found| {
                self.key
                    .version
                    .as_deref()
                    .is_none_or(|wanted| wanted == *found)
            })
            .ok_or(SERVICE.malformed("key identifier"))?
            .to_owned();
        let verifying_key = key.verifying_key()?;
        let schemes = match verifying_key.kind() {
            VerifyingKeyKind::Rsa { .. } => {
                return Ok((ServiceKey::any_hash(verifying_key), version));
            }
            _ => [verifying_key.default_scheme()],
        };
        let key = ServiceKey::new(verifying_key, schemes).ok_or(SERVICE.malformed("key"))?;
        Ok((key, version))
    }

    async fn sign(
        &self,
        key: &ServiceKey,
        version: &String,
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        let (name, hash) = match scheme {
            Scheme::Ecdsa(hash @ Sha256) => ("ES256", hash),
            Scheme::Ecdsa(hash @ Sha384) => ("ES384", hash),
            Scheme::Ecdsa(hash @ Sha512) => ("ES512", hash),
            Scheme::RsaPkcs1v15(hash @ Sha256) => ("RS256", hash),
            Scheme::RsaPkcs1v15(hash @ Sha384) => ("RS384", hash),
            Scheme::RsaPkcs1v15(hash @ Sha512) => ("RS512", hash),
            Scheme::RsaPss(_) | Scheme::Ed25519 => {
                return Err(ServiceError::UnsupportedScheme {
                    service: SERVICE,
                    scheme,
                });
            }
        };
        let body = json!({ "alg": name, "value": URL_SAFE_NO_PAD.encode(hash.digest(message)) });
        let answer: SignAnswer = self
            .ask(Method::POST, &[version, "sign"], Some(&body))
            .await?
            .read(&self.key.name, "signature")?;
        let raw = URL_SAFE_NO_PAD
            .decode(&answer.value)
            .map_err(|_| SERVICE.malformed("signature"))?;
        match key.verifying_key.kind() {
            VerifyingKeyKind::Ecdsa(curve) => {
                ecdsa_der(curve, &raw).map_err(|_| SERVICE.malformed("signature"))
            }
            _ => Ok(raw),
        }
    }

    async fn create(&self, algorithm: KeyAlgorithm) -> Result<(), ServiceError> {
        let mut body = match algorithm {
            KeyAlgorithm::EcdsaP256 => json!({ "kty": "EC", "crv": "P-256" }),
            KeyAlgorithm::EcdsaP384 => json!({ "kty": "EC", "crv": "P-384" }),
            KeyAlgorithm::EcdsaP521 => json!({ "kty": "EC", "crv": "P-521" }),
            KeyAlgorithm::Rsa2048 => json!({ "kty": "RSA", "key_size": 2048 }),
            KeyAlgorithm::Rsa3072 => json!({ "kty": "RSA", "key_size": 3072 }),
            KeyAlgorithm::Rsa4096 => json!({ "kty": "RSA", "key_size": 4096 }),
            KeyAlgorithm::Ed25519 => {
                return Err(ServiceError::UnsupportedAlgorithm {
                    service: SERVICE,
                    algorithm,
                });
            }
        };
        body["key_ops"] = json!(["sign", "verify"]);
        body["attributes"] = json!({ "enabled": true });
        body["tags"] = json!({ "use": "sigstore" });
        self.ask(Method::POST, &["create"], Some(&body))
            .await?
            .check(&self.key.name)
    }
}

impl JsonWebKey {
    fn verifying_key(&self) -> Result<VerifyingKey, ServiceError> {
        let number = |text: &Option<String>| {
            text.as_ref()
                .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
                .ok_or(SERVICE.malformed("key"))
        };
        let unsupported = |found: &str| ServiceError::UnsupportedKey {
            service: SERVICE,
            found: http::plain(found),
        };
        let key = match self.kty.as_str() {
            "EC" | "EC-HSM" => {
                let name = self.crv.as_deref().unwrap_or_default();
                let (_, curve) = CURVES
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| unsupported(name))?;
                let point = [vec![4], number(&self.x)?, number(&self.y)?].concat();
                VerifyingKey::from_ec_point(*curve, &point)
            }
            "RSA" | "RSA-HSM" => VerifyingKey::from_rsa(&number(&self.n)?, &number(&self.e)?),
            other => return Err(unsupported(other)),
        };
        key.map_err(|_| SERVICE.malformed("key"))
    }
}

impl std::fmt::Debug for Azure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Azure")
            .field("vault", &self.vault.as_str())
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
