//! The golden data, as the tests need it.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::disallowed_methods, reason = "golden data lies in files")]

pub(crate) mod forge;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pki::digest::Sha256;
use pki::key::PublicKey;
use tuf::metadata::Signature;
use tuf::pins::Pins;
use tuf::trusted::{Need, RootWanted, TargetsTrusted, Update};
use tuf::{Gun, Refusal, Role};

/// The reference time of the golden data.
pub(crate) const NOW: &str = "2026-11-21T00:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(crate) fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../testdata/golden")
        .join(path)
}

/// The names of the golden repositories.
pub(crate) fn repositories() -> Vec<String> {
    let folders = std::fs::read_dir(golden("notary/repos")).unwrap();
    let mut names: Vec<_> = folders
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 6);
    names
}

/// Metadata files by role and version, as a server or a trust folder holds them.
pub(crate) struct Cache(BTreeMap<(String, u64), Vec<u8>>);

impl Cache {
    /// All versions that the golden server held.
    pub(crate) fn server(name: &str) -> Self {
        Self::read(&golden(&format!("notary/repos/{name}/server")))
    }

    /// The `metadata` folder below a GUN's folder.
    pub(crate) fn trust_dir(path: &str) -> Self {
        Self::read(&golden(path).join("metadata"))
    }

    fn read(folder: &Path) -> Self {
        let mut files = Vec::new();
        collect(folder, &mut files);
        assert!(!files.is_empty());
        Self(
            files
                .into_iter()
                .map(|(role, path)| {
                    let relative = path
                        .strip_prefix(folder)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned();
                    let version = relative.split('.').next().unwrap().parse().unwrap_or(0);
                    ((role.to_string(), version), std::fs::read(path).unwrap())
                })
                .collect(),
        )
    }

    pub(crate) fn all(&self, role: &str) -> Vec<Vec<u8>> {
        self.0
            .iter()
            .filter(|((r, _), _)| r == role)
            .map(|(_, bytes)| bytes.clone())
            .collect()
    }

    pub(crate) fn all_targets(&self) -> Vec<Vec<u8>> {
        self.0
            .iter()
            .filter(|((r, _), _)| r.starts_with("targets"))
            .map(|(_, bytes)| bytes.clone())
            .collect()
    }

    /// The newest version.
    pub(crate) fn current(&self, role: &str) -> Vec<u8> {
        self.all(role).pop().unwrap()
    }

    /// What a server would answer.
    pub(crate) fn answer(&self, need: &Need) -> Vec<u8> {
        match need {
            Need::Root(RootWanted::Version(n)) => self.0[&("root".to_owned(), *n)].clone(),
            Need::Root(RootWanted::Newest(Some(wanted))) | Need::File(wanted) => {
                let all = self.all(wanted.role.as_str());
                let found = all
                    .into_iter()
                    .find(|bytes| Some(Sha256::of(bytes)) == wanted.meta.hashes.sha256());
                found.unwrap_or_else(|| panic!("{wanted:?}"))
            }
            need => self.current(need.role().as_str()),
        }
    }
}

/// One update against a server that has the newest of everything.
pub(crate) fn run_update(
    gun: &Gun,
    pins: Pins,
    cached_root: Option<&[u8]>,
    server: &Cache,
    now: Timestamp,
) -> Result<TargetsTrusted, Refusal> {
    let mut update = Update::start(gun, pins, cached_root, now)?;
    while let Some(need) = update.need() {
        update.feed(&server.answer(&need))?;
    }
    Ok(update.finish().unwrap())
}

pub(crate) fn signature_is_valid(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    key.verify(&signature.method, message, &signature.sig)
        .is_ok()
}

/// Every metadata file under the golden folders, with its role.
pub(crate) fn all_metadata_files() -> Vec<(Role, PathBuf)> {
    let mut found = Vec::new();
    collect(&golden("notary/repos"), &mut found);
    collect(&golden("docker/sample-store"), &mut found);
    found
}

fn collect(folder: &Path, found: &mut Vec<(Role, PathBuf)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if let Some(role) = role_of(&path) {
            found.push((role, path));
        }
    }
}

/// The role of `.../metadata/targets/releases.json` or `.../server/2.targets/releases.json`.
fn role_of(path: &Path) -> Option<Role> {
    let text = path.to_str()?.strip_suffix(".json")?;
    let (_, name) = text
        .rsplit_once("/metadata/")
        .or_else(|| text.rsplit_once("/server/"))?;
    let name = name.split_once('.').map_or(name, |(_, name)| name);
    Role::parse(name).ok()
}
