//! The layout of Notary before 0.4: `private/root_keys/<id>_root.key` and `private/tuf_keys/<gun>/<id>_<role>.key`.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use pki::key::CanonicalKeyId;

use crate::{
    Error, FileFault, Replace, StoredKey, TrustDir, WriteLock, files,
    trust_dir::{read_block, relabelled},
};

const ROOT_KEYS: &str = "root_keys";
const TUF_KEYS: &str = "tuf_keys";

/// What became of the files of the old layout.
#[derive(Debug, Default)]
pub struct Migration {
    /// Now at `private/<id>.key`.
    pub moved: Vec<StoredKey>,
    /// Left where they are, each with the reason: no key, or another file has its place.
    pub left: Vec<(PathBuf, Error)>,
}

impl TrustDir {
    /// Moves the keys of the old layout to `private/<id>.key`, with `role` and `gun` headers and the body untouched,
    /// as stock clients do when they open a store. A key's old file is removed after its new one is on the disk, so
    /// that an interruption at any point loses nothing and the next call finishes the work.
    ///
    /// # Errors
    /// Whatever keeps files from being written; single files that are no keys are reported, not fatal.
    pub fn migrate_legacy(&self, lock: &WriteLock) -> Result<Migration, Error> {
        self.check_lock(lock)?;
        let private = self.private();
        let mut migration = Migration::default();
        for old in self.list()?.legacy {
            match self.migrate_file(lock, &private, &old) {
                Ok(key) => migration.moved.push(key),
                Err(
                    error @ (Error::Exists { .. }
                    | Error::Malformed { .. }
                    | Error::TooLarge { .. }),
                ) => {
                    migration.left.push((old, error));
                }
                Err(error) => return Err(error),
            }
        }
        for folder in [ROOT_KEYS, TUF_KEYS] {
            files::remove_empty_folders(&private.join(folder));
        }
        Ok(migration)
    }

    fn migrate_file(
        &self,
        lock: &WriteLock,
        private: &Path,
        old: &Path,
    ) -> Result<StoredKey, Error> {
        let named = old.strip_prefix(private).ok().and_then(LegacyName::parse);
        let named = named.ok_or_else(|| Error::Malformed {
            path: old.to_owned(),
            reason: FileFault::Name,
        })?;
        let block = read_block(old)?;
        let role = block
            .role()
            .map(str::to_owned)
            .or(named.role)
            .unwrap_or_default();
        let gun = block.gun().map(str::to_owned).or(named.gun);
        let block = relabelled(&block, &role, gun.as_deref())?;
        let key = self.save_block(lock, &named.id, &block, Replace::IfSame)?;
        fs::remove_file(old).map_err(|source| Error::io("removing", old, source))?;
        Ok(key)
    }
}

pub(crate) fn is_legacy(private: &Path, path: &Path) -> bool {
    path.strip_prefix(private)
        .ok()
        .and_then(|inside| inside.components().next())
        .is_some_and(|first| {
            [ROOT_KEYS, TUF_KEYS]
                .iter()
                .any(|old| first == Component::Normal(old.as_ref()))
        })
}

/// What an old file's place below `private` says.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct LegacyName {
    pub(crate) id: CanonicalKeyId,
    pub(crate) role: Option<String>,
    pub(crate) gun: Option<String>,
}

impl LegacyName {
    /// From `root_keys/<id>_root.key` or `tuf_keys/<gun>/<id>_<role>.key`, with or without extension and `_<role>`.
    pub(crate) fn parse(inside: &Path) -> Option<Self> {
        let parts: Vec<&str> = inside
            .iter()
            .map(|part| part.to_str())
            .collect::<Option<_>>()?;
        let (file, folders) = parts.split_last()?;
        let (kind, gun) = folders.split_first()?;
        let stem = file.strip_suffix(".key").unwrap_or(file);
        let (id, role) = match stem.split_once('_') {
            Some((id, role)) => (id, Some(role.to_owned())),
            None => (stem, None),
        };
        let id = CanonicalKeyId::parse_hex(id).ok()?;
        match (*kind, gun) {
            (ROOT_KEYS, []) => Some(Self {
                id,
                role: Some("root".to_owned()),
                gun: None,
            }),
            (TUF_KEYS, [_, ..]) => Some(Self {
                id,
                role,
                gun: Some(gun.join("/")),
            }),
            _ => None,
        }
    }
}
