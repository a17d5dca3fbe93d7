//! docker-registry.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::peers::Peers;
use crate::process::Daemon;
use crate::tokens::TokenServer;

/// [`DockerRegistry::PASSWORD`] in the only form that docker-registry accepts: bcrypt, here at a low cost.
const PASSWORD_HASH: &str = "$2b$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW";

/// A running docker-registry 2.8 over plain HTTP, which Docker accepts for loopback names. Deletion is enabled.
#[derive(Debug)]
pub struct DockerRegistry {
    _daemon: Daemon,
    folder: Folder,
    _users: Option<Folder>,
    address: SocketAddr,
}

impl DockerRegistry {
    /// The user of [`DockerRegistry::start_with_password`].
    pub const USER: &'static str = "alice";
    /// The password of that user.
    pub const PASSWORD: &'static str = "wonderland";

    /// Starts an empty registry that lets everybody in.
    pub fn start(peers: &Peers) -> Self {
        Self::launch(peers, &json!({}))
    }

    /// Starts an empty registry that wants HTTP Basic authentication as [`Self::USER`] with [`Self::PASSWORD`].
    pub fn start_with_password(peers: &Peers) -> Self {
        Self::start_with_password_of(peers, Self::USER)
    }

    /// The same for a user of another name.
    pub fn start_with_password_of(peers: &Peers, user: &str) -> Self {
        let users = Folder::new("users");
        let file = users.path().join("htpasswd");
        std::fs::write(&file, format!("{user}:{PASSWORD_HASH}\n"))
            .expect("the temporary folder is writable");
        let registry = Self::launch(peers, &json!({"htpasswd": {"realm": "test", "path": file}}));
        Self {
            _users: Some(users),
            ..registry
        }
    }

    /// Starts an empty registry that wants a token from `tokens`.
    pub fn start_with_tokens(peers: &Peers, tokens: &TokenServer) -> Self {
        Self::launch(peers, &json!({"token": tokens.options()}))
    }

    fn launch(peers: &Peers, auth: &Value) -> Self {
        let folder = Folder::new("registry");
        let config = folder.path().join("config.yml");
        let log = folder.path().join("log");
        let (daemon, address) =
            Daemon::spawn_on_free_port("docker-registry", &log, Signal::TERM, |port| {
                // JSON is YAML too.
                let text = json!({
                    "version": 0.1,
                    "log": {"level": "info"},
                    "storage": {
                        "filesystem": {"rootdirectory": folder.path().join("data")},
                        "delete": {"enabled": true},
                    },
                    "auth": auth,
                    "http": {"addr": format!("127.0.0.1:{port}")},
                });
                std::fs::write(&config, text.to_string())
                    .expect("the temporary folder is writable");
                let mut command = peers.daemon_command("KILL", peers.program("DOCKER_REGISTRY"));
                command.arg("serve").arg(&config);
                command
            });
        Self {
            _daemon: daemon,
            folder,
            _users: None,
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
