use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use pki::{
    key::CanonicalKeyId,
    keyfile::{KeyBlock, Passphrase, SealError},
    signing::SigningKey,
};
use zeroize::Zeroizing;

use crate::{Error, FileFault, KeyLabel, Passphrases, Replace, WriteLock, files, legacy, unlock};

/// Most bytes of one key file; an encrypted RSA key of 8192 bits has seven thousand.
pub const KEY_FILE_LIMIT: u64 = 64 * 1024;

const EXTENSION: &str = "key";
const PRIVATE: &str = "private";

/// The private keys of a trust folder: `<root>/private/<canonical key id>.key`, as Notary and Docker keep them
/// (`notary:trustmanager/keystore.go`). Nothing is read or made before it is asked for.
#[derive(Clone, Debug)]
pub struct TrustDir {
    root: PathBuf,
}

/// What a key file says of its key without a passphrase. The labels are claims of the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredKey {
    /// From the file's name.
    pub id: CanonicalKeyId,
    /// The `role` header; empty without one.
    pub role: String,
    /// The `gun` header.
    pub gun: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// Whether it is `private/<id>.key`: elsewhere below `private` keys are listed, but not found for signing.
    pub in_place: bool,
}

impl StoredKey {
    /// The words its passphrase is asked for with.
    pub fn label(&self) -> KeyLabel {
        KeyLabel {
            role: self.role.clone(),
            gun: self.gun.clone(),
            id: Some(self.id),
        }
    }

    fn describe(id: CanonicalKeyId, block: &KeyBlock, path: PathBuf, in_place: bool) -> Self {
        Self {
            id,
            role: block.role().unwrap_or_default().to_owned(),
            gun: block.gun().map(str::to_owned),
            path,
            in_place,
        }
    }
}

/// Everything below `private`.
#[derive(Debug, Default)]
pub struct Listing {
    /// By id.
    pub keys: Vec<StoredKey>,
    /// Files named `*.key` that are no keys, and folders that cannot be read, each with the reason.
    pub unusable: Vec<(PathBuf, Error)>,
    /// Files in the layout of Notary before 0.4, waiting for [`TrustDir::migrate_legacy`].
    pub legacy: Vec<PathBuf>,
}

impl TrustDir {
    /// The trust folder at `root`: `~/.docker/trust` or `~/.notary`. It need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder given.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `<root>/private`.
    pub fn private(&self) -> PathBuf {
        self.root.join(PRIVATE)
    }

    /// `<root>/private/<id>.key`.
    pub fn key_path(&self, id: &CanonicalKeyId) -> PathBuf {
        self.private().join(format!("{id}.{EXTENSION}"))
    }

    /// The right to change this folder, after waiting at most `wait` for other processes. Also removes what an
    /// interrupted write left.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Permission`], [`Error::ReadOnly`], [`Error::NoSpace`].
    pub fn lock(&self, wait: Duration) -> Result<WriteLock, Error> {
        let lock = WriteLock::acquire(&self.root, wait)?;
        files::sweep(&self.private());
        Ok(lock)
    }

    /// Everything below `private`, sub-folders included; symbolic links are not followed. What is no key is reported,
    /// not fatal. A folder that does not exist has no keys.
    ///
    /// # Errors
    /// `private` itself cannot be read.
    pub fn list(&self) -> Result<Listing, Error> {
        let private = self.private();
        let mut listing = Listing::default();
        for found in files::walk(&private)? {
            let path = match found {
                Ok(path) => path,
                Err(unread) => {
                    listing.unusable.push(unread);
                    continue;
                }
            };
            if path
                .extension()
                .is_none_or(|extension| extension != EXTENSION)
            {
                continue;
            }
            if legacy::is_legacy(&private, &path) {
                listing.legacy.push(path);
                continue;
            }
            match self.describe(&path) {
                Ok(key) => listing.keys.push(key),
                Err(error) => listing.unusable.push((path, error)),
            }
        }
        listing
            .keys
            .sort_by(|one, other| (one.id, &one.path).cmp(&(other.id, &other.path)));
        listing.unusable.sort_by(|one, other| one.0.cmp(&other.0));
        listing.legacy.sort();
        Ok(listing)
    }

    /// The key of this id that can sign, if it is here.
    ///
    /// # Errors
    /// The file exists and cannot be read or is no key.
    pub fn find(&self, id: &CanonicalKeyId) -> Result<Option<StoredKey>, Error> {
        match self.load(id) {
            Ok((key, _)) => Ok(Some(key)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The keys that can sign and are labelled with this role, by id.
    ///
    /// # Errors
    /// As [`TrustDir::list`].
    pub fn find_by_role(&self, role: &str) -> Result<Vec<StoredKey>, Error> {
        let mut keys = self.list()?.keys;
        keys.retain(|key| key.in_place && key.role == role);
        Ok(keys)
    }

    /// The key file of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Malformed`], [`Error::TooLarge`], [`Error::Permission`].
    pub fn load(&self, id: &CanonicalKeyId) -> Result<(StoredKey, KeyBlock), Error> {
        let path = self.key_path(id);
        match read_block(&path) {
            Ok(block) => Ok((StoredKey::describe(*id, &block, path, true), block)),
            Err(Error::NoSuchFile { .. }) => Err(Error::NotFound {
                id: *id,
                folder: self.private(),
            }),
            Err(error) => Err(error),
        }
    }

    /// The private key of this id, opened with passphrases from `source`, asked at most `max_attempts` times.
    ///
    /// # Errors
    /// As [`TrustDir::load`] and [`unlock`]; [`Error::KeyMismatch`] when the file holds another key.
    pub fn unlock(
        &self,
        id: &CanonicalKeyId,
        source: &mut dyn Passphrases,
        max_attempts: u32,
    ) -> Result<SigningKey, Error> {
        let (stored, block) = self.load(id)?;
        let key = unlock(&block, &stored.path, &stored.label(), source, max_attempts)?;
        let found = key.canonical_id();
        if found == *id {
            Ok(key)
        } else {
            Err(Error::KeyMismatch {
                path: stored.path,
                found,
            })
        }
    }

    /// Encrypts the key and writes `private/<id>.key`; when this returns it is on the disk. `gun` is for repository
    /// keys only.
    ///
    /// # Errors
    /// [`Error::Exists`] unless replacing was asked for; whatever keeps files from being written.
    pub fn save(
        &self,
        lock: &WriteLock,
        key: &SigningKey,
        passphrase: &Passphrase,
        role: &str,
        gun: Option<&str>,
        replace: Replace,
    ) -> Result<StoredKey, Error> {
        let block = seal(key, passphrase, role, gun)?;
        self.save_block(lock, &key.canonical_id(), &block, replace)
    }

    /// Writes a key file as it is.
    ///
    /// # Errors
    /// As [`TrustDir::save`].
    pub fn save_block(
        &self,
        lock: &WriteLock,
        id: &CanonicalKeyId,
        block: &KeyBlock,
        replace: Replace,
    ) -> Result<StoredKey, Error> {
        self.check_lock(lock)?;
        let path = self.key_path(id);
        files::write(&path, block.to_pem().as_bytes(), replace)?;
        Ok(StoredKey::describe(*id, block, path, true))
    }

    /// Removes `private/<id>.key`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; whatever keeps files from being removed.
    pub fn remove(&self, lock: &WriteLock, id: &CanonicalKeyId) -> Result<(), Error> {
        self.check_lock(lock)?;
        let path = self.key_path(id);
        match fs::remove_file(&path).map_err(|source| Error::io("removing", &path, source)) {
            Err(Error::NoSuchFile { .. }) => Err(Error::NotFound {
                id: *id,
                folder: self.private(),
            }),
            Err(error) => Err(error),
            Ok(()) => files::sync_folder(&self.private()),
        }
    }

    pub(crate) fn check_lock(&self, lock: &WriteLock) -> Result<(), Error> {
        if lock.root() == self.root {
            Ok(())
        } else {
            Err(Error::WrongLock {
                locked: lock.root().to_owned(),
                wanted: self.root.clone(),
            })
        }
    }

    fn describe(&self, path: &Path) -> Result<StoredKey, Error> {
        let id = id_of(path)?;
        let block = read_block(path)?;
        Ok(StoredKey::describe(
            id,
            &block,
            path.to_owned(),
            path == self.key_path(&id),
        ))
    }
}

/// The one key block of a key file.
pub(crate) fn read_block(path: &Path) -> Result<KeyBlock, Error> {
    let content: Zeroizing<Vec<u8>> = files::read_to_limit(path, KEY_FILE_LIMIT)?;
    let malformed = |reason| Error::Malformed {
        path: path.to_owned(),
        reason,
    };
    let mut keys = private_keys(&content).map_err(malformed)?;
    match (keys.len(), keys.pop()) {
        (1, Some(key)) => Ok(key),
        (found, _) => Err(malformed(FileFault::BlockCount { found })),
    }
}

/// The private keys among the blocks of a file: OpenSSL puts `EC PARAMETERS` before a key, and people a certificate.
pub(crate) fn private_keys(content: &[u8]) -> Result<Vec<KeyBlock>, FileFault> {
    let mut blocks = KeyBlock::parse_file(content).map_err(FileFault::Block)?;
    blocks.retain(KeyBlock::is_private_key);
    Ok(blocks)
}

/// Encrypts a key; an empty role is no label.
pub(crate) fn seal(
    key: &SigningKey,
    passphrase: &Passphrase,
    role: &str,
    gun: Option<&str>,
) -> Result<KeyBlock, SealError> {
    KeyBlock::seal(key, passphrase, (!role.is_empty()).then_some(role), gun)
}

/// The same block with these labels and no path.
pub(crate) fn relabelled(
    block: &KeyBlock,
    role: &str,
    gun: Option<&str>,
) -> Result<KeyBlock, SealError> {
    let mut block = block.clone();
    block.set_role((!role.is_empty()).then_some(role))?;
    block.set_gun(gun)?;
    block.set_path(None)?;
    Ok(block)
}

fn id_of(path: &Path) -> Result<CanonicalKeyId, Error> {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .and_then(|stem| CanonicalKeyId::parse_hex(stem).ok())
        .ok_or_else(|| Error::Malformed {
            path: path.to_owned(),
            reason: FileFault::Name,
        })
}
