//! The door: what a program needs to be told once, and the repositories it then works with.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use keystore::{Passphrases, TrustDir};
use oci::Reference;
use registry::{CredentialSource, DockerConfig};
use tuf::Gun;
use tuf::pins::Pins;
use tuf::trusted::TargetsTrusted;

use crate::cache::Cache;
use crate::error::TrustError;
use crate::inspect::Inspection;
use crate::remote::{Access, Remote};
use crate::server::TrustServer;
use crate::session::{Observer, Session};
use crate::update::Updater;

/// Repositories inspected at the same time.
const PARALLEL: usize = 8;

/// Everything that content trust takes from its surroundings. Nothing is read from the environment.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// `~/.docker/trust`: keys and cached metadata, shared with stock clients.
    pub trust_folder: PathBuf,
    /// `~/.docker/tls`: roots and client certificates per trust server.
    pub tls_folder: PathBuf,
    /// The value of `DOCKER_CONTENT_TRUST_SERVER`; empty is unset.
    pub server: Option<String>,
    /// User agent, proxies and timeouts. Its TLS part is replaced by that of each server.
    pub http: net::Config,
    /// Logins of registries, which their trust servers take too; none for nobody.
    pub logins: Option<Arc<DockerConfig>>,
    /// Which roots are acceptable.
    pub pins: Pins,
    /// How long to wait for another process that is writing in the trust folder.
    pub lock_wait: Duration,
    /// How often to ask for the passphrase of one key.
    pub passphrase_attempts: u32,
}

impl Config {
    /// A trust folder and a TLS folder; no server set, nobody logged in, trust on first use, ten seconds for the
    /// lock, three attempts for a passphrase.
    #[must_use]
    pub fn new(trust_folder: PathBuf, tls_folder: PathBuf, http: net::Config) -> Self {
        Self {
            trust_folder,
            tls_folder,
            server: None,
            http,
            logins: None,
            pins: Pins::none(),
            lock_wait: Duration::from_secs(10),
            passphrase_attempts: 3,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("trust_folder", &self.trust_folder)
            .field("tls_folder", &self.tls_folder)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Content trust for all repositories. Connections are shared by the repositories of one trust server.
#[derive(Debug)]
pub struct TrustClient {
    config: Config,
    keys: TrustDir,
    http: Mutex<HashMap<String, net::Client>>,
}

/// One repository: where it is, who asks, and what is cached. Made by [`TrustClient::repository`].
#[derive(Debug)]
pub struct Repository<'a> {
    pub(crate) client: &'a TrustClient,
    /// Its name as an image's; none for a GUN that is not one.
    pub(crate) name: Option<oci::Repository>,
    login: CredentialSource,
    pub(crate) gun: Gun,
    pub(crate) server: TrustServer,
    pub(crate) cache: Cache,
    http: net::Client,
    /// The last result, with its time: valid again at the same time if the server's timestamp is the same.
    last: Mutex<Option<(Timestamp, TargetsTrusted)>>,
}

impl TrustClient {
    /// Reads nothing and contacts nobody yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let keys = TrustDir::new(&config.trust_folder);
        Self {
            config,
            keys,
            http: Mutex::default(),
        }
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The private keys of the trust folder.
    #[must_use]
    pub fn keys(&self) -> &TrustDir {
        &self.keys
    }

    /// Prepares work with one repository; contacts nobody.
    ///
    /// # Errors
    /// [`TrustError::Server`], [`TrustError::Gun`], [`TrustError::Tls`], [`TrustError::Http`].
    pub fn repository(&self, name: &oci::Repository) -> Result<Repository<'_>, TrustError> {
        let server = TrustServer::choose(name, self.config.server.as_deref())?;
        let gun = Gun::parse(&name.gun())?;
        let tls = server.tls(&self.config.tls_folder)?;
        let login = match &self.config.logins {
            None => CredentialSource::Anonymous,
            Some(config) => CredentialSource::docker(config.clone(), name),
        };
        let repository = self.collection(gun, server, tls, login)?;
        Ok(Repository {
            name: Some(name.clone()),
            ..repository
        })
    }

    /// Prepares work with a GUN of any form, on a server and as a user that the caller chose, as `notary` does;
    /// contacts nobody. `tls` counts when the server is met first.
    ///
    /// # Errors
    /// [`TrustError::Http`].
    pub fn collection(
        &self,
        gun: Gun,
        server: TrustServer,
        tls: net::Tls,
        login: CredentialSource,
    ) -> Result<Repository<'_>, TrustError> {
        let http = self.http(&server, tls)?;
        let cache = Cache::new(&self.config.trust_folder, &gun);
        Ok(Repository {
            client: self,
            name: None,
            login,
            gun,
            server,
            cache,
            http,
            last: Mutex::default(),
        })
    }

    /// Inspects several references, their repositories at the same time; the answers are in order.
    pub async fn inspect(
        &self,
        references: &[Reference],
        now: Timestamp,
    ) -> Vec<Result<Inspection, TrustError>> {
        let answers = stream::iter(references).map(async |reference| {
            self.repository(reference.repository())?
                .inspect(reference.tag(), now)
                .await
        });
        answers.buffered(PARALLEL).collect().await
    }

    /// What a publishing command needs: where passphrases come from, who watches, and the time.
    #[must_use]
    pub fn session<'a>(
        &self,
        passphrases: &'a mut (dyn Passphrases + Send),
        observer: &'a mut (dyn Observer + Send),
        now: Timestamp,
    ) -> Session<'a> {
        Session::new(
            &self.keys,
            self.config.passphrase_attempts,
            passphrases,
            observer,
            now,
        )
    }

    fn http(&self, server: &TrustServer, tls: net::Tls) -> Result<net::Client, TrustError> {
        let mut known = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.get(&server.host()) {
            return Ok(client.clone());
        }
        let config = net::Config {
            tls,
            ..self.config.http.clone()
        };
        let client = net::Client::new(config).map_err(TrustError::Http)?;
        known.insert(server.host(), client.clone());
        Ok(client)
    }
}

impl Repository<'_> {
    /// The name that trust data is kept under.
    #[must_use]
    pub fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The trust server that answers for it.
    #[must_use]
    pub fn server(&self) -> &TrustServer {
        &self.server
    }

    /// Its cached metadata.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The metadata that the server has now, verified; the cache follows.
    ///
    /// # Errors
    /// [`TrustError::NotInitialised`], [`TrustError::Deleted`], [`TrustError::Refused`], [`TrustError::RootReplaced`],
    /// [`TrustError::Remote`], [`TrustError::RemoteNotCached`], [`TrustError::Cache`].
    pub async fn update(&self, now: Timestamp) -> Result<TargetsTrusted, TrustError> {
        self.update_with(&self.remote(Access::Pull), now).await
    }

    pub(crate) async fn update_with(
        &self,
        remote: &Remote,
        now: Timestamp,
    ) -> Result<TargetsTrusted, TrustError> {
        let last = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let updater = Updater {
            gun: &self.gun,
            server: self.server.host(),
            remote,
            cache: &self.cache,
            pins: &self.client.config.pins,
            last: last
                .filter(|(then, _)| *then == now)
                .map(|(_, trusted)| trusted),
        };
        let trusted = updater.run(now).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, trusted.clone()));
        Ok(trusted)
    }

    pub(crate) fn remote(&self, access: Access) -> Remote {
        Remote::new(
            self.http.clone(),
            &self.server,
            &self.gun,
            self.login(),
            access,
        )
    }

    pub(crate) fn login(&self) -> CredentialSource {
        self.login.clone()
    }
}
