use std::{path::Path, sync::Arc, time::Duration};

use chassis::{Access, Action, Clock, Health};
use jiff::SignedDuration;
use oci::{Digest, RepositoryName};
use store::{Database, Error, files};
use tokio::sync::RwLock;

use crate::{
    catalog::{Catalog, Unlinked},
    content::{Content, FileContent, StagedBlob},
    error::Refused,
    sqlite::SqliteCatalog,
    uploads::Uploads,
};

/// What the registry takes from its clients.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Largest blob in bytes.
    pub blob_max: u64,
    /// After how long without a request an unfinished upload is forgotten.
    pub upload_idle: SignedDuration,
    /// Uploads at once.
    pub uploads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            blob_max: 64 << 30,
            upload_idle: SignedDuration::from_hours(1),
            uploads: 1000,
        }
    }
}

/// An OCI registry: what it knows (`C`), the bytes (`B`) and the uploads under way.
#[derive(Debug)]
pub struct Registry<C, B> {
    pub(crate) catalog: C,
    pub(crate) content: B,
    pub(crate) uploads: Uploads,
    access: Access,
    settings: Settings,
    /// Publishing a blob (its bytes, then its row) shares the gate; removing one (its row, then its bytes) has it
    /// alone. Otherwise bytes could be removed that were published again in between.
    gate: RwLock<()>,
}

/// A registry on one machine: SQLite and files.
pub type LocalRegistry = Registry<SqliteCatalog, FileContent>;

impl LocalRegistry {
    /// Opens or creates a registry in `folder`: `registry.db`, `blobs/` and `uploads/`. Only one process may have it
    /// open.
    ///
    /// Blocks on the disk; meant for start-up.
    ///
    /// # Errors
    /// Whatever the store refuses.
    pub fn open(
        folder: &Path,
        settings: Settings,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        files::create_folder(folder)?;
        let catalog = SqliteCatalog::new(Database::open(&folder.join("registry.db"))?)?;
        let content = FileContent::open(&folder.join("blobs"))?;
        Self::new(
            catalog,
            content,
            &folder.join("uploads"),
            settings,
            access,
            clock,
        )
    }

    /// Adds the registry's readiness check.
    pub fn add_health(self: &Arc<Self>, health: &mut Health) {
        let registry = Arc::clone(self);
        health.check("registry storage", move || {
            let registry = Arc::clone(&registry);
            async move {
                registry
                    .catalog
                    .check()
                    .await
                    .map_err(|error| error.to_string())
            }
        });
    }
}

impl<C: Catalog, B: Content> Registry<C, B> {
    /// A registry over any catalog and content. `uploads` is a folder on the file system of the content, for what is
    /// being received; it is emptied.
    ///
    /// # Errors
    /// [`Error::File`] and its kin, about `uploads`.
    pub fn new(
        catalog: C,
        content: B,
        uploads: &Path,
        settings: Settings,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Ok(Self {
            catalog,
            content,
            uploads: Uploads::open(uploads, settings.uploads, settings.blob_max, clock)?,
            access,
            settings,
            gate: RwLock::new(()),
        })
    }

    /// Removes what crashes left behind, then forgets idle uploads once a minute. Runs until dropped.
    pub async fn maintain(self: Arc<Self>) {
        match self.remove_orphans().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed blobs that were never finished"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "could not look for orphans"
            ),
        }
        loop {
            self.forget_idle_uploads();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }

    /// Removes the bytes of blobs that no repository has: a crash between two steps leaves such. Gives their number.
    ///
    /// # Errors
    /// Whatever the store refuses.
    pub async fn remove_orphans(&self) -> Result<usize, Error> {
        let mut removed = 0;
        for digest in self.content.list().await? {
            if self.catalog.is_linked(digest).await? {
                continue;
            }
            let _alone = self.gate.write().await;
            if !self.catalog.is_linked(digest).await? {
                self.content.remove(digest).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Forgets uploads that have been idle for longer than [`Settings::upload_idle`].
    pub fn forget_idle_uploads(&self) {
        self.uploads.forget_idle(self.settings.upload_idle);
    }

    pub(crate) fn check(
        &self,
        action: Action,
        repository: Option<&RepositoryName>,
    ) -> Result<(), Refused> {
        self.access
            .check(action, repository.map(RepositoryName::as_str))
            .map_err(Refused::Denied)
    }

    /// Makes a received blob readable in `repository`; it is durable when this answers.
    pub(crate) async fn publish(
        self: &Arc<Self>,
        repository: &RepositoryName,
        blob: StagedBlob,
    ) -> Result<(), Refused> {
        let (this, repository) = (Arc::clone(self), repository.clone());
        to_the_end("publish a blob", async move {
            let _shared = this.gate.read().await;
            let (digest, size) = (blob.digest(), blob.size());
            this.content.publish(blob).await?;
            this.catalog.link_blob(&repository, digest, size).await
        })
        .await
    }

    /// Makes a blob unreadable in `repository`, and removes its bytes if nobody else has it; whether there was one.
    pub(crate) async fn unlink(
        self: &Arc<Self>,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<bool, Refused> {
        let (this, repository) = (Arc::clone(self), repository.clone());
        to_the_end("remove a blob", async move {
            let _alone = this.gate.write().await;
            let unlinked = this.catalog.unlink_blob(&repository, digest).await?;
            if unlinked == Unlinked::Last
                && let Err(error) = this.content.remove(digest).await
            {
                // Nobody can read it any more, which is what was asked for; the next start removes the bytes.
                tracing::warn!(%digest, error = &error as &dyn std::error::Error, "a blob's bytes were left behind");
            }
            Ok(unlinked != Unlinked::Absent)
        })
        .await
    }
}

/// Runs steps that hold the gate in a task of their own: a client that goes away cancels the request, and must not
/// let go of the gate between two of them.
async fn to_the_end<T: Send + 'static>(
    name: &'static str,
    steps: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Refused> {
    Ok(tokio::spawn(steps)
        .await
        .map_err(|_| Error::Panicked { name })??)
}
