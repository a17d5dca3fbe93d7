//! The login in a browser on this machine (RFC 8252), or with a code that is typed in.

use std::time::Duration;

use jiff::Timestamp;
use net::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use super::{Issuer, OauthFault, SCOPES, challenge, random_text};
use crate::error::Error;
use crate::http::shown;
use crate::token::IdentityToken;

/// The address that has the issuer show the code instead of sending it somewhere.
pub const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// The path that the browser comes back to.
const CALLBACK: &str = "/auth/callback";
/// Most bytes of a request of the browser's.
const REQUEST_MAX: usize = 16 << 10;
/// How long one connection may take; browsers open some that they do not use.
const CONNECTION: Duration = Duration::from_secs(5);

/// A place on this machine that the browser is sent back to.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    redirect: String,
    /// Where the browser comes back to, without the query.
    path: String,
}

/// A login that has begun. Its secrets are wiped on drop and never shown.
pub struct Pending<'a> {
    issuer: &'a Issuer,
    redirect: String,
    state: Zeroizing<String>,
    nonce: Zeroizing<String>,
    verifier: Zeroizing<String>,
    address: Url,
}

impl Listener {
    /// Listens on loopback, on a port of the system's choice.
    ///
    /// # Errors
    /// [`OauthFault::Listen`].
    pub async fn bind() -> Result<Self, OauthFault> {
        Self::listen("localhost", 0, CALLBACK).await
    }

    /// Listens where `redirect` leads: `http://localhost:PORT/PATH`, where port 0 is one of the system's choice. `None`
    /// if that is not on loopback.
    ///
    /// # Errors
    /// [`OauthFault::Listen`].
    pub async fn bind_to(redirect: &str) -> Result<Option<Self>, OauthFault> {
        let url = match Url::parse(redirect) {
            Ok(url) if url.scheme() == "http" => url,
            _ => return Ok(None),
        };
        match url.host_str() {
            Some(host @ ("localhost" | "127.0.0.1")) => {
                let port = url.port_or_known_default().unwrap_or_default();
                Self::listen(host, port, url.path()).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn listen(host: &str, port: u16, path: &str) -> Result<Self, OauthFault> {
        let refused = |error: std::io::Error| OauthFault::Listen {
            reason: error.to_string(),
        };
        let socket = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(refused)?;
        let port = socket.local_addr().map_err(refused)?.port();
        Ok(Self {
            socket,
            redirect: format!("http://{host}:{port}{path}"),
            path: path.to_owned(),
        })
    }

    /// The address that the browser is sent back to.
    #[must_use]
    pub fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Waits for the browser and gives the code that it brings.
    ///
    /// # Errors
    /// Nobody came in time, another login's answer, or the issuer's no.
    pub async fn code(
        &self,
        login: &Pending<'_>,
        patience: Duration,
    ) -> Result<Zeroizing<String>, Error> {
        let waited = tokio::time::timeout(patience, self.wait(login)).await;
        waited
            .unwrap_or(Err(OauthFault::TimedOut {
                seconds: patience.as_secs(),
            }))
            .map_err(|fault| login.issuer.fault(fault))
    }

    async fn wait(&self, login: &Pending<'_>) -> Result<Zeroizing<String>, OauthFault> {
        loop {
            let (mut stream, _) =
                self.socket
                    .accept()
                    .await
                    .map_err(|error| OauthFault::Listen {
                        reason: error.to_string(),
                    })?;
            let target = tokio::time::timeout(CONNECTION, target(&mut stream)).await;
            let target = target.ok().flatten().and_then(|target| {
                // Any origin does: only path and query are looked at.
                Url::parse("http://localhost").ok()?.join(&target).ok()
            });
            let Some(url) = target.filter(|url| url.path() == self.path) else {
                // An icon that the browser looks for, or something else on this machine.
                say(&mut stream, "404 Not Found", "Nothing is here.").await;
                continue;
            };
            let outcome = login.read_callback(&url);
            match &outcome {
                Ok(_) => {
                    let text = "You are logged in and may close this page.";
                    say(&mut stream, "200 OK", text).await;
                }
                Err(_) => say(&mut stream, "400 Bad Request", "The login failed.").await,
            }
            return outcome;
        }
    }
}

impl Issuer {
    /// Begins a login that comes back to `redirect`: that of a [`Listener`], one that the issuer knows us by, or
    /// [`OUT_OF_BAND`].
    ///
    /// # Errors
    /// An issuer without an authorization endpoint or without PKCE; no randomness.
    pub fn begin(&self, redirect: &str) -> Result<Pending<'_>, Error> {
        self.need_pkce()?;
        let endpoint = self.authorization.clone();
        let mut address = endpoint.ok_or_else(|| {
            self.fault(OauthFault::NoEndpoint {
                endpoint: "authorization_endpoint",
            })
        })?;
        let (state, nonce, verifier) = (random_text()?, random_text()?, random_text()?);
        address
            .query_pairs_mut()
            .append_pair("access_type", "online")
            .append_pair("client_id", &self.client.id)
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256")
            .append_pair("nonce", &nonce)
            .append_pair("redirect_uri", redirect)
            .append_pair("response_type", "code")
            .append_pair("scope", SCOPES)
            .append_pair("state", &state);
        Ok(Pending {
            issuer: self,
            redirect: redirect.to_owned(),
            state,
            nonce,
            verifier,
            address,
        })
    }
}

impl Pending<'_> {
    /// Where the person logs in.
    #[must_use]
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Trades the code for the token.
    ///
    /// # Errors
    /// A refusal, no answer, or a token that is not of this login or cannot be used.
    pub async fn finish(&self, code: &str, now: Timestamp) -> Result<IdentityToken, Error> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.trim()),
            ("code_verifier", &self.verifier),
            ("redirect_uri", &self.redirect),
        ];
        let answer = self.issuer.ask_token(&form, &[]).await?;
        self.issuer.token_in(&answer, Some(&self.nonce), now)
    }

    fn read_callback(&self, url: &Url) -> Result<Zeroizing<String>, OauthFault> {
        let value = |wanted: &str| {
            let found = url.query_pairs().find(|(name, _)| name == wanted);
            found.map(|(_, value)| Zeroizing::new(value.into_owned()))
        };
        if value("state").as_ref() != Some(&self.state) {
            return Err(OauthFault::State);
        }
        if let Some(code) = value("error") {
            return Err(OauthFault::Denied {
                code: shown(&code),
                description: value("error_description").map(|text| shown(&text)),
            });
        }
        let code = value("code").filter(|code| !code.is_empty());
        code.ok_or_else(|| OauthFault::Denied {
            code: "no code".to_owned(),
            description: None,
        })
    }
}

impl std::fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("issuer", &self.issuer.issuer)
            .field("redirect", &self.redirect)
            .finish_non_exhaustive()
    }
}

/// Path and query of a `GET`; `None` for anything else, or above the limit.
async fn target(stream: &mut TcpStream) -> Option<Zeroizing<String>> {
    let mut head = Zeroizing::new(Vec::new());
    let mut chunk = Zeroizing::new([0; 1024]);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(chunk.as_mut_slice()).await.ok()?;
        if count == 0 || head.len() + count > REQUEST_MAX {
            return None;
        }
        head.extend_from_slice(&chunk[..count]);
    }
    let line = std::str::from_utf8(&head).ok()?.lines().next()?;
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    Some(Zeroizing::new(target.to_owned()))
}

/// A browser that has gone does not matter any more.
async fn say(stream: &mut TcpStream, status: &str, text: &str) {
    let page = format!("<!doctype html><title>Countersign</title><p>{text}</p>\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    let sent = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    if let Ok(Err(error)) = tokio::time::timeout(CONNECTION, sent).await {
        tracing::debug!(%error, "the browser did not take its page");
    }
}
