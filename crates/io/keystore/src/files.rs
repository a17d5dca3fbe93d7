//! Files and folders: bounded reading, atomic writing.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::Error;

/// How the files begin that are not finished yet. They do not end in `.key`, so no client takes one for a key.
pub(crate) const TEMPORARY: &str = ".countersign-";

/// Reads a regular file of at most `limit` bytes.
pub(crate) fn read_to_limit(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |source| Error::io("reading", path, source);
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?;
    if !length.is_file() {
        return Err(failed(io::Error::other("not a regular file")));
    }
    // Sized beforehand: a buffer that grows leaves copies of a secret behind.
    let capacity = usize::try_from(length.len().min(limit).saturating_add(1)).unwrap_or(0);
    let mut content = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(limit.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(failed)?;
    if u64::try_from(content.len()).is_ok_and(|read| read <= limit) {
        Ok(content)
    } else {
        Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        })
    }
}

/// Whether an existing file may be replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replace {
    /// Another content under the same name is [`Error::Exists`]; the same content is fine.
    IfSame,
    /// The file is replaced.
    Yes,
}

/// Writes the whole file, mode 0600, or nothing: under `path` there is at every moment the old content or the new.
/// When this returns, the new content is on the disk.
pub(crate) fn write(path: &Path, content: &[u8], replace: Replace) -> Result<(), Error> {
    let failed = |source| Error::io("writing", path, source);
    let folder = path
        .parent()
        .ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    create_folder(folder)?;
    let mut temporary: NamedTempFile = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(failed)?;
    temporary.write_all(content).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    match replace {
        Replace::Yes => temporary
            .persist(path)
            .map(drop)
            .map_err(|error| failed(error.error))?,
        Replace::IfSame => match temporary.persist_noclobber(path) {
            Ok(_) => (),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                let limit = u64::try_from(content.len()).unwrap_or(u64::MAX);
                return match read_to_limit(path, limit) {
                    Ok(found) if *found == content => Ok(()),
                    Ok(_) | Err(Error::TooLarge { .. }) => Err(Error::Exists {
                        path: path.to_owned(),
                    }),
                    Err(error) => Err(error),
                };
            }
            Err(error) => return Err(failed(error.error)),
        },
    }
    sync_folder(folder)
}

/// Makes a removal, a creation or a new name in this folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| Error::io("writing", folder, source))
}

/// Makes the folder and those above it, mode 0700; existing ones stay as they are.
pub(crate) fn create_folder(folder: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| Error::io("creating", folder, source))
}

/// Removes what an interrupted [`write`] left. Only the holder of the lock may call it: nobody else is writing then.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name
            .to_str()
            .is_some_and(|name| name.starts_with(TEMPORARY) && name.ends_with(".tmp"))
        {
            // A leftover that cannot be removed harms nobody.
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Refuses a private key file that group or others may touch, as `docker trust key load` does.
///
/// # Errors
/// [`Error::OpenToOthers`]; [`Error::NoSuchFile`] and [`Error::Permission`] when its mode cannot be read.
pub fn check_private(path: &Path) -> Result<(), Error> {
    let mode = fs::metadata(path)
        .map_err(|source| Error::io("reading", path, source))?
        .mode()
        & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(Error::OpenToOthers {
            path: path.to_owned(),
            mode,
        })
    }
}

/// A file found by [`walk`], or a folder it could not read.
pub(crate) type Found = Result<PathBuf, (PathBuf, Error)>;

/// The regular files below `folder`, in no order; symbolic links are not followed. None if it does not exist.
pub(crate) fn walk(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        match entries(&next, &mut folders, &mut found) {
            Ok(()) => (),
            Err(Error::NoSuchFile { .. }) => (),
            Err(error) if next == folder => return Err(error),
            Err(error) => found.push(Err((next, error))),
        }
    }
    Ok(found)
}

fn entries(folder: &Path, folders: &mut Vec<PathBuf>, found: &mut Vec<Found>) -> Result<(), Error> {
    let failed = |source| Error::io("reading", folder, source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            folders.push(entry.path());
        } else if kind.is_file() {
            found.push(Ok(entry.path()));
        }
    }
    Ok(())
}

/// Removes `folder` and the folders in it that hold nothing. What cannot be removed stays.
pub(crate) fn remove_empty_folders(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_folders(&entry.path());
        }
    }
    // Fails exactly when something is left inside.
    fs::remove_dir(folder).ok();
}
