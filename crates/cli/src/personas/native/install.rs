//! Files in docker's plugin folders: whose they are, and how they get there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::error::Error;

/// In every copy of this program, of every version, and nowhere else: how a plugin file is known as ours without
/// running it.
const MARK: &[u8] = b"countersign plugin mark 6f1c0a9be1f94f0d8a53";
/// More than any build of ours.
const LARGEST_PROGRAM: u64 = 512 * 1024 * 1024;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    Nothing,
    /// Ours, or a link to where ours was.
    Ours,
    /// Somebody else's.
    Foreign,
}

/// How the program gets into the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A symbolic link, so that an update of the program is one of the plugin.
    Link,
    /// A copy.
    Copy,
}

/// Whose file `path` is.
///
/// # Errors
/// When it exists and cannot be read.
pub fn inspect(path: &Path) -> Result<Found, Error> {
    let failed = |source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
        Ok(_) => {}
    }
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let target = fs::read_link(path).map_err(failed)?;
            let ours = target.file_name().is_some_and(|name| name == "countersign");
            return Ok(if ours { Found::Ours } else { Found::Foreign });
        }
        Err(error) => return Err(failed(error)),
        Ok(meta) if !meta.is_file() => return Ok(Found::Foreign),
        Ok(_) => {}
    }
    let file = File::open(path).map_err(failed)?;
    let marked = contains_mark(file.take(LARGEST_PROGRAM)).map_err(failed)?;
    Ok(if marked { Found::Ours } else { Found::Foreign })
}

/// Puts `program` at `path`, replacing what is there in one step.
///
/// # Errors
/// When the folder cannot be made or written.
pub fn install(program: &Path, path: &Path, way: Way) -> Result<(), Error> {
    let failed = |source| Error::Io {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let folder = path
        .parent()
        .ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    fs::create_dir_all(folder).map_err(failed)?;
    let mut temporary = tempfile::Builder::new();
    // Docker looks at every file that begins with `docker-`; an unfinished one must not.
    temporary.prefix(".countersign-");
    match way {
        Way::Link => {
            let link = temporary
                .make_in(folder, |at| symlink(program, at))
                .map_err(failed)?;
            link.into_temp_path()
                .persist(path)
                .map_err(|error| failed(error.error))
        }
        Way::Copy => {
            let mut copy = temporary.tempfile_in(folder).map_err(failed)?;
            let mut source = File::open(program).map_err(failed)?;
            io::copy(&mut source, copy.as_file_mut()).map_err(failed)?;
            copy.as_file()
                .set_permissions(fs::Permissions::from_mode(0o755))
                .map_err(failed)?;
            copy.as_file().sync_all().map_err(failed)?;
            copy.persist(path)
                .map(drop)
                .map_err(|error| failed(error.error))
        }
    }
}

/// Removes the file.
///
/// # Errors
/// When it cannot be removed.
pub fn uninstall(path: &Path) -> Result<(), Error> {
    fs::remove_file(path).map_err(|source| Error::Io {
        action: "remove",
        path: path.to_owned(),
        source,
    })
}

fn contains_mark(mut file: impl io::Read) -> io::Result<bool> {
    let mut window = Vec::with_capacity(2 << 16);
    let mut chunk = vec![0_u8; 1 << 16];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(false);
        }
        window.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if find(&window, MARK) {
            return Ok(true);
        }
        let keep = window.len().saturating_sub(MARK.len());
        window.drain(..keep);
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else {
        return true;
    };
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(needle) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}
