//! Temporary folders that outlive a failed test.

use std::path::Path;

use tempfile::TempDir;

/// A temporary folder, removed when dropped unless the test is failing.
///
/// Its path is short, because Unix socket paths end at 107 bytes.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// Makes an empty folder whose name starts with `cs-<name>-`.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("cs-{name}-"))
            .tempdir()
            .expect("the temporary folder is writable");
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
        }
    }
}
