//! Getting a token (docker registry token authentication: `GET` with a password, `POST` with a refresh token).

use std::collections::BTreeSet;
use std::time::Duration;

use net::{Body, HeaderValue, Method, Redirects, Request, Url, header};
use serde::Deserialize;
use tokio::time::Instant;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::auth::{Authenticator, Scope, basic_header};
use crate::credentials::Credentials;
use crate::error::{Error, Fault, Resource};
use crate::loopback::is_loopback;
use crate::server_error::{host_port, refusal, shown};

/// Largest answer of a token server, bytes; tokens of large organisations list many groups.
const ANSWER_MAX: u64 = 1024 * 1024;
/// Life of a token whose server does not say, seconds (from the token specification).
const LIFE_DEFAULT: u64 = 60;
/// Longest life believed, seconds.
const LIFE_MAX: u64 = 24 * 60 * 60;
/// Redirects followed by a token `GET`; credentials are dropped when the host changes.
const REDIRECTS_MAX: u8 = 3;

/// Which token server, for which audience, for what.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    pub(crate) realm: String,
    pub(crate) service: Option<String>,
    pub(crate) scopes: BTreeSet<Scope>,
}

/// A token and the time after which it is not used again.
pub(crate) struct Token {
    header: HeaderValue,
    until: Instant,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Token {
    pub(crate) fn is_good(&self, now: Instant) -> bool {
        now < self.until
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl Authenticator {
    /// Asks the token server, as whoever we are.
    pub(crate) async fn fetch_token(&self, key: &TokenKey) -> Result<Token, Error> {
        let realm = self.realm(&key.realm)?;
        let host = host_port(&realm);
        let credentials = self.credentials().await?;
        let request = match credentials {
            Some(Credentials::IdentityToken { token }) => refresh_request(realm, key, token),
            Some(Credentials::Password { username, password }) => {
                password_request(realm, key, Some(username))
                    .authorization(basic_header(username, password))
            }
            // A registry's own token is never for its token server.
            Some(Credentials::RegistryToken { .. }) | None => password_request(realm, key, None),
        };
        let asked = Instant::now();
        let response = self.retry.send(&self.client, request).await?;
        if !response.status.is_success() {
            return Err(refusal(response, Resource::TokenServer, credentials.is_some()).await);
        }
        let body = Zeroizing::new(response.read_to_limit(ANSWER_MAX).await?.to_vec());
        read_answer(&body, asked).map_err(|fault| Error::Malformed { host, fault })
    }

    /// Passwords go over https only; a registry on this machine without TLS may have its token server there too, and so
    /// may one that the user accepts without TLS.
    fn realm(&self, text: &str) -> Result<Url, Error> {
        let both_here = |realm: &Url| {
            let here = is_loopback(&self.base) && is_loopback(realm);
            self.base.scheme() == "http" && (here || self.plain_http_allowed)
        };
        match Url::parse(text) {
            Ok(realm)
                if realm.scheme() == "https" || (realm.scheme() == "http" && both_here(&realm)) =>
            {
                Ok(realm)
            }
            _ => Err(Error::Malformed {
                host: host_port(&self.base),
                fault: Fault::Realm {
                    realm: shown(text.split('?').next().unwrap_or_default()),
                },
            }),
        }
    }
}

fn password_request(mut realm: Url, key: &TokenKey, account: Option<&str>) -> Request {
    {
        let mut query = realm.query_pairs_mut();
        if let Some(account) = account {
            query.append_pair("account", account);
        }
        for scope in &key.scopes {
            query.append_pair("scope", scope.as_str());
        }
        if let Some(service) = &key.service {
            query.append_pair("service", service);
        }
    }
    Request::get(realm).redirects(Redirects::Follow { max: REDIRECTS_MAX })
}

/// The refresh token is in the body, so that no redirect may be followed.
fn refresh_request(realm: Url, key: &TokenKey, token: &str) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("client_id", "docker");
    form.append_pair("grant_type", "refresh_token");
    form.append_pair("refresh_token", token);
    if !key.scopes.is_empty() {
        let scopes: Vec<_> = key.scopes.iter().map(Scope::as_str).collect();
        form.append_pair("scope", &scopes.join(" "));
    }
    if let Some(service) = &key.service {
        form.append_pair("service", service);
    }
    Request::new(Method::POST, realm)
        .header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        )
        .body(Body::Bytes(form.finish().into()))
}

fn read_answer(body: &[u8], asked: Instant) -> Result<Token, Fault> {
    let answer: Answer = serde_json::from_slice(body)?;
    let text = [answer.token, answer.access_token]
        .into_iter()
        .flatten()
        .find(|token| !token.is_empty());
    let text = Zeroizing::new(text.ok_or(Fault::Token)?);
    let mut header = HeaderValue::from_str(&Zeroizing::new(format!("Bearer {}", *text)))
        .map_err(|_| Fault::Token)?;
    header.set_sensitive(true);
    // The last tenth is left unused: a token must still be good when the request arrives.
    let life =
        Duration::from_secs(answer.expires_in.unwrap_or(LIFE_DEFAULT).min(LIFE_MAX)) * 9 / 10;
    Ok(Token {
        header,
        until: asked + life,
    })
}
