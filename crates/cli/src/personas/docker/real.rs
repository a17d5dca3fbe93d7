//! The real docker behind this one.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

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

/// Between two looks at a program that runs.
const POLL: Duration = Duration::from_millis(20);

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
        self.not_run(command.exec())
    }

    /// Runs it to its end without input: whether it succeeded, and what it wrote to standard output. Standard error
    /// goes where `stderr` says.
    ///
    /// # Errors
    /// [`Error::NotRun`].
    pub fn output(
        &self,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
        stderr: Stdio,
    ) -> Result<(bool, Vec<u8>), Error> {
        let mut command = self.command(words);
        let output = command.stdin(Stdio::null()).stderr(stderr).output();
        let output = output.map_err(|source| self.not_run(source))?;
        Ok((output.status.success(), output.stdout))
    }

    /// Runs it to its end, for a caller that has something to put away afterwards; its exit code. Ctrl-C reaches it
    /// from the terminal; other signals to us end it.
    ///
    /// # Errors
    /// [`Error::NotRun`].
    pub fn wait_for(&self, mut command: Command) -> Result<u8, Error> {
        let failed = |source| self.not_run(source);
        let interrupted = Arc::new(AtomicBool::new(false));
        let terminated = Arc::new(AtomicBool::new(false));
        for (signal, flag) in [
            (SIGINT, &interrupted),
            (SIGTERM, &terminated),
            (SIGHUP, &terminated),
        ] {
            signal_hook::flag::register(signal, flag.clone()).map_err(failed)?;
        }
        let mut child = command.spawn().map_err(failed)?;
        loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                let code = status.code().or(status.signal().map(|signal| 128 + signal));
                return Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
            }
            if terminated.load(Ordering::Relaxed) {
                child.kill().map_err(failed)?;
            }
            std::thread::sleep(POLL);
        }
    }

    fn not_run(&self, source: std::io::Error) -> Error {
        Error::NotRun {
            path: self.path.clone(),
            source,
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
