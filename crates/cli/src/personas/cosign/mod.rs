//! `cosign …`: keys, signatures and attestations with the command line of cosign 2.5 and 3.1.
//!
//! One file per command; `table.rs` lists them. Results are on standard output in cosign's shapes, everything else on
//! standard error.

pub(crate) mod annotations;
mod attach;
mod attach_attestation;
mod attach_sbom;
mod attach_signature;
mod attest;
mod attest_blob;
mod batch;
mod blob;
mod blob_files;
mod bundle_create;
mod carry_error;
pub mod carry_ops;
mod clean;
mod completion;
mod conflicts;
mod copy;
mod dockerfile_verify;
pub mod download;
mod download_attestation;
mod download_sbom;
mod download_signature;
mod environment;
pub mod error;
pub mod file_images;
pub(crate) mod files;
pub(crate) mod flags;
pub(crate) mod formats;
mod generate_key_pair;
pub(crate) mod images;
mod import_key_pair;
mod initialize;
pub(crate) mod keys;
mod load;
mod login;
mod manifest_verify;
mod older_root;
pub mod ops;
pub(crate) mod outcome;
pub mod party;
pub(crate) mod passwords;
mod predicates;
mod public_key;
pub(crate) mod refusals;
pub mod registry;
mod save;
mod sentences;
pub mod service_spec;
pub(crate) mod services;
mod sign;
mod sign_blob;
mod signing_config;
mod size;
mod table;
mod timeout;
mod tree;
mod triangulate;
pub mod trust_ops;
mod trusted_root;
pub mod variables;
pub(crate) mod verification;
mod verify;
mod verify_attestation;
mod verify_blob;
mod verify_blob_attestation;
mod version;
mod words;

use std::time::Duration;

pub(crate) use table::{NATIVE_ROOT, ROOT};

use self::error::Error;
use self::ops::CosignOps;
use self::registry::RegistryOptions;
use crate::cobra::{self, Arity, Command, Flag, Invocation, Matches, Root, UsageError};
use crate::explain;
use crate::failure::Failure;
use crate::session::{Run, Session};

/// The word after `countersign`, and the program's name.
pub(crate) const NAME: &str = "cosign";

/// What the native help shows; the commands have a table of their own.
pub(crate) const NATIVE_ENTRY: Command<Run> = Command {
    usage: "COMMAND",
    long: "Sign, attest and verify with the command line of cosign 2.5 and 3.1, also as a program named cosign.\n\
           'countersign cosign help' has its commands.",
    ..Command::new(NAME, "Sign and verify as cosign does")
};

/// What the table holds for each command.
pub(crate) type Action = fn(&Context<'_>, &Matches) -> Result<(), Failure>;

/// What a running command has at hand.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) session: &'a Session<'a>,
    /// `--timeout`: how long the command may take.
    pub(crate) timeout: Option<Duration>,
}

impl<'a> Context<'a> {
    /// The use cases, with these options for registries.
    ///
    /// # Errors
    /// The configuration makes them impossible; nothing was contacted.
    pub(crate) fn ops(self, registry: &RegistryOptions) -> Result<Box<dyn CosignOps + 'a>, Error> {
        self.session
            .uses
            .cosign(self.session, registry, self.timeout)
    }
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
        Some((first, rest)) if first == "help" => return help(root, session, rest),
        _ => {}
    }
    let words = words::as_cosign_reads(root.command, words, |warning| {
        process.err(format_args!("{warning}\n"));
    });
    match cobra::parse(root, &words).map_err(|error| usage(root, &words, error))? {
        Invocation::Run {
            run,
            command,
            mut matches,
        } => {
            matches
                .fill(command.flags, |name| variable(session, command, name))
                .map_err(|problem| Error::Usage { problem })?;
            if matches.on(&flags::VERBOSE) {
                explain::on_stderr();
            }
            if let Some(path) = given(&matches, &flags::OUTPUT_FILE) {
                files::redirect_output(process, path)?;
            }
            let timeout = timeout::parse(matches.text(&flags::TIMEOUT))?;
            run(&Context { session, timeout }, &matches)
        }
        Invocation::Help { path, command, .. } => {
            Ok(process.out(cobra::help(command, &path, process.columns()))?)
        }
    }
}

/// `help COMMAND…`.
fn help(
    root: &'static Root<Action>,
    session: &Session<'_>,
    topic: &[String],
) -> Result<(), Failure> {
    let (path, command) = root.find(topic).ok_or_else(|| Error::Usage {
        problem: format!("unknown help topic {:?}", topic.join(" ")),
    })?;
    let columns = session.process.columns();
    Ok(session.process.out(cobra::help(command, &path, columns))?)
}

/// `COSIGN_<FLAG>`, as cosign reads a flag that is not on the line; empty counts as unset.
///
/// `COSIGN_PASSWORD` is the passphrase of keys and must not go to a registry as the password of `login`.
fn variable(session: &Session<'_>, command: &Command<Action>, flag: &str) -> Option<String> {
    if command.name == "login" && flag == "password" {
        return None;
    }
    let name = format!("COSIGN_{}", flag.to_uppercase().replace('-', "_"));
    session.process.var(&name).map(str::to_owned)
}

/// cobra's and pflag's sentences, as cosign shows them.
fn usage(root: &'static Root<Action>, words: &[String], error: UsageError) -> Error {
    let (problem, path) = match error {
        UsageError::Flag { problem, path, .. } => match words.first() {
            // As in cobra, the command is looked at before its flags.
            Some(word) if !word.starts_with('-') && path == root.path => {
                return unknown_command(Some(root.command), path, word);
            }
            _ => (problem, path),
        },
        UsageError::Arguments { path, mismatch, .. } => {
            let cobra::Mismatch { wanted, given } = *mismatch;
            let received = given.len();
            let problem = match (wanted, given.first()) {
                (Arity::None, Some(word)) => {
                    let words: Vec<String> = path
                        .strip_prefix(root.path)
                        .unwrap_or_default()
                        .split_whitespace()
                        .map(str::to_owned)
                        .collect();
                    let group = root.find(&words).map(|(_, command)| command);
                    return unknown_command(group, path, word);
                }
                (Arity::AtLeast(least), _) => {
                    format!("requires at least {least} arg(s), only received {received}")
                }
                (Arity::Exactly(exactly), _) => {
                    format!("accepts {exactly} arg(s), received {received}")
                }
                (Arity::None | Arity::OneOrMoreShownAsOne, _) => {
                    format!("received {received} arg(s)")
                }
            };
            (problem, path)
        }
    };
    Error::Usage {
        problem: format!("{problem}\nRun '{path} --help' for usage."),
    }
}

fn unknown_command(group: Option<&Command<Action>>, path: String, word: &str) -> Error {
    Error::UnknownCommand {
        word: word.to_owned(),
        path,
        similar: group.map_or_else(Vec::new, |group| cobra::similar(group, word)),
    }
}

/// What was given for a flag; empty is nothing.
fn given<'m>(matches: &'m Matches, flag: &'static Flag) -> Option<&'m str> {
    matches.given(flag).filter(|text| !text.is_empty())
}

/// Refuses the flag `drop` together with `because`, naming the one to drop.
pub(crate) fn not_both(
    matches: &Matches,
    drop: &'static Flag,
    because: &'static Flag,
    why: &'static str,
) -> Result<(), Error> {
    let set = |flag: &'static Flag| {
        matches.on(flag)
            || (!flag.is_switch() && matches.given(flag).is_some_and(|value| !value.is_empty()))
    };
    if set(drop) && set(because) {
        return Err(Error::Conflict {
            drop: drop.name,
            because: because.name,
            why,
        });
    }
    Ok(())
}
