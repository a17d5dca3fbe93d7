//! The names in a layout, and reading its files within bounds.

use std::io;
use std::path::{Path, PathBuf};

use oci::Digest;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::error::Error;

/// The file that says that a folder is a layout.
pub(crate) const MARKER: &str = "oci-layout";
/// The list of what the layout holds.
pub(crate) const INDEX: &str = "index.json";
/// The folder of blobs, below it one for each algorithm.
pub(crate) const BLOBS: &str = "blobs";

/// Where a blob is. A digest is an algorithm and hexadecimal digits, so that this is below the folder in any case.
pub(crate) fn blob_path(folder: &Path, digest: &Digest) -> PathBuf {
    folder
        .join(BLOBS)
        .join(digest.algorithm().to_string())
        .join(digest.hex())
}

/// Opens a regular file; `None` when there is none. A pipe or device of that name would block, or never end.
pub(crate) async fn open(path: &Path) -> Result<Option<File>, Error> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(Error::io(path, io::ErrorKind::InvalidInput.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(path, error)),
    }
    match File::open(path).await {
        Ok(file) => Ok(Some(file)),
        Err(error) => Err(Error::io(path, error)),
    }
}

/// The content of a file of at most `limit` bytes; `None` when there is none.
pub(crate) async fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let Some(file) = open(path).await? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let mut bounded = file.take(limit.saturating_add(1));
    let read = bounded.read_to_end(&mut bytes).await;
    read.map_err(|error| Error::io(path, error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(Some(bytes))
}
