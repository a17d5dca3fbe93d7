//! dockerd and the Docker command line.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;

use crate::folder::Folder;
use crate::peers::Peers;
use crate::process::{Daemon, Output, run};

/// A running dockerd with a containerd of its own, both in a temporary folder.
///
/// It has no networks (`--iptables=false --bridge=none`), keeps images in plain copies, and reads no configuration of
/// the machine. It needs root: see [`Peers::locate_with_dockerd`].
#[derive(Debug)]
pub struct Dockerd {
    // Dropped in this order.
    _dockerd: Daemon,
    _containerd: Daemon,
    folder: Folder,
}

/// Which engine.
#[derive(Clone, Copy)]
struct Kind {
    dockerd: &'static str,
    containerd: &'static str,
    storage_driver: &'static str,
    config: &'static str,
    /// Whether programs of the newer folder come first.
    is_newer: bool,
}

/// 20.10 with its own image store.
const GRAPH_DRIVER_20: Kind = Kind {
    dockerd: "DOCKERD",
    containerd: "CONTAINERD",
    storage_driver: "vfs",
    config: "{}",
    is_newer: false,
};

/// 28.5 with containerd's image store.
const CONTAINERD_28: Kind = Kind {
    dockerd: "DOCKERD_28",
    containerd: "CONTAINERD_28",
    storage_driver: "native",
    config: r#"{"features":{"containerd-snapshotter":true}}"#,
    is_newer: true,
};

impl Kind {
    fn command(self, peers: &Peers, signal: &str, name: &str) -> Command {
        let mut command = peers.daemon_command(signal, peers.program(name));
        if self.is_newer {
            // containerd must find the shim of its own version.
            peers.prepare_newer(&mut command);
        }
        command
    }
}

impl Dockerd {
    /// Starts dockerd 20.10.
    pub fn start(peers: &Peers) -> Self {
        Self::start_with_env(peers, &[])
    }

    /// Starts dockerd 20.10 with environment variables such as `HTTPS_PROXY` (for names that only a
    /// [`crate::ConnectProxy`] knows) and `SSL_CERT_FILE` (for a registry whose name is not loopback).
    pub fn start_with_env(peers: &Peers, env: &[(&str, &str)]) -> Self {
        Self::launch(peers, GRAPH_DRIVER_20, env)
    }

    /// Starts dockerd 28.5 with the containerd image store, the default of Docker 29; see
    /// [`Peers::locate_with_dockerd_28`].
    pub fn start_28_containerd(peers: &Peers) -> Self {
        Self::start_28_containerd_with_env(peers, &[])
    }

    /// The same with environment variables, as [`Dockerd::start_with_env`].
    pub fn start_28_containerd_with_env(peers: &Peers, env: &[(&str, &str)]) -> Self {
        Self::launch(peers, CONTAINERD_28, env)
    }

    fn launch(peers: &Peers, kind: Kind, env: &[(&str, &str)]) -> Self {
        let folder = Folder::new("dockerd");
        let containerd = start_containerd(peers, kind, folder.path());
        let config = folder.path().join("daemon.json");
        std::fs::write(&config, kind.config).expect("the temporary folder is writable");
        let socket = folder.path().join("docker.sock");
        let mut command = kind.command(peers, "TERM", kind.dockerd);
        command.envs(env.iter().copied());
        command
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
            .arg(format!("--storage-driver={}", kind.storage_driver));
        for (flag, path) in [
            ("--config-file", config),
            ("--containerd", containerd_socket(folder.path())),
            ("--data-root", folder.path().join("data")),
            ("--exec-root", folder.path().join("exec")),
            ("--pidfile", folder.path().join("docker.pid")),
        ] {
            command.arg(flag).arg(path);
        }
        command
            .arg("-H")
            .arg(format!("unix://{}", socket.display()));
        let mut dockerd = Daemon::spawn(
            "dockerd",
            command,
            &folder.path().join("dockerd.log"),
            Signal::TERM,
        );
        assert!(
            dockerd.wait_until(|| ping(&socket)),
            "dockerd ended: {}",
            dockerd.said()
        );
        Self {
            _dockerd: dockerd,
            _containerd: containerd,
            folder,
        }
    }

    /// `unix://…`, for `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The socket of its API.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }
}

fn containerd_socket(folder: &Path) -> PathBuf {
    folder.join("containerd.sock")
}

/// One of our own even if the machine has one: dockerd would take that, and leave its traces there.
fn start_containerd(peers: &Peers, kind: Kind, folder: &Path) -> Daemon {
    let socket = containerd_socket(folder);
    let config = folder.join("containerd.toml");
    let text = format!(
        "version = 2\nroot = \"{0}/containerd\"\nstate = \"{0}/containerd-state\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[debug]\nlevel = \"warn\"\n[grpc]\naddress = \"{0}/containerd.sock\"\n",
        folder.display()
    );
    std::fs::write(&config, text).expect("the temporary folder is writable");
    let mut command = kind.command(peers, "KILL", kind.containerd);
    command.arg("--config").arg(&config);
    let mut containerd = Daemon::spawn(
        "containerd",
        command,
        &folder.join("containerd.log"),
        Signal::TERM,
    );
    assert!(
        containerd.wait_until(|| UnixStream::connect(&socket).is_ok()),
        "containerd ended: {}",
        containerd.said()
    );
    containerd
}

/// Whether the Engine API answers.
fn ping(socket: &Path) -> bool {
    let answer = || -> std::io::Result<[u8; 12]> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status)
    };
    answer().is_ok_and(|status| status.ends_with(b" 200"))
}

/// Which Docker command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DockerVersion {
    /// 20.10.24, with the 2020 texts.
    V20,
    /// 28.x, the last with Content Trust: 28.2.2 where it is on PATH, else the newest that the mirror has.
    V28,
    /// 28.5, of the same build as [`Dockerd::start_28_containerd`]; see [`Peers::locate_with_dockerd_28`].
    V28_5,
}

/// A Docker command line with a home folder of its own. Cheap to clone; clones share the folder.
///
/// The passphrases in its environment are [`DockerCli::ROOT_PASSPHRASE`] and [`DockerCli::REPOSITORY_PASSPHRASE`];
/// nothing of the test's own environment reaches the program.
#[derive(Clone, Debug)]
pub struct DockerCli {
    peers: Peers,
    home: Arc<Folder>,
    version: DockerVersion,
    env: Vec<(String, String)>,
}

impl DockerCli {
    /// The passphrase of root keys unless a test says otherwise.
    pub const ROOT_PASSPHRASE: &'static str = "root-passphrase";
    /// The passphrase of all other keys unless a test says otherwise.
    pub const REPOSITORY_PASSPHRASE: &'static str = "repository-passphrase";

    /// A client with an empty home folder and no daemon.
    pub fn new(peers: &Peers, version: DockerVersion) -> Self {
        let home = Folder::new("docker");
        std::fs::create_dir(home.path().join(".docker")).expect("the temporary folder is writable");
        let client = Self {
            peers: peers.clone(),
            home: Arc::new(home),
            version,
            env: Vec::new(),
        };
        // No daemon until a test gives one, and never the machine's own.
        let nowhere = format!("unix://{}/no-daemon.sock", client.home.path().display());
        client
            .env("DOCKER_HOST", &nowhere)
            .env(
                "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
                Self::ROOT_PASSPHRASE,
            )
            .env(
                "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
                Self::REPOSITORY_PASSPHRASE,
            )
    }

    /// Another version on the same folder: keys, metadata cache and logins are shared.
    #[must_use]
    pub fn version(&self, version: DockerVersion) -> Self {
        Self {
            version,
            ..self.clone()
        }
    }

    /// Works with this daemon.
    #[must_use]
    pub fn daemon(self, dockerd: &Dockerd) -> Self {
        self.env("DOCKER_HOST", &dockerd.host())
    }

    /// Sets `DOCKER_CONTENT_TRUST_SERVER`, and trusts the authority in `ca_file` for it.
    ///
    /// Docker does not verify the trust server at all while the registry's name is loopback.
    #[must_use]
    pub fn trust_server(self, url: &str, ca_file: &Path) -> Self {
        let host = url.trim_start_matches("https://").trim_end_matches('/');
        self.add_ca(host, ca_file);
        self.env("DOCKER_CONTENT_TRUST_SERVER", url)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes an environment variable away.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    /// Trusts an authority for a trust server: writes `tls/<host[:port]>/ca.crt`.
    pub fn add_ca(&self, host: &str, ca_file: &Path) {
        let folder = self.config_dir().join("tls").join(host);
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::copy(ca_file, folder.join("ca.crt")))
            .expect("the temporary folder is writable");
    }

    /// Installs a program as the plugin `docker-<name>`.
    pub fn add_plugin(&self, name: &str, program: &Path) {
        let folder = self.config_dir().join("cli-plugins");
        std::fs::create_dir_all(&folder)
            .and_then(|()| {
                std::os::unix::fs::symlink(program, folder.join(format!("docker-{name}")))
            })
            .expect("the temporary folder is writable");
    }

    /// `$HOME`, also the working directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `$DOCKER_CONFIG`.
    pub fn config_dir(&self) -> PathBuf {
        self.home.path().join(".docker")
    }

    /// Keys and metadata cache.
    pub fn trust_dir(&self) -> PathBuf {
        self.config_dir().join("trust")
    }

    /// The prepared command, for a [`crate::Terminal`] or a measurement.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let program = match self.version {
            DockerVersion::V20 => "DOCKER_20",
            DockerVersion::V28 => "DOCKER_28",
            DockerVersion::V28_5 => "DOCKER_28_5",
        };
        self.command_of(self.peers.program(program), args)
    }

    /// The same for another program in place of docker, such as ours: it gets the environment, the home folder and the
    /// working directory of this client, and nothing else.
    pub fn command_of<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(program);
        self.peers.prepare(&mut command);
        command
            .env("HOME", self.home())
            .env("DOCKER_CONFIG", self.config_dir());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home()).args(args);
        command
    }

    /// Runs another program in place of docker; see [`DockerCli::command_of`].
    #[track_caller]
    pub fn run_program<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Output {
        run(self.command_of(program, args), b"")
    }

    /// Runs `docker <args>` without input.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        run(self.command(args), b"")
    }

    /// The same with `input` on standard input.
    #[track_caller]
    pub fn run_with_input<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Output {
        run(self.command(args), input)
    }

    /// Makes a tiny image that contains `text` under the name `reference`, with `docker import`.
    #[track_caller]
    pub fn import(&self, reference: &str, text: &str) {
        self.run_with_input(["import", "-", reference], &crate::image::rootfs_tar(text))
            .success();
    }
}
