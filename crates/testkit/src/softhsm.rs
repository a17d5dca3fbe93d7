//! SoftHSM: PKCS#11 tokens in files.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder::Folder;
use crate::peers::Peers;
use crate::process::{Output, run};

/// A token in a folder of its own, with the label [`SoftHsm::TOKEN`] and the PIN [`SoftHsm::PIN`].
#[derive(Debug)]
pub struct SoftHsm {
    peers: Peers,
    folder: Folder,
}

impl SoftHsm {
    /// The label of the token.
    pub const TOKEN: &'static str = "a token";
    /// What the user logs in with.
    pub const PIN: &'static str = "98765";

    /// The variable that leads the module to its configuration; a program that loads the module needs it.
    pub const CONFIGURATION: &'static str = "SOFTHSM2_CONF";

    /// An empty token.
    pub fn new(peers: &Peers) -> Self {
        let folder = Folder::new("softhsm");
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).expect("the temporary folder is writable");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        let token = Self {
            peers: peers.clone(),
            folder,
        };
        std::fs::write(token.configuration(), text).expect("the temporary folder is writable");
        token.util(&["--init-token", "--free", "--so-pin", "12345678"]);
        token
    }

    /// The module to load.
    pub fn module(&self) -> &Path {
        self.peers.program("SOFTHSM_MODULE")
    }

    /// The value of [`Self::CONFIGURATION`].
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("softhsm2.conf")
    }

    /// Puts a private key there; `pem` is plain PKCS#8, `id` hexadecimal.
    pub fn import(&self, label: &str, id: &str, pem: &str) {
        let file = self.folder.path().join("import.pem");
        std::fs::write(&file, pem).expect("the temporary folder is writable");
        let path = file.to_str().expect("the temporary folder's path is text");
        let name = ["--label", label, "--id", id];
        self.util(&[&["--import", path, "--token", Self::TOKEN], &name[..]].concat());
        std::fs::remove_file(file).expect("the temporary folder is writable");
    }

    /// Runs the ignored test `name` of the calling test's program once more, with [`Self::CONFIGURATION`] set: a test
    /// cannot set a variable for itself.
    ///
    /// # Panics
    ///
    /// Where that test fails or is not there.
    #[track_caller]
    pub fn run_test(&self, name: &str) -> Output {
        let program = std::env::current_exe().expect("the test knows its program");
        let mut command = Command::new(program);
        command
            .args(["--exact", name, "--ignored", "--nocapture"])
            .env(Self::CONFIGURATION, self.configuration())
            .env("SOFTHSM_MODULE", self.module());
        run(command, b"").success().says("1 passed")
    }

    #[track_caller]
    fn util(&self, args: &[&str]) {
        let mut command = self.peers.command(self.peers.program("SOFTHSM_UTIL"));
        command
            .env(Self::CONFIGURATION, self.configuration())
            .arg("--module")
            .arg(self.module())
            .args(["--pin", Self::PIN])
            .args(args);
        if !args.contains(&"--label") {
            command.args(["--label", Self::TOKEN]);
        }
        run(command, b"").success();
    }
}
