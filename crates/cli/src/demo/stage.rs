//! What the audience sees: plain text in 80 columns, in colour on a terminal.

use std::io;

use jiff::Timestamp;
use oci::Digest;

use super::people::{NotVerified, Verified};
use crate::env;
use crate::process::Process;
use crate::render::printable::printable;

/// Columns of the text.
const WIDTH: usize = 78;

/// The stage: what was said, and how many expectations held.
pub(super) struct Stage<'p> {
    process: &'p Process,
    colour: bool,
    began: Timestamp,
    accepted: usize,
    refused: usize,
    failed: usize,
    output: io::Result<()>,
}

/// How a line ends.
#[derive(Clone, Copy)]
enum Mark {
    Accepted,
    Done,
    Failed,
    Refused,
}

impl Mark {
    /// The word, and its colour as an ANSI code.
    fn word(self) -> (&'static str, u8) {
        match self {
            Self::Accepted => ("accepted", 32),
            Self::Done => ("done", 0),
            Self::Failed => ("NOT AS EXPECTED", 31),
            Self::Refused => ("refused", 33),
        }
    }
}

impl<'p> Stage<'p> {
    pub(super) fn open(process: &'p Process) -> io::Result<Self> {
        process.out(
            "Countersign demo: sign an image, then try to fool the one who verifies it.\n\n",
        )?;
        let colour = process.terminals().stdout && process.var(env::NO_COLOR.name).is_none();
        Ok(Self {
            process,
            colour,
            began: process.now(),
            accepted: 0,
            refused: 0,
            failed: 0,
            output: Ok(()),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.began
    }

    /// The number of expectations that did not hold.
    pub(super) fn close(mut self) -> io::Result<usize> {
        let held = self.accepted + self.refused;
        let taken = self.process.now().duration_since(self.began).as_millis();
        let (word, code) = if self.failed == 0 {
            ("All", 32)
        } else {
            ("Not all", 31)
        };
        let summary = self.paint(&format!("{word} expectations held"), code);
        self.say(&format!(
            "\n{summary}: {held} of {}, {} accepted and {} refused, in {}.{} s.\n",
            held + self.failed,
            self.accepted,
            self.refused,
            taken / 1000,
            taken % 1000 / 100,
        ));
        self.say("Next: countersign serve, and countersign trust --help.\n");
        self.output.map(|()| self.failed)
    }

    pub(super) fn note(&mut self, text: &str) {
        self.say(&format!("  {text}\n"));
    }

    pub(super) fn heading(&mut self, text: &str) {
        let text = self.paint(text, 1);
        self.say(&format!("\n{text}\n"));
    }

    /// Something that the demo does, which is no expectation.
    pub(super) fn did(&mut self, what: &str, result: &str) {
        self.line(what, Mark::Done, &[result.to_owned()]);
    }

    pub(super) fn accepted(&mut self, what: &str, outcome: Result<Verified, NotVerified>) {
        match outcome {
            Ok(verified) => self.hold(what, &verified),
            Err(refused) => self.fail(what, &format!("refused: {}", reason(&refused))),
        }
    }

    pub(super) fn accepted_as(
        &mut self,
        what: &str,
        outcome: Result<Verified, NotVerified>,
        expected: Digest,
    ) {
        match outcome {
            Ok(verified) if Digest::Sha256(verified.digest) == expected => {
                self.hold(what, &verified)
            }
            Ok(verified) => self.fail(what, &format!("accepted as sha256:{}", verified.digest)),
            Err(refused) => self.fail(what, &format!("refused: {}", reason(&refused))),
        }
    }

    /// Expects a refusal of the kind that `wanted` knows.
    pub(super) fn refused<T: Into<Option<Verified>>>(
        &mut self,
        what: &str,
        outcome: Result<T, NotVerified>,
        wanted: impl FnOnce(&NotVerified) -> bool,
    ) {
        match outcome {
            Err(refused) if wanted(&refused) => {
                self.refused += 1;
                self.line(what, Mark::Refused, &[reason(&refused)]);
            }
            Err(refused) => self.fail(
                what,
                &format!("refused for another reason: {}", reason(&refused)),
            ),
            Ok(_) => self.fail(what, "accepted"),
        }
    }

    fn hold(&mut self, what: &str, verified: &Verified) {
        self.accepted += 1;
        let by = format!("signed by {}", verified.signers.join(", "));
        self.line(
            what,
            Mark::Accepted,
            &[format!("sha256:{}", verified.digest), by],
        );
    }

    fn fail(&mut self, what: &str, found: &str) {
        self.failed += 1;
        self.line(what, Mark::Failed, &[found.to_owned()]);
    }

    /// `  what … mark`, with the details below.
    fn line(&mut self, what: &str, mark: Mark, details: &[String]) {
        let (word, code) = mark.word();
        let dots = WIDTH
            .saturating_sub(what.chars().count() + word.len() + 4)
            .max(2);
        let word = self.paint(word, code);
        self.say(&format!("  {what} {} {word}\n", ".".repeat(dots)));
        for detail in details {
            for row in wrap(&printable(detail), WIDTH - 6) {
                self.say(&format!("      {row}\n"));
            }
        }
    }

    fn paint(&self, text: &str, code: u8) -> String {
        if self.colour && code != 0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// The first failure to write is kept for the end: the demo goes on, as somebody may only count exit codes.
    fn say(&mut self, text: &str) {
        if self.output.is_ok() {
            self.output = self.process.out(text);
        }
    }
}

/// Why it was refused, in a sentence.
fn reason(refused: &NotVerified) -> String {
    match refused {
        NotVerified::Registry(error) => error.to_string(),
        NotVerified::Remote(error) => error.to_string(),
        NotVerified::TagMoved {
            signed,
            found,
            signers,
        } => format!(
            "the registry has {found}, but {} signed sha256:{signed}",
            if signers.is_empty() {
                "the repository key".to_owned()
            } else {
                signers.join(", ")
            }
        ),
        NotVerified::Trust(error) => error.to_string(),
        NotVerified::Unsigned(reason) => reason.message.clone(),
    }
}

/// Breaks a text into rows of at most `width` characters, at blanks where there are any.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split(' ') {
        let row = rows.last_mut().expect("there is always a row");
        let used = row.chars().count();
        if used > 0 && used + 1 + word.chars().count() > width {
            rows.push(word.to_owned());
        } else {
            if used > 0 {
                row.push(' ');
            }
            row.push_str(word);
        }
    }
    rows
}
