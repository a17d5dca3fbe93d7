use jiff::Timestamp;
use pki::key::CanonicalKeyId;
use tuf::edit::EditError;
use tuf::{Gun, Refusal, Role};

use crate::cache::CacheError;
use crate::remote::RemoteError;
use crate::server::ServerError;
use crate::signer::SignerNameError;

/// Why a use case of content trust did not come to its end. Nothing was published, and no file changed, unless a
/// variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The server has the repository already.
    #[error("{gun} exists")]
    AlreadyInitialised {
        /// The repository.
        gun: Gun,
    },
    /// A cached file cannot be read or written. If it was after publishing, the server has the change.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Other publishers were faster every time.
    #[error("{gun} was changed by others during each of {attempts} attempts")]
    Contended {
        /// The repository.
        gun: Gun,
        /// How often it was tried.
        attempts: u32,
    },
    /// The repository was known here and is no longer on the server: it was deleted, or never finished. What is
    /// cached was not used.
    #[error("{server} no longer has trust data for {gun}")]
    Deleted {
        /// `host[:port]` of the trust server.
        server: String,
        /// The repository.
        gun: Gun,
        /// The cached data.
        unused: UnusedCache,
    },
    /// The root certificate of a new repository cannot be made.
    #[error(transparent)]
    Certificate(#[from] pki::certificate::SelfSignError),
    /// A change that the metadata does not allow.
    #[error(transparent)]
    Edit(EditError),
    /// The repository name is no GUN.
    #[error(transparent)]
    Gun(#[from] tuf::name::GunError),
    /// The image's signed digest is not SHA-256, which is all that content trust signs.
    #[error("the digest of {tag} is not SHA-256")]
    ImageDigest {
        /// The tag.
        tag: String,
    },
    /// An image of another repository than the one to sign in.
    #[error("the image for {tag} is not in {gun}")]
    ImageRepository {
        /// The tag.
        tag: String,
        /// The repository to sign in.
        gun: Gun,
    },
    /// A key file, its passphrase, or the lock of the trust folder.
    #[error(transparent)]
    Keys(#[from] keystore::Error),
    /// Removing this signer would leave releases that nobody can verify, and it was not forced.
    #[error("{signer} is the last signer of the releases of {gun}")]
    LastSigner {
        /// The signer.
        signer: String,
        /// The repository.
        gun: Gun,
    },
    /// Too few of the keys that must sign a role are in the key store.
    #[error("{role} needs {needed} of its keys, which are not in the key store")]
    MissingKeys {
        /// The role.
        role: Role,
        /// The keys that would do.
        acceptable: Vec<CanonicalKeyId>,
        /// How many of them must sign.
        needed: usize,
    },
    /// Neither an own signer's key nor, for a repository without signers, the repository key allows signing this tag.
    #[error("no key in the key store may sign {tag} in {gun}")]
    NoDelegationKeys {
        /// The repository.
        gun: Gun,
        /// The tag.
        tag: String,
        /// The roles that could sign, with their keys.
        roles: Vec<(Role, Vec<CanonicalKeyId>)>,
    },
    /// There is nothing to revoke.
    #[error("{gun} has no signed tags")]
    NoSignedTags {
        /// The repository.
        gun: Gun,
    },
    /// No such signer.
    #[error("{gun} has no signer {signer}")]
    NoSuchSigner {
        /// The repository.
        gun: Gun,
        /// The signer.
        signer: String,
    },
    /// The tag is not signed in `targets/releases` or `targets`.
    #[error("{tag} is not signed in {gun}")]
    NotSigned {
        /// The repository.
        gun: Gun,
        /// The tag.
        tag: String,
    },
    /// The server knows no such repository.
    #[error("{server} does not have trust data for {gun}")]
    NotInitialised {
        /// `host[:port]` of the trust server.
        server: String,
        /// The repository.
        gun: Gun,
    },
    /// A signer named after the registry's user was needed, and nobody is logged in with a user name.
    #[error("no user name for {registry}")]
    NoUserName {
        /// `host[:port]` of the registry.
        registry: String,
    },
    /// The update was sent, and the connection broke or the server failed; what is on the server now does not hold
    /// it, but may later. New keys were kept.
    #[error("the outcome of publishing {gun} is unknown: {source}")]
    OutcomeUnknown {
        /// The repository.
        gun: Gun,
        /// What happened to the request.
        source: Box<RemoteError>,
    },
    /// Metadata that is not trusted. What is cached was not used.
    #[error("{gun}: {refusal}")]
    Refused {
        /// The repository.
        gun: Gun,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// The server did not answer, or refused.
    #[error(transparent)]
    Remote(Box<RemoteError>),
    /// The server did not answer, or refused, and there is cached data, which was not used: it cannot tell whether
    /// something was revoked since.
    #[error("{source}")]
    RemoteNotCached {
        /// What happened.
        source: Box<RemoteError>,
        /// The cached data.
        unused: UnusedCache,
    },
    /// The root on the server does not follow from the one trusted before: the repository was deleted and made anew,
    /// or somebody tries to take it over. The trusted root stays.
    #[error(
        "{gun}: the root on the server does not follow from trusted version {trusted}: {refusal}"
    )]
    RootReplaced {
        /// The repository.
        gun: Gun,
        /// Version of the root trusted here.
        trusted: u64,
        /// Why the server's is refused.
        refusal: Box<Refusal>,
    },
    /// The trust server's address.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A name that no signer can have.
    #[error(transparent)]
    SignerName(#[from] SignerNameError),
    /// A signer without any key.
    #[error("a signer needs at least one key")]
    SignerWithoutKeys,
    /// The provider of cryptography failed.
    #[error(transparent)]
    Provider(#[from] pki::signing::ProviderError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Http(net::Error),
    /// A file of the folder `tls/<host>` cannot be used.
    #[error(transparent)]
    Tls(#[from] registry::ConfigError),
}

/// Cached metadata that a reader might have fallen back to, and that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedCache {
    /// When the cached timestamp was written, by the file system's word.
    pub written: Option<Timestamp>,
}

impl From<RemoteError> for TrustError {
    fn from(error: RemoteError) -> Self {
        Self::Remote(Box::new(error))
    }
}

impl TrustError {
    /// Why metadata was refused, if that is what happened.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } | Self::RootReplaced { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// What the server or the way to it did, if that is what happened.
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteError> {
        match self {
            Self::Remote(source)
            | Self::RemoteNotCached { source, .. }
            | Self::OutcomeUnknown { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether the repository is unknown to the server, now or since ever.
    #[must_use]
    pub fn is_not_initialised(&self) -> bool {
        matches!(self, Self::NotInitialised { .. })
    }
}
