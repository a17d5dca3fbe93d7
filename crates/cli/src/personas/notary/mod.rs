//! `notary …`: the repository owner's tool, compatible with notary 0.7.0.
//!
//! Its table of commands is complete; commands that this version does not have say so, and what to use meanwhile,
//! with exit code 2. Results and errors are on standard output, log lines on standard error, as there.

mod completion;
pub mod error;
mod help;
mod keys;
pub(crate) mod log;
pub mod ops;
mod read;
pub mod settings;
mod table;
mod version;

pub(crate) use table::{NATIVE_ROOT, ROOT};

use self::error::Error;
use crate::cobra::{self, Command, Completes, Invocation, Matches, Root, UsageError};
use crate::explain;
use crate::failure::Failure;
use crate::session::{Run, Session};

/// The word after `countersign`, and the program's name.
pub(crate) const NAME: &str = "notary";

/// What the native help shows; the commands have a table of their own.
pub(crate) const NATIVE_ENTRY: Command<Run> = Command {
    usage: "COMMAND",
    long: "Read collections of signed names and their keys with the command line of notary 0.7.0, also as a program \
           named notary.\n'countersign notary help' has its commands.",
    completes: Completes::Nothing,
    ..Command::new(NAME, "Read trust data and keys as notary does")
};

/// What the table holds for each command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Runs it.
    Run(fn(&Context<'_>, &Matches) -> Result<(), Failure>),
    /// This version does not have it.
    Missing {
        /// The command's words.
        what: &'static str,
        /// What to use meanwhile: a sentence without its end.
        instead: &'static str,
    },
}

/// What a running command has at hand.
pub(crate) struct Context<'a> {
    session: &'a Session<'a>,
    root: &'static Root<Action>,
}

/// Runs one command line.
pub(crate) fn run(
    root: &'static Root<Action>,
    session: &Session<'_>,
    words: &[String],
) -> Result<(), Failure> {
    let process = session.process;
    match words.split_first() {
        Some((first, rest)) if first == "__complete" => {
            return Ok(process.out(cobra::complete(root, rest, true))?);
        }
        Some((first, rest)) if first == "__completeNoDesc" => {
            return Ok(process.out(cobra::complete(root, rest, false))?);
        }
        _ => {}
    }
    let context = Context { session, root };
    match cobra::parse(root, words).map_err(flag)? {
        Invocation::Run { run, matches, .. } => {
            if matches.on(&table::DEBUG) {
                explain::on_stderr();
            }
            match run {
                Action::Run(run) => run(&context, &matches),
                Action::Missing { what, instead } => Err(Error::Missing { what, instead }.into()),
            }
        }
        Invocation::Help { path, command, .. } => Ok(process.out(help::full(command, &path))?),
    }
}

/// notary shows pflag's sentence alone.
fn flag(error: UsageError) -> Error {
    match error {
        UsageError::Flag { problem, .. } | UsageError::Arguments { problem, .. } => {
            Error::Flag { problem }
        }
    }
}

impl Context<'_> {
    /// A wrong number of arguments: the command's usage, then the error.
    fn misused(&self, command: &[&str], problem: &'static str) -> Result<Failure, Failure> {
        let words: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        if let Some((path, command)) = self.root.find(&words) {
            self.session.process.out(help::usage(command, &path))?;
        }
        Ok(Error::Arguments { problem }.into())
    }
}
