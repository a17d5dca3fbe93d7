use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::folder::{read, write};
use crate::{Mirror, MirrorError, RepositoryFolder, limits};

/// The folder with what is known of TUF repositories (cosign: `TUF_ROOT`, by default `~/.sigstore/root`).
#[derive(Debug, Clone)]
pub struct Cache {
    folder: Option<PathBuf>,
}

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Another program has been updating it for too long.
    #[error("{} is locked by another program", path.display())]
    Busy {
        /// The file that is locked.
        path: PathBuf,
    },
    /// A file or folder.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// As the operating system says it.
        source: io::Error,
    },
    /// A file beside the repositories that does not parse.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's reason.
        reason: String,
    },
    /// `remote.json` names no mirror.
    #[error("{}: {source}", path.display())]
    Mirror {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: MirrorError,
    },
    /// A longer file than the limit.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes.
        limit: u64,
    },
}

impl CacheError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl Cache {
    /// A folder, made when something is written.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self {
            folder: Some(folder),
        }
    }

    /// No folder: nothing is remembered (cosign: `SIGSTORE_NO_CACHE`).
    #[must_use]
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The mirror that [`crate::initialize`] named last.
    ///
    /// # Errors
    /// `remote.json` cannot be read, or names none.
    pub fn mirror(&self) -> Result<Option<Mirror>, CacheError> {
        let Some(path) = self.file("remote.json") else {
            return Ok(None);
        };
        let Some(note) = read_note::<Remote>(&path)? else {
            return Ok(None);
        };
        Mirror::parse(&note.mirror)
            .map(Some)
            .map_err(|source| CacheError::Mirror { path, source })
    }

    /// Where the files of a mirror's repository are.
    #[must_use]
    pub fn repository(&self, mirror: &Mirror) -> RepositoryFolder {
        match self.file(&mirror.folder_name()) {
            Some(folder) => {
                let targets = folder.join("targets");
                RepositoryFolder::new(folder, targets)
            }
            None => RepositoryFolder::none(),
        }
    }

    pub(crate) fn set_mirror(&self, mirror: &Mirror) -> Result<(), CacheError> {
        let mirror = mirror.to_string();
        self.write_note("remote.json", &Remote { mirror })
    }

    /// When the mirror was asked last; a note that cannot be read is as good as none.
    pub(crate) fn last_asked(&self, mirror: &Mirror) -> Option<Timestamp> {
        let path = self.file(&asked_file(mirror))?;
        let note: Asked = read_note(&path).ok()??;
        Some(note.last_timestamp)
    }

    pub(crate) fn set_last_asked(&self, mirror: &Mirror, now: Timestamp) -> Result<(), CacheError> {
        let last_timestamp = now;
        self.write_note(&asked_file(mirror), &Asked { last_timestamp })
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(name))
    }

    fn write_note<T: Serialize>(&self, name: &str, note: &T) -> Result<(), CacheError> {
        let Some(path) = self.file(name) else {
            return Ok(());
        };
        let json = serde_json::to_vec(note).expect("a note is plain text");
        write(&path, &json)
    }
}

fn asked_file(mirror: &Mirror) -> String {
    format!("{}.json", mirror.folder_name())
}

fn read_note<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, CacheError> {
    let Some(bytes) = read(path, limits::NOTE_BYTES)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| CacheError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

#[derive(Serialize, Deserialize)]
struct Remote {
    mirror: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    last_timestamp: Timestamp,
}
