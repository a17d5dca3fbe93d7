//! The transit engine of Vault and OpenBao (`hashicorp/vault:website/content/api-docs/secret/transit.mdx`, used as
//! `sigstore/sigstore:pkg/signature/kms/hashivault` does).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use net::{HeaderName, HeaderValue, Method, Request, Url};
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey};
use pki::signing::KeyAlgorithm;
use serde::Deserialize;
use serde_json::json;

use crate::error::{Service, ServiceError, Setting};
use crate::http;
use crate::reference::VaultKey;
use crate::service::{Backend, ServiceKey, algorithm_name};
use crate::settings::Settings;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const SERVICE: Service = Service::Vault;

pub(crate) struct Vault {
    http: net::Client,
    /// `…/v1/<engine>/`
    engine: Url,
    token: HeaderValue,
    namespace: Option<HeaderValue>,
    name: String,
    version: Option<u64>,
}

#[derive(Deserialize)]
struct KeyAnswer {
    data: KeyData,
}

#[derive(Deserialize)]
struct KeyData {
    r#type: String,
    latest_version: u64,
    keys: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct SignAnswer {
    data: SignData,
}

#[derive(Deserialize)]
struct SignData {
    signature: String,
}

impl Vault {
    pub(crate) fn new(key: &VaultKey, settings: &Settings) -> Result<Self, ServiceError> {
        let vault = &settings.vault;
        let missing = |setting| ServiceError::Missing { setting };
        let unusable = |setting| ServiceError::Unusable { setting };
        let address = vault
            .address
            .as_deref()
            .ok_or(missing(Setting::VaultAddress))?;
        let address = net::parse_url(address).map_err(|_| unusable(Setting::VaultAddress))?;
        let token = vault.token.as_ref().ok_or(missing(Setting::VaultToken))?;
        let mut token =
            HeaderValue::from_str(token.trim()).map_err(|_| unusable(Setting::VaultToken))?;
        token.set_sensitive(true);
        let namespace = vault.namespace.as_deref().map(HeaderValue::from_str);
        Ok(Self {
            http: settings.http.clone(),
            engine: engine(&address, vault.engine_path.as_deref().unwrap_or("transit"))
                .ok_or(unusable(Setting::VaultEnginePath))?,
            token,
            namespace: namespace
                .transpose()
                .map_err(|_| unusable(Setting::VaultNamespace))?,
            name: key.name.clone(),
            version: vault.key_version,
        })
    }

    fn request(&self, method: Method, segments: &[&str]) -> Request {
        let url = http::below(&self.engine, segments);
        let request = Request::new(method, url).header(TOKEN, self.token.clone());
        match &self.namespace {
            Some(namespace) => request.header(NAMESPACE, namespace.clone()),
            None => request,
        }
    }
}

/// The engine's address below the server's, which may have a path of its own.
fn engine(address: &Url, path: &str) -> Option<Url> {
    let path = path.trim_matches('/').split('/');
    let segments: Vec<&str> = std::iter::once("v1").chain(path).collect();
    let plain = !segments.iter().any(|part| matches!(*part, "" | "." | ".."));
    plain.then(|| http::below(address, &segments))
}

impl Backend for Vault {
    const SERVICE: Service = SERVICE;
    type Pin = u64;

    async fn fetch(&self) -> Result<(ServiceKey, u64), ServiceError> {
        let request = self.request(Method::GET, &["keys", &self.name]);
        let answer: KeyAnswer = http::ask(&self.http, SERVICE, request)
            .await?
            .read(&self.name, "transit key")?;
        let KeyData {
            r#type,
            latest_version,
            keys,
        } = answer.data;
        let version = self.version.unwrap_or(latest_version);
        let key = keys
            .get(&version.to_string())
            .ok_or_else(|| ServiceError::KeyNotFound {
                service: SERVICE,
                key: self.name.clone(),
                message: format!("no version {version}"),
            })?;
        // Symmetric keys have a number there, the time they were made.
        let text = key
            .get("public_key")
            .and_then(serde_json::Value::as_str)
            .filter(|text| !text.is_empty())
            .ok_or(ServiceError::UnsupportedKey {
                service: SERVICE,
                found: http::plain(&r#type),
            })?;
        let verifying_key = public_key(&r#type, text).ok_or(SERVICE.malformed("public key"))?;
        Ok((ServiceKey::any_hash(verifying_key), version))
    }

    async fn sign(
        &self,
        _key: &ServiceKey,
        version: &u64,
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        let (hash, input) = match scheme.hash() {
            Some(hash) => (Some(hash_name(hash)), hash.digest(message)),
            None => (None, message.to_vec()),
        };
        let mut segments = vec!["sign", &self.name];
        segments.extend(hash);
        let mut body = json!({
            "input": STANDARD.encode(input),
            "prehashed": hash.is_some(),
            "key_version": version,
        });
        match scheme {
            Scheme::RsaPkcs1v15(_) => body["signature_algorithm"] = json!("pkcs1v15"),
            Scheme::Ecdsa(_) => body["marshaling_algorithm"] = json!("asn1"),
            Scheme::RsaPss(_) | Scheme::Ed25519 => {}
        }
        let request = http::json(self.request(Method::POST, &segments), &body);
        let answer: SignAnswer = http::ask(&self.http, SERVICE, request)
            .await?
            .read(&self.name, "signature")?;
        // `vault:v3:<base64>`; the number is the key's version.
        answer
            .data
            .signature
            .strip_prefix("vault:v")
            .and_then(|rest| rest.strip_prefix(&version.to_string()))
            .and_then(|rest| STANDARD.decode(rest.strip_prefix(':')?).ok())
            .ok_or(SERVICE.malformed("signature"))
    }

    async fn create(&self, algorithm: KeyAlgorithm) -> Result<(), ServiceError> {
        let request = self.request(Method::POST, &["keys", &self.name]);
        let request = http::json(request, &json!({ "type": algorithm_name(algorithm) }));
        http::ask(&self.http, SERVICE, request)
            .await?
            .check(&self.name)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("engine", &self.engine.as_str())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// PEM, but for Ed25519 the base64 of the 32 raw bytes.
fn public_key(kind: &str, text: &str) -> Option<VerifyingKey> {
    if kind == "ed25519" {
        let raw: [u8; 32] = STANDARD.decode(text).ok()?.try_into().ok()?;
        return Some(VerifyingKey::from_ed25519(&raw));
    }
    VerifyingKey::from_pem(text.as_bytes()).ok()
}

fn hash_name(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha256 => "sha2-256",
        HashAlgorithm::Sha384 => "sha2-384",
        HashAlgorithm::Sha512 => "sha2-512",
    }
}
