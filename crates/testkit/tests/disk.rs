//! Full and read-only disks, and whether nothing was touched.

use testkit::{Disk, Folder, files};

#[test]
fn a_disk_fills_up_and_becomes_read_only() {
    let Some(disk) = Disk::mount(256) else { return };
    let file = disk.path().join("key");
    std::fs::write(&file, "first").unwrap();
    disk.fill();
    let error = std::fs::write(disk.path().join("other"), [0; 8192]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    disk.make_read_only();
    let error = std::fs::write(&file, "second").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    disk.make_writable();
    std::fs::write(&file, "second").unwrap();
    let folder = disk.path().to_owned();
    drop(disk);
    assert!(!folder.exists());
}

#[test]
fn changed_new_and_deleted_files_are_seen() {
    let folder = Folder::new("files");
    assert_eq!(files(&folder.path().join("absent")).len(), 0);
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/b/key"), "1").unwrap();
    let before = files(folder.path());
    assert_eq!(before.keys().collect::<Vec<_>>(), ["a/b/key"]);
    std::fs::write(folder.path().join("a/b/key"), "2").unwrap();
    assert_ne!(files(folder.path()), before);
}
