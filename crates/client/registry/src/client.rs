//! One registry: its address, its login, and how requests are sent to it.

use std::collections::HashMap;
use std::sync::Arc;

use net::{Method, Redirects, Request, Response, Retry, Url};
use oci::{Digest, Reference, RepositoryName};
use tokio::sync::{Mutex, OnceCell};

use crate::auth::{Authenticator, Scope};
use crate::credentials::CredentialSource;
use crate::error::{Error, Fault, Resource};
use crate::loopback::is_loopback;
use crate::server_error::{host_port, refusal, shown};

/// Redirects followed when pulling; registries send blobs from object storage.
const REDIRECTS_MAX: u8 = 5;

/// How to reach one registry.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// `host[:port]` to send requests to; see [`oci::Repository::request_host`].
    pub host: String,
    /// Who we are there.
    pub credentials: CredentialSource,
    /// When plain HTTP is spoken.
    pub plain_http: PlainHttp,
    /// How often, and how long, a busy registry is waited for.
    pub retry: Retry,
}

/// When a registry is spoken to without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// When a registry at a loopback address shows that it has no TLS.
    LoopbackWithoutTls,
    /// At once, without looking for TLS. The registry must be at a loopback address.
    Loopback,
    /// When any registry shows that it has no TLS: the user asked for it in as many words, and accepts that the login
    /// and everything else can be read and changed on the way.
    Allowed,
}

impl RegistryConfig {
    /// Plain HTTP with a loopback registry only, when that has no TLS; a busy registry is not waited for.
    #[must_use]
    pub const fn new(host: String, credentials: CredentialSource) -> Self {
        Self {
            host,
            credentials,
            plain_http: PlainHttp::LoopbackWithoutTls,
            retry: Retry::OFF,
        }
    }
}

/// A registry (OCI distribution spec 1.1). One value per host; its connections and tokens are shared by all calls.
#[derive(Debug)]
pub struct Registry {
    config: RegistryConfig,
    client: net::Client,
    authenticator: OnceCell<Authenticator>,
    /// Blobs that are being uploaded.
    pub(crate) turns: std::sync::Mutex<Turns>,
}

/// A lock for each blob of each repository.
pub(crate) type Turns = HashMap<(RepositoryName, Digest), Arc<Mutex<()>>>;

impl Registry {
    /// A registry to be reached through `client`, which holds TLS roots, client identity, proxies and timeouts.
    /// Contacts nobody yet.
    #[must_use]
    pub fn new(client: net::Client, config: RegistryConfig) -> Self {
        Self {
            config,
            client,
            authenticator: OnceCell::const_new(),
            turns: std::sync::Mutex::default(),
        }
    }

    /// Checks that there is a registry and that it accepts us (`GET /v2/`).
    pub async fn ping(&self) -> Result<(), Error> {
        let url = self.url("").await?;
        self.send(Request::get(url), &[], Resource::Api)
            .await
            .map(drop)
    }

    /// `host[:port]` that requests go to.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.config.host
    }

    /// The authenticator of this registry, after finding out whether it speaks https.
    pub(crate) async fn authenticator(&self) -> Result<&Authenticator, Error> {
        self.authenticator
            .get_or_try_init(|| async {
                let base = self.find_base().await?;
                let credentials = self.config.credentials.clone();
                let mut authenticator = Authenticator::new(self.client.clone(), base, credentials);
                authenticator.retry = self.config.retry;
                authenticator.plain_http_allowed = self.config.plain_http == PlainHttp::Allowed;
                Ok(authenticator)
            })
            .await
    }

    /// `<base>/v2/<path>`.
    pub(crate) async fn url(&self, path: &str) -> Result<Url, Error> {
        let base = &self.authenticator().await?.base;
        Ok(base
            .join(&format!("v2/{path}"))
            .expect("names, tags and digests are plain path segments"))
    }

    /// `<base>/v2/<name>/<path>`.
    pub(crate) async fn repository_url(
        &self,
        name: &RepositoryName,
        path: &str,
    ) -> Result<Url, Error> {
        self.url(&format!("{name}/{path}")).await
    }

    /// Sends `request`; anything but a success is an error about `what`.
    pub(crate) async fn send(
        &self,
        request: Request,
        scopes: &[Scope],
        what: Resource,
    ) -> Result<Response, Error> {
        let authenticator = self.authenticator().await?;
        let response = authenticator.send(request, scopes).await?;
        tracing::debug!(url = %net::redacted_url(&response.url), status = response.status.as_u16(), "registry");
        if response.status.is_success() {
            return Ok(response);
        }
        Err(refusal(response, what, authenticator.has_credentials()).await)
    }

    /// As [`send`](Self::send), with 404 as `None`.
    pub(crate) async fn find(
        &self,
        request: Request,
        scopes: &[Scope],
        what: Resource,
    ) -> Result<Option<Response>, Error> {
        match self.send(request, scopes, what).await {
            Ok(response) => Ok(Some(response)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The target of a `Location` or `Link`. Other hosts are allowed (they get no credentials), plain HTTP after
    /// https is not.
    pub(crate) fn target(&self, from: &Url, text: Option<&str>) -> Result<Url, Error> {
        let bad = || {
            let text = text
                .unwrap_or_default()
                .split('?')
                .next()
                .unwrap_or_default();
            self.malformed(Fault::Location { text: shown(text) })
        };
        let url = text.and_then(|text| from.join(text).ok()).ok_or_else(bad)?;
        if url.scheme() == "https" || (from.scheme() == "http" && url.scheme() == "http") {
            Ok(url)
        } else {
            Err(bad())
        }
    }

    pub(crate) fn malformed(&self, fault: impl Into<Fault>) -> Error {
        Error::Malformed {
            host: self.config.host.clone(),
            fault: fault.into(),
        }
    }

    pub(crate) fn check_host(&self, reference: &Reference) -> Result<(), Error> {
        let host = reference.repository().request_host();
        if host == self.config.host {
            Ok(())
        } else {
            Err(Error::Host {
                host: host.to_owned(),
            })
        }
    }

    async fn find_base(&self) -> Result<Url, Error> {
        let host = &self.config.host;
        let with_scheme = |scheme: &str| {
            Url::parse(&format!("{scheme}://{host}/"))
                .map_err(|_| Error::Host { host: host.clone() })
        };
        let (secure, plain) = (with_scheme("https")?, with_scheme("http")?);
        match (is_loopback(&secure), self.config.plain_http) {
            (false, PlainHttp::Loopback) => Err(Error::PlainHttp {
                host: host_port(&secure),
            }),
            (false, PlainHttp::LoopbackWithoutTls) => Ok(secure),
            (true, PlainHttp::Loopback) => Ok(plain),
            (true, PlainHttp::LoopbackWithoutTls) | (_, PlainHttp::Allowed) => {
                let probe = secure.join("v2/").expect("a constant path");
                match self.client.send(Request::get(probe)).await {
                    Ok(_) => Ok(secure),
                    Err(error) if self.has_no_tls(&error) => Ok(plain),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// A port of its own answers in plain HTTP; a host whose https port is closed may still have one for http.
    fn has_no_tls(&self, error: &net::Error) -> bool {
        match error {
            net::Error::PlainHttpAnswer { .. } => true,
            net::Error::ConnectRefused { .. } => {
                self.config.plain_http == PlainHttp::Allowed && !has_port(&self.config.host)
            }
            _ => false,
        }
    }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A `GET` that may be redirected to where the content is.
pub(crate) fn get(url: Url) -> Request {
    Request::get(url).redirects(Redirects::Follow { max: REDIRECTS_MAX })
}

/// A `HEAD` that may be redirected to where the content is.
pub(crate) fn head(url: Url) -> Request {
    Request::new(Method::HEAD, url).redirects(Redirects::Follow { max: REDIRECTS_MAX })
}

pub(crate) fn pull_scope(name: &RepositoryName) -> [Scope; 1] {
    [Scope::repository(name, "pull")]
}

pub(crate) fn push_scope(name: &RepositoryName) -> [Scope; 1] {
    [Scope::repository(name, "pull,push")]
}
