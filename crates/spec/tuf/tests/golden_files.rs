//! Every file made by the real programs: reads, and is written again to identical bytes.
#![allow(clippy::disallowed_methods, reason = "golden data lies in files")]

mod common;

use tuf::Role;
use tuf::metadata::{Metadata, Parsed, Root, Snapshot, Targets, Timestamp};

fn check<T: Metadata>(bytes: &[u8], name: &str) {
    let file = Parsed::<T>::from_bytes(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(String::from_utf8(file.to_go_form()).unwrap(), str::from_utf8(bytes).unwrap(), "{name}");
    assert!(file.is_exact_go_form());
    assert_eq!(file.bytes(), bytes);
}

#[test]
fn every_file_is_in_exact_go_form() {
    let files = common::all_metadata_files();
    assert!(files.len() >= 100, "{} files found", files.len());
    for (role, path) in files {
        let (bytes, name) = (std::fs::read(&path).unwrap(), path.display().to_string());
        match role {
            Role::Root => check::<Root>(&bytes, &name),
            Role::Snapshot => check::<Snapshot>(&bytes, &name),
            Role::Timestamp => check::<Timestamp>(&bytes, &name),
            Role::Targets | Role::Delegation(_) => check::<Targets>(&bytes, &name),
        }
    }
}
