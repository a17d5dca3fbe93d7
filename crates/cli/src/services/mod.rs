//! The services of one data folder, composed to one origin: what `serve` runs and `demo` shows.

mod data_folder;

use std::net::SocketAddr;
use std::sync::Arc;

use chassis::{
    Access, BindError, Clock, Health, Limits, Listener, Metrics, Origin, RequestMetrics, TlsError,
    Transport, operations,
};
use registryd::LocalRegistry;
use thiserror::Error;
use trustd::LocalTrustServer;

pub use data_folder::{DataFolder, DataFolderError, subject_name};

/// Why the services cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServicesError {
    /// The address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The storage of a role.
    #[error("open the storage")]
    Storage(#[from] store::Error),
    /// The trust server.
    #[error("start the trust server")]
    Trust(#[from] trustd::StartError),
    /// The TLS files of the data folder.
    #[error("the TLS certificate")]
    Tls(#[from] TlsError),
}

/// The services of a data folder: storage open, nobody listening yet.
pub struct Services {
    folder: DataFolder,
    origin: axum::Router,
    requests: RequestMetrics,
    registry: Arc<LocalRegistry>,
}

impl Services {
    /// Opens the roles in `folder`.
    ///
    /// # Errors
    /// [`ServicesError`].
    pub async fn open(folder: DataFolder, clock: Arc<dyn Clock>) -> Result<Self, ServicesError> {
        let metrics = Metrics::default();
        let mut health = Health::default();
        let registry = Arc::new(LocalRegistry::open(
            &folder.role("registry"),
            registryd::Settings::default(),
            Access::Open,
            clock.clone(),
        )?);
        registry.add_health(&mut health);
        let trust_folder = folder.role("trust");
        let trust = LocalTrustServer::open(
            &trust_folder,
            folder.secret().clone(),
            trustd::Settings::default(),
            Access::Open,
            clock,
        );
        let trust = Arc::new(trust.await?);
        trust.add_health(&mut health);
        let requests = RequestMetrics::new(&metrics);
        // The registry claims everything below /v2/, so the trust server, whose paths are among those, comes first.
        let origin = Origin::new()
            .role(trustd::claims, trustd::router(trust, &metrics))
            .role(registryd::claims, registryd::router(Arc::clone(&registry)))
            .role(|_| true, operations(Arc::new(health), metrics))
            .into_router();
        Ok(Self {
            folder,
            origin,
            requests,
            registry,
        })
    }

    /// Listens on `addresses` with the folder's certificate: clients that connect wait until [`Services::run`].
    ///
    /// # Errors
    /// [`ServicesError::Bind`], [`ServicesError::Tls`].
    pub async fn listen(&self, addresses: &[SocketAddr]) -> Result<Listener, ServicesError> {
        let tls = self.folder.tls();
        let config = chassis::server_config(tls.cert_pem.as_bytes(), tls.key_pem.as_bytes())?;
        Ok(Listener::bind(addresses, Transport::Tls(config), Limits::default()).await?)
    }

    /// The data folder.
    pub fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// Puts something between the clients and all routes.
    pub fn behind(self, wrap: impl FnOnce(axum::Router) -> axum::Router) -> Self {
        Self {
            origin: wrap(self.origin),
            ..self
        }
    }

    /// Serves until `stop`, then lets running requests finish.
    pub async fn run(self, listener: Listener, stop: impl Future<Output = ()>) {
        let maintenance = tokio::spawn(Arc::clone(&self.registry).maintain());
        listener.serve(self.origin, self.requests, stop).await;
        maintenance.abort();
    }
}
