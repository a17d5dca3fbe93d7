//! Where the real programs are.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::process::{is_root, run};

/// The real programs that `scripts/peers` brought to this machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Peers {
    values: Arc<BTreeMap<String, String>>,
}

impl Peers {
    /// Finds the peers, or skips the test visibly (see [`skip`]) and returns `None`.
    ///
    /// # Panics
    ///
    /// With `COUNTERSIGN_STRICT_PEERS=1` in the environment, as in CI, when they are not there.
    pub fn locate() -> Option<Self> {
        let folder = cache_folder();
        let mut values = BTreeMap::new();
        for name in ["peers.env", "cosign.env"] {
            let file = folder.join(name);
            match std::fs::read_to_string(&file) {
                Ok(text) => values.extend(parse(&text)),
                Err(error) => {
                    skip(&format!("{}: {error}; run scripts/peers", file.display()));
                    return None;
                }
            }
        }
        // Not every machine can have these; see `locate_with`.
        for name in ["newer.env", "softhsm.env", "readers.env"] {
            let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            values.extend(parse(&text));
        }
        Some(Self {
            values: Arc::new(values),
        })
    }

    /// Like [`Peers::locate`], for a test that needs a program by its name in `newer.env`, `softhsm.env` or
    /// `readers.env`, of which each is there as a whole or not at all.
    ///
    /// # Panics
    ///
    /// As [`Peers::locate`], also when the program is not there.
    pub fn locate_with(name: &str) -> Option<Self> {
        let peers = Self::locate()?;
        peers.locate_plugin(name)?;
        Some(peers)
    }

    /// Like [`Peers::locate`], for a test that starts a [`crate::Dockerd`], which needs root.
    ///
    /// # Panics
    ///
    /// As [`Peers::locate`], also when the test does not run as root.
    pub fn locate_with_dockerd() -> Option<Self> {
        if !is_root() {
            skip("dockerd needs root");
            return None;
        }
        Self::locate()
    }

    /// Like [`Peers::locate_with_dockerd`], for a test that starts [`crate::Dockerd::start_28_containerd`], which only
    /// some mirrors have.
    ///
    /// # Panics
    ///
    /// As [`Peers::locate_with_dockerd`], also when the mirror did not have it.
    pub fn locate_with_dockerd_28() -> Option<Self> {
        let peers = Self::locate_with_dockerd()?;
        peers.locate_plugin("DOCKERD_28")?;
        Some(peers)
    }

    /// A program that not every machine can have, such as `BUILDX`; see [`Peers::locate_with`]. Skips the test visibly
    /// (see [`skip`]) where it is not there.
    ///
    /// # Panics
    ///
    /// As [`Peers::locate`].
    pub fn locate_plugin(&self, name: &str) -> Option<PathBuf> {
        let found = self.values.get(name).map(PathBuf::from);
        if found.is_none() {
            skip(&format!("no {name}; run scripts/peers"));
        }
        found
    }

    /// Whether the machine itself has a program that a test's script calls, such as `jq`; where it has not, the test is
    /// skipped visibly (see [`skip`]).
    ///
    /// # Panics
    ///
    /// As [`Peers::locate`].
    pub fn has(&self, program: &str) -> bool {
        let mut command = self.command(Path::new("/bin/sh"));
        command.args(["-c", "command -v \"$0\"", program]);
        let found = run(command, b"").status.success();
        if !found {
            skip(&format!("no {program} on this machine"));
        }
        found
    }

    /// The package version of a program by its name in `peers.env`, such as `NOTARY`.
    pub fn version(&self, name: &str) -> &str {
        self.value(&format!("{name}_VERSION"))
    }

    /// OpenSSL's command line, for [`crate::run`].
    pub fn openssl(&self) -> Command {
        self.command(self.program("OPENSSL"))
    }

    /// The path of a program by its name in `peers.env`.
    pub(crate) fn program(&self, name: &str) -> &Path {
        Path::new(self.value(name))
    }

    /// A command for a peer, with an empty environment but for a search path.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.prepare(&mut command);
        command
    }

    /// The same, ended with `signal` when the test process ends in whatever way.
    pub(crate) fn daemon_command(&self, signal: &str, program: &Path) -> Command {
        let mut command = self.command(self.program("SETPRIV"));
        command.args(["--pdeathsig", signal, "--"]).arg(program);
        command
    }

    /// The same for a program that refuses to run as root: it runs as `nobody` then.
    pub(crate) fn unprivileged_command(&self, signal: &str, program: &Path) -> Command {
        let mut command = self.command(self.program("SETPRIV"));
        command.args(["--pdeathsig", signal]);
        if is_root() {
            let id = NOBODY.to_string();
            command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Gives a command an empty environment but for a search path.
    pub(crate) fn prepare(&self, command: &mut Command) {
        let path = format!("{}:{SYSTEM_PATH}", self.value("PEERS_PATH"));
        command.env_clear().env("PATH", path);
    }

    /// The same with the programs of the newer engine before all others.
    pub(crate) fn prepare_newer(&self, command: &mut Command) {
        let path = format!(
            "{}:{}:{SYSTEM_PATH}",
            self.value("NEWER_PATH"),
            self.value("PEERS_PATH")
        );
        command.env("PATH", path);
    }

    fn value(&self, name: &str) -> &str {
        self.values
            .get(name)
            .unwrap_or_else(|| panic!("peers.env has no {name}; run scripts/peers"))
    }
}

const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// User and group of `nobody`, the same on every Linux distribution.
pub(crate) const NOBODY: u32 = 65534;

/// Says that a test is skipped and why, as [`report_skipped`] does.
///
/// # Panics
///
/// With `COUNTERSIGN_STRICT_PEERS=1` in the environment: where every judge must run, a skipped one is a failure.
pub fn skip(reason: &str) {
    assert_ne!(
        environment("COUNTERSIGN_STRICT_PEERS").as_deref(),
        Some("1"),
        "skipping is not allowed here: {reason}"
    );
    report_skipped(reason);
}

/// Says that a test is skipped and why: on stderr, and in the file that `COUNTERSIGN_SKIPPED` names, from which
/// `scripts/test` reports it although a passing test's output is hidden. For a test that may be skipped everywhere.
#[expect(clippy::print_stderr, reason = "a skipped test is to be seen")]
pub fn report_skipped(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("SKIPPED {test}: {reason}");
    if let Some(file) = environment("COUNTERSIGN_SKIPPED") {
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(file)
            .expect("the list of skipped tests is writable");
        writeln!(file, "{test}: {reason}").expect("the list of skipped tests is writable");
    }
}

/// The same rule as in `scripts/peers`.
fn cache_folder() -> PathBuf {
    if let Some(folder) = environment("COUNTERSIGN_PEERS") {
        return folder.into();
    }
    if is_root() {
        return "/var/cache/countersign/peers".into();
    }
    let home = environment("HOME").expect("HOME is set");
    Path::new(&home).join(".cache/countersign/peers")
}

#[expect(clippy::disallowed_methods, reason = "how a test run is configured")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
