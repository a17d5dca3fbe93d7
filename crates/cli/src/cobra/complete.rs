//! Shell completion: the `__complete` protocol that docker passes on to its plugins.

use std::fmt::Write as _;

use super::parse::{is_flag, lookup_word, next_child};
use super::table::{Command, Completes, Root};

/// Let the shell complete file names.
const FILES: u8 = 0;
/// Offer nothing but what is listed.
const NO_FILES: u8 = 4;
/// Let the shell complete folder names.
const FOLDERS: u8 = 16;

/// The answer to `__complete WORDS…`, where the last word is the one being typed: `value\tdescription` lines and
/// `:<directive>`.
pub fn complete<R>(root: &Root<R>, words: &[String], with_descriptions: bool) -> String {
    let (typed, before) = match words.split_last() {
        Some((typed, before)) => (typed.as_str(), before),
        None => ("", words),
    };
    let (candidates, directive) = candidates(root.command, before, typed);
    let mut answer = String::new();
    for (value, description) in candidates {
        if !value.starts_with(typed) {
            continue;
        }
        let _infallible = if with_descriptions && !description.is_empty() {
            writeln!(answer, "{value}\t{description}")
        } else {
            writeln!(answer, "{value}")
        };
    }
    let _infallible = writeln!(answer, ":{directive}");
    answer
}

fn candidates<R>(
    command: &'static Command<R>,
    before: &[String],
    typed: &str,
) -> (Vec<(String, &'static str)>, u8) {
    let mut command = command;
    let mut before = before;
    while let Some((child, _, after)) = next_child(command, before) {
        command = child;
        before = after;
    }
    let only_arguments = before.iter().any(|word| word == "--");
    if !only_arguments {
        let value_of = before
            .last()
            .filter(|word| is_flag(word) && !word.contains('='))
            .and_then(|word| lookup_word(command.flags, word))
            .filter(|flag| !flag.stands_alone());
        if let Some(flag) = value_of {
            return offer(flag.completes);
        }
        if typed.starts_with('-') {
            let flags = command.visible_flags();
            return (
                flags
                    .iter()
                    .map(|flag| (format!("--{}", flag.name), flag.help))
                    .collect(),
                NO_FILES,
            );
        }
    }
    let children = command.visible_commands();
    if children.is_empty() {
        return offer(command.completes);
    }
    (
        children
            .iter()
            .map(|child| (child.name.to_owned(), child.short))
            .collect(),
        NO_FILES,
    )
}

fn offer(completes: Completes) -> (Vec<(String, &'static str)>, u8) {
    match completes {
        Completes::Nothing => (Vec::new(), NO_FILES),
        Completes::File => (Vec::new(), FILES),
        Completes::Folder => (Vec::new(), FOLDERS),
        Completes::Words(words) => (
            words.iter().map(|word| ((*word).to_owned(), "")).collect(),
            NO_FILES,
        ),
    }
}
