//! What a command brings along: passphrases, eyes, the time; and the keys that were opened or made in it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use keystore::{KeyLabel, Keyring, Passphrases, Replace, TrustDir, WriteLock};
use pki::digest::Sha256;
use pki::key::CanonicalKeyId;
use pki::keyfile::Passphrase;
use pki::signing::SigningKey;
use tuf::Gun;

use crate::error::TrustError;

/// One command on any number of repositories: each key is opened once.
pub struct Session<'a> {
    passphrases: &'a mut (dyn Passphrases + Send),
    observer: &'a mut (dyn Observer + Send),
    keyring: Keyring,
    attempts: u32,
    /// Keys made in a rehearsal, for the change itself.
    rehearsed: NewKeys,
    pub(crate) now: Timestamp,
}

/// Sees what happens while it happens. `()` looks away.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, event: Event<'_>) {
        let _ = event;
    }
}

impl Observer for () {}

/// What happens during a command; none of it is lasting before [`Event::Published`]. After [`Event::Rebasing`] the
/// events of the change come once more.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The repository is unknown to the server and will be initialised; keys are unlocked or made next.
    Initialising {
        /// The repository.
        gun: &'a Gun,
    },
    /// A tag that is to be signed is signed already, with this digest.
    AlreadySigned {
        /// The tag.
        tag: &'a str,
        /// The digest.
        digest: Sha256,
        /// Who signed it, breadth first.
        signers: &'a [String],
    },
    /// A tag is staged.
    Staged {
        /// Tags staged so far.
        done: usize,
        /// Tags in all.
        total: usize,
    },
    /// The files are signed and on their way.
    Publishing {
        /// Files.
        files: usize,
        /// Bytes in all.
        bytes: usize,
    },
    /// Somebody else published first; the change is made again on top of theirs.
    Rebasing {
        /// Attempts so far.
        attempts: u32,
    },
    /// The server has acknowledged.
    Published {
        /// The repository.
        gun: &'a Gun,
    },
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        keys: &TrustDir,
        attempts: u32,
        passphrases: &'a mut (dyn Passphrases + Send),
        observer: &'a mut (dyn Observer + Send),
        now: Timestamp,
    ) -> Self {
        Self {
            passphrases,
            observer,
            keyring: Keyring::new(keys.clone()),
            attempts,
            rehearsed: NewKeys::default(),
            now,
        }
    }

    /// Goes on at a later time, such as after a long upload.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Keeps keys that were made and not used, passphrases and all, for the same roles in this session.
    pub(crate) fn keep(&mut self, keys: NewKeys) {
        self.rehearsed.keys.extend(keys.keys);
    }

    pub(crate) fn tell(&mut self, event: Event<'_>) {
        self.observer.event(event);
    }

    /// A key of the key store, or one made in this command.
    pub(crate) fn unlock(&mut self, id: &CanonicalKeyId) -> Result<Arc<SigningKey>, TrustError> {
        Ok(self.keyring.unlock(id, self.passphrases, self.attempts)?)
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Keys made for a publication, kept in memory until it is about to be sent.
#[derive(Default)]
pub(crate) struct NewKeys {
    keys: Vec<NewKey>,
    saved: usize,
}

struct NewKey {
    key: Arc<SigningKey>,
    passphrase: Passphrase,
    role: String,
    gun: Option<String>,
}

impl NewKeys {
    /// Makes a key and asks for its passphrase. `gun` is for repository keys only.
    pub(crate) fn generate(
        &mut self,
        session: &mut Session<'_>,
        role: &str,
        gun: Option<&Gun>,
    ) -> Result<Arc<SigningKey>, TrustError> {
        let wanted = |new: &NewKey| new.role == role && new.gun.as_deref() == gun.map(Gun::as_str);
        if let Some(at) = session.rehearsed.keys.iter().position(wanted) {
            let rehearsed = session.rehearsed.keys.swap_remove(at);
            let key = rehearsed.key.clone();
            self.keys.push(rehearsed);
            return Ok(key);
        }
        let key = Arc::new(SigningKey::generate_ecdsa_p256()?);
        let id = key.canonical_id();
        let gun = gun.map(|gun| gun.as_str().to_owned());
        let label = KeyLabel {
            role: role.to_owned(),
            gun: gun.clone(),
            id: Some(id),
        };
        let passphrase = session
            .passphrases
            .new_passphrase(&label)
            .map_err(|source| keystore::Error::Passphrase {
                id: Some(id),
                source,
            })?;
        session.keyring.insert(key.clone());
        self.keys.push(NewKey {
            key: key.clone(),
            passphrase,
            role: role.to_owned(),
            gun,
        });
        Ok(key)
    }

    pub(crate) fn contains(&self, id: &CanonicalKeyId) -> bool {
        self.keys.iter().any(|new| new.key.canonical_id() == *id)
    }

    /// Writes all of them, or none.
    pub(crate) fn save(&mut self, folder: &TrustDir, lock: &WriteLock) -> Result<(), TrustError> {
        for new in &self.keys {
            let (role, gun) = (new.role.as_str(), new.gun.as_deref());
            if let Err(error) =
                folder.save(lock, &new.key, &new.passphrase, role, gun, Replace::IfSame)
            {
                self.discard(folder, lock);
                return Err(error.into());
            }
            self.saved += 1;
        }
        Ok(())
    }

    /// Removes what was written: nothing uses these keys, and nothing ever will.
    pub(crate) fn discard(&mut self, folder: &TrustDir, lock: &WriteLock) {
        for new in self.keys.drain(..).take(std::mem::take(&mut self.saved)) {
            let id = new.key.canonical_id();
            if let Err(error) = folder.remove(lock, &id) {
                tracing::warn!(%id, %error, "a new key that nothing uses could not be removed");
            }
        }
    }
}
