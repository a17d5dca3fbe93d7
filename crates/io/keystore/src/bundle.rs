//! Import and export of key files: PEM blocks one after the other, the backup format of `notary key export`.

use std::path::Path;

use pki::{
    key::CanonicalKeyId,
    keyfile::{KeyBlock, PEM_FILE_LIMIT, SealError, UnlockError},
    signing::SigningKey,
};
use zeroize::Zeroizing;

use crate::{
    Error, FileFault, KeyLabel, Passphrases, Replace, StoredKey, TrustDir, WriteLock, files,
    legacy::LegacyName,
    trust_dir::{private_keys, relabelled, seal},
    unlock,
};

/// Most bytes of a bundle.
pub const BUNDLE_LIMIT: u64 = PEM_FILE_LIMIT as u64;

/// The role label of a key that comes without one (`notary:utils/keys.go:ImportKeys`).
const DEFAULT_ROLE: &str = "delegation";

/// How keys are imported.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// For keys without a `role` header; otherwise `delegation`.
    pub role: Option<&'a str>,
    /// For repository keys without a `gun` header.
    pub gun: Option<&'a str>,
    /// What happens to a key that is here already.
    pub replace: Replace,
    /// How often the passphrase of an encrypted key is asked for.
    pub max_attempts: u32,
}

/// Which keys are exported: all that fit both lists, where an empty list fits everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Export<'a> {
    /// Exact repository names.
    pub guns: &'a [&'a str],
    /// Keys.
    pub ids: &'a [CanonicalKeyId],
}

/// Reads a file of PEM blocks to import, of at most [`BUNDLE_LIMIT`] bytes.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::Permission`], [`Error::TooLarge`].
pub fn read_bundle(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    files::read_to_limit(path, BUNDLE_LIMIT)
}

impl TrustDir {
    /// Stores every key of `bundle`, which was read from `path` (named in errors only).
    ///
    /// A `path` header that names a key id, as export writes it, is believed and an encrypted block stored as it is.
    /// Any other encrypted block is opened with its passphrase and encrypted anew; an unencrypted one is encrypted.
    /// Nothing is written before every block has been understood.
    ///
    /// # Errors
    /// [`Error::Malformed`] for text without keys, a block that is no key, or a repository key without repository;
    /// [`Error::Exists`]; as [`unlock`] and [`TrustDir::save`].
    pub fn import(
        &self,
        lock: &WriteLock,
        bundle: &[u8],
        path: &Path,
        how: Import<'_>,
        source: &mut dyn Passphrases,
    ) -> Result<Vec<StoredKey>, Error> {
        let malformed = |reason| Error::Malformed {
            path: path.to_owned(),
            reason,
        };
        let blocks = private_keys(bundle).map_err(malformed)?;
        if blocks.is_empty() {
            return Err(malformed(FileFault::BlockCount { found: 0 }));
        }
        let mut ready = Vec::with_capacity(blocks.len());
        for block in blocks {
            ready.push(prepare(&block, path, how, source)?);
        }
        // Seen before the first is written, so that a clash in the last one does not leave half of them.
        if how.replace == Replace::IfSame {
            for (id, block) in &ready {
                self.check_absent_or_same(id, block)?;
            }
        }
        ready
            .iter()
            .map(|(id, block)| self.save_block(lock, id, block, how.replace))
            .collect()
    }

    /// The chosen keys as PEM blocks with `path` headers, as encrypted as they are stored, by id.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an id of the filter that is not here; as [`TrustDir::load`].
    pub fn export(&self, which: Export<'_>) -> Result<Zeroizing<String>, Error> {
        let listing = self.list()?;
        let here = |id| listing.keys.iter().any(|key| key.in_place && key.id == id);
        if let Some(&id) = which.ids.iter().find(|&&id| !here(id)) {
            return Err(Error::NotFound {
                id,
                folder: self.private(),
            });
        }
        let mut blocks = Vec::new();
        for key in listing.keys.iter().filter(|key| key.in_place) {
            let gun_fits = which.guns.is_empty()
                || key
                    .gun
                    .as_deref()
                    .is_some_and(|gun| which.guns.contains(&gun));
            let id_fits = which.ids.is_empty() || which.ids.contains(&key.id);
            if gun_fits && id_fits {
                let (_, mut block) = self.load(&key.id)?;
                block
                    .set_path(Some(&key.id.to_string()))
                    .map_err(SealError::from)?;
                blocks.push(block.to_pem());
            }
        }
        // Sized beforehand: a text that grows leaves copies behind, and a stored key may be unencrypted.
        let length = blocks.iter().map(|block| block.len()).sum();
        let mut bundle = Zeroizing::new(String::with_capacity(length));
        blocks.iter().for_each(|block| bundle.push_str(block));
        Ok(bundle)
    }

    fn check_absent_or_same(&self, id: &CanonicalKeyId, block: &KeyBlock) -> Result<(), Error> {
        match self.load(id) {
            Ok((_, found)) if found.to_pem() == block.to_pem() => Ok(()),
            Ok((stored, _)) => Err(Error::Exists { path: stored.path }),
            Err(Error::NotFound { .. }) => Ok(()),
            // Whatever is there, it is not this key.
            Err(Error::Malformed { path, .. } | Error::TooLarge { path, .. }) => {
                Err(Error::Exists { path })
            }
            Err(error) => Err(error),
        }
    }
}

fn prepare(
    block: &KeyBlock,
    path: &Path,
    how: Import<'_>,
    source: &mut dyn Passphrases,
) -> Result<(CanonicalKeyId, KeyBlock), Error> {
    let malformed = |reason| Error::Malformed {
        path: path.to_owned(),
        reason,
    };
    let place = Place::of(block);
    let role = block
        .role()
        .or(place.role.as_deref())
        .or(how.role)
        .filter(|role| !role.is_empty());
    let role = role.unwrap_or(DEFAULT_ROLE).to_owned();
    let gun = match role.as_str() {
        "targets" | "snapshot" | "timestamp" => {
            let gun = block
                .gun()
                .or(place.gun.as_deref())
                .or(how.gun)
                .filter(|gun| !gun.is_empty());
            Some(
                gun.ok_or_else(|| malformed(FileFault::NoGun { role: role.clone() }))?
                    .to_owned(),
            )
        }
        _ => None,
    };
    let mut label = KeyLabel {
        role,
        gun,
        id: place.id,
    };
    let key: SigningKey = match (block.unlock(None), place.id) {
        (Ok(key), _) => key,
        (Err(UnlockError::NeedsPassphrase), Some(id)) => {
            return Ok((id, relabelled(block, &label.role, label.gun.as_deref())?));
        }
        (Err(UnlockError::NeedsPassphrase), None) => {
            unlock(block, path, &label, source, how.max_attempts)?
        }
        (Err(fault), _) => return Err(malformed(FileFault::Key(fault))),
    };
    let id = key.canonical_id();
    label.id = Some(id);
    let passphrase = source
        .new_passphrase(&label)
        .map_err(|source| Error::Passphrase {
            id: label.id,
            source,
        })?;
    Ok((
        id,
        seal(&key, &passphrase, &label.role, label.gun.as_deref())?,
    ))
}

/// What a block's `path` header says: `<id>`, or a place in the layout before 0.4.
#[derive(Default)]
struct Place {
    id: Option<CanonicalKeyId>,
    role: Option<String>,
    gun: Option<String>,
}

impl Place {
    fn of(block: &KeyBlock) -> Self {
        let Some(path) = block.path() else {
            return Self::default();
        };
        match LegacyName::parse(Path::new(path)) {
            Some(named) => Self {
                id: Some(named.id),
                role: named.role,
                gun: named.gun,
            },
            None => Self {
                id: CanonicalKeyId::parse_hex(path).ok(),
                ..Self::default()
            },
        }
    }
}
