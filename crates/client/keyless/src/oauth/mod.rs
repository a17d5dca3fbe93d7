//! Identity tokens that a person fetches with a browser, here (authorization code with PKCE, RFC 8252 and RFC 7636) or
//! on another machine (RFC 8628), and those of an account of a program (RFC 6749, 4.4), from an OpenID Connect issuer.
//!
//! The issuer's signature on the token is not looked at: the token comes from the issuer itself over the connection
//! that was named (OpenID Connect Core 1.0, 3.1.3.7), and the certificate authority verifies it.

mod browser;
mod device;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use net::{Request, StatusCode, Url};
use pki::digest::Sha256;
use pki::signature::HashAlgorithm;
use serde::Deserialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

pub use browser::{Listener, OUT_OF_BAND, Pending};
pub use device::DeviceLogin;

use crate::error::{Error, Fault, Service};
use crate::http::{Answer, Base, Http, post, shown};
use crate::token::{IdentityToken, TOKEN_BYTES};

/// The scopes that Sigstore asks for.
const SCOPES: &str = "openid email";
/// Most bytes of an answer of an issuer: two tokens and some air.
const ANSWER_MAX: u64 = 4 * TOKEN_BYTES as u64;

/// How an issuer breaks the protocol, or how a login ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OauthFault {
    /// The identity token does not belong to the access token that came with it.
    #[error("the identity token is for another access token")]
    AccessToken,
    /// The issuer ended the login (RFC 6749, 4.1.2.1 and 5.2; RFC 8628, 3.5).
    #[error("{code}{}", description.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Denied {
        /// Its code, such as `access_denied`; cut.
        code: String,
        /// What it says about it, cut and without control characters; not to be trusted.
        description: Option<String>,
    },
    /// An https issuer that names an http endpoint.
    #[error("{endpoint} of an https issuer is at {url}")]
    Downgrade {
        /// Which endpoint.
        endpoint: &'static str,
        /// Where, without secrets.
        url: String,
    },
    /// Another issuer than the one that was asked.
    #[error("the issuer is {found:?}, expected {expected:?}")]
    Issuer {
        /// Who was asked.
        expected: String,
        /// Who answers; cut.
        found: String,
    },
    /// Waiting for the browser failed.
    #[error("waiting for the browser: {reason}")]
    Listen {
        /// The system's reason.
        reason: String,
    },
    /// An endpoint that the issuer does not have.
    #[error("the issuer has no {endpoint}")]
    NoEndpoint {
        /// Which one.
        endpoint: &'static str,
    },
    /// The issuer does not do PKCE with SHA-256, without which another program here could take the token.
    #[error("the issuer does not support PKCE with S256")]
    NoPkce,
    /// The token was made for another login.
    #[error("the identity token has another nonce than was sent")]
    Nonce,
    /// The browser came back from another login.
    #[error("the browser came back with another state than was sent")]
    State,
    /// Nobody logged in in time.
    #[error("nobody logged in within {seconds} seconds")]
    TimedOut {
        /// How long it was waited.
        seconds: u64,
    },
}

/// Who we are to the issuer.
#[derive(Clone)]
pub struct ClientId {
    /// The name, `sigstore` unless the issuer knows us by another; tokens are for it.
    pub id: String,
    /// The secret of a client that has one.
    pub secret: Option<Zeroizing<String>>,
}

impl Default for ClientId {
    /// `sigstore`, without a secret.
    fn default() -> Self {
        Self {
            id: crate::token::AUDIENCE.to_owned(),
            secret: None,
        }
    }
}

impl std::fmt::Debug for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientId")
            .field("id", &self.id)
            .field("secret", &self.secret.as_ref().map(|_| ".."))
            .finish()
    }
}

/// An issuer and where its endpoints are.
#[derive(Debug, Clone)]
pub struct Issuer {
    http: Http,
    client: ClientId,
    issuer: String,
    authorization: Option<Url>,
    token: Url,
    device: Option<Url>,
    pkce: bool,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
}

impl Issuer {
    /// Asks the issuer at `url` where its endpoints are (OpenID Connect Discovery 1.0, 4).
    ///
    /// # Errors
    /// A refusal, no answer, another issuer, or endpoints that are none.
    pub async fn discover(http: Http, url: &str, client: ClientId) -> Result<Self, Error> {
        let base = Base::parse(Service::IdentityProvider, url)?;
        let request = Request::get(base.join("/.well-known/openid-configuration"));
        let answer = http
            .call(Service::IdentityProvider, request, ANSWER_MAX, &[])
            .await?;
        let found: Discovery = answer.json()?;
        if found.issuer.trim_end_matches('/') != url.trim_end_matches('/') {
            return Err(answer.fault(OauthFault::Issuer {
                expected: url.to_owned(),
                found: shown(&found.issuer),
            }));
        }
        let endpoint = |name: &'static str, text: Option<String>| match text {
            Some(text) => endpoint(base.url(), name, &text).map(Some),
            None => Ok(None),
        };
        let authorization = endpoint("authorization_endpoint", found.authorization_endpoint)?;
        let device = endpoint(
            "device_authorization_endpoint",
            found.device_authorization_endpoint,
        )?;
        let token = endpoint("token_endpoint", found.token_endpoint)?;
        let token = token.ok_or_else(|| {
            answer.fault(OauthFault::NoEndpoint {
                endpoint: "token_endpoint",
            })
        })?;
        let methods = found.code_challenge_methods_supported.unwrap_or_default();
        Ok(Self {
            http,
            client,
            issuer: found.issuer,
            authorization,
            token,
            device,
            pkce: methods.iter().any(|method| method == "S256"),
        })
    }

    /// The token of the client itself, which needs a secret (RFC 6749, 4.4).
    ///
    /// # Errors
    /// A refusal, no answer, or a token that cannot be used.
    pub async fn client_credentials(&self, now: Timestamp) -> Result<IdentityToken, Error> {
        let form = [("grant_type", "client_credentials"), ("scope", SCOPES)];
        let answer = self.ask_token(&form, &[]).await?;
        self.token_in(&answer, None, now)
    }

    /// Sends `form` to the token endpoint, as this client.
    async fn ask_token(&self, form: &[(&str, &str)], also: &[StatusCode]) -> Result<Answer, Error> {
        self.ask(self.token.clone(), form, also).await
    }

    async fn ask(
        &self,
        url: Url,
        form: &[(&str, &str)],
        also: &[StatusCode],
    ) -> Result<Answer, Error> {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(form);
        text.append_pair("client_id", &self.client.id);
        if let Some(secret) = &self.client.secret {
            text.append_pair("client_secret", secret);
        }
        let body = text.finish().into_bytes();
        let request = post(url, "application/x-www-form-urlencoded", body);
        self.http
            .call(Service::IdentityProvider, request, ANSWER_MAX, also)
            .await
    }

    /// Reads the answer of the token endpoint and checks what OpenID Connect Core 1.0, 3.1.3.7 demands of the token
    /// as far as it needs no keys.
    fn token_in(
        &self,
        answer: &Answer,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<IdentityToken, Error> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: Option<Zeroizing<String>>,
            access_token: Option<Zeroizing<String>>,
        }
        let tokens: Tokens = answer.json()?;
        let text = tokens
            .id_token
            .ok_or_else(|| answer.fault(Fault::Missing { member: "id_token" }))?;
        let check = || -> Result<IdentityToken, Fault> {
            let token = IdentityToken::parse(&text).map_err(Fault::Token)?;
            if token.issuer() != self.issuer {
                return Err(Fault::Oauth(OauthFault::Issuer {
                    expected: self.issuer.clone(),
                    found: shown(token.issuer()),
                }));
            }
            token.check(&self.client.id, now).map_err(Fault::Token)?;
            if nonce.is_some() && token.nonce() != nonce {
                return Err(Fault::Oauth(OauthFault::Nonce));
            }
            if let (Some(expected), Some(access)) =
                (token.access_token_hash(), &tokens.access_token)
                && access_token_hash(token.algorithm(), access).as_deref() != Some(expected)
            {
                return Err(Fault::Oauth(OauthFault::AccessToken));
            }
            Ok(token)
        };
        check().map_err(|fault| answer.fault(fault))
    }

    /// Something that the issuer did wrong, or has not.
    fn fault(&self, fault: OauthFault) -> Error {
        Error::Answer {
            service: Service::IdentityProvider,
            url: net::redacted_url(&self.token),
            fault: fault.into(),
        }
    }

    fn need_pkce(&self) -> Result<(), Error> {
        if self.pkce {
            Ok(())
        } else {
            Err(self.fault(OauthFault::NoPkce))
        }
    }
}

fn endpoint(issuer: &Url, endpoint: &'static str, text: &str) -> Result<Url, Error> {
    let service = Service::IdentityProvider;
    let url = net::parse_url(text).map_err(|source| Error::Address { service, source })?;
    if issuer.scheme() == "https" && url.scheme() != "https" {
        return Err(Error::Answer {
            service,
            url: net::redacted_url(issuer),
            fault: OauthFault::Downgrade {
                endpoint,
                url: net::redacted_url(&url),
            }
            .into(),
        });
    }
    Ok(url)
}

/// `at_hash`: the left half of the hash of the access token, by the hash of the token's algorithm (OpenID Connect
/// Core 1.0, 3.1.3.6); `EdDSA` hashes with SHA-512.
fn access_token_hash(algorithm: &str, access: &str) -> Option<String> {
    let algorithm = match algorithm.get(algorithm.len().checked_sub(3)?..)? {
        "256" => HashAlgorithm::Sha256,
        "384" => HashAlgorithm::Sha384,
        "512" | "DSA" => HashAlgorithm::Sha512,
        _ => return None,
    };
    let hash = algorithm.digest(access.as_bytes());
    Some(URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2]))
}

/// A secret of 256 random bits as 43 characters (RFC 7636, 4.1).
fn random_text() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    pki::random::fill(bytes.as_mut_slice())?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// The S256 challenge to a verifier (RFC 7636, 4.2).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::of(verifier.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636, appendix B.
    #[test]
    fn the_challenge_of_the_specification() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    // OpenID Connect Core 1.0, A.3: the access token and at_hash of the example with RS256.
    #[test]
    fn the_access_token_hash_of_the_specification() {
        let access = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        let expected = Some("77QmUPtjPfzWtF2AnpK9RQ".to_owned());
        assert_eq!(access_token_hash("RS256", access), expected);
        assert_ne!(access_token_hash("RS384", access), expected);
        assert_eq!(access_token_hash("none", access), None);
        assert_eq!(access_token_hash("é", access), None);
    }

    #[test]
    fn an_https_issuer_has_https_endpoints() {
        let https = net::parse_url("https://issuer.example").unwrap();
        let http = net::parse_url("http://issuer.example").unwrap();
        let name = "token_endpoint";
        assert!(endpoint(&https, name, "https://other.example/token").is_ok());
        assert!(endpoint(&http, name, "http://issuer.example/token").is_ok());
        let refused = endpoint(&https, name, "http://issuer.example/token?secret=hunter2");
        let Err(Error::Answer { fault, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
        assert!(matches!(fault, Fault::Oauth(OauthFault::Downgrade { .. })));
    }
}
