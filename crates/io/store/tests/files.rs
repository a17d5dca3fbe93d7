//! Durable files: whole, with the right mode, nothing left behind.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{fs, os::unix::fs::PermissionsExt};

use store::{
    Error,
    files::{self, Mode},
};
use tempfile::{NamedTempFile, TempDir};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn writing_replaces_and_leaves_no_temporary_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key.pem");
    files::write_durably(&path, b"old", Mode::Everyone).unwrap();
    assert_eq!(mode(&path), 0o644);
    files::write_durably(&path, b"new", Mode::Owner).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_no_temporary_one() {
    let folder = TempDir::new().unwrap();
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    assert!(matches!(
        files::write_durably(&taken, b"x", Mode::Owner),
        Err(Error::File { .. })
    ));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(matches!(
        files::write_durably(&folder.path().join("missing/file"), b"x", Mode::Owner),
        Err(Error::File { .. })
    ));
}

#[test]
fn folders_are_made_with_their_parents_and_closed_to_others() {
    let folder = TempDir::new().unwrap();
    let deep = folder.path().join("a/b/c");
    files::create_folder(&deep).unwrap();
    files::create_folder(&deep).unwrap();
    assert_eq!(mode(&deep), 0o700);
    let staged = NamedTempFile::new_in(folder.path()).unwrap();
    files::publish(staged, &deep.join("file")).unwrap();
    assert!(deep.join("file").exists());
    files::remove(&deep.join("file")).unwrap();
    files::remove(&deep.join("file")).unwrap();
    assert!(!deep.join("file").exists());
}
