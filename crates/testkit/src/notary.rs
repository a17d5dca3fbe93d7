//! notary-server, notary-signer and the notary client.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::peers::Peers;
use crate::postgres::Postgres;
use crate::process::{Daemon, Output, run};
use crate::tls::{ServerCertificate, TestCa};
use crate::tokens::TokenServer;

/// A running notary-server 0.7 over TLS, without authentication.
#[derive(Debug)]
pub struct NotaryServer {
    // Dropped in this order: who depends on another one stops first.
    server: Daemon,
    _signer: Option<Signer>,
    postgres: Option<Postgres>,
    _folder: Folder,
    address: SocketAddr,
    ca_file: PathBuf,
}

/// The name under which the signer finds the passphrase of its key database.
const SIGNER_ALIAS: &str = "test";
const SERVER_DATABASE: &str = "notaryserver";
const SIGNER_DATABASE: &str = "notarysigner";

impl NotaryServer {
    /// Metadata in memory; timestamp and snapshot keys are Ed25519 keys inside the server.
    pub fn memory(peers: &Peers, ca: &TestCa) -> Self {
        Self::start(peers, ca, &json!({"backend": "memory"}), None, None, None)
    }

    /// Like [`NotaryServer::memory`], for holders of a token from `tokens` only.
    pub fn with_tokens(peers: &Peers, ca: &TestCa, tokens: &TokenServer) -> Self {
        Self::start(
            peers,
            ca,
            &json!({"backend": "memory"}),
            Some(tokens),
            None,
            None,
        )
    }

    /// Metadata and keys in memory, the keys (ECDSA) in a notary-signer, as in every real installation.
    pub fn with_signer(peers: &Peers, ca: &TestCa) -> Self {
        let storage = json!({"backend": "memory"});
        let signer = Signer::start(peers, ca, &storage);
        Self::start(peers, ca, &storage, None, Some(signer), None)
    }

    /// Metadata and keys in a PostgreSQL cluster of their own, the keys (ECDSA) in a notary-signer.
    pub fn postgres(peers: &Peers, ca: &TestCa) -> Self {
        let postgres = Postgres::start(peers);
        for (database, schema) in [
            (SERVER_DATABASE, include_str!("../sql/notary_server.sql")),
            (SIGNER_DATABASE, include_str!("../sql/notary_signer.sql")),
        ] {
            postgres.create_database(database);
            postgres.sql(database, schema);
        }
        let storage = |database| json!({"backend": "postgres", "db_url": postgres.url(database)});
        let signer = Signer::start(peers, ca, &storage(SIGNER_DATABASE));
        let server_storage = storage(SERVER_DATABASE);
        Self::start(
            peers,
            ca,
            &server_storage,
            None,
            Some(signer),
            Some(postgres),
        )
    }

    /// `https://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// PEM file of the authority that its certificate is from.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Everything it logged so far: one JSON object per line, requests included.
    pub fn log(&self) -> String {
        self.server.said()
    }

    /// Runs SQL in the server's database, for tests that look behind it or damage it.
    ///
    /// # Panics
    ///
    /// Unless it was started with [`NotaryServer::postgres`].
    pub fn sql(&self, sql: &str) -> String {
        self.postgres
            .as_ref()
            .expect("only NotaryServer::postgres has a database")
            .sql(SERVER_DATABASE, sql)
    }

    fn start(
        peers: &Peers,
        ca: &TestCa,
        storage: &Value,
        tokens: Option<&TokenServer>,
        signer: Option<Signer>,
        postgres: Option<Postgres>,
    ) -> Self {
        let folder = Folder::new("notary");
        let certificate = ca.issue_for_loopback();
        let trust_service = signer
            .as_ref()
            .map_or_else(|| json!({"type": "local"}), Signer::as_trust_service);
        // Any other type than "token" means no authentication at all.
        let auth = tokens.map_or_else(
            || json!({"type": ""}),
            |tokens| json!({"type": "token", "options": tokens.options()}),
        );
        let config = folder.path().join("server.json");
        let log = folder.path().join("server.log");
        let (server, address) =
            Daemon::spawn_on_free_port("notary-server", &log, Signal::TERM, |port| {
                let text = json!({
                    "server": {
                        "http_addr": format!("127.0.0.1:{port}"),
                        "tls_cert_file": certificate.certificate_file,
                        "tls_key_file": certificate.key_file,
                    },
                    "trust_service": trust_service,
                    "storage": storage,
                    "auth": auth,
                    "logging": {"level": "info"},
                });
                std::fs::write(&config, text.to_string())
                    .expect("the temporary folder is writable");
                let mut command = peers.daemon_command("KILL", peers.program("NOTARY_SERVER"));
                command.arg("-config").arg(&config);
                command
            });
        Self {
            server,
            _signer: signer,
            postgres,
            _folder: folder,
            address,
            ca_file: ca.file(),
        }
    }
}

/// A running notary-signer.
#[derive(Debug)]
struct Signer {
    _daemon: Daemon,
    _folder: Folder,
    address: SocketAddr,
    ca_file: PathBuf,
    client: ServerCertificate,
}

impl Signer {
    fn start(peers: &Peers, ca: &TestCa, storage: &Value) -> Self {
        let folder = Folder::new("signer");
        let certificate = ca.issue_for_loopback();
        let mut storage = storage.clone();
        storage["default_alias"] = SIGNER_ALIAS.into();
        let config = folder.path().join("signer.json");
        let log = folder.path().join("signer.log");
        let (daemon, address) =
            Daemon::spawn_on_free_port("notary-signer", &log, Signal::TERM, |port| {
                let text = json!({
                    "server": {
                        "grpc_addr": format!("127.0.0.1:{port}"),
                        "tls_cert_file": certificate.certificate_file,
                        "tls_key_file": certificate.key_file,
                        "client_ca_file": ca.file(),
                    },
                    "storage": storage,
                    "logging": {"level": "warning"},
                });
                std::fs::write(&config, text.to_string())
                    .expect("the temporary folder is writable");
                let mut command = peers.daemon_command("KILL", peers.program("NOTARY_SIGNER"));
                command.env(
                    format!("NOTARY_SIGNER_{}", SIGNER_ALIAS.to_uppercase()),
                    "signer-passphrase",
                );
                command.arg("-config").arg(&config);
                command
            });
        Self {
            _daemon: daemon,
            _folder: folder,
            address,
            ca_file: ca.file(),
            client: ca.issue_for_loopback(),
        }
    }

    fn as_trust_service(&self) -> Value {
        json!({
            "type": "remote",
            "hostname": "127.0.0.1",
            "port": self.address.port().to_string(),
            "key_algorithm": "ecdsa",
            "tls_ca_file": self.ca_file,
            "tls_client_cert": self.client.certificate_file,
            "tls_client_key": self.client.key_file,
        })
    }
}

/// The notary client 0.7 with a trust folder of its own, or on somebody else's.
///
/// The passphrases in its environment are [`NotaryCli::PASSPHRASE`] for every role; change them with
/// [`NotaryCli::env`]. Each change is staged and needs `publish`, or `-p`.
#[derive(Clone, Debug)]
pub struct NotaryCli {
    peers: Peers,
    home: Arc<Folder>,
    trust_dir: PathBuf,
    server: String,
    ca_file: PathBuf,
    env: Vec<(String, String)>,
}

impl NotaryCli {
    /// The passphrase that every role has unless a test says otherwise.
    pub const PASSPHRASE: &'static str = "notary-passphrase";

    /// A client of the trust server at `server`, whose certificate is from the authority in `ca_file`.
    pub fn new(peers: &Peers, server: &str, ca_file: &Path) -> Self {
        let home = Folder::new("notary-cli");
        let env = ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"].map(|role| {
            (
                format!("NOTARY_{role}_PASSPHRASE"),
                Self::PASSPHRASE.to_owned(),
            )
        });
        Self {
            peers: peers.clone(),
            trust_dir: home.path().join("trust"),
            home: Arc::new(home),
            server: server.to_owned(),
            ca_file: ca_file.to_owned(),
            env: env.into(),
        }
    }

    /// Uses another trust folder, for example the one of a [`crate::DockerCli`].
    #[must_use]
    pub fn trust_dir(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.trust_dir);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Its trust folder.
    pub fn folder(&self) -> &Path {
        &self.trust_dir
    }

    /// The prepared command, for a [`crate::Terminal`] or a measurement. Paths are relative to the home folder.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.peers.command(self.peers.program("NOTARY"));
        command
            .env("HOME", self.home.path())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home.path());
        command
            .arg("-d")
            .arg(&self.trust_dir)
            .args(["-s", &self.server])
            .arg("--tlscacert")
            .arg(&self.ca_file);
        command.args(args);
        command
    }

    /// Runs `notary <args>` without input.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        run(self.command(args), b"")
    }

    /// The same with `input` on standard input.
    #[track_caller]
    pub fn run_with_input<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Output {
        run(self.command(args), input.as_bytes())
    }
}
