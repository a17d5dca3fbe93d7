//! `countersign serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::Signal;

use crate::folder::Folder;
use crate::process::Daemon;

/// A running `countersign serve`, on a data folder of its own that survives [`Countersign::kill9`] and
/// [`Countersign::stop`], so that [`Countersign::restart`] continues with the same state and the same port.
///
/// The contract with the program: it prints a line `listening on https://<address>` on standard output when it is
/// ready, keeps the certificate of its authority in `<data>/ca.crt`, and ends on SIGTERM.
#[derive(Debug)]
pub struct Countersign {
    daemon: Daemon,
    folder: Folder,
    program: PathBuf,
    args: Vec<String>,
    address: SocketAddr,
}

impl Countersign {
    /// Starts `program` (in a test of the command line: `env!("CARGO_BIN_EXE_countersign")`) on an empty data folder.
    pub fn start(program: impl AsRef<Path>) -> Self {
        Self::start_with(program, &[])
    }

    /// The same with more arguments for `serve`.
    pub fn start_with(program: impl AsRef<Path>, args: &[&str]) -> Self {
        let folder = Folder::new("serve");
        let program = program.as_ref().to_owned();
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let (daemon, address) = spawn(&program, folder.path(), "127.0.0.1:0", &args);
        Self {
            daemon,
            folder,
            program,
            args,
            address,
        }
    }

    /// `https://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `localhost:<port>`, the registry part of an image reference.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        data_of(self.folder.path())
    }

    /// PEM file of its authority.
    pub fn ca_file(&self) -> PathBuf {
        self.data().join("ca.crt")
    }

    /// Everything it printed so far, since the last start.
    pub fn log(&self) -> String {
        self.daemon.said()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// Kills it in the middle of whatever it does.
    pub fn kill9(&mut self) {
        self.daemon.kill();
    }

    /// Asks it to end with SIGTERM, and returns how it did.
    pub fn stop(&mut self) -> ExitStatus {
        self.daemon.stop()
    }

    /// Starts it again on the same data folder and the same address; ends it before if it still runs.
    pub fn restart(&mut self) {
        self.daemon.stop();
        let (daemon, address) = spawn(
            &self.program,
            self.folder.path(),
            &self.address.to_string(),
            &self.args,
        );
        assert_eq!(address, self.address, "it listens where it was told to");
        self.daemon = daemon;
    }
}

fn data_of(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn spawn(program: &Path, folder: &Path, listen: &str, args: &[String]) -> (Daemon, SocketAddr) {
    let log = folder.join("log");
    // The line that tells the address must be the one of this start.
    std::fs::write(&log, "").expect("the temporary folder is writable");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
        .args(["serve", "--listen", listen, "--data"])
        .arg(data_of(folder))
        .args(args);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder);
    let mut daemon = Daemon::spawn("countersign serve", command, &log, Signal::TERM);
    let listening = |text: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix("listening on https://")?.parse().ok())
    };
    let mut address = None;
    let log_of = log.clone();
    let ready = daemon.wait_until(|| {
        address = std::fs::read_to_string(&log_of)
            .ok()
            .filter(|text| text.ends_with('\n'))
            .as_deref()
            .and_then(listening);
        address.is_some()
    });
    assert!(ready, "countersign serve ended: {}", daemon.said());
    (
        daemon,
        address.expect("ready means that the address is known"),
    )
}
