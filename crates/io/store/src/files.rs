//! Files that are whole and on disk once their writer has answered.
//!
//! Every function blocks; call them from the blocking pool.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::Error;

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Everyone (0644): certificates, content that is public anyway.
    Everyone,
    /// Only the owner (0600): keys, databases, everything else.
    Owner,
}

/// Replaces `path` by a file that holds `content`: a reader sees the old content or the new, never a part, and after
/// the answer the new content survives a power cut.
///
/// # Errors
/// [`Error::File`], or [`Error::Full`] and [`Error::ReadOnly`] where the cause is known; `path` is unchanged then.
pub fn write_durably(path: &Path, content: &[u8], mode: Mode) -> Result<(), Error> {
    let folder = parent(path);
    let mut staged =
        NamedTempFile::new_in(folder).map_err(|e| Error::file("create a file in", folder, e))?;
    staged
        .write_all(content)
        .map_err(|e| Error::file("write", path, e))?;
    if mode == Mode::Everyone {
        staged
            .as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))
            .map_err(|e| Error::file("open up", path, e))?;
    }
    publish(staged, path)
}

/// Makes the content of a finished temporary file durable under its final name, which must be on the same file system.
///
/// # Errors
/// As [`write_durably`]; the temporary file is gone then.
pub fn publish(staged: NamedTempFile, path: &Path) -> Result<(), Error> {
    staged
        .as_file()
        .sync_all()
        .map_err(|e| Error::file("sync", path, e))?;
    staged
        .persist(path)
        .map_err(|e| Error::file("rename a file to", path, e.error))?;
    sync_parent(path)
}

/// Creates a folder (0700) and those above it, durably; one that exists is left as it is.
///
/// # Errors
/// [`Error::File`], [`Error::Full`], [`Error::ReadOnly`].
pub fn create_folder(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    if !above.is_dir() {
        create_folder(above)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::file("create the folder", path, e))
        }
        Ok(()) | Err(_) => sync_parent(path),
    }
}

/// Removes a file, durably; that there is none is no error.
///
/// # Errors
/// [`Error::File`], [`Error::ReadOnly`].
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::file("remove", path, e)),
    }
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Error> {
    let folder = parent(path);
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::file("sync the folder", folder, e))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
