//! What the commands need from the world: one trait per topic, so that each is implemented beside its siblings.

use oci::{Digest, Reference};

use super::error::Error;

/// Everything that cosign's commands do with registries and services.
pub trait CosignOps: ResolveOps {}

/// Images by name.
pub trait ResolveOps {
    /// The digest that an image has now.
    ///
    /// # Errors
    /// Not there, or the registry cannot be asked.
    fn resolve(&mut self, image: &Reference) -> Result<Digest, Error>;
}
