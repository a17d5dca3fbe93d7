//! Passphrases as docker asks for them: the environment first, then a prompt.

use std::collections::BTreeMap;
use std::io;

use keystore::{KeyLabel, PassphraseError, Passphrases};
use pki::key::CanonicalKeyId;
use pki::keyfile::Passphrase;
use zeroize::Zeroizing;

use crate::env::{REPOSITORY_PASSPHRASE, ROOT_PASSPHRASE, Variable};
use crate::input::InputError;
use crate::process::Process;
use crate::prompt;

/// Wrong passphrases for one existing key before we give up.
pub const MAX_ATTEMPTS: u32 = 3;
/// Unusable new passphrases (short, not repeated alike) before we give up.
const MAX_NEW_ATTEMPTS: u32 = 12;
/// Bytes of the shortest new passphrase.
const SHORTEST: usize = 8;

/// The user of one command. A passphrase that opened a key is not asked for again.
#[derive(Debug)]
pub struct UserPassphrases<'p> {
    process: &'p Process,
    known: BTreeMap<CanonicalKeyId, Passphrase>,
}

impl<'p> UserPassphrases<'p> {
    /// Asks through `process`.
    pub fn new(process: &'p Process) -> Self {
        Self {
            process,
            known: BTreeMap::new(),
        }
    }

    fn ask(&self, question: &str) -> Result<Zeroizing<String>, PassphraseError> {
        match prompt::secret(self.process, question) {
            Ok(answer) => Ok(answer),
            Err(InputError::Ended) => Err(PassphraseError::Unavailable),
            Err(InputError::Interrupted { .. }) => Err(PassphraseError::Cancelled),
            Err(InputError::Stream(source)) => Err(PassphraseError::Io(source)),
            Err(error @ (InputError::NotText | InputError::TooLong)) => Err(PassphraseError::Io(
                io::Error::new(io::ErrorKind::InvalidData, error),
            )),
        }
    }

    fn say(&self, text: &str) -> Result<(), PassphraseError> {
        self.process.out(text).map_err(PassphraseError::Io)
    }
}

impl Passphrases for UserPassphrases<'_> {
    fn existing(&mut self, label: &KeyLabel, attempt: u32) -> Result<Passphrase, PassphraseError> {
        if attempt == 0
            && let Some(known) = label.id.and_then(|id| self.known.get(&id))
        {
            return Ok(passphrase(known.expose()));
        }
        if let Some(value) = self.process.var(variable(&label.role).name) {
            // A wrong value does not become right by asking again, and a prompt would stop a pipeline.
            return match attempt {
                0 => Ok(passphrase(value)),
                attempts => Err(PassphraseError::GaveUp { attempts }),
            };
        }
        if attempt >= MAX_ATTEMPTS {
            return Err(PassphraseError::GaveUp { attempts: attempt });
        }
        if attempt > 0 {
            self.say("Passphrase incorrect. Please retry.\n")?;
        }
        let question = match short_id(label) {
            Some(id) => format!(
                "Enter passphrase for {} key with ID {id}: ",
                alias(&label.role)
            ),
            None => "Enter passphrase for encrypted key: ".to_owned(),
        };
        Ok(Passphrase::new(self.ask(&question)?))
    }

    fn new_passphrase(&mut self, label: &KeyLabel) -> Result<Passphrase, PassphraseError> {
        if let Some(value) = self.process.var(variable(&label.role).name) {
            return Ok(passphrase(value));
        }
        if label.role == ROOT {
            self.say(prompt::ROOT_KEY_WARNING)?;
        }
        let id = short_id(label).unwrap_or_default();
        let key = format!("new {} key with ID {id}", alias(&label.role));
        for _ in 0..MAX_NEW_ATTEMPTS {
            let chosen = self.ask(&format!("Enter passphrase for {key}: "))?;
            if chosen.len() < SHORTEST {
                self.say(
                    "Passphrase is too short. Please use a password manager to generate and store a good random \
                     passphrase.\n",
                )?;
                continue;
            }
            let repeated = self.ask(&format!("Repeat passphrase for {key}: "))?;
            if *chosen == *repeated {
                return Ok(Passphrase::new(chosen));
            }
            self.say("Passphrases do not match. Please retry.\n")?;
        }
        Err(PassphraseError::GaveUp {
            attempts: MAX_NEW_ATTEMPTS,
        })
    }

    fn accepted(&mut self, label: &KeyLabel, passphrase: &Passphrase) {
        if let Some(id) = label.id {
            self.known.insert(id, self::passphrase(passphrase.expose()));
        }
    }
}

/// The role whose keys have a variable and a warning of their own.
const ROOT: &str = "root";

/// The variable that holds the passphrase of keys with this role label.
pub(crate) fn variable(role: &str) -> Variable {
    if role == ROOT {
        ROOT_PASSPHRASE
    } else {
        REPOSITORY_PASSPHRASE
    }
}

/// What docker calls a key with this role label in its prompts.
fn alias(role: &str) -> &str {
    match role {
        "snapshot" | "targets" => "repository",
        "" => "delegation",
        other => other,
    }
}

fn short_id(label: &KeyLabel) -> Option<String> {
    label.id.map(|id| id.to_string().chars().take(7).collect())
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned()))
}
