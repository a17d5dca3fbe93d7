//! cosign's commands over [`signing`] and [`registry::Registry`].

mod attached;
mod blob;
mod bundle;
mod carry;
mod key_service;
mod login;
mod party;
mod resolve;
mod sign;
mod token;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use oci::{Reference, Repository};
use registry::{
    ConfigSources, CredentialSource, DockerConfig, PlainHttp, Registry, RegistryConfig,
};
use signing::{Place, PlaceError, Remote};

use super::runtime::Runtime;
use super::trust::{proxies, registry_tls};
use crate::docker_config;
use crate::env;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::CosignOps;
use crate::personas::cosign::registry::RegistryOptions;
use crate::process::Process;
use crate::render::printable::printable;
use crate::session::Session;

/// A busy registry is waited for this often, and no longer than this each time.
const RETRY: net::Retry = net::Retry {
    attempts: 3,
    longest_wait: Duration::from_secs(30),
};

/// The registries and services of one command.
pub(super) struct Client<'s> {
    process: &'s Process,
    options: RegistryOptions,
    config: Option<ConfigSources>,
    logins: Option<Arc<DockerConfig>>,
    http: net::Config,
    registries: BTreeMap<String, Arc<Registry>>,
    runtime: Runtime,
    timeout: Option<Duration>,
}

impl<'s> Client<'s> {
    /// Reads docker's configuration; contacts nobody.
    pub(super) fn new(
        session: &'s Session<'_>,
        options: &RegistryOptions,
        timeout: Option<Duration>,
    ) -> Result<Self, Error> {
        let process = session.process;
        let config = docker_config::folder(session).map(|dir| ConfigSources {
            dir,
            auth_config: process
                .var(env::AUTH_CONFIG.name)
                .map(|text| text.to_owned().into()),
            search_path: process.search_path().into(),
        });
        let logins = match &config {
            Some(sources) => Some(Arc::new(DockerConfig::read(sources)?)),
            None => None,
        };
        let mut http = net::Config::new(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        http.proxies = proxies(process);
        let runtime = Runtime::new().map_err(|source| Error::Runtime { source })?;
        Ok(Self {
            process,
            options: options.clone(),
            config,
            logins,
            http,
            registries: BTreeMap::new(),
            runtime,
            timeout,
        })
    }

    /// Waits for `work`, as long as `--timeout` allows.
    pub(super) fn block_on<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.runtime.block_on(async {
            match self.timeout {
                None => work.await,
                Some(after) => tokio::time::timeout(after, work)
                    .await
                    .unwrap_or(Err(Error::TimedOut { after })),
            }
        })
    }

    /// Tells `report` of each of `count` outcomes as they come; of those that are not there when time is up, that.
    fn report_each<T>(
        &self,
        count: usize,
        mut outcomes: impl Stream<Item = Result<T, Error>> + Unpin,
        report: &mut dyn FnMut(usize, Result<T, Error>),
    ) {
        let mut done = 0;
        let all = async {
            while let Some(outcome) = outcomes.next().await {
                report(done, outcome);
                done += 1;
            }
            Ok(())
        };
        if let Err(Error::TimedOut { after }) = self.block_on(all) {
            for index in done..count {
                report(index, Err(Error::TimedOut { after }));
            }
        }
    }

    /// Where an image and what is attached to it are.
    pub(super) fn place(&mut self, image: &Reference) -> Result<Place, Error> {
        let registry = self.registry(image.repository())?;
        let mut place = Place::registry(registry, image).map_err(|error| unplaced(image, error))?;
        if let Some(repository) = self.options.attachments.clone() {
            let registry = self.registry(&repository)?;
            place = place.with_attachments(Remote {
                registry,
                repository,
            });
        }
        Ok(place.with_tag_prefix(self.options.tag_prefix.clone()))
    }

    /// Waits for work that bounds itself.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The registry of a repository; one for each host.
    pub(super) fn registry(&mut self, repository: &Repository) -> Result<Arc<Registry>, Error> {
        let host = repository.request_host().to_owned();
        if let Some(registry) = self.registries.get(&host) {
            return Ok(registry.clone());
        }
        let options = &self.options;
        let configured = self.config.as_ref().map(|config| config.dir.join("tls"));
        let mut tls = registry_tls(configured.as_deref(), repository.host())?;
        tls.extra_roots_pem.extend(options.authority.clone());
        if options.client.is_some() {
            tls.client_identity = options.client.clone();
        }
        if options.allow_insecure {
            tls.insecure = Some(net::InsecureTls::assertion_any_server_is_accepted());
        }
        let client = net::Client::new(net::Config {
            tls,
            ..self.http.clone()
        })?;
        let credentials = match (&options.login, &self.logins) {
            (Some(login), _) => CredentialSource::Fixed(login.clone()),
            (None, Some(logins)) => CredentialSource::docker(logins.clone(), repository),
            (None, None) => CredentialSource::Anonymous,
        };
        let mut config = RegistryConfig::new(host.clone(), credentials);
        if options.allow_http {
            config.plain_http = PlainHttp::Allowed;
        }
        config.retry = RETRY;
        let registry = Arc::new(Registry::new(client, config));
        self.registries.insert(host, registry.clone());
        Ok(registry)
    }
}

impl CosignOps for Client<'_> {}

/// Why an image cannot be had.
pub(super) fn unplaced(image: &Reference, error: PlaceError) -> Error {
    match error {
        error if error.is_absent() => Error::ImageMissing {
            image: image.to_string(),
            by_digest: image.digest().is_some(),
        },
        PlaceError::Registry(error) => error.into(),
        error => Error::Usage {
            problem: printable(&error.to_string()).into_owned(),
        },
    }
}
