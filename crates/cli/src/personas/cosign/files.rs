//! Files that the user names.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use store::files::{Mode, write_durably};

use super::error::Error;
use super::given;
use crate::cobra::{Flag, Matches};
use crate::process::Process;

/// Most bytes of a file of certificates or a key, in PEM.
pub(super) const PEM_LIMIT: u64 = 1 << 20;

/// The whole file at `path`, seen from the working directory; `limit` bytes at most.
///
/// # Errors
/// [`Error::Read`], [`Error::TooLarge`].
pub(crate) fn read(process: &Process, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(process.resolve(path)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        })
    }
}

/// The PEM file that a flag names; [`PEM_LIMIT`] bytes at most.
pub(super) fn named_pem(
    process: &Process,
    matches: &Matches,
    flag: &'static Flag,
) -> Result<Option<Vec<u8>>, Error> {
    given(matches, flag)
        .map(|path| read(process, Path::new(path), PEM_LIMIT))
        .transpose()
}

/// A limit on memory as one on a file, in bytes.
pub(crate) fn most(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Writes a result that is not secret: whole or not at all, unless it goes through a link or to a device or pipe, which
/// must not be replaced by a file.
///
/// # Errors
/// [`Error::Write`], [`Error::Store`].
pub(crate) fn write(process: &Process, path: &Path, content: &[u8]) -> Result<(), Error> {
    let resolved = process.resolve(path);
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    match resolved.symlink_metadata() {
        Ok(there) if !there.is_file() => std::fs::write(&resolved, content).map_err(failed),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        Ok(_) | Err(_) if resolved.parent().is_some_and(|folder| !folder.is_dir()) => {
            Err(failed(io::ErrorKind::NotFound.into()))
        }
        Ok(_) | Err(_) => Ok(write_durably(&resolved, content, Mode::Everyone)?),
    }
}

/// Whether something is there.
pub(crate) fn exists(process: &Process, path: &Path) -> Result<bool, Error> {
    match process.resolve(path).symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// `--output-file`: from now on standard output is this file.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn redirect_output(process: &Process, path: &str) -> Result<(), Error> {
    let file = File::create(process.resolve(Path::new(path))).map_err(|source| Error::Write {
        path: path.into(),
        source,
    })?;
    process.redirect_out(file);
    Ok(())
}
