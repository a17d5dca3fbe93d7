//! docker 28.2's sentences for key files.

use keystore::{Error, FileFault, PassphraseError};
use pki::keyfile::UnlockError;

use super::passphrases::MAX_ATTEMPTS;
use super::texts::go_io;
use crate::env;

/// `key generate` made no key.
pub(super) fn generate(name: &str, error: &Error) -> String {
    format!("failed to generate key for {name}: {}", problem(error))
}

/// `key load` does not open the file at all.
pub(super) fn refused(file: &str, error: &Error) -> String {
    let why = match error {
        Error::OpenToOthers { mode, .. } => format!(
            "private key file {file} must not be readable or writable by others\nIts mode is {mode:03o}; run: chmod \
             600 {file}"
        ),
        Error::NoSuchFile { .. } => format!("stat {file}: no such file or directory"),
        Error::Permission { .. } => format!("stat {file}: permission denied"),
        other => problem(other),
    };
    format!("refusing to load key from {file}: {why}")
}

/// `key load` got nothing out of the file.
pub(super) fn import(file: &str, error: &Error, from_environment: bool) -> String {
    let why = match error {
        Error::AttemptsExceeded { .. } => format!(
            "cannot load key from provided file {file}: could not decrypt key\n{}",
            if from_environment {
                format!(
                    "The passphrase in {} does not open it.",
                    env::REPOSITORY_PASSPHRASE.name
                )
            } else {
                format!("{MAX_ATTEMPTS} passphrases were wrong; nothing was imported.")
            }
        ),
        Error::Malformed {
            reason: FileFault::Block(_) | FileFault::BlockCount { .. },
            ..
        } => format!(
            "provided file {file} is not a supported private key - to add a signer's public key use docker trust \
             signer add"
        ),
        Error::Malformed {
            reason: FileFault::Key(UnlockError::Unsupported { what }),
            ..
        } => {
            format!("failed to import all keys: unsupported {what}")
        }
        Error::Malformed {
            reason: FileFault::NoGun { role },
            ..
        } => format!(
            "failed to import all keys: invalid key pem block\nA {role} key belongs to one repository, and the file \
             does not name it; use another --name."
        ),
        Error::Malformed { reason, .. } => {
            format!("failed to import all keys: invalid key pem block: {reason}")
        }
        other => problem(other),
    };
    format!("error importing key from {file}: {why}")
}

/// What went wrong in the trust folder or at a prompt.
fn problem(error: &Error) -> String {
    match error {
        Error::Passphrase { source, .. } => match source {
            PassphraseError::GaveUp { .. } => {
                "maximum number of passphrase attempts exceeded".to_owned()
            }
            PassphraseError::Unavailable => format!(
                "standard input ended before the passphrase\nType it on a terminal, or set {}.",
                env::REPOSITORY_PASSPHRASE.name
            ),
            PassphraseError::Io(source) => format!("cannot read the passphrase: {}", go_io(source)),
            other => other.to_string(),
        },
        Error::Locked { path, pid, .. } => {
            let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
            format!(
                "another process{who} is working in {}; try again when it has ended",
                folder(path)
            )
        }
        Error::NoSpace { path } => format!("write {}: no space left on device", path.display()),
        Error::Permission { path } => format!("open {}: permission denied", path.display()),
        Error::ReadOnly { path } => format!("open {}: read-only file system", path.display()),
        Error::NoSuchFile { path } => format!("open {}: no such file or directory", path.display()),
        Error::Io {
            action,
            path,
            source,
        } => format!("{action} {}: {}", path.display(), go_io(source)),
        other => other.to_string(),
    }
}

fn folder(lock: &std::path::Path) -> String {
    lock.parent().unwrap_or(lock).display().to_string()
}
