//! What the commands need of a Sigstore repository of trusted roots.

use std::path::PathBuf;

use trustroot::{Freshness, Loaded, Material, RootChecksum};

use super::Context;
use super::error::Error;
use crate::render::printable::printable;

/// The repository that the user initialised, or that `TUF_MIRROR` names.
pub trait SigstoreTrust {
    /// What it distributes, from the cache while that is fresh; `offline`: from nothing else. None: the user named no
    /// repository, and nobody else's is asked.
    ///
    /// # Errors
    /// Metadata that does not verify, or neither an answer nor a cache that is in force.
    fn load(&self, offline: bool) -> Result<Option<Loaded>, Error>;

    /// Where what it distributes is kept; none: in memory only.
    fn folder(&self) -> Option<PathBuf>;

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

/// What the repository that the user initialised distributes.
///
/// # Errors
/// As [`SigstoreTrust::load`]; no repository was named.
pub(super) fn initialised(context: &Context<'_>, offline: bool) -> Result<Material, Error> {
    let trust = context.session.uses.sigstore_trust(context.session)?;
    let loaded = trust.load(offline)?.ok_or(Error::NoTrust)?;
    warn_of_age(context, &loaded);
    Ok(loaded.material)
}

/// Says that the mirror does not answer.
pub(super) fn warn_of_age(context: &Context<'_>, loaded: &Loaded) {
    if let Freshness::Unreachable { error } = &loaded.freshness {
        context.session.process.err(format_args!(
            "WARNING: the mirror of trusted roots does not answer ({}); its last answer is still valid\n",
            printable(&error.to_string())
        ));
    }
}
