use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{Error, files};

const FILE_NAME: &str = ".countersign.lock";
const PAUSE: Duration = Duration::from_millis(10);

/// The right to write into one trust folder, until dropped. Readers need none: every write is atomic.
///
/// It is an advisory lock of the operating system, gone when its process ends, on `<trust folder>/.countersign.lock`.
/// Stock `notary` and `docker` know no lock and ignore it.
#[derive(Debug)]
pub struct WriteLock {
    // Held for its lock.
    _file: File,
    root: PathBuf,
}

impl WriteLock {
    /// Waits at most `wait` for other writers.
    pub(crate) fn acquire(root: &Path, wait: Duration) -> Result<Self, Error> {
        files::create_folder(root)?;
        let path = root.join(FILE_NAME);
        let failed = |source| Error::io("locking", &path, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let pid = holder(&mut file);
                    return Err(Error::Locked {
                        path,
                        pid,
                        waited: wait,
                    });
                }
            }
        }
        // Who holds it is a courtesy to those who wait; on a full disk the lock still holds.
        name_holder(&mut file).ok();
        Ok(Self {
            _file: file,
            root: root.to_owned(),
        })
    }

    /// The trust folder it is for.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn name_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
