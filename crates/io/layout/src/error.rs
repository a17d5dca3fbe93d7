//! What can go wrong with a layout.

use std::io;
use std::path::{Path, PathBuf};

use oci::{BlobMismatch, Digest, DigestMismatch, ManifestError};

/// A layout that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder is no layout: it lacks `oci-layout` or `index.json`, or is not there.
    #[error("{} is no image layout: {} is missing", folder.display(), missing)]
    Absent {
        /// The folder.
        folder: PathBuf,
        /// The file that is missing.
        missing: &'static str,
    },
    /// A blob that is not the one asked for.
    #[error("blob {digest}: {fault}")]
    Blob {
        /// The digest asked for.
        digest: Box<Digest>,
        /// How it differs.
        fault: BlobMismatch,
    },
    /// A manifest that is not the one asked for.
    #[error(transparent)]
    DigestMismatch(#[from] Box<DigestMismatch>),
    /// The folder has a file that writing would overwrite, and is no layout.
    #[error("{} is no image layout, but has {}", folder.display(), found)]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// What would be overwritten.
        found: &'static str,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A manifest or `index.json` that cannot be used.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// The layout has no such manifest or blob.
    #[error("no blob {digest}")]
    NotFound {
        /// Which.
        digest: Box<Digest>,
    },
    /// More bytes than are read.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, bytes.
        limit: u64,
    },
    /// More blobs than are searched for what refers to an image.
    #[error("more than {limit} blobs")]
    TooMany {
        /// The most that are searched.
        limit: usize,
    },
    /// `oci-layout` is not of version 1.
    #[error("{}: not version 1 of the image layout", path.display())]
    Version {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
