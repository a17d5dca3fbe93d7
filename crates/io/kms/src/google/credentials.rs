//! Who asks: a token that is given, or a file of credentials that tokens are got with
//! (`google.aip.dev/auth/4112`, RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use net::{HeaderValue, Request, Url};
use pki::cosign_key::CosignKeyFile;
use pki::signature::{HashAlgorithm, Scheme};
use pki::signing::SigningKey;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::error::{Service, ServiceError, Setting};
use crate::http;
use crate::oauth::{self, TokenCache};
use crate::settings::GoogleCredentials;

const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// Most seconds that an assertion may live.
const ASSERTION_SECONDS: i64 = 3600;

pub(super) enum Identity {
    Token(HeaderValue),
    File { file: Box<File>, cache: TokenCache },
}

pub(super) enum File {
    ServiceAccount {
        email: String,
        key: SigningKey,
        key_id: String,
        token_uri: Url,
    },
    User {
        client_id: String,
        client_secret: Zeroizing<String>,
        refresh_token: Zeroizing<String>,
        token_uri: Url,
    },
}

#[derive(Deserialize)]
struct FileKind {
    r#type: String,
}

#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    #[serde(deserialize_with = "http::secret")]
    private_key: Zeroizing<String>,
    #[serde(default)]
    private_key_id: String,
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct User {
    client_id: String,
    #[serde(deserialize_with = "http::secret")]
    client_secret: Zeroizing<String>,
    #[serde(deserialize_with = "http::secret")]
    refresh_token: Zeroizing<String>,
    token_uri: Option<String>,
}

impl Identity {
    pub(super) fn new(credentials: &GoogleCredentials) -> Result<Self, ServiceError> {
        match credentials {
            GoogleCredentials::AccessToken(token) => {
                oauth::bearer(token).map(Self::Token).ok_or(unusable())
            }
            GoogleCredentials::File(json) => Ok(Self::File {
                file: Box::new(File::parse(json)?),
                cache: TokenCache::default(),
            }),
        }
    }

    pub(super) async fn authorization(
        &self,
        http: &net::Client,
        now: Timestamp,
    ) -> Result<HeaderValue, ServiceError> {
        match self {
            Self::Token(value) => Ok(value.clone()),
            Self::File { file, cache } => {
                cache
                    .authorization(http, Service::Google, now, || file.request(now))
                    .await
            }
        }
    }
}

impl File {
    fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        let FileKind { r#type: kind } = read(json)?;
        match kind.as_str() {
            "service_account" => {
                let account: ServiceAccount = read(json)?;
                let key = CosignKeyFile::parse(account.private_key.as_bytes())
                    .ok()
                    .and_then(|file| file.unlock(None).ok())
                    .ok_or(unusable())?;
                Ok(Self::ServiceAccount {
                    email: account.client_email,
                    key,
                    key_id: account.private_key_id,
                    token_uri: token_uri(account.token_uri)?,
                })
            }
            "authorized_user" => {
                let user: User = read(json)?;
                Ok(Self::User {
                    client_id: user.client_id,
                    client_secret: user.client_secret,
                    refresh_token: user.refresh_token,
                    token_uri: token_uri(user.token_uri)?,
                })
            }
            _ => Err(ServiceError::UnsupportedCredentials {
                service: Service::Google,
                found: http::plain(&kind),
            }),
        }
    }

    fn request(&self, now: Timestamp) -> Result<Request, ServiceError> {
        match self {
            Self::ServiceAccount {
                email,
                key,
                key_id,
                token_uri,
            } => {
                let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key_id });
                let claims = json!({
                    "iss": email,
                    "scope": SCOPE,
                    "aud": token_uri.as_str(),
                    "iat": now.as_second(),
                    "exp": now.as_second() + ASSERTION_SECONDS,
                });
                let signed = [header, claims]
                    .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
                    .join(".");
                let signature = key
                    .sign_with(
                        Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
                        signed.as_bytes(),
                    )
                    .map_err(|_| unusable())?;
                let assertion =
                    Zeroizing::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)));
                Ok(oauth::form(
                    token_uri.clone(),
                    &[
                        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                        ("assertion", &assertion),
                    ],
                ))
            }
            Self::User {
                client_id,
                client_secret,
                refresh_token,
                token_uri,
            } => Ok(oauth::form(
                token_uri.clone(),
                &[
                    ("grant_type", "refresh_token"),
                    ("client_id", client_id),
                    ("client_secret", client_secret),
                    ("refresh_token", refresh_token),
                ],
            )),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ServiceError> {
    serde_json::from_slice(json).map_err(|_| unusable())
}

fn token_uri(text: Option<String>) -> Result<Url, ServiceError> {
    net::parse_url(text.as_deref().unwrap_or(TOKEN_URI)).map_err(|_| unusable())
}

fn unusable() -> ServiceError {
    ServiceError::Unusable {
        setting: Setting::GoogleCredentials,
    }
}
