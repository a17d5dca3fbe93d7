//! Passwords of private keys: `COSIGN_PASSWORD`, the terminal, or all of standard input
//! (`sigstore/cosign:pkg/cosign/common.go`).

use pki::keyfile::Passphrase;
use zeroize::Zeroizing;

use super::error::Error;
use super::variables;
use crate::input::InputError;
use crate::process::Process;
use crate::prompt;

/// Most bytes of a password on standard input.
const LIMIT: u64 = 64 * 1024;

/// The password for an existing key. Set but empty is a password too.
///
/// # Errors
/// [`Error::NoPassword`] where there is neither variable nor terminal nor anything piped; [`Error::Input`].
pub(crate) fn existing(process: &Process) -> Result<Passphrase, Error> {
    find(process, |process| {
        Ok(prompt::secret_on_stderr(
            process,
            "Enter password for private key: ",
        )?)
    })
}

/// The password for a new key, typed twice on a terminal.
///
/// # Errors
/// As [`existing`], and [`Error::PasswordsDiffer`].
pub(crate) fn new(process: &Process) -> Result<Passphrase, Error> {
    find(process, |process| {
        let first = prompt::secret_on_stderr(process, "Enter password for private key: ")?;
        let again = prompt::secret_on_stderr(process, "Enter password for private key again: ")?;
        if *first == *again {
            Ok(first)
        } else {
            Err(Error::PasswordsDiffer)
        }
    })
}

fn find(
    process: &Process,
    ask: impl FnOnce(&Process) -> Result<Zeroizing<String>, Error>,
) -> Result<Passphrase, Error> {
    if let Some(password) = process.raw_var(variables::PASSWORD) {
        return Ok(Passphrase::new(password.to_owned().into()));
    }
    if process.terminals().stdin {
        return ask(process).map(Passphrase::new);
    }
    let piped = process
        .input()
        .rest(LIMIT)
        .map(Zeroizing::new)
        .map_err(InputError::Stream)?;
    if piped.is_empty() {
        return Err(Error::NoPassword);
    }
    let text = std::str::from_utf8(&piped).map_err(|_| InputError::NotText)?;
    Ok(Passphrase::new(text.to_owned().into()))
}
