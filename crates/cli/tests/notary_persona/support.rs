//! One command line, given to notary and to us.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use testkit::{Countersign, Folder, NotaryCli, NotaryServer, Output, Peers, TestCa, run};

pub(crate) const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// Our program under the name of notary, in a folder of its own.
pub(crate) struct Ours {
    folder: Folder,
}

impl Ours {
    pub(crate) fn new() -> Self {
        let folder = Folder::new("notary-name");
        std::os::unix::fs::symlink(COUNTERSIGN, folder.path().join("notary")).unwrap();
        Self { folder }
    }

    /// `command` of notary, with our program instead.
    pub(crate) fn instead_of(&self, command: &Command) -> Command {
        let mut ours = Command::new(self.folder.path().join("notary"));
        ours.env_clear().args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                ours.env(name, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            ours.current_dir(folder);
        }
        ours
    }

    /// What we answer where this notary would.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(
        &self,
        notary: &NotaryCli,
        args: impl IntoIterator<Item = A>,
    ) -> Output {
        run(self.instead_of(&notary.command(args)), b"")
    }

    /// Both answer with the same bytes on standard output and the same exit code. Gives ours.
    #[track_caller]
    pub(crate) fn alike(&self, notary: &NotaryCli, args: &[&str]) -> Output {
        let theirs = notary.run(args);
        let ours = self.run(notary, args);
        assert_eq!(
            (&ours.stdout, ours.code()),
            (&theirs.stdout, theirs.code()),
            "{args:?}: {ours}\n{theirs}"
        );
        ours
    }
}

/// A trust server: theirs or ours.
pub(crate) enum Server {
    // The authority's folder lives as long as its server.
    Theirs {
        server: Box<NotaryServer>,
        _ca: TestCa,
    },
    Ours(Countersign),
}

impl Server {
    /// One of each kind.
    pub(crate) fn all(peers: &Peers) -> [Self; 2] {
        let ca = TestCa::new();
        let theirs = NotaryServer::memory(peers, &ca);
        [
            Self::Theirs {
                server: Box::new(theirs),
                _ca: ca,
            },
            Self::Ours(Countersign::start(COUNTERSIGN)),
        ]
    }

    /// A client of it with an empty trust folder.
    pub(crate) fn client(&self, peers: &Peers) -> NotaryCli {
        match self {
            Self::Theirs { server, .. } => NotaryCli::new(peers, &server.url(), server.ca_file()),
            Self::Ours(server) => NotaryCli::new(peers, &server.url(), &server.ca_file()),
        }
    }
}

/// notary with nothing but a home folder: no server, no trust folder named.
pub(crate) fn bare(notary: &NotaryCli, home: &Path, args: &[&str]) -> Command {
    let full = notary.command::<&str>([]);
    let mut command = Command::new(full.get_program());
    command
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .args(args);
    command
}
