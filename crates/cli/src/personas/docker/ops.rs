//! What docker's commands ask of the engine, the registry and content trust.

use engine::{EndpointFault, Error as EngineError, Event};
use oci::{Digest, Platform, Reference, Repository, Tag};
use thiserror::Error;

use crate::input::InputError;
use crate::personas::docker_trust::ops::Refusal as TrustRefusal;

/// The use cases behind the trusted commands. What is trusted is found anew by each call; nothing is taken from a cache.
pub trait DockerOps {
    /// The digest that a tag is signed for.
    ///
    /// # Errors
    /// When it is not signed, or the trust data cannot be had or trusted.
    fn resolve(&mut self, repository: &Repository, tag: &Tag) -> Result<Digest, Refusal>;

    /// Every signed tag with its digest, in byte order.
    ///
    /// # Errors
    /// As [`DockerOps::resolve`].
    fn resolve_all(&mut self, repository: &Repository) -> Result<Vec<(Tag, Digest)>, Refusal>;

    /// Whether the engine has the image with this digest.
    ///
    /// # Errors
    /// When the engine does not say.
    fn has(&mut self, repository: &Repository, digest: &Digest) -> Result<bool, Refusal>;

    /// What is known of the engine's own builder; `None` if the engine does not say.
    fn builder(&mut self) -> Option<EngineBuilder>;

    /// The digest that the registry has under a tag now.
    ///
    /// # Errors
    /// When the registry does not say.
    fn current(&mut self, image: &Reference) -> Result<Digest, Refusal>;

    /// Pulls the image with this digest into the engine.
    ///
    /// # Errors
    /// When the engine does not have it then.
    fn pull(
        &mut self,
        repository: &Repository,
        digest: &Digest,
        platform: Option<&Platform>,
        report: &mut (dyn FnMut(&Event) + Send),
    ) -> Result<(), Refusal>;

    /// Gives the image with this digest a tag in the engine.
    ///
    /// # Errors
    /// When the engine does not have the image.
    fn tag(&mut self, repository: &Repository, digest: &Digest, tag: &Tag) -> Result<(), Refusal>;

    /// Pushes images and signs them. Everything that could make signing fail is tried before anything is pushed.
    ///
    /// # Errors
    /// Then nothing is signed.
    fn push(
        &mut self,
        request: &PushRequest,
        report: &mut (dyn FnMut(PushEvent<'_>) + Send),
    ) -> Result<(), Refusal>;
}

/// The builder inside an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineBuilder {
    /// Where it runs.
    pub platform: dockerfile::Platform,
    /// Whether its own frontend knows here-documents.
    pub heredocs: dockerfile::Heredocs,
}

/// Images to push and sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRequest {
    /// The repository.
    pub repository: Repository,
    /// The tag; `None` for every tag that the engine has of it.
    pub tag: Option<Tag>,
}

/// What happens during a trusted push, in this order.
#[derive(Clone, Copy, Debug)]
pub enum PushEvent<'a> {
    /// The engine is asked to push; whatever it says or does not say, something may be in the registry.
    Pushing,
    /// The engine reports.
    Engine(&'a Event),
    /// Every image is in the registry; they are signed next.
    Pushed,
    /// The repository was unknown to the trust server and is initialised now.
    Initialized,
    /// The tag is signed and published.
    Signed(&'a Tag),
}

/// Why an image is not pushed, pulled or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Content trust, the registry or docker's configuration.
    #[error("content trust")]
    Trust(#[from] TrustRefusal),
    /// The engine.
    #[error("engine")]
    Engine(#[from] EngineError),
    /// Where the engine is.
    #[error("engine endpoint")]
    Endpoint(#[from] EndpointFault),
    /// `DOCKER_API_VERSION` is no version.
    #[error("API version")]
    ApiVersion {
        /// The text.
        found: String,
    },
    /// The tag stands for something else in the registry than what is signed.
    #[error("tag moved")]
    Moved(Box<Moved>),
    /// No tag of the repository is signed.
    #[error("nothing signed")]
    NothingSigned {
        /// The repository's full name.
        gun: String,
    },
    /// The engine has no such image to push.
    #[error("no local image")]
    NoLocalImage {
        /// The image, as docker names it.
        name: String,
    },
    /// What the registry has is not the image that was pushed.
    #[error("pushed image differs")]
    PushedDiffers(Box<PushedDiffers>),
    /// The registry has a manifest of another size than the engine said.
    #[error("pushed size differs")]
    SizeDiffers {
        /// The image.
        image: Box<Reference>,
        /// Bytes that the engine reported.
        reported: u64,
        /// Bytes in the registry.
        found: u64,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted {
        /// It is not known whether the trust server took the signature.
        signing: bool,
    },
}

/// A tag that stands for something else than what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The digest that is signed.
    pub signed: Digest,
    /// The digest that the registry has.
    pub current: Digest,
}

/// Another image in the registry than the one that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedDiffers {
    /// The image.
    pub image: Reference,
    /// What the engine has: an image id, or the digest of its manifest.
    pub local: Digest,
    /// What the registry has in its place.
    pub found: Digest,
}

impl From<InputError> for Refusal {
    fn from(error: InputError) -> Self {
        Self::Trust(TrustRefusal::Input(error))
    }
}
