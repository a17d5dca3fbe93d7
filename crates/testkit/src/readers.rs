//! The other implementations of Sigstore: sigstore-go, sigstore-python, sigstore-js.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::folder::Folder;
use crate::peers::Peers;
use crate::process::{Output, run};

/// The script that drives sigstore-js, which is a library.
const SCRIPT: &str = include_str!("readers.js");

/// All three in a home folder of their own, in which they run.
#[derive(Clone, Debug)]
pub struct Readers {
    peers: Peers,
    home: Arc<Folder>,
}

impl Readers {
    /// With an empty home folder.
    pub fn new(peers: &Peers) -> Self {
        let home = Folder::new("readers");
        std::fs::write(home.path().join("readers.js"), SCRIPT).expect("a new folder is writable");
        Self {
            peers: peers.clone(),
            home: Arc::new(home),
        }
    }

    /// The home folder, where relative names of files lead.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `sigstore-go-verification <args>`.
    #[track_caller]
    pub fn go_verify<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        run(self.command("SIGSTORE_GO_VERIFY", args), b"")
    }

    /// `sigstore-go-signing <args>`: the bundle is on standard output.
    #[track_caller]
    pub fn go_sign<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        run(self.command("SIGSTORE_GO_SIGN", args), b"")
    }

    /// `sigstore <args>`, sigstore-python's.
    #[track_caller]
    pub fn python<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        run(self.command("SIGSTORE_PYTHON", args), b"")
    }

    /// sigstore-js: `verify` with the options `trustedRoot`, `bundle`, `artifact`, `identity`, `issuer`, or `sign` with
    /// `artifact`, `bundle` and those of its `SignOptions`.
    #[track_caller]
    pub fn js(&self, action: &str, options: &serde_json::Value) -> Output {
        let library = self.peers.program("SIGSTORE_JS").as_os_str();
        let options = options.to_string();
        let args = [
            OsStr::new("readers.js"),
            library,
            action.as_ref(),
            options.as_ref(),
        ];
        run(self.command("NODE", args), b"")
    }

    fn command<A: AsRef<OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = self.peers.command(self.peers.program(program));
        command
            .env("HOME", self.home())
            .current_dir(self.home())
            .args(args);
        command
    }
}
