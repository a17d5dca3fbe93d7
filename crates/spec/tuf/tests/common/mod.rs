//! The golden data, as the tests need it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};

use tuf::Role;

pub(crate) fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden").join(path)
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
    let (_, name) = text.rsplit_once("/metadata/").or_else(|| text.rsplit_once("/server/"))?;
    let name = name.split_once('.').map_or(name, |(_, name)| name);
    Role::parse(name).ok()
}
