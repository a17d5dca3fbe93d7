use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, RandomState},
    path::Path,
    sync::Arc,
};

use chassis::{Access, Action, Clock, Health};
use jiff::Timestamp;
use pki::{envelope::OpenError, keyfile::Passphrase, signing::ProviderError};
use store::{Database, files};
use tokio::sync::{Mutex, MutexGuard, Semaphore};
use tuf::{Gun, Role};

use crate::{
    current::CurrentTimestamps, error::Refused, keychain::Keychain, settings::Settings,
    sqlite::SqliteTrustStore, trust_store::TrustStore,
};

/// Locks for all GUNs; two that share one wait for each other without need.
const LOCKS: usize = 1024;

/// A trust server: what it knows (`S`), its keys, and what it has in memory.
#[derive(Debug)]
pub struct TrustServer<S> {
    pub(crate) store: S,
    pub(crate) keychain: Arc<Keychain>,
    pub(crate) current: CurrentTimestamps,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    /// Room for uploads in memory, in KiB.
    pub(crate) room: Arc<Semaphore>,
    access: Access,
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

/// A trust server on one machine: SQLite.
pub type LocalTrustServer = TrustServer<SqliteTrustStore>;

/// Why a trust server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The keys in the store are sealed under another secret.
    #[error("the secret of the trust server does not open its keys")]
    Secret(#[source] OpenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl LocalTrustServer {
    /// Opens or creates a trust server in `folder`: `trust.db`. Only one process may have it open.
    ///
    /// `secret` seals the keys that the server holds. Blocks on the disk in part; meant for start-up.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(
        folder: &Path,
        secret: Passphrase,
        settings: Settings,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        files::create_folder(folder)?;
        let database = Database::open(&folder.join("trust.db"))?;
        Self::new(
            SqliteTrustStore::new(database)?,
            secret,
            settings,
            access,
            clock,
        )
        .await
    }
}

impl<S: TrustStore> TrustServer<S> {
    /// A trust server over a store.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn new(
        store: S,
        secret: Passphrase,
        settings: Settings,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let keychain = Keychain::new(secret);
        let proof = store.secret_proof(keychain.prove()?).await?;
        keychain.check(&proof).map_err(StartError::Secret)?;
        let buffered = settings.limits.buffered.max(settings.limits.request);
        Ok(Self {
            store,
            keychain: Arc::new(keychain),
            current: CurrentTimestamps::new(),
            clock,
            room: Arc::new(Semaphore::new(kib(buffered) as usize)),
            settings,
            access,
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
            hasher: RandomState::new(),
        })
    }

    /// Adds the trust server's readiness check.
    pub fn add_health(self: &Arc<Self>, health: &mut Health) {
        let server = Arc::clone(self);
        health.check("trust storage", move || {
            let server = Arc::clone(&server);
            async move {
                server
                    .store
                    .check()
                    .await
                    .map_err(|error| error.to_string())
            }
        });
    }

    pub(crate) fn check(&self, action: Action, gun: Option<&Gun>) -> Result<(), Refused> {
        self.access
            .check(action, gun.map(Gun::as_str))
            .map_err(Refused::Denied)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits until nobody else changes the GUN.
    pub(crate) async fn alone(&self, gun: &Gun) -> MutexGuard<'_, ()> {
        let index = self.hasher.hash_one(gun) as usize % LOCKS;
        self.locks[index].lock().await
    }

    /// Removes a GUN. Its keys stay, so that its owner can publish the same root again.
    pub(crate) async fn delete(self: &Arc<Self>, gun: Gun) -> Result<(), Refused> {
        let this = Arc::clone(self);
        to_the_end("delete", async move {
            let _alone = this.alone(&gun).await;
            let deleted = this.store.delete_gun(&gun, this.now()).await;
            this.current.forget(&gun);
            if deleted.map_err(Refused::Updating)? {
                tracing::info!(%gun, "deleted");
            }
            Ok(())
        })
        .await
    }

    /// Judges an upload, signs what the server signs, stores all of it or nothing.
    pub(crate) async fn publish(
        self: &Arc<Self>,
        gun: Gun,
        parts: BTreeMap<Role, Vec<u8>>,
    ) -> Result<(), Refused> {
        let this = Arc::clone(self);
        to_the_end(
            "publish",
            async move { this.publish_alone(gun, parts).await },
        )
        .await
    }

    pub(crate) async fn state(
        &self,
        gun: &Gun,
        uploaded: &BTreeSet<Role>,
    ) -> Result<crate::GunState, Refused> {
        self.store
            .state(gun, uploaded)
            .await
            .map_err(Refused::Storage)
    }
}

/// A size in KiB, rounded up, as a semaphore counts it.
pub(crate) fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// Runs steps that change something in a task of their own: a client that goes away cancels the request, and must not
/// cancel what follows a commit.
pub(crate) async fn to_the_end<T: Send + 'static>(
    name: &'static str,
    steps: impl Future<Output = Result<T, Refused>> + Send + 'static,
) -> Result<T, Refused> {
    tokio::spawn(steps)
        .await
        .unwrap_or(Err(Refused::Updating(store::Error::Panicked { name })))
}

/// Runs work that takes more than a moment where it holds up nobody.
pub(crate) async fn apart<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Refused::Updating(store::Error::Panicked { name }))
}
