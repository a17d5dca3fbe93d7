use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use pki::key::CanonicalKeyId;

use crate::PassphraseError;

/// Why the key store cannot do what was asked. No field holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Every attempt at an existing passphrase was wrong.
    #[error("{path}: {attempts} wrong passphrases", path = path.display())]
    AttemptsExceeded {
        /// The key, if its file names it.
        id: Option<CanonicalKeyId>,
        /// The file.
        path: PathBuf,
        /// How many were tried.
        attempts: u32,
    },
    /// Another file with other content has this key's name already, and replacing it was not asked for.
    #[error("{path} exists with other content", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// None of the kinds below; `action` is a verb in the present participle.
    #[error("{action} {path}: {source}", path = path.display())]
    Io {
        /// `reading`, `writing`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// As the operating system says it.
        source: io::Error,
    },
    /// The file is named after another key than the one inside.
    #[error("{path} holds key {found}", path = path.display())]
    KeyMismatch {
        /// The file.
        path: PathBuf,
        /// The key inside.
        found: CanonicalKeyId,
    },
    /// Another process keeps writing to the trust folder.
    #[error("{path} is locked by another process after {waited:?}", path = path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The other process, if it left its number.
        pid: Option<u32>,
        /// How long this one waited.
        waited: Duration,
    },
    /// The file is no key file.
    #[error("{path}: {reason}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: FileFault,
    },
    /// The disk, or the user's share of it, is full.
    #[error("no space to write {path}", path = path.display())]
    NoSpace {
        /// The file or folder.
        path: PathBuf,
    },
    /// No such key.
    #[error("no key {id} in {folder}", folder = folder.display())]
    NotFound {
        /// The key.
        id: CanonicalKeyId,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// No such file.
    #[error("{path} does not exist", path = path.display())]
    NoSuchFile {
        /// The file.
        path: PathBuf,
    },
    /// Group or others may read or write a private key.
    #[error("{path} has mode {mode:03o}, readable or writable by others", path = path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The source of passphrases has none.
    #[error("no passphrase: {source}")]
    Passphrase {
        /// The key, if its file names it.
        id: Option<CanonicalKeyId>,
        /// Why.
        source: PassphraseError,
    },
    /// The operating system forbids it.
    #[error("no permission for {path}", path = path.display())]
    Permission {
        /// The file or folder.
        path: PathBuf,
    },
    /// The file system is mounted read-only.
    #[error("{path} is on a read-only file system", path = path.display())]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
    },
    /// The key cannot be encrypted, or its labels not be written.
    #[error(transparent)]
    Seal(#[from] pki::keyfile::SealError),
    /// The file is longer than any of its kind.
    #[error("{path} is longer than {limit} bytes", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes.
        limit: u64,
    },
    /// The lock is for another trust folder: a mistake of the calling program.
    #[error("lock of {locked} used for {wanted}", locked = locked.display(), wanted = wanted.display())]
    WrongLock {
        /// The folder that is locked.
        locked: PathBuf,
        /// The folder to be changed.
        wanted: PathBuf,
    },
}

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// The text is no sequence of PEM key blocks.
    #[error("no PEM file: {0}")]
    Block(pki::keyfile::KeyFileError),
    /// Not the one key that a key file holds, or no key at all.
    #[error("{found} keys in it")]
    BlockCount {
        /// How many.
        found: usize,
    },
    /// The key inside cannot be used.
    #[error("unusable key: {0}")]
    Key(pki::keyfile::UnlockError),
    /// The file is not named after a key id.
    #[error("not named after a key id")]
    Name,
    /// A repository key that does not say of which repository.
    #[error("a {role} key without a repository")]
    NoGun {
        /// Its role.
        role: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::FileTooLarge
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::StorageFull => Self::NoSpace { path },
            io::ErrorKind::NotFound => Self::NoSuchFile { path },
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}
