//! The metadata cache of one repository, shared with stock clients: `<trust folder>/tuf/<GUN>/metadata/<role>.json`.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use net::Bytes;
use tempfile::NamedTempFile;
use tuf::limits::MAX_METADATA_BYTES;
use tuf::{Gun, Role};

/// Name of files that are not finished yet; it does not end in `.json`.
const TEMPORARY: &str = ".countersign-";

/// The cached files of one repository. They hold the bytes as they came from the server.
///
/// Whoever reads them trusts nothing: every file is verified again. `root.json` is the exception that the format has:
/// it is the pin of trust on first use.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// A cached file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct CacheError {
    /// `reading`, `writing` or `removing`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The cause; its kind tells a read-only or full disk.
    pub source: io::Error,
}

impl Cache {
    /// The cache of `gun` in a trust folder, which need not exist.
    #[must_use]
    pub fn new(trust_folder: &Path, gun: &Gun) -> Self {
        Self {
            folder: trust_folder.join("tuf").join(gun.as_str()),
        }
    }

    /// A role's file; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is longer than any metadata.
    pub fn read(&self, role: &Role) -> Result<Option<Bytes>, CacheError> {
        let path = self.path(role);
        let failed = |source| CacheError {
            action: "reading",
            path: path.clone(),
            source,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        let length = file.metadata().map_err(failed)?.len();
        if length > MAX_METADATA_BYTES {
            return Err(failed(io::ErrorKind::FileTooLarge.into()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
        file.take(MAX_METADATA_BYTES)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        Ok(Some(bytes.into()))
    }

    /// When a role's file was last written here, by the file system's word.
    #[must_use]
    pub fn written(&self, role: &Role) -> Option<Timestamp> {
        fs::metadata(self.path(role))
            .and_then(|file| file.modified())
            .ok()?
            .try_into()
            .ok()
    }

    /// Stores verified files, each at once or not at all: the root first and durably, because it is the pin; the
    /// others follow their hashes down, so that a cut leaves files that do not match rather than a false whole.
    ///
    /// # Errors
    /// One of them cannot be written.
    pub(crate) fn store(&self, files: &[(&Role, &[u8])]) -> Result<(), CacheError> {
        self.stage(files)?.commit()
    }

    /// Writes files beside the ones there are, so that a full or read-only disk is noticed before anything depends on
    /// them. Nothing changes before [`Staged::commit`].
    ///
    /// # Errors
    /// One of them cannot be written; none is left.
    pub(crate) fn stage(&self, files: &[(&Role, &[u8])]) -> Result<Staged, CacheError> {
        let (roots, others): (Vec<_>, Vec<_>) =
            files.iter().partition(|(role, _)| **role == Role::Root);
        let all = roots.into_iter().chain(others);
        let staged = all.map(|(role, bytes)| self.stage_one(role, bytes));
        staged.collect::<Result<_, _>>().map(Staged)
    }

    /// Changes that a stock client staged and did not publish, oldest first. Nothing here publishes or removes them.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn staged_changes(&self) -> Result<Vec<PathBuf>, CacheError> {
        let folder = self.folder.join("changelist");
        let failed = |source| CacheError {
            action: "reading",
            path: folder.clone(),
            source,
        };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "change")
            {
                found.push(path);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Removes what is cached, the pin included; what a stock client staged stays. The next contact trusts anew.
    pub(crate) fn clear(&self) -> Result<(), CacheError> {
        let path = self.folder.join("metadata");
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(CacheError {
                action: "removing",
                path,
                source,
            }),
            _ => Ok(()),
        }
    }

    fn path(&self, role: &Role) -> PathBuf {
        // Role names are checked: segments of [-a-z0-9_].
        self.folder.join("metadata").join(format!("{role}.json"))
    }

    fn stage_one(&self, role: &Role, bytes: &[u8]) -> Result<StagedFile, CacheError> {
        let path = self.path(role);
        let failed = |source| writing(&path, source);
        let folder = path.parent().expect("the path has a file name");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        // Temporary files are made with mode 0600.
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(folder)
            .map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        let durable = *role == Role::Root;
        if durable {
            file.as_file().sync_all().map_err(failed)?;
        }
        Ok(StagedFile {
            file,
            path,
            durable,
        })
    }
}

/// Files that are written and not yet in place; dropping them removes them.
#[must_use]
pub(crate) struct Staged(Vec<StagedFile>);

struct StagedFile {
    file: NamedTempFile,
    path: PathBuf,
    durable: bool,
}

impl Staged {
    /// Puts the files in place, in order.
    ///
    /// # Errors
    /// One of them cannot be renamed; those before it are in place.
    pub(crate) fn commit(self) -> Result<(), CacheError> {
        for StagedFile {
            file,
            path,
            durable,
        } in self.0
        {
            let failed = |source| writing(&path, source);
            file.persist(&path).map_err(|error| failed(error.error))?;
            if durable && let Some(folder) = path.parent() {
                File::open(folder)
                    .and_then(|folder| folder.sync_all())
                    .map_err(failed)?;
            }
        }
        Ok(())
    }
}

fn writing(path: &Path, source: io::Error) -> CacheError {
    CacheError {
        action: "writing",
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_private_and_keep_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), &Gun::parse("r.example/a").unwrap());
        let role = Role::parse("targets/releases").unwrap();
        assert_eq!(cache.read(&role).unwrap(), None);
        cache.store(&[(&role, b"x"), (&Role::Root, b"r")]).unwrap();
        cache.store(&[(&role, b"longer")]).unwrap();
        assert_eq!(cache.read(&role).unwrap().unwrap(), "longer");

        let metadata = folder.path().join("tuf/r.example/a/metadata");
        assert_eq!(fs::read(metadata.join("root.json")).unwrap(), b"r");
        assert_eq!(mode(&metadata.join("targets/releases.json")), 0o600);
        assert_eq!(
            (mode(&metadata), mode(&metadata.join("targets"))),
            (0o700, 0o700)
        );
        assert_eq!(
            fs::read_dir(&metadata).unwrap().count(),
            2,
            "no temporary file is left"
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_missing() {
        let folder = tempfile::tempdir().unwrap();
        let gun = Gun::parse("a").unwrap();
        fs::create_dir_all(folder.path().join("tuf/a/metadata/root.json")).unwrap();
        let error = Cache::new(folder.path(), &gun)
            .read(&Role::Root)
            .unwrap_err();
        assert_eq!(error.action, "reading");
        fs::write(folder.path().join("file"), "").unwrap();
        let error = Cache::new(&folder.path().join("file"), &gun)
            .store(&[(&Role::Root, b"")])
            .unwrap_err();
        assert_eq!(error.action, "writing");
    }

    #[test]
    fn staged_changes_are_reported_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), &Gun::parse("a").unwrap());
        assert!(cache.staged_changes().unwrap().is_empty());
        let changelist = folder.path().join("tuf/a/changelist");
        fs::create_dir_all(&changelist).unwrap();
        for name in ["2_b.change", "1_a.change", "other"] {
            fs::write(changelist.join(name), "{}").unwrap();
        }
        let names: Vec<_> = cache
            .staged_changes()
            .unwrap()
            .iter()
            .map(|p| p.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["1_a.change", "2_b.change"]);
    }
}
