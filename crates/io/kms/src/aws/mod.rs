//! AWS KMS by its JSON protocol (`TrentService`), used as `sigstore/sigstore:pkg/signature/kms/aws` does.

mod sigv4;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use net::{Body, Bytes, HeaderName, HeaderValue, Method, Request, Url, header};
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey};
use pki::signing::KeyAlgorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::{Service, ServiceError, Setting};
use crate::http::{self, Answer};
use crate::reference::{AwsKey, is_region};
use crate::service::{Backend, ServiceKey};
use crate::settings::{AwsCredentials, Clock, Settings};
use sigv4::Scope;

const SERVICE: Service = Service::Aws;
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

const SCHEMES: [(&str, Scheme); 9] = [
    ("ECDSA_SHA_256", Scheme::Ecdsa(HashAlgorithm::Sha256)),
    ("ECDSA_SHA_384", Scheme::Ecdsa(HashAlgorithm::Sha384)),
    ("ECDSA_SHA_512", Scheme::Ecdsa(HashAlgorithm::Sha512)),
    (
        "RSASSA_PKCS1_V1_5_SHA_256",
        Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
    ),
    (
        "RSASSA_PKCS1_V1_5_SHA_384",
        Scheme::RsaPkcs1v15(HashAlgorithm::Sha384),
    ),
    (
        "RSASSA_PKCS1_V1_5_SHA_512",
        Scheme::RsaPkcs1v15(HashAlgorithm::Sha512),
    ),
    ("RSASSA_PSS_SHA_256", Scheme::RsaPss(HashAlgorithm::Sha256)),
    ("RSASSA_PSS_SHA_384", Scheme::RsaPss(HashAlgorithm::Sha384)),
    ("RSASSA_PSS_SHA_512", Scheme::RsaPss(HashAlgorithm::Sha512)),
];

pub(crate) struct Aws {
    http: net::Client,
    clock: Clock,
    endpoint: Url,
    region: String,
    credentials: AwsCredentials,
    key: AwsKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublicKeyAnswer {
    key_id: String,
    key_spec: String,
    key_usage: String,
    public_key: String,
    signing_algorithms: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SignAnswer {
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateAnswer {
    key_metadata: KeyMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyMetadata {
    key_id: String,
}

impl Aws {
    pub(crate) fn new(key: &AwsKey, settings: &Settings) -> Result<Self, ServiceError> {
        let aws = &settings.aws;
        let missing = |setting| ServiceError::Missing { setting };
        let unusable = |setting| ServiceError::Unusable { setting };
        let region = key
            .region()
            .or(aws.region.as_deref())
            .ok_or(missing(Setting::AwsRegion))?;
        if !is_region(region) {
            return Err(unusable(Setting::AwsRegion));
        }
        let endpoint = match (&key.endpoint, &aws.endpoint) {
            (Some(host), _) => format!("https://{host}/"),
            (None, Some(address)) => address.clone(),
            (None, None) => format!("https://kms.{region}.{}/", domain(region)),
        };
        let endpoint = net::parse_url(&endpoint).map_err(|_| unusable(Setting::AwsEndpoint))?;
        Ok(Self {
            http: settings.http.clone(),
            clock: Clock::starting_at(settings.now),
            endpoint,
            region: region.to_owned(),
            credentials: aws
                .credentials
                .clone()
                .ok_or(missing(Setting::AwsCredentials))?,
            key: key.clone(),
        })
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<Answer, ServiceError> {
        let unusable = |_| ServiceError::Unusable {
            setting: Setting::AwsCredentials,
        };
        let target = format!("TrentService.{operation}");
        let body = body.to_string();
        let request = Request::new(Method::POST, self.endpoint.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))
            .header(
                TARGET,
                HeaderValue::from_str(&target).expect("operations are words"),
            )
            .body(Body::Bytes(Bytes::from(body.clone())));
        let scope = Scope {
            region: &self.region,
            service: "kms",
            now: self.clock.now(),
        };
        let request =
            sigv4::signed(request, body.as_bytes(), &self.credentials, &scope).map_err(unusable)?;
        http::ask(&self.http, SERVICE, request).await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &Value,
    ) -> Result<T, ServiceError> {
        self.call(operation, body)
            .await?
            .read(&self.key.id, "answer")
    }
}

impl Backend for Aws {
    const SERVICE: Service = SERVICE;
    /// The key's own ARN: an alias may come to stand for another key.
    type Pin = String;

    async fn fetch(&self) -> Result<(ServiceKey, String), ServiceError> {
        let answer: PublicKeyAnswer = self
            .read("GetPublicKey", &json!({ "KeyId": self.key.id }))
            .await?;
        let unsupported = || ServiceError::UnsupportedKey {
            service: SERVICE,
            found: http::plain(&format!("{} for {}", answer.key_spec, answer.key_usage)),
        };
        if answer.key_usage != "SIGN_VERIFY" {
            return Err(unsupported());
        }
        let verifying_key = STANDARD
            .decode(&answer.public_key)
            .ok()
            .and_then(|der| VerifyingKey::from_spki_der(&der).ok())
            .ok_or_else(unsupported)?;
        let names = answer.signing_algorithms.as_deref().unwrap_or_default();
        let schemes = names
            .iter()
            .filter_map(|name| SCHEMES.iter().find(|(known, _)| known == name))
            .map(|(_, scheme)| *scheme);
        let key = ServiceKey::new(verifying_key, schemes).ok_or_else(unsupported)?;
        Ok((key, answer.key_id))
    }

    async fn sign(
        &self,
        _key: &ServiceKey,
        id: &String,
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        let unsupported = ServiceError::UnsupportedScheme {
            service: SERVICE,
            scheme,
        };
        let known = SCHEMES.iter().find(|(_, known)| *known == scheme);
        let (Some((name, _)), Some(hash)) = (known, scheme.hash()) else {
            return Err(unsupported);
        };
        let body = json!({
            "KeyId": id,
            "Message": STANDARD.encode(hash.digest(message)),
            "MessageType": "DIGEST",
            "SigningAlgorithm": name,
        });
        let answer: SignAnswer = self.read("Sign", &body).await?;
        STANDARD
            .decode(&answer.signature)
            .map_err(|_| SERVICE.malformed("signature"))
    }

    async fn create(&self, algorithm: KeyAlgorithm) -> Result<(), ServiceError> {
        let spec = match algorithm {
            KeyAlgorithm::EcdsaP256 => "ECC_NIST_P256",
            KeyAlgorithm::EcdsaP384 => "ECC_NIST_P384",
            KeyAlgorithm::EcdsaP521 => "ECC_NIST_P521",
            KeyAlgorithm::Rsa2048 => "RSA_2048",
            KeyAlgorithm::Rsa3072 => "RSA_3072",
            KeyAlgorithm::Rsa4096 => "RSA_4096",
            KeyAlgorithm::Ed25519 => {
                return Err(ServiceError::UnsupportedAlgorithm {
                    service: SERVICE,
                    algorithm,
                });
            }
        };
        let alias = self.key.alias().ok_or(ServiceError::NeedsAlias)?;
        let body = json!({
            "KeySpec": spec,
            "KeyUsage": "SIGN_VERIFY",
            "Description": "Created by Countersign",
        });
        let made: CreateAnswer = self.read("CreateKey", &body).await?;
        let body = json!({ "AliasName": alias, "TargetKeyId": made.key_metadata.key_id });
        self.call("CreateAlias", &body).await?.check(alias)
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws")
            .field("endpoint", &self.endpoint.as_str())
            .field("region", &self.region)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// China has a partition of its own.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}
