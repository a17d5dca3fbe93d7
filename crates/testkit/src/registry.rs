//! docker-registry.

use std::net::SocketAddr;

use rustix::process::Signal;

use crate::folder::Folder;
use crate::peers::Peers;
use crate::process::Daemon;

/// A running docker-registry 2.8 over plain HTTP, which Docker accepts for loopback names. Deletion is enabled.
#[derive(Debug)]
pub struct DockerRegistry {
    _daemon: Daemon,
    folder: Folder,
    address: SocketAddr,
}

impl DockerRegistry {
    /// Starts an empty registry.
    pub fn start(peers: &Peers) -> Self {
        let folder = Folder::new("registry");
        let config = folder.path().join("config.yml");
        let (daemon, address) = Daemon::spawn_on_free_port(
            "docker-registry",
            &folder.path().join("log"),
            Signal::TERM,
            |port| {
                let text = format!(
                    "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
                    folder.path().join("data").display(),
                );
                std::fs::write(&config, text).expect("the temporary folder is writable");
                let mut command = peers.daemon_command("KILL", peers.program("DOCKER_REGISTRY"));
                command.arg("serve").arg(&config);
                command
            },
        );
        Self {
            _daemon: daemon,
            folder,
            address,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `localhost:<port>`, the registry part of an image reference.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its storage folder, for tests that damage it.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }
}
