//! The real docker behind this one.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::Error;
use crate::env;
use crate::process::Process;

/// The real docker, found.
#[derive(Clone, Debug)]
pub struct RealDocker {
    path: PathBuf,
    /// Every shim that was passed by on the way, for [`env::SHIMS`].
    shims: OsString,
}

/// What identifies a file whatever it is called.
type FileId = (u64, u64);

impl RealDocker {
    /// `COUNTERSIGN_DOCKER`, else the first `docker` on `PATH` that is not this program, nor one that called it.
    ///
    /// Nothing is read or run: this is on the way of every docker command.
    ///
    /// # Errors
    /// [`Error::NoRealDocker`], [`Error::OwnDocker`].
    pub fn find(process: &Process) -> Result<Self, Error> {
        let own = process
            .executable()
            .and_then(|path| fs::metadata(path).ok());
        let own = own.as_ref().map(file_id);
        let passed = process
            .path_var(env::SHIMS.name)
            .map(|list| list.as_os_str().to_owned())
            .unwrap_or_default();
        let passed = passed.to_str().unwrap_or_default();
        let mut ids: Vec<FileId> = passed.split_whitespace().filter_map(parse_id).collect();
        ids.extend(own);
        ids.dedup();
        let is_shim = |meta: &Metadata| ids.contains(&file_id(meta));
        let found = |path| {
            let texts: Vec<_> = ids
                .iter()
                .map(|(dev, ino)| format!("{dev}:{ino}"))
                .collect();
            Self {
                path,
                shims: texts.join(" ").into(),
            }
        };
        if let Some(named) = process.path_var(env::REAL_DOCKER.name) {
            let path = process.resolve(named);
            return match fs::metadata(&path) {
                Ok(meta) if own == Some(file_id(&meta)) => Err(Error::OwnDocker { path }),
                _ => Ok(found(path)),
            };
        }
        std::env::split_paths(process.search_path())
            .filter(|folder| !folder.as_os_str().is_empty())
            .map(|folder| process.resolve(&folder).join("docker"))
            .find(|path| fs::metadata(path).is_ok_and(|meta| is_program(&meta) && !is_shim(&meta)))
            .map(found)
            .ok_or(Error::NoRealDocker)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command that runs it as `docker`.
    pub fn command(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.path);
        command.arg0("docker").args(words);
        command.env(env::SHIMS.name, &self.shims);
        command
    }

    /// Becomes it: this process ends as docker ends.
    ///
    /// # Errors
    /// [`Error::NotRun`] when it cannot be started; else this does not return.
    pub fn become_it(&self, mut command: Command) -> Error {
        let source = command.exec();
        Error::NotRun {
            path: self.path.clone(),
            source,
        }
    }

    /// Runs it to its end and takes what it writes to standard output. Standard error is passed on.
    ///
    /// # Errors
    /// [`Error::NotRun`].
    pub fn output(&self, mut command: Command) -> Result<(bool, Vec<u8>), Error> {
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output();
        match output {
            Ok(output) => Ok((output.status.success(), output.stdout)),
            Err(source) => Err(Error::NotRun {
                path: self.path.clone(),
                source,
            }),
        }
    }
}

fn is_program(meta: &Metadata) -> bool {
    meta.is_file() && meta.permissions().mode() & 0o111 != 0
}

fn file_id(meta: &Metadata) -> FileId {
    (meta.dev(), meta.ino())
}

fn parse_id(text: &str) -> Option<FileId> {
    let (dev, ino) = text.split_once(':')?;
    Some((dev.parse().ok()?, ino.parse().ok()?))
}
