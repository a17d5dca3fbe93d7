use std::path::PathBuf;

use jiff::Timestamp;
use sigstore::trust::{LooseError, SigningConfigError, TrustError};

use crate::{CacheError, TransportError};

/// Why there is no trusted root, or no signing configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the cache cannot be read or written.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Metadata of a role that cannot be trusted.
    #[error("{file}: {fault}")]
    Metadata {
        /// The file's name in the repository.
        file: String,
        /// What is wrong.
        fault: MetadataFault,
    },
    /// The mirror has no such file, though it must.
    #[error("the mirror has no {file}")]
    NotServed {
        /// The file's name in the repository.
        file: String,
    },
    /// Nothing in the cache to begin with, and no root was given.
    #[error("{} has no root.json; initialize it with a trusted root", folder.as_deref().unwrap_or(std::path::Path::new("the repository")).display())]
    NotInitialized {
        /// The folder of the repository; none if it is kept in memory.
        folder: Option<PathBuf>,
    },
    /// The cache lacks a file, and the mirror is not to be asked.
    #[error("the cache has no valid {file}, and the mirror is not to be asked")]
    NotCached {
        /// The file's name in the repository.
        file: String,
    },
    /// A target whose name cannot be part of an address.
    #[error("target {name:?} has a name that leads out of its repository")]
    TargetName {
        /// Its name.
        name: String,
    },
    /// A target that does not parse.
    #[error("target {name}: {source}")]
    Target {
        /// Its name.
        name: String,
        /// What is wrong.
        source: TargetError,
    },
    /// Neither a trusted root nor what one could be made of.
    #[error("the repository has no trusted_root.json, and no certificates and keys to make one of")]
    NoTrustedRoot,
    /// More of something than the limit.
    #[error("{found} {what}, at most {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The mirror did not answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Why a target is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Certificates or keys from before there were trusted roots.
    #[error(transparent)]
    Loose(#[from] LooseError),
    /// A signing configuration.
    #[error(transparent)]
    SigningConfig(#[from] SigningConfigError),
    /// A trusted root.
    #[error(transparent)]
    TrustedRoot(#[from] TrustError),
}

/// What is wrong with metadata of a TUF repository (TUF specification 1.0, 5.3 to 5.7).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataFault {
    /// A key signed twice.
    #[error("two signatures of key {key_id} for role {role}")]
    DuplicateSignature {
        /// The role.
        role: String,
        /// The key.
        key_id: String,
    },
    /// Expired.
    #[error("role {role} expired at {expires}")]
    Expired {
        /// The role.
        role: String,
        /// Since when.
        expires: Timestamp,
    },
    /// Not what the role above says about its length, hash or version.
    #[error("{reason}")]
    Mismatch {
        /// Which of them differs.
        reason: String,
    },
    /// No JSON, or JSON of another shape.
    #[error("malformed: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// An older version than what was trusted before.
    #[error("role {role} goes back from version {trusted} to {offered}")]
    Rollback {
        /// The role.
        role: String,
        /// The version that was trusted.
        trusted: u64,
        /// The version that was offered.
        offered: u64,
    },
    /// A root that does not follow the trusted one.
    #[error("root {offered} does not follow root {trusted}")]
    RootVersion {
        /// The version that was trusted.
        trusted: u64,
        /// The version that was offered.
        offered: u64,
    },
    /// Too few valid signatures.
    #[error("role {role} has {found} of {threshold} valid signatures")]
    Threshold {
        /// The role.
        role: String,
        /// How many there are.
        found: usize,
        /// How many it takes.
        threshold: usize,
    },
    /// A role that nobody gave keys.
    #[error("role {role} has no keys")]
    UnknownRole {
        /// The role.
        role: String,
    },
    /// A key that cannot verify.
    #[error("key {key_id}: {reason}")]
    UnusableKey {
        /// The key, or its kind.
        key_id: String,
        /// What is wrong.
        reason: String,
    },
}

impl From<sigstore_tuf::Error> for MetadataFault {
    fn from(error: sigstore_tuf::Error) -> Self {
        use sigstore_tuf::Error as Tuf;
        match error {
            Tuf::DuplicateSignature { role, key_id } => Self::DuplicateSignature { role, key_id },
            Tuf::Expired { role, expires } => Self::Expired { role, expires },
            Tuf::IntegrityMismatch(reason) => Self::Mismatch { reason },
            Tuf::Rollback { role, trusted, new } => Self::Rollback {
                role,
                trusted,
                offered: new,
            },
            Tuf::EqualVersion { role, version } => Self::Rollback {
                role,
                trusted: version,
                offered: version,
            },
            Tuf::BadRootVersion { trusted, new } => Self::RootVersion {
                trusted,
                offered: new,
            },
            Tuf::ThresholdNotMet {
                role,
                found,
                threshold,
            } => Self::Threshold {
                role,
                found,
                threshold,
            },
            Tuf::UnknownRole(role) => Self::UnknownRole { role },
            Tuf::UnusableKey { key_id, reason } => Self::UnusableKey { key_id, reason },
            Tuf::UnsupportedScheme { keytype, scheme } => Self::UnusableKey {
                reason: format!("scheme {scheme} is not supported"),
                key_id: keytype,
            },
            Tuf::Json(source) => Self::Malformed {
                reason: source.to_string(),
            },
            other => Self::Malformed {
                reason: other.to_string(),
            },
        }
    }
}
