//! What the commands need of a Sigstore repository of trusted roots.

use trustroot::{Loaded, RootChecksum};

use super::error::Error;

/// The repository that the user initialised, or that `TUF_MIRROR` names.
pub trait SigstoreTrust {
    /// What it distributes, from the cache while that is fresh; `offline`: from nothing else. None: the user named no
    /// repository, and nobody else's is asked.
    ///
    /// # Errors
    /// Metadata that does not verify, or neither an answer nor a cache that is in force.
    fn load(&self, offline: bool) -> Result<Option<Loaded>, Error>;

    /// Trusts a repository from now on.
    ///
    /// # Errors
    /// As [`Self::load`]; a root that cannot be had, or has another checksum.
    fn initialize(&self, request: &Initialize<'_>) -> Result<Loaded, Error>;
}

/// What `initialize` is told.
#[derive(Debug)]
pub struct Initialize<'a> {
    /// URL of the repository.
    pub mirror: &'a str,
    /// File or URL of its first root.
    pub root: &'a str,
    /// What that root hashes to.
    pub checksum: Option<RootChecksum>,
}
