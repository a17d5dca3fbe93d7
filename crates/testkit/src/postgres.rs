//! A PostgreSQL cluster for one test.

use std::net::SocketAddr;
use std::process::Command;

use rustix::process::Signal;

use crate::folder::Folder;
use crate::peers::{NOBODY, Peers};
use crate::process::{Daemon, is_root, run};
use crate::tls::hand_over;

/// A running PostgreSQL with default durability, reachable on loopback without a password. As root it runs as
/// `nobody`, because PostgreSQL refuses root.
#[derive(Debug)]
pub struct Postgres {
    daemon: Daemon,
    folder: Folder,
    address: SocketAddr,
    peers: Peers,
}

/// The superuser of the cluster.
const USER: &str = "postgres";

impl Postgres {
    /// Makes an empty cluster and starts it.
    pub fn start(peers: &Peers) -> Self {
        let folder = Folder::new("postgres");
        if is_root() {
            hand_over(folder.path(), NOBODY);
        }
        let program = |name: &str| peers.program("POSTGRES_BIN").join(name);
        let data = folder.path().join("data");
        let mut initdb = peers.unprivileged_command("KILL", &program("initdb"));
        initdb.arg("-D").arg(&data).args([
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]);
        initdb.current_dir(folder.path());
        run(initdb, b"").success();
        let (daemon, address) = Daemon::spawn_on_free_port(
            "postgres",
            &folder.path().join("log"),
            Signal::INT,
            |port| {
                let mut command = peers.unprivileged_command("INT", &program("postgres"));
                command
                    .arg("-D")
                    .arg(&data)
                    .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
                    .arg(folder.path());
                command.current_dir(folder.path());
                command
            },
        );
        let mut server = Self {
            daemon,
            folder,
            address,
            peers: peers.clone(),
        };
        server.wait_for_queries();
        server
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
    }

    /// Runs SQL in a database and returns the rows: columns separated by `|`, no header.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        run(self.psql(database), sql.as_bytes()).success().stdout
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `postgres://…` of a database.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}@{}/{database}?sslmode=disable",
            self.address
        )
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = self
            .peers
            .command(&self.peers.program("POSTGRES_BIN").join("psql"));
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.url(database),
        ]);
        command.current_dir(self.folder.path());
        command
    }

    /// It accepts connections before it accepts queries.
    fn wait_for_queries(&mut self) {
        let psql = |server: &Self| run(server.psql("postgres"), b"SELECT 1").status.success();
        for _ in 0..100 {
            if psql(self) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("PostgreSQL accepts no queries: {}", self.daemon.said());
    }
}
