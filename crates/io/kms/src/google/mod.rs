//! Google Cloud KMS by its REST interface (`cloud.google.com/kms/docs/reference/rest/v1`), used as
//! `sigstore/sigstore:pkg/signature/kms/gcp` does.

mod credentials;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use net::{Method, Request, Url};
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey};
use pki::signing::KeyAlgorithm;
use serde::Deserialize;
use serde_json::json;

use crate::error::{Service, ServiceError, Setting};
use crate::http::{self, Answer};
use crate::reference::GoogleKey;
use crate::service::{Backend, ServiceKey};
use crate::settings::{Clock, Settings};
use credentials::Identity;

const SERVICE: Service = Service::Google;
const ENDPOINT: &str = "https://cloudkms.googleapis.com/";

/// Versions of a key on one page, and pages that are read: nobody rotates that often.
const PAGE: &str = "1000";
const PAGES: usize = 10;

/// How often a new key is asked for, one second apart, until it is there: making one takes a moment.
const NEW_KEY_TRIES: usize = 30;

pub(crate) struct Google {
    http: net::Client,
    clock: Clock,
    endpoint: Url,
    identity: Identity,
    key: GoogleKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    #[serde(default)]
    crypto_key_versions: Vec<Version>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct Version {
    name: String,
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyAnswer {
    pem: String,
    algorithm: String,
    pem_crc32c: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignAnswer {
    name: String,
    signature: String,
    signature_crc32c: String,
    #[serde(default)]
    verified_digest_crc32c: bool,
}

impl Google {
    pub(crate) fn new(key: &GoogleKey, settings: &Settings) -> Result<Self, ServiceError> {
        let google = &settings.google;
        let endpoint = google.endpoint.as_deref().unwrap_or(ENDPOINT);
        let credentials = google.credentials.as_ref().ok_or(ServiceError::Missing {
            setting: Setting::GoogleCredentials,
        })?;
        Ok(Self {
            http: settings.http.clone(),
            clock: Clock::starting_at(settings.now),
            endpoint: net::parse_url(endpoint).map_err(|_| ServiceError::Unusable {
                setting: Setting::GoogleEndpoint,
            })?,
            identity: Identity::new(credentials)?,
            key: key.clone(),
        })
    }

    /// `/v1/PATH?QUERY`.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, ServiceError> {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("/v1/{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let authorization = self
            .identity
            .authorization(&self.http, self.clock.now())
            .await?;
        let mut request = Request::new(method, url).authorization(authorization);
        if let Some(body) = body {
            request = http::json(request, body);
        }
        http::ask(&self.http, SERVICE, request).await
    }

    fn ring(&self) -> (String, String) {
        let GoogleKey {
            project,
            location,
            key_ring,
            ..
        } = &self.key;
        let location = format!("projects/{project}/locations/{location}");
        let ring = format!("{location}/keyRings/{key_ring}");
        (location, ring)
    }

    fn key_name(&self) -> String {
        format!("{}/cryptoKeys/{}", self.ring().1, self.key.key)
    }

    /// The version in the reference, or of the enabled ones that with the greatest number.
    async fn version(&self) -> Result<String, ServiceError> {
        let key = self.key_name();
        if let Some(version) = self.key.version {
            return Ok(format!("{key}/cryptoKeyVersions/{version}"));
        }
        let path = format!("{key}/cryptoKeyVersions");
        let mut page = String::new();
        let mut newest = None;
        for _ in 0..PAGES {
            let mut query = vec![("filter", "state=ENABLED"), ("pageSize", PAGE)];
            if !page.is_empty() {
                query.push(("pageToken", &page));
            }
            let answer = self.ask(Method::GET, &path, &query, None).await?;
            let versions: Versions = answer.read(&key, "list of key versions")?;
            let numbers = versions
                .crypto_key_versions
                .iter()
                .filter(|version| version.state == "ENABLED")
                .filter_map(|version| {
                    let number = version.name.strip_prefix(&path)?.strip_prefix('/')?;
                    number.parse::<u64>().ok()
                });
            newest = newest.max(numbers.max());
            page = versions.next_page_token;
            if page.is_empty() {
                break;
            }
        }
        match newest {
            Some(number) if page.is_empty() => Ok(format!("{path}/{number}")),
            Some(_) => Err(SERVICE.malformed("list of key versions, which does not end")),
            None => Err(ServiceError::KeyNotFound {
                service: SERVICE,
                key,
                message: "no version is enabled".to_owned(),
            }),
        }
    }
}

impl Backend for Google {
    const SERVICE: Service = SERVICE;
    /// The resource name of the version.
    type Pin = String;

    async fn fetch(&self) -> Result<(ServiceKey, String), ServiceError> {
        let name = self.version().await?;
        let answer: PublicKeyAnswer = self
            .ask(Method::GET, &format!("{name}/publicKey"), &[], None)
            .await?
            .read(&name, "public key")?;
        let pem = answer.pem.as_bytes();
        if answer
            .pem_crc32c
            .is_some_and(|sum| sum != crc32c(pem).to_string())
        {
            return Err(SERVICE.malformed("public key: its checksum differs"));
        }
        let unsupported = || ServiceError::UnsupportedKey {
            service: SERVICE,
            found: http::plain(&answer.algorithm),
        };
        let scheme = scheme(&answer.algorithm).ok_or_else(unsupported)?;
        let key = VerifyingKey::from_pem(pem).map_err(|_| SERVICE.malformed("public key"))?;
        let key = ServiceKey::new(key, [scheme]).ok_or_else(unsupported)?;
        Ok((key, name))
    }

    async fn sign(
        &self,
        _key: &ServiceKey,
        name: &String,
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        let hash = scheme.hash().ok_or(ServiceError::UnsupportedScheme {
            service: SERVICE,
            scheme,
        })?;
        let field = match hash {
            HashAlgorithm::Sha256 => "sha256",
            HashAlgorithm::Sha384 => "sha384",
            HashAlgorithm::Sha512 => "sha512",
        };
        let digest = hash.digest(message);
        let body = json!({
            "digest": { field: STANDARD.encode(&digest) },
            "digestCrc32c": crc32c(&digest).to_string(),
        });
        let answer: SignAnswer = self
            .ask(
                Method::POST,
                &format!("{name}:asymmetricSign"),
                &[],
                Some(&body),
            )
            .await?
            .read(name, "signature")?;
        if !answer.verified_digest_crc32c {
            return Err(SERVICE.malformed("signature: the digest's checksum was not looked at"));
        }
        if answer.name != *name {
            return Err(SERVICE.malformed("signature: it is of another key"));
        }
        let signature = STANDARD
            .decode(&answer.signature)
            .map_err(|_| SERVICE.malformed("signature"))?;
        if answer.signature_crc32c != crc32c(&signature).to_string() {
            return Err(SERVICE.malformed("signature: its checksum differs"));
        }
        Ok(signature)
    }

    async fn create(&self, algorithm: KeyAlgorithm) -> Result<(), ServiceError> {
        let name = match algorithm {
            KeyAlgorithm::EcdsaP256 => "EC_SIGN_P256_SHA256",
            KeyAlgorithm::EcdsaP384 => "EC_SIGN_P384_SHA384",
            KeyAlgorithm::Rsa2048 => "RSA_SIGN_PKCS1_2048_SHA256",
            KeyAlgorithm::Rsa3072 => "RSA_SIGN_PKCS1_3072_SHA256",
            KeyAlgorithm::Rsa4096 => "RSA_SIGN_PKCS1_4096_SHA256",
            KeyAlgorithm::EcdsaP521 | KeyAlgorithm::Ed25519 => {
                return Err(ServiceError::UnsupportedAlgorithm {
                    service: SERVICE,
                    algorithm,
                });
            }
        };
        let (location, ring) = self.ring();
        match self.ask(Method::GET, &ring, &[], None).await?.check(&ring) {
            Err(ServiceError::KeyNotFound { .. }) => {
                let query = [("keyRingId", self.key.key_ring.as_str())];
                let path = format!("{location}/keyRings");
                self.ask(Method::POST, &path, &query, Some(&json!({})))
                    .await?
                    .check(&ring)?;
            }
            other => other?,
        }
        let query = [("cryptoKeyId", self.key.key.as_str())];
        let body = json!({
            "purpose": "ASYMMETRIC_SIGN",
            "versionTemplate": { "algorithm": name },
        });
        let path = format!("{ring}/cryptoKeys");
        self.ask(Method::POST, &path, &query, Some(&body))
            .await?
            .check(&ring)?;
        for _ in 1..NEW_KEY_TRIES {
            match self.version().await {
                Err(ServiceError::KeyNotFound { .. }) => {}
                other => return other.map(|_| ()),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Google {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Google")
            .field("endpoint", &self.endpoint.as_str())
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A version's algorithm fixes the scheme.
fn scheme(algorithm: &str) -> Option<Scheme> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    Some(match algorithm {
        "EC_SIGN_P256_SHA256" => Scheme::Ecdsa(Sha256),
        "EC_SIGN_P384_SHA384" => Scheme::Ecdsa(Sha384),
        "RSA_SIGN_PKCS1_2048_SHA256"
        | "RSA_SIGN_PKCS1_3072_SHA256"
        | "RSA_SIGN_PKCS1_4096_SHA256" => Scheme::RsaPkcs1v15(Sha256),
        "RSA_SIGN_PKCS1_4096_SHA512" => Scheme::RsaPkcs1v15(Sha512),
        "RSA_SIGN_PSS_2048_SHA256" | "RSA_SIGN_PSS_3072_SHA256" | "RSA_SIGN_PSS_4096_SHA256" => {
            Scheme::RsaPss(Sha256)
        }
        "RSA_SIGN_PSS_4096_SHA512" => Scheme::RsaPss(Sha512),
        _ => return None,
    })
}

/// CRC-32C (RFC 9260 appendix A, Castagnoli), which the service uses against damage on the way.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3720 B.4, and the check value of the algorithm's catalogues.
    #[test]
    fn checksums() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }
}
