//! cosign.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::folder::Folder;
use crate::peers::Peers;
use crate::process::{Output, run};

/// Which cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CosignVersion {
    /// 2.5: simple signing in a tag by default.
    V2,
    /// 3.1: bundles as referrers by default.
    V3,
}

/// A cosign with a home folder of its own, in which it runs. Keys made with it have the password `Cosign::PASSWORD`.
#[derive(Clone, Debug)]
pub struct Cosign {
    peers: Peers,
    version: CosignVersion,
    home: Arc<Folder>,
    environment: Vec<(String, String)>,
}

impl Cosign {
    /// What `COSIGN_PASSWORD` says.
    pub const PASSWORD: &'static str = "a password for tests";

    /// A client with an empty home folder.
    pub fn new(peers: &Peers, version: CosignVersion) -> Self {
        Self {
            peers: peers.clone(),
            version,
            home: Arc::new(Folder::new("cosign")),
            environment: Vec::new(),
        }
    }

    /// Another version in the same home folder and environment.
    #[must_use]
    pub fn version(&self, version: CosignVersion) -> Self {
        Self {
            version,
            ..self.clone()
        }
    }

    /// Sets a variable for every command.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The home folder, where relative names of files lead.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The prepared command.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let program = match self.version {
            CosignVersion::V2 => "COSIGN_2",
            CosignVersion::V3 => "COSIGN_3",
        };
        self.command_of(self.peers.program(program), args)
    }

    /// Another program in place of cosign, with its home folder and environment.
    pub fn command_of<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<Path>,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = self.peers.command(program.as_ref());
        command
            .env("HOME", self.home())
            .env("COSIGN_PASSWORD", Self::PASSWORD)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home())
            .args(args);
        command
    }

    /// Runs `cosign <args>`.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        run(self.command(args), b"")
    }

    /// Runs another program in place of cosign; see [`Cosign::command_of`].
    #[track_caller]
    pub fn run_program<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<Path>,
        args: impl IntoIterator<Item = A>,
    ) -> Output {
        run(self.command_of(program, args), b"")
    }
}
