//! Standard input, one line at a time, with the echo off where asked, and interruptible.

use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// The longest line read: far above any passphrase, far below what would hurt.
const LONGEST_LINE: usize = 64 * 1024;

/// Why no line could be read.
#[derive(Debug, Error)]
pub enum InputError {
    /// Nothing more will come.
    #[error("standard input ended")]
    Ended,
    /// The user or the system asked us to stop.
    #[error("interrupted by signal {signal}")]
    Interrupted {
        /// The signal's number, for the exit code 128 + n.
        signal: u8,
    },
    /// The line is longer than 64 KiB.
    #[error("the line is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// The line is not UTF-8.
    #[error("the line is not valid UTF-8")]
    NotText,
    /// The stream failed.
    #[error("standard input cannot be read")]
    Stream(#[source] io::Error),
}

/// Where lines come from. Bytes after the line stay here for the next prompt.
pub(crate) struct Input {
    source: Source,
    pending: Zeroizing<Vec<u8>>,
    signals: Option<Arc<Signals>>,
}

enum Source {
    Stdin,
    Bytes,
}

impl Input {
    pub(crate) fn stdin() -> Self {
        Self {
            source: Source::Stdin,
            pending: Zeroizing::default(),
            signals: None,
        }
    }

    pub(crate) fn bytes(bytes: Vec<u8>) -> Self {
        Self {
            source: Source::Bytes,
            pending: Zeroizing::new(bytes),
            signals: None,
        }
    }

    pub(crate) fn caught_signal(&self) -> Option<u8> {
        self.signals.as_deref().and_then(Signals::caught)
    }

    /// Switches the echo off, calls `prompt`, reads one line and restores the terminal.
    ///
    /// The order matters: what is typed in answer to the prompt must never be shown, and a signal must find the
    /// terminal restored.
    pub(crate) fn hidden_line(
        &mut self,
        prompt: impl FnOnce() -> io::Result<()>,
    ) -> Result<Zeroizing<String>, InputError> {
        let Some(signals) = self.signals()? else {
            return self.bytes_line(prompt);
        };
        let _listening = signals.listen();
        let _quiet = Quiet::begin();
        prompt().map_err(InputError::Stream)?;
        read_line(&mut self.pending, Some(&signals))
    }

    /// Calls `prompt` and reads one line, without its line end and without surrounding blanks.
    pub(crate) fn line(
        &mut self,
        prompt: impl FnOnce() -> io::Result<()>,
    ) -> Result<Zeroizing<String>, InputError> {
        let Some(signals) = self.signals()? else {
            return self.bytes_line(prompt);
        };
        let _listening = signals.listen();
        prompt().map_err(InputError::Stream)?;
        read_line(&mut self.pending, Some(&signals))
    }

    /// Everything that is left, `limit` bytes at most.
    pub(crate) fn rest(&mut self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut *self.pending);
        if let Source::Stdin = self.source {
            let left = limit.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            io::stdin().take(left).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    fn bytes_line(
        &mut self,
        prompt: impl FnOnce() -> io::Result<()>,
    ) -> Result<Zeroizing<String>, InputError> {
        prompt().map_err(InputError::Stream)?;
        read_line(&mut self.pending, None)
    }

    /// The signals of this process, from the first prompt on; `None` for bytes of a test.
    fn signals(&mut self) -> Result<Option<Arc<Signals>>, InputError> {
        match (&self.source, &self.signals) {
            (Source::Bytes, _) => Ok(None),
            (Source::Stdin, Some(signals)) => Ok(Some(signals.clone())),
            (Source::Stdin, None) => {
                let signals = Arc::new(Signals::watch().map_err(InputError::Stream)?);
                self.signals = Some(signals.clone());
                Ok(Some(signals))
            }
        }
    }
}

fn read_line(
    pending: &mut Zeroizing<Vec<u8>>,
    signals: Option<&Signals>,
) -> Result<Zeroizing<String>, InputError> {
    let line = next_line(pending, signals);
    // One that came together with the line would otherwise be lost.
    match signals.and_then(Signals::caught) {
        Some(signal) => Err(InputError::Interrupted { signal }),
        None => line,
    }
}

fn next_line(
    pending: &mut Zeroizing<Vec<u8>>,
    signals: Option<&Signals>,
) -> Result<Zeroizing<String>, InputError> {
    loop {
        if let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            return take_line(pending, end + 1);
        }
        if pending.len() > LONGEST_LINE {
            return Err(InputError::TooLong);
        }
        let read = match signals {
            Some(signals) => fill(pending, signals)?,
            None => 0,
        };
        match (read, pending.len()) {
            (0, 0) => return Err(InputError::Ended),
            (0, rest) => return take_line(pending, rest),
            _ => {}
        }
    }
}

fn take_line(
    pending: &mut Zeroizing<Vec<u8>>,
    end: usize,
) -> Result<Zeroizing<String>, InputError> {
    let line: Zeroizing<Vec<u8>> = Zeroizing::new(pending.drain(..end).collect());
    let text = std::str::from_utf8(&line).map_err(|_| InputError::NotText)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Waits for bytes or a signal, whichever comes first.
fn fill(pending: &mut Vec<u8>, signals: &Signals) -> Result<usize, InputError> {
    let stdin = io::stdin();
    loop {
        let mut ready = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::new(&signals.wake, PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(InputError::Stream(errno.into())),
        }
        if let Some(signal) = signals.caught() {
            return Err(InputError::Interrupted { signal });
        }
        if ready[0].revents().is_empty() {
            continue;
        }
        let mut chunk = [0_u8; 1024];
        let outcome = rustix::io::read(stdin.as_fd(), &mut chunk);
        let read = match outcome {
            Ok(read) => read,
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(InputError::Stream(errno.into())),
        };
        pending.extend_from_slice(chunk.get(..read).unwrap_or_default());
        chunk.zeroize();
        return Ok(read);
    }
}

/// The echo is off while this lives.
struct Quiet {
    before: Termios,
}

impl Quiet {
    /// `None` where standard input is not a terminal.
    fn begin() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Now, &quiet).ok()?;
        Some(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Ctrl-C, SIGTERM and SIGHUP: the end of the process, except during a prompt, where they end the prompt so that the
/// terminal is restored first.
struct Signals {
    wake: UnixStream,
    last: Arc<AtomicUsize>,
    die: Arc<AtomicBool>,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        let (wake, write) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let last = Arc::new(AtomicUsize::new(0));
        let die = Arc::new(AtomicBool::new(true));
        for (signal, number) in [(SIGINT, 2), (SIGTERM, 15), (SIGHUP, 1)] {
            signal_hook::flag::register_conditional_default(signal, die.clone())?;
            signal_hook::flag::register_usize(signal, last.clone(), number)?;
            signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
        }
        Ok(Self { wake, last, die })
    }

    fn listen(&self) -> Listening {
        self.die.store(false, Ordering::SeqCst);
        Listening(self.die.clone())
    }

    fn caught(&self) -> Option<u8> {
        u8::try_from(self.last.load(Ordering::SeqCst))
            .ok()
            .filter(|signal| *signal != 0)
    }
}

struct Listening(Arc<AtomicBool>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
