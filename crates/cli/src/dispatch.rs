//! From the program's name and its first words to one persona's table.

use std::ffi::OsString;

use crate::cobra::{self, Invocation, Root};
use crate::failure::Failure;
use crate::personas::{cosign, docker, native, notary, plugin};
use crate::process::Process;
use crate::session::{Globals, Run, Session, UseCases};

/// Runs the program: the exit code.
pub fn run(process: &Process, uses: &dyn UseCases) -> u8 {
    if let Some(words) = docker_words(process) {
        return match docker::run(process, uses, words) {
            Ok(()) => 0,
            Err(failure) => failure.report(process),
        };
    }
    let outcome = match process.words() {
        Ok(words) => choose(process, uses, &words),
        Err(word) => {
            process.err(format_args!("argument {word:?} is not valid UTF-8\n"));
            return 125;
        }
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => failure.report(process),
    }
}

/// The words for docker where the program stands for it: called so, or as `countersign docker`.
fn docker_words(process: &Process) -> Option<&[OsString]> {
    let words = process.raw_words();
    if process.program() == "docker" {
        return Some(words);
    }
    match words.split_first() {
        Some((first, rest)) if first == "docker" && plugin::named(process.program()).is_none() => {
            Some(rest)
        }
        _ => None,
    }
}

fn choose(process: &Process, uses: &dyn UseCases, words: &[String]) -> Result<(), Failure> {
    let program = process.program();
    if let Some(plugin) = plugin::named(program) {
        return plugin::run(plugin, process, uses, words);
    }
    let globals = Globals::default();
    let session = Session {
        process,
        uses,
        globals: &globals,
    };
    if program == notary::NAME {
        return notary::run(&notary::ROOT, &session, words);
    }
    if program == cosign::NAME {
        return cosign::run(&cosign::ROOT, &session, words);
    }
    if let Some("-v" | "--version") = words.first().map(String::as_str) {
        return native::version::show(process);
    }
    run_root(&native::ROOT, &session, words)
}

/// Runs one command of `root`.
pub(crate) fn run_root(
    root: &Root<Run>,
    session: &Session<'_>,
    words: &[String],
) -> Result<(), Failure> {
    let process = session.process;
    match words.split_first() {
        Some((first, rest)) if first == "__complete" => return complete(root, process, rest, true),
        Some((first, rest)) if first == "__completeNoDesc" => {
            return complete(root, process, rest, false);
        }
        Some((first, rest)) if first == "help" => return help(root, process, rest),
        Some((first, rest)) if first == cosign::NAME && native::is_native(root) => {
            return cosign::run(&cosign::NATIVE_ROOT, session, rest);
        }
        Some((first, rest)) if first == notary::NAME && native::is_native(root) => {
            return notary::run(&notary::NATIVE_ROOT, session, rest);
        }
        _ => {}
    }
    match cobra::parse(root, words)? {
        Invocation::Run { run, matches, .. } => {
            show_notices(process, matches.notices())?;
            run(session, &matches)
        }
        Invocation::Help {
            path,
            command,
            asked,
            notices,
        } => {
            show_notices(process, &notices)?;
            let text = cobra::help(command, &path, process.columns());
            if asked {
                process.out(text)?;
            } else {
                process.err(text);
            }
            Ok(())
        }
    }
}

/// Where docker shows them: on standard output.
fn show_notices(process: &Process, notices: &[String]) -> Result<(), Failure> {
    for notice in notices {
        process.out(format_args!("{notice}\n"))?;
    }
    Ok(())
}

fn complete(
    root: &Root<Run>,
    process: &Process,
    words: &[String],
    described: bool,
) -> Result<(), Failure> {
    process.out(cobra::complete(root, words, described))?;
    Ok(())
}

/// `help COMMAND…`.
fn help(root: &Root<Run>, process: &Process, topic: &[String]) -> Result<(), Failure> {
    let (path, command) = root
        .find(topic)
        .ok_or_else(|| native::error::Error::HelpTopic {
            topic: topic.join(" "),
        })?;
    process.out(cobra::help(command, &path, process.columns()))?;
    Ok(())
}
