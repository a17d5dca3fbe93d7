//! Temporary folders that outlive a failed test.

use std::collections::BTreeMap;
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

/// Every file below a folder with its contents, by path relative to it: equal before and after means that nothing was
/// touched. A folder that does not exist has no files.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&current) else {
            assert!(!current.exists(), "{} is readable", current.display());
            continue;
        };
        for entry in entries {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .expect("it lies below the folder")
                    .to_string_lossy()
                    .into_owned();
                found.insert(name, std::fs::read(&path).expect("the file is readable"));
            }
        }
    }
    found
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
        }
    }
}
