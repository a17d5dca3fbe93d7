//! Everything a command may know about the process it runs in, read in one place.
//!
//! Arguments, environment, working directory, streams, terminals and time reach the commands only through
//! [`Process`], so that a test is a value and not a set of global variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::input::Input;
use crate::render::printable::printable_lines;

/// The process as the commands see it.
///
/// Made once by `main` with [`Process::real`], or by a test with [`Process::fake`].
pub struct Process {
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    cwd: Option<PathBuf>,
    executable: Option<PathBuf>,
    terminals: Terminals,
    clock: fn() -> Timestamp,
    input: Mutex<Input>,
    stdout: Mutex<Box<dyn Write + Send>>,
    stderr: Mutex<Box<dyn Write + Send>>,
}

/// Which of the three streams are terminals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminals {
    /// Standard input is a terminal.
    pub stdin: bool,
    /// Standard output is a terminal.
    pub stdout: bool,
    /// Standard error is a terminal.
    pub stderr: bool,
}

impl Process {
    /// The process this program really runs in.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where arguments, environment, working directory and time are read"
    )]
    pub fn real() -> Self {
        Self {
            args: std::env::args_os().collect(),
            env: std::env::vars_os().collect(),
            cwd: std::env::current_dir().ok(),
            executable: std::env::current_exe().ok(),
            terminals: Terminals {
                stdin: io::stdin().is_terminal(),
                stdout: io::stdout().is_terminal(),
                stderr: io::stderr().is_terminal(),
            },
            clock: Timestamp::now,
            input: Mutex::new(Input::stdin()),
            stdout: Mutex::new(Box::new(io::stdout())),
            stderr: Mutex::new(Box::new(io::stderr())),
        }
    }

    /// The program's own name: the last part of `argv[0]`, without a folder.
    pub fn program(&self) -> &str {
        self.args
            .first()
            .and_then(|name| Path::new(name).file_stem())
            .and_then(OsStr::to_str)
            .unwrap_or("countersign")
    }

    /// The arguments after the program's name, as they came.
    pub fn raw_words(&self) -> &[OsString] {
        self.args.get(1..).unwrap_or_default()
    }

    /// The arguments after the program's name.
    ///
    /// # Errors
    /// The first argument that is not valid UTF-8, made readable.
    pub fn words(&self) -> Result<Vec<String>, String> {
        self.args
            .iter()
            .skip(1)
            .map(|word| {
                word.to_str()
                    .map(str::to_owned)
                    .ok_or_else(|| word.to_string_lossy().into_owned())
            })
            .collect()
    }

    /// The value of an environment variable; unset, empty and not UTF-8 are all `None`.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env
            .get(OsStr::new(name))
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of an environment variable, empty or not; unset and not UTF-8 are `None`.
    pub fn raw_var(&self, name: &str) -> Option<&str> {
        self.env
            .get(OsStr::new(name))
            .and_then(|value| value.to_str())
    }

    /// The value of an environment variable that holds a path; empty is `None`.
    pub fn path_var(&self, name: &str) -> Option<&Path> {
        self.env
            .get(OsStr::new(name))
            .map(Path::new)
            .filter(|path| !path.as_os_str().is_empty())
    }

    /// The environment variables whose names begin with `prefix`, by name; what is not UTF-8 is left out.
    pub fn vars_starting_with<'p>(
        &'p self,
        prefix: &'p str,
    ) -> impl Iterator<Item = (&'p str, &'p str)> {
        self.env
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
            .filter(move |(name, _)| name.starts_with(prefix))
    }

    /// The working directory; `None` where it no longer exists.
    pub fn cwd(&self) -> Option<&Path> {
        self.cwd.as_deref()
    }

    /// `path` seen from the working directory.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match &self.cwd {
            Some(cwd) => cwd.join(path),
            None => path.to_owned(),
        }
    }

    /// This program's own file.
    pub fn executable(&self) -> Option<&Path> {
        self.executable.as_deref()
    }

    /// `PATH`, where docker's credential helpers are looked for; empty where it is unset.
    pub fn search_path(&self) -> &OsStr {
        self.env
            .get(OsStr::new("PATH"))
            .map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// Which streams are terminals.
    pub fn terminals(&self) -> Terminals {
        self.terminals
    }

    /// Columns of the terminal on standard input, as docker measures it; 80 where there is none.
    pub fn columns(&self) -> usize {
        if !self.terminals.stdin {
            return 80;
        }
        rustix::termios::tcgetwinsize(io::stdin())
            .ok()
            .map(|size| usize::from(size.ws_col))
            .filter(|columns| *columns > 0)
            .unwrap_or(80)
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// When the output cannot be written; a closed pipe is [`io::ErrorKind::BrokenPipe`].
    pub fn out(&self, text: impl fmt::Display) -> io::Result<()> {
        let mut stdout = lock(&self.stdout);
        write!(stdout, "{text}")?;
        stdout.flush()
    }

    /// Writes bytes to standard output as they are.
    ///
    /// # Errors
    /// As [`Self::out`].
    pub fn out_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = lock(&self.stdout);
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// From now on standard output is `output`.
    pub fn redirect_out(&self, output: impl Write + Send + 'static) {
        *lock(&self.stdout) = Box::new(output);
    }

    /// Writes to standard error, control characters spelled out: much of it are words of others. A failure has nowhere
    /// to be reported and is dropped.
    pub fn err(&self, text: impl fmt::Display) {
        let text = text.to_string();
        let mut stderr = lock(&self.stderr);
        let _unreportable =
            write!(stderr, "{}", printable_lines(&text)).and_then(|()| stderr.flush());
    }

    /// The number of the signal that ended the last prompt.
    pub fn caught_signal(&self) -> Option<u8> {
        self.input().caught_signal()
    }

    /// Standard input, for the prompts in [`crate::prompt`].
    pub(crate) fn input(&self) -> MutexGuard<'_, Input> {
        lock(&self.input)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment holds passphrases.
        f.debug_struct("Process")
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

/// What a test puts into a [`Process`].
#[derive(Debug, Default)]
pub struct Fake {
    /// `argv`, program name first.
    pub args: Vec<String>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: Option<PathBuf>,
    /// The program's own file.
    pub executable: Option<PathBuf>,
    /// What standard input holds.
    pub stdin: Vec<u8>,
}

/// What a [`Fake`] process wrote.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    /// A process made of values, without terminals, at a fixed time (2026-11-25T00:00:00Z), and what it writes.
    pub fn fake(fake: Fake) -> (Self, Captured) {
        let captured = Captured::default();
        let process = Self {
            args: fake.args.into_iter().map(OsString::from).collect(),
            env: fake
                .env
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            cwd: fake.cwd,
            executable: fake.executable,
            terminals: Terminals::default(),
            clock: || Timestamp::constant(1_795_564_800, 0),
            input: Mutex::new(Input::bytes(fake.stdin)),
            stdout: Mutex::new(Box::new(Capture(captured.stdout.clone()))),
            stderr: Mutex::new(Box::new(Capture(captured.stderr.clone()))),
        };
        (process, captured)
    }
}

impl Captured {
    /// Standard output so far.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&lock(&self.stdout)).into_owned()
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&lock(&self.stderr)).into_owned()
    }
}

struct Capture(Arc<Mutex<Vec<u8>>>);

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A writer that panicked leaves bytes, not a broken invariant.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
