//! The keys that the server signs with: sealed in the store, unlocked in memory while they are in use.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use pki::{
    envelope::{self, OpenError},
    key::TufKeyId,
    keyfile::Passphrase,
    signing::{ProviderError, SigningKey, SigningKeyError},
};
use zeroize::Zeroizing;

use crate::{KeyAlgorithm, recent::Recent, trust_store::SealedKey};

/// Unlocked keys at once.
const LIMIT: usize = 4096;

/// What is sealed to recognise the secret.
const PROOF: &[u8] = b"countersign trust server";

/// Why a server-held key cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The row is gone.
    #[error("the key is not in the store")]
    Missing,
    /// The envelope does not open: the row was altered.
    #[error("the stored key does not open: {0}")]
    Sealed(#[from] OpenError),
    /// The envelope holds no key.
    #[error("the stored key is no key: {0}")]
    Malformed(#[from] SigningKeyError),
    /// The envelope holds another key than the row says.
    #[error("the stored key is another key")]
    OtherKey,
    /// The provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// Opens and remembers keys.
pub(crate) struct Keychain {
    secret: Passphrase,
    open: Mutex<Recent<TufKeyId, Arc<SigningKey>>>,
}

impl fmt::Debug for Keychain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keychain").finish_non_exhaustive()
    }
}

impl Keychain {
    pub(crate) fn new(secret: Passphrase) -> Self {
        Self {
            secret,
            open: Mutex::new(Recent::new(LIMIT)),
        }
    }

    /// Something that only the secret opens.
    pub(crate) fn prove(&self) -> Result<String, ProviderError> {
        envelope::seal(PROOF, &self.secret)
    }

    /// Whether `proof` was made with this secret.
    pub(crate) fn check(&self, proof: &str) -> Result<(), OpenError> {
        let opened = envelope::open(proof, &self.secret)?;
        if opened.as_slice() == PROOF {
            Ok(())
        } else {
            Err(OpenError::Altered)
        }
    }

    /// Makes a key and seals it. Takes milliseconds.
    pub(crate) fn generate(&self, algorithm: KeyAlgorithm) -> Result<SealedKey, ProviderError> {
        let key = match algorithm {
            KeyAlgorithm::Ecdsa => SigningKey::generate_ecdsa_p256()?,
            KeyAlgorithm::Ed25519 => SigningKey::generate_ed25519()?,
        };
        let sealed = envelope::seal(&key.to_signer_secret(), &self.secret)?;
        let public = key.public_key().clone();
        Ok(SealedKey { public, sealed })
    }

    /// The key, if it was unlocked lately.
    pub(crate) fn unlocked(&self, id: TufKeyId) -> Option<Arc<SigningKey>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&id)
    }

    /// Unlocks a key from the store, which must be the one with this id. Takes milliseconds.
    pub(crate) fn unlock(
        &self,
        id: TufKeyId,
        sealed: &SealedKey,
    ) -> Result<Arc<SigningKey>, KeyError> {
        let secret: Zeroizing<Vec<u8>> = envelope::open(&sealed.sealed, &self.secret)?;
        let key = SigningKey::from_signer_secret(sealed.public.key_type(), &secret)?;
        if key.public_key().tuf_id() != id {
            return Err(KeyError::OtherKey);
        }
        let key = Arc::new(key);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(id, Arc::clone(&key));
        Ok(key)
    }
}
