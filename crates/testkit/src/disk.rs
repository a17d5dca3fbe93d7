//! Disks that are full or cannot be written.

use std::path::Path;
use std::process::Command;

use crate::folder::Folder;
use crate::peers::skip;
use crate::process::{is_root, run};

/// A small file system in memory, mounted on a temporary folder; unmounted when dropped.
///
/// Root ignores permissions, so for root only a mount makes a folder that cannot be written.
#[derive(Debug)]
pub struct Disk(Folder);

impl Disk {
    /// Mounts one with room for `kibibytes` (file system overhead included), or skips the test visibly (see
    /// [`skip`]) and returns `None`: it needs root.
    pub fn mount(kibibytes: usize) -> Option<Self> {
        if !is_root() {
            skip("mounting a small disk needs root");
            return None;
        }
        let folder = Folder::new("disk");
        mount(&format!("size={kibibytes}k,mode=0777"), folder.path());
        Some(Self(folder))
    }

    /// Its root folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills what is left with a file called `filler`. Remove it to make room again.
    pub fn fill(&self) {
        let mut file =
            std::fs::File::create(self.path().join("filler")).expect("the disk is writable");
        let error =
            std::io::copy(&mut std::io::repeat(0), &mut file).expect_err("the disk is small");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Nothing can be written from now on.
    pub fn make_read_only(&self) {
        mount("remount,ro", self.path());
    }

    /// Everything can be written again.
    pub fn make_writable(&self) {
        mount("remount,rw", self.path());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        // Lazily: a program that still has a file open there must not keep the mount.
        command.arg("--lazy").arg(self.path());
        run(command, b"");
    }
}

fn mount(options: &str, folder: &Path) {
    let mut command = Command::new("mount");
    command
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(folder);
    run(command, b"").success();
}
