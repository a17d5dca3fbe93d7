//! The few small files of docker's configuration.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::EndpointFault;

/// More is no configuration file.
const FILE_MAX: u64 = 4 << 20;

/// The file's bytes; it must exist.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, EndpointFault> {
    read_optional(path)?.ok_or_else(|| EndpointFault::Unreadable {
        path: path.to_owned(),
        source: io::ErrorKind::NotFound.into(),
    })
}

/// The file's bytes, or `None` when there is no such file. Anything else that stands in the way is an error.
pub(crate) fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, EndpointFault> {
    let unreadable = |source| EndpointFault::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(FILE_MAX + 1).read_to_end(&mut bytes);
    let length = read.map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length <= FILE_MAX) {
        Ok(Some(bytes))
    } else {
        Err(EndpointFault::BadFile {
            path: path.to_owned(),
            detail: format!("more than {FILE_MAX} bytes"),
        })
    }
}
