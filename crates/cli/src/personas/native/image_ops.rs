//! What `verify` and `sign` need from the world.

use std::collections::BTreeMap;

use oci::{Digest, Reference, Repository, Tag};
use registry::ResolvedImage;
use signing::verify::{ImageOutcome, Request, VerifyError};
use sigstore::trust::TrustedRoot;
use trust::TagRoles;
use tuf::Role;

use crate::personas::cosign::error::Error as CosignError;
use crate::personas::cosign::ops::CosignOps;
use crate::personas::docker_trust::ops::Refusal;

/// Images in both systems of signatures.
pub trait ImageOps {
    /// The same registries for cosign's use cases.
    fn cosign(&mut self) -> &mut dyn CosignOps;

    /// Looks at images, several at the same time; what is wrong with one is nothing to the others. `done` is told of
    /// each image that is looked at.
    fn look(&mut self, queries: &Look<'_>, done: &mut dyn FnMut()) -> Sightings;

    /// What each image is now, in order. `done` as in [`Self::look`].
    fn resolve(
        &mut self,
        images: &[Reference],
        done: &mut dyn FnMut(),
    ) -> Vec<Result<ResolvedImage, CosignError>>;

    /// Signs tags by content trust: first everything but publishing is done for all repositories, keys are unlocked;
    /// then `go_on` does what else there is to do; then each repository is published, and `report` is told of it.
    ///
    /// # Errors
    /// Those repositories that could not be signed, by their places in `batches`; then nothing was published and
    /// `go_on` was not called.
    fn sign_tags(
        &mut self,
        batches: &[TagBatch],
        go_on: &mut dyn FnMut(&mut dyn CosignOps),
        report: &mut dyn FnMut(usize, Result<Vec<Role>, Refusal>),
    ) -> Result<(), Vec<(usize, Refusal)>>;
}

/// What to look at.
#[derive(Debug)]
pub struct Look<'a> {
    /// The images.
    pub images: &'a [&'a Query],
    /// Whom identities are verified against.
    pub trust: &'a TrustedRoot,
}

/// What to find out about one image.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which.
    pub image: Reference,
    /// Whether content trust is asked.
    pub content_trust: bool,
    /// What its signatures are judged by; without any, they are not looked for.
    pub requests: Vec<Request>,
}

/// What was found.
#[derive(Debug)]
pub struct Sightings {
    /// Each image, in order.
    pub images: Vec<Result<Sighting, LookError>>,
    /// What content trust says about those tags of the images' repositories, by GUN; about all tags where an image is
    /// named by its digest alone.
    pub content_trust: BTreeMap<String, Result<Vec<TagRoles>, Refusal>>,
}

/// One image.
#[derive(Debug)]
pub struct Sighting {
    /// Its digest now.
    pub digest: Digest,
    /// An outcome for each request, all about this digest.
    pub outcomes: Vec<ImageOutcome>,
}

/// Why nothing is known about an image.
#[derive(Debug)]
pub enum LookError {
    /// There is no way to its registry.
    Client(CosignError),
    /// The registry's answer.
    Verify(VerifyError),
}

/// Tags of one repository to be signed together.
#[derive(Debug)]
pub struct TagBatch {
    /// The repository.
    pub repository: Repository,
    /// Each tag with its image, at least one.
    pub images: Vec<(Tag, ResolvedImage)>,
}
