//! Answering `401`: Basic, and Bearer tokens from a token server (docker registry token authentication).

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use net::{HeaderValue, Request, Response, Retry, StatusCode, Url, header};
use oci::{BearerChallenge, Challenge};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::credentials::{CredentialSource, Credentials};
use crate::error::{Error, Fault};
use crate::loopback::is_loopback;
use crate::server_error::host_port;
use crate::token::{Token, TokenKey};

/// Most tokens kept; more means a caller that asks for ever new scopes.
const TOKENS_MAX: usize = 256;

/// What a token is good for: `repository:<name>:<actions>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

/// Sends requests to one server and answers its challenges with the credentials of one login.
///
/// Serves registries and trust servers alike. Credentials and tokens go to the server's own origin (scheme, host,
/// port) and to the token server it names, never elsewhere; a redirect to another host goes without them.
#[derive(Debug)]
pub struct Authenticator {
    pub(crate) client: net::Client,
    pub(crate) base: Url,
    pub(crate) retry: Retry,
    /// The user accepts that credentials cross the network in the clear.
    pub(crate) plain_http_allowed: bool,
    source: CredentialSource,
    credentials: OnceCell<Option<Credentials>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    scheme: Option<Scheme>,
    tokens: HashMap<TokenKey, Token>,
}

/// How the server last asked to be answered.
#[derive(Clone)]
enum Scheme {
    Basic,
    Bearer(BearerChallenge),
}

impl Scope {
    /// `repository:<name>:<actions>`, with the actions as they shall appear: `pull`, `pull,push`.
    #[must_use]
    pub fn repository(name: impl fmt::Display, actions: &str) -> Self {
        Self(format!("repository:{name}:{actions}"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Authenticator {
    /// For the server at `base` (its path does not matter). Contacts nobody yet.
    #[must_use]
    pub fn new(client: net::Client, base: Url, source: CredentialSource) -> Self {
        Self {
            client,
            base,
            retry: Retry::OFF,
            plain_http_allowed: false,
            source,
            credentials: OnceCell::new(),
            state: Mutex::default(),
        }
    }

    /// Sends `request`, answering one challenge: what is known from earlier answers is offered at once, and on a 401
    /// one more attempt is made with a new token. A second 401 is returned as it is, for the caller to read.
    ///
    /// `scopes` are what a token must allow; if empty, what the challenge says. A request with a streamed body is
    /// sent once only. Requests to other servers than the base are sent without credentials. A challenge over plain
    /// HTTP from beyond this machine is not answered: [`Error::PlainHttp`].
    pub async fn send(&self, request: Request, scopes: &[Scope]) -> Result<Response, Error> {
        if !self.is_ours(&request.url) {
            return Ok(self.retry.send(&self.client, request).await?);
        }
        let again = request.replay();
        let request = self.authorize(request, scopes).await?;
        let response = self.retry.send(&self.client, request).await?;
        if response.status != StatusCode::UNAUTHORIZED || !self.is_ours(&response.url) {
            return Ok(response);
        }
        let learnt = self.learn(&response, scopes).await?;
        let Some(again) = again.filter(|_| learnt) else {
            return Ok(response);
        };
        let again = self.authorize(again, scopes).await?;
        Ok(self.retry.send(&self.client, again).await?)
    }

    /// True when a login was found; false also before any server asked for one.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        matches!(self.credentials.get(), Some(Some(_)))
    }

    pub(crate) async fn credentials(&self) -> Result<Option<&Credentials>, Error> {
        Ok(self
            .credentials
            .get_or_try_init(|| self.source.find())
            .await?
            .as_ref())
    }

    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Adds what the server asked for last time, fetching a token if there is none that is still good.
    async fn authorize(&self, request: Request, scopes: &[Scope]) -> Result<Request, Error> {
        let mut state = self.state.lock().await;
        let challenge = match (
            &state.scheme,
            self.credentials.get().and_then(Option::as_ref),
        ) {
            (None, _) => return Ok(request),
            // Nothing is to be fetched, however the server asks.
            (_, Some(Credentials::RegistryToken { token })) => {
                return Ok(request.authorization(bearer_header(token)?));
            }
            (Some(Scheme::Basic), Some(Credentials::Password { username, password })) => {
                return Ok(request.authorization(basic_header(username, password)));
            }
            (Some(Scheme::Basic), _) => return Ok(request),
            (Some(Scheme::Bearer(challenge)), _) => challenge.clone(),
        };
        let key = token_key(&challenge, scopes);
        if let Some(token) = state
            .tokens
            .get(&key)
            .filter(|token| token.is_good(Instant::now()))
        {
            return Ok(request.authorization(token.header()));
        }
        let token = self.fetch_token(&key).await?;
        let request = request.authorization(token.header());
        if state.tokens.len() >= TOKENS_MAX {
            state.tokens.clear();
        }
        state.tokens.insert(key, token);
        Ok(request)
    }

    /// Remembers how the server wants to be answered; false when that was tried already or cannot be done.
    async fn learn(&self, response: &Response, scopes: &[Scope]) -> Result<bool, Error> {
        if self.base.scheme() != "https" && !self.plain_http_allowed && !is_loopback(&self.base) {
            return Err(Error::PlainHttp {
                host: host_port(&self.base),
            });
        }
        let values = response.headers.get_all(header::WWW_AUTHENTICATE);
        let values: Vec<_> = values
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let challenges = Challenge::parse_headers(values.iter().map(AsRef::as_ref))
            .map_err(|fault| self.malformed(Fault::Challenge(fault)))?;
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer(bearer) => Some(bearer),
            _ => None,
        });
        let mut state = self.state.lock().await;
        let is_token = |credentials: Option<&Credentials>| {
            matches!(credentials, Some(Credentials::RegistryToken { .. }))
        };
        let has_token = !challenges.is_empty() && is_token(self.credentials().await?);
        if has_token && state.scheme.is_some() {
            return Ok(false);
        }
        if let Some(bearer) = bearer {
            state.tokens.remove(&token_key(bearer, scopes));
            state.scheme = Some(Scheme::Bearer(bearer.clone()));
            return Ok(true);
        }
        if challenges
            .iter()
            .any(|challenge| matches!(challenge, Challenge::Basic { .. }))
        {
            let has_password = has_token
                || matches!(
                    self.credentials().await?,
                    Some(Credentials::Password { .. })
                );
            let tried = matches!(state.scheme, Some(Scheme::Basic));
            state.scheme = Some(Scheme::Basic);
            return Ok(has_password && !tried);
        }
        if challenges.is_empty() {
            return Ok(false);
        }
        let offered = challenges.iter().map(ToString::to_string).collect();
        Err(self.malformed(Fault::NoChallenge { offered }))
    }

    fn malformed(&self, fault: Fault) -> Error {
        Error::Malformed {
            host: host_port(&self.base),
            fault,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

pub(crate) fn basic_header(username: &str, password: &str) -> HeaderValue {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    HeaderValue::from_str(&text).expect("base64 text is a header value")
}

/// A token from elsewhere, which may hold what no header can.
fn bearer_header(token: &str) -> Result<HeaderValue, Error> {
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut header = HeaderValue::from_str(&text).map_err(|_| Error::RegistryToken)?;
    header.set_sensitive(true);
    Ok(header)
}

fn token_key(challenge: &BearerChallenge, scopes: &[Scope]) -> TokenKey {
    let scopes: BTreeSet<Scope> = if scopes.is_empty() {
        challenge
            .scope
            .iter()
            .flat_map(|text| text.split(' '))
            .map(|text| Scope(text.to_owned()))
            .collect()
    } else {
        scopes.iter().cloned().collect()
    };
    TokenKey {
        realm: challenge.realm.clone(),
        service: challenge.service.clone(),
        scopes,
    }
}
