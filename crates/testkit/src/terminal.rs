//! Programs that ask questions.

use std::process::Command;
use std::time::Duration;

use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{Eof, Expect, Session};

/// A program on a pseudo-terminal, 30 seconds for each expectation.
pub struct Terminal {
    session: OsSession,
    transcript: String,
}

impl Terminal {
    /// Starts a command on a new terminal.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    pub fn spawn(command: Command) -> Self {
        let mut session = Session::spawn(command).expect("the program starts on a terminal");
        session.set_expect_timeout(Some(Duration::from_secs(30)));
        Self {
            session,
            transcript: String::new(),
        }
    }

    /// Waits until the program has said `text`, after everything expected before.
    ///
    /// # Panics
    ///
    /// With the transcript, when it ends or 30 seconds pass before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Self {
        match self.session.expect(text) {
            Ok(found) => {
                self.keep(found.before());
                self.transcript.push_str(text);
            }
            Err(error) => panic!("no {text:?}: {error}; said before: {}", self.transcript),
        }
        self
    }

    /// Types a line.
    ///
    /// # Panics
    ///
    /// When the program has ended.
    #[track_caller]
    pub fn type_line(&mut self, line: &str) -> &mut Self {
        self.session
            .send_line(line)
            .unwrap_or_else(|error| panic!("cannot type {line:?}: {error}; {}", self.transcript));
        self
    }

    /// Waits for the end. Returns everything the program said (with `\r\n`) and its exit code (`None`: a signal).
    ///
    /// # Panics
    ///
    /// With the transcript, when it does not end within 30 seconds.
    #[track_caller]
    pub fn finish(mut self) -> (String, Option<i32>) {
        match self.session.expect(Eof) {
            Ok(found) => {
                self.keep(found.before());
                self.keep(found.get(0).unwrap_or_default());
            }
            Err(error) => panic!("does not end: {error}; said: {}", self.transcript),
        }
        let code = match self
            .session
            .get_process()
            .wait()
            .expect("the child is ours")
        {
            WaitStatus::Exited(_, code) => Some(code),
            _ => None,
        };
        (self.transcript, code)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.transcript.push_str(&String::from_utf8_lossy(bytes));
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("transcript", &self.transcript)
            .finish_non_exhaustive()
    }
}
