use std::{collections::BTreeMap, io, path::Path};

use pki::{
    key::CanonicalKeyId,
    keyfile::{KeyBlock, Passphrase, UnlockError},
    signing::SigningKey,
};
use zeroize::Zeroizing;

use crate::{Error, FileFault};

/// The key a passphrase is wanted for, in the words that prompts and environment variables are chosen by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyLabel {
    /// The role label of the key file: `root`, `targets`, `snapshot`, a signer's name, or empty.
    pub role: String,
    /// The repository, for repository keys.
    pub gun: Option<String>,
    /// The key; `None` for an encrypted file that does not name its key.
    pub id: Option<CanonicalKeyId>,
}

/// Where passphrases come from: an environment variable, a terminal, a test.
pub trait Passphrases {
    /// The passphrase of an existing key. `attempt` counts from 0; above 0 the one before was wrong.
    ///
    /// # Errors
    /// [`PassphraseError`]; [`PassphraseError::GaveUp`] when asking again is of no use.
    fn existing(&mut self, label: &KeyLabel, attempt: u32) -> Result<Passphrase, PassphraseError>;

    /// A passphrase for a new key; the source has it repeated and checks its length as its rules say.
    ///
    /// # Errors
    /// [`PassphraseError`].
    fn new_passphrase(&mut self, label: &KeyLabel) -> Result<Passphrase, PassphraseError>;

    /// This passphrase opened this key, so the source may remember it.
    fn accepted(&mut self, label: &KeyLabel, passphrase: &Passphrase) {
        let _ = (label, passphrase);
    }
}

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// The user ended the dialogue.
    #[error("cancelled")]
    Cancelled,
    /// The source has been asked often enough.
    #[error("gave up after {attempts} attempts")]
    GaveUp {
        /// How often.
        attempts: u32,
    },
    /// The terminal cannot be read.
    #[error("reading the passphrase: {0}")]
    Io(#[from] io::Error),
    /// Neither an environment variable nor a terminal.
    #[error("no source of passphrases")]
    Unavailable,
}

/// Opens a key with passphrases from `source`, asking at most `max_attempts` times. A key that is not encrypted opens
/// without asking. `path` only names the key's file in errors.
///
/// # Errors
/// [`Error::AttemptsExceeded`] after wrong passphrases only, [`Error::Passphrase`] when the source fails,
/// [`Error::Malformed`].
pub fn unlock(
    block: &KeyBlock,
    path: &Path,
    label: &KeyLabel,
    source: &mut dyn Passphrases,
    max_attempts: u32,
) -> Result<SigningKey, Error> {
    let malformed = |fault| Error::Malformed {
        path: path.to_owned(),
        reason: FileFault::Key(fault),
    };
    match block.unlock(None) {
        Ok(key) => return Ok(key),
        Err(UnlockError::NeedsPassphrase) => (),
        Err(error) => return Err(malformed(error)),
    }
    let exceeded = |attempts| Error::AttemptsExceeded {
        id: label.id,
        path: path.to_owned(),
        attempts,
    };
    for attempt in 0..max_attempts {
        let passphrase = match source.existing(label, attempt) {
            Ok(passphrase) => passphrase,
            Err(PassphraseError::GaveUp { .. }) if attempt > 0 => return Err(exceeded(attempt)),
            Err(source) => {
                return Err(Error::Passphrase {
                    id: label.id,
                    source,
                });
            }
        };
        match block.unlock(Some(&passphrase)) {
            Ok(key) => {
                source.accepted(label, &passphrase);
                return Ok(key);
            }
            Err(UnlockError::WrongPassphrase) => (),
            Err(error) => return Err(malformed(error)),
        }
    }
    Err(exceeded(max_attempts))
}

/// Passphrases known beforehand, by role label; it gives up after two attempts, as environment variables do.
#[derive(Debug, Default)]
pub struct Fixed {
    by_role: BTreeMap<String, Passphrase>,
    otherwise: Option<Passphrase>,
}

impl Fixed {
    /// No passphrase at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// This one for keys with this role label.
    #[must_use]
    pub fn with(mut self, role: &str, passphrase: Passphrase) -> Self {
        self.by_role.insert(role.to_owned(), passphrase);
        self
    }

    /// This one for all other keys.
    #[must_use]
    pub fn otherwise(mut self, passphrase: Passphrase) -> Self {
        self.otherwise = Some(passphrase);
        self
    }

    fn find(&self, label: &KeyLabel) -> Result<Passphrase, PassphraseError> {
        let found = self.by_role.get(&label.role).or(self.otherwise.as_ref());
        let found = found.ok_or(PassphraseError::Unavailable)?;
        Ok(Passphrase::new(Zeroizing::new(found.expose().to_owned())))
    }
}

impl Passphrases for Fixed {
    fn existing(&mut self, label: &KeyLabel, attempt: u32) -> Result<Passphrase, PassphraseError> {
        // The second attempt with the same value is what stock clients do.
        if attempt < 2 {
            self.find(label)
        } else {
            Err(PassphraseError::GaveUp { attempts: attempt })
        }
    }

    fn new_passphrase(&mut self, label: &KeyLabel) -> Result<Passphrase, PassphraseError> {
        self.find(label)
    }
}
