//! What `docker trust` commands refuse, as values; the sentences are in `texts.rs`.

use std::io;
use std::path::PathBuf;

use keystore::PassphraseError;
use pki::key::{PublicKeyFileError, PublicKeyPemError};
use thiserror::Error;

use super::ops::Refusal;
use crate::env;
use crate::input::InputError;
use crate::process::Process;

/// A refused command.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A key or signer name that is not allowed.
    #[error("bad name")]
    BadName {
        /// `key` or `signer`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The user said no; nothing was changed.
    #[error("cancelled")]
    Cancelled,
    /// A new key cannot be made or stored.
    #[error("key not generated")]
    KeyGenerate {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<keystore::Error>,
    },
    /// A private key file that must not be read.
    #[error("key file refused")]
    KeyFileRefused {
        /// The file as typed.
        file: String,
        /// Why.
        #[source]
        source: Box<keystore::Error>,
    },
    /// A private key file that cannot be imported.
    #[error("key not imported")]
    KeyImport {
        /// The file as typed.
        file: String,
        /// Why.
        #[source]
        source: Box<keystore::Error>,
        /// The passphrase came from the environment.
        from_environment: bool,
    },
    /// No `--config`, no `DOCKER_CONFIG`, no home folder.
    #[error("no configuration folder")]
    NoConfigFolder,
    /// The working directory is gone.
    #[error("no working folder")]
    NoWorkingFolder,
    /// `--digest` does not fit.
    #[error("--digest")]
    DigestFlag {
        /// Why.
        problem: String,
    },
    /// A digest where a tag is needed.
    #[error("digest reference")]
    DigestReference,
    /// A prompt was not answered.
    #[error(transparent)]
    Input(#[from] InputError),
    /// `signer add` without `--key`.
    #[error("no key flag")]
    NoKeyFlag,
    /// `sign` without a tag.
    #[error("no tag")]
    NoTag {
        /// The name as docker shows it.
        name: String,
    },
    /// The folder for the public key is missing.
    #[error("public key folder missing")]
    PublicKeyFolderMissing {
        /// The folder as typed.
        folder: String,
    },
    /// A public key file cannot be read.
    #[error("public key file unreadable")]
    PublicKeyUnreadable {
        /// The file as typed.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A public key file holds no usable key.
    #[error("public key file unusable")]
    PublicKeyUnusable {
        /// The file as typed.
        file: String,
        /// Why.
        #[source]
        source: PublicKeyFileError,
    },
    /// A public key cannot be written as text.
    #[error("public key text")]
    PublicKeyText {
        /// The key's name.
        name: String,
        /// Why.
        #[source]
        source: PublicKeyPemError,
    },
    /// A public key file cannot be written.
    #[error("public key file not written")]
    PublicKeyUnwritable {
        /// The file as shown.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A public key file that must not be overwritten.
    #[error("public key file exists")]
    PublicKeyExists {
        /// The file.
        file: PathBuf,
    },
    /// Content trust refused, in docker's words for this command.
    #[error("refused")]
    Refused {
        /// The command's words before the reason.
        context: Context,
        /// The reason.
        #[source]
        refusal: Box<Refusal>,
    },
    /// A reserved signer name.
    #[error("reserved name")]
    ReservedSigner {
        /// The signer is to be removed, not added.
        removing: bool,
    },
}

impl Error {
    pub(super) fn generate(process: &Process, name: &str, source: keystore::Error) -> Self {
        Self::interrupted(process, &source).unwrap_or_else(|| Self::KeyGenerate {
            name: name.to_owned(),
            source: Box::new(source),
        })
    }

    pub(super) fn import(process: &Process, file: &str, source: keystore::Error) -> Self {
        let from_environment = process.var(env::REPOSITORY_PASSPHRASE.name).is_some();
        Self::interrupted(process, &source).unwrap_or_else(|| Self::KeyImport {
            file: file.to_owned(),
            source: Box::new(source),
            from_environment,
        })
    }

    /// Ctrl-C at a passphrase prompt is no error to explain.
    fn interrupted(process: &Process, error: &keystore::Error) -> Option<Self> {
        match error {
            keystore::Error::Passphrase {
                source: PassphraseError::Cancelled,
                ..
            } => {
                let signal = process.caught_signal().unwrap_or(2);
                Some(Self::Input(InputError::Interrupted { signal }))
            }
            _ => None,
        }
    }

    /// A refusal inside a command; a prompt that was interrupted, or answered with no, is not one. Where nobody can
    /// answer, there is something to say about it.
    pub(super) fn refused(context: Context, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Declined => Self::Cancelled,
            Refusal::Input(error @ InputError::Interrupted { .. }) => Self::Input(error),
            refusal => Self::Refused {
                context,
                refusal: Box::new(refusal),
            },
        }
    }
}

/// The words that a command puts before a refusal's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// `inspect`.
    Inspect {
        /// The name as typed.
        name: String,
    },
    /// Nothing; docker shows its translation of the reason.
    None,
    /// `revoke`.
    Revoke {
        /// The name as typed.
        name: String,
    },
    /// `sign`, once signing began.
    Sign {
        /// The name as typed.
        name: String,
    },
    /// `signer remove`.
    SignerRemove {
        /// The repository as typed.
        name: String,
    },
}
