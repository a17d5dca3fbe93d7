//! Private keys by reference: a file, or `env://VARIABLE`.

use std::path::Path;

use pki::cosign_key::{COSIGN_KEY_FILE_LIMIT, CosignKeyFile};
use pki::signing::SigningKey;
use zeroize::Zeroizing;

use super::error::Error;
use super::flags::SECURITY_KEY;
use super::{files, passwords};
use crate::cobra::Matches;
use crate::process::Process;

/// Refuses `--sk`.
///
/// # Errors
/// [`Error::Unsupported`].
pub(crate) fn refuse_security_key(matches: &Matches) -> Result<(), Error> {
    if matches.on(&SECURITY_KEY) {
        return Err(Error::Unsupported {
            what: "--sk",
            instead: "Name the key by its PKCS#11 URI: --key 'pkcs11:token=…;object=…'.",
        });
    }
    Ok(())
}

/// The unlocked private key of `reference`.
///
/// # Errors
/// Unreadable, not a private key, locked under another password.
pub(crate) fn private(process: &Process, reference: &str) -> Result<SigningKey, Error> {
    let place = reference.to_owned();
    let file =
        CosignKeyFile::parse(&text(process, reference)?).map_err(|source| Error::KeyFile {
            place: place.clone(),
            source,
        })?;
    let password = if file.is_encrypted() {
        Some(passwords::existing(process)?)
    } else {
        None
    };
    file.unlock(password.as_ref())
        .map_err(|source| Error::Unlock { place, source })
}

/// What a file or a variable holds.
fn text(process: &Process, reference: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    match reference.strip_prefix("env://") {
        Some(name) => match process.var(name) {
            Some(text) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
            None => Err(Error::Variable {
                name: name.to_owned(),
            }),
        },
        None => {
            let limit = COSIGN_KEY_FILE_LIMIT as u64;
            files::read(process, Path::new(reference), limit).map(Zeroizing::new)
        }
    }
}
