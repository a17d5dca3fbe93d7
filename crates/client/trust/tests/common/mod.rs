#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of this"
)]
//! A trust server in memory, a client for it, and folders to compare.

pub mod server;
pub mod signer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use oci::Reference;
use tempfile::TempDir;
use trust::{Config, TrustClient};

pub use server::{Fault, Server};

/// The time at which the golden repositories are valid.
pub const NOW: &str = "2026-11-21T00:00:00Z";

pub fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/notary")
}

/// A client with folders of its own that asks `server`.
pub struct Home {
    pub folder: TempDir,
    pub client: TrustClient,
}

impl Home {
    pub fn new(server: &Server) -> Self {
        Self::with(server, |_| {})
    }

    pub fn with(server: &Server, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tls = folder.path().join("tls");
        let host = tls.join(server.host());
        fs::create_dir_all(&host).unwrap();
        fs::write(host.join("ca.crt"), &server.ca_pem).unwrap();
        let mut config = Config::new(
            folder.path().join("trust"),
            tls,
            net::Config::new("countersign-test"),
        );
        config.server = Some(format!("https://{}", server.host()));
        change(&mut config);
        Self {
            folder,
            client: TrustClient::new(config),
        }
    }

    pub fn trust(&self) -> PathBuf {
        self.folder.path().join("trust")
    }

    pub fn repository(&self, name: &str) -> trust::Repository<'_> {
        self.client
            .repository(reference(name).repository())
            .unwrap()
    }

    /// Every file below the trust folder but the lock, with its bytes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.trust(), "", &mut found);
        found.remove(".countersign.lock");
        found
    }

    /// Copies a golden folder below the trust folder.
    pub fn copy(&self, from: &Path, to: &str) {
        copy(from, &self.trust().join(to));
    }
}

pub fn reference(name: &str) -> Reference {
    Reference::parse(name).unwrap()
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), found);
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
