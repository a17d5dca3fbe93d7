use std::{collections::HashMap, sync::Arc};

use pki::{key::CanonicalKeyId, signing::SigningKey};

use crate::{Error, Passphrases, TrustDir};

/// Unlocked keys of one trust folder, each opened once per process.
#[derive(Debug)]
pub struct Keyring {
    folder: TrustDir,
    unlocked: HashMap<CanonicalKeyId, Arc<SigningKey>>,
}

impl Keyring {
    /// With nothing unlocked.
    pub fn new(folder: TrustDir) -> Self {
        Self {
            folder,
            unlocked: HashMap::new(),
        }
    }

    /// The folder the keys are in.
    pub fn folder(&self) -> &TrustDir {
        &self.folder
    }

    /// Remembers a key that was just made or imported, so that its passphrase is not asked for.
    pub fn insert(&mut self, key: Arc<SigningKey>) {
        self.unlocked.insert(key.canonical_id(), key);
    }

    /// The key, from memory or opened as [`TrustDir::unlock`] does.
    ///
    /// # Errors
    /// As [`TrustDir::unlock`].
    pub fn unlock(
        &mut self,
        id: &CanonicalKeyId,
        source: &mut dyn Passphrases,
        max_attempts: u32,
    ) -> Result<Arc<SigningKey>, Error> {
        if let Some(key) = self.unlocked.get(id) {
            return Ok(key.clone());
        }
        let key = Arc::new(self.folder.unlock(id, source, max_attempts)?);
        self.unlocked.insert(*id, key.clone());
        Ok(key)
    }
}
