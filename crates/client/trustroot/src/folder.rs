use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::CacheError;
use crate::transport::{ReadError, read_file};

/// Another program that updates the same repository is waited for this long.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Where the trusted metadata and the targets of one repository are kept. Files appear whole or not at all.
#[derive(Debug, Clone)]
pub struct RepositoryFolder {
    place: Option<Place>,
}

#[derive(Debug, Clone)]
struct Place {
    metadata: PathBuf,
    targets: PathBuf,
}

/// Held while a repository is read or updated.
#[derive(Debug)]
pub(crate) struct Guard(#[expect(dead_code, reason = "dropping it unlocks")] Option<File>);

impl RepositoryFolder {
    /// Folders for metadata and for targets; made when something is written.
    #[must_use]
    pub fn new(metadata: PathBuf, targets: PathBuf) -> Self {
        Self {
            place: Some(Place { metadata, targets }),
        }
    }

    /// No folder: nothing is kept.
    #[must_use]
    pub fn none() -> Self {
        Self { place: None }
    }

    /// Where metadata is kept.
    #[must_use]
    pub fn metadata(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| place.metadata.as_path())
    }

    pub(crate) fn load(&self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, CacheError> {
        match &self.place {
            Some(place) => read(&place.metadata.join(file), limit),
            None => Ok(None),
        }
    }

    pub(crate) fn save(&self, file: &str, bytes: &[u8]) -> Result<(), CacheError> {
        match &self.place {
            Some(place) => write(&place.metadata.join(file), bytes),
            None => Ok(()),
        }
    }

    pub(crate) fn load_target(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, CacheError> {
        match &self.place {
            // An unusable copy is had anew.
            Some(place) => match read(&place.targets.join(target_file(name)), limit) {
                Err(CacheError::TooLarge { .. }) => Ok(None),
                other => other,
            },
            None => Ok(None),
        }
    }

    pub(crate) fn save_target(&self, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
        match &self.place {
            Some(place) => write(&place.targets.join(target_file(name)), bytes),
            None => Ok(()),
        }
    }

    /// Nobody else updates the repository meanwhile.
    pub(crate) async fn lock(&self) -> Result<Guard, CacheError> {
        let Some(place) = &self.place else {
            return Ok(Guard(None));
        };
        let path = lock_file(place);
        make_folder(&place.metadata)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| CacheError::io("opening", &path, source))?;
        wait(&file, &path, File::try_lock).await?;
        Ok(Guard(Some(file)))
    }

    /// Nobody updates the repository meanwhile. A folder that nobody can write to needs no lock.
    pub(crate) async fn lock_for_reading(&self) -> Result<Guard, CacheError> {
        let Some(place) = &self.place else {
            return Ok(Guard(None));
        };
        let path = lock_file(place);
        let Ok(file) = File::open(&path) else {
            return Ok(Guard(None));
        };
        wait(&file, &path, File::try_lock_shared).await?;
        Ok(Guard(Some(file)))
    }
}

fn lock_file(place: &Place) -> PathBuf {
    place.metadata.join(".lock")
}

async fn wait(
    file: &File,
    path: &Path,
    try_lock: fn(&File) -> Result<(), fs::TryLockError>,
) -> Result<(), CacheError> {
    let mut left = PATIENCE;
    loop {
        match try_lock(file) {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::Error(source)) => {
                return Err(CacheError::io("locking", path, source));
            }
            Err(fs::TryLockError::WouldBlock) if left.is_zero() => {
                return Err(CacheError::Busy {
                    path: path.to_owned(),
                });
            }
            Err(fs::TryLockError::WouldBlock) => {
                tokio::time::sleep(PAUSE).await;
                left = left.saturating_sub(PAUSE);
            }
        }
    }
}

pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, CacheError> {
    read_file(path, limit).map_err(|error| match error {
        ReadError::Io(source) => CacheError::io("reading", path, source),
        ReadError::TooLarge => CacheError::TooLarge {
            path: path.to_owned(),
            limit,
        },
    })
}

/// Beside it, synced, then put in its place.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
    let folder = path.parent().expect("every path has a file name");
    make_folder(folder)?;
    let failed = |source| CacheError::io("writing", path, source);
    let mut file = tempfile::Builder::new()
        .prefix(".countersign-")
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))
        .map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

fn make_folder(folder: &Path) -> Result<(), CacheError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source: io::Error| CacheError::io("making", folder, source))
}

/// A name as one segment of a path: what is not unreserved (RFC 3986, 2.3) is percent-encoded.
pub(crate) fn encode(name: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    encoded
}

fn target_file(name: &str) -> String {
    match name {
        "." | ".." => name.replace('.', "%2E"),
        _ => encode(name),
    }
}
