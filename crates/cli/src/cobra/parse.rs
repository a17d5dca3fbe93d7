//! From words to an invocation, with pflag's rules and docker 28's texts.

use std::collections::BTreeMap;

use thiserror::Error;

use super::table::{Arity, Command, Flag, FlagKind, HELP, Root};

/// What a command line asks for.
#[derive(Debug)]
pub enum Invocation<R: 'static> {
    /// Run this command.
    Run {
        /// What the table holds for it.
        run: R,
        /// The command itself.
        command: &'static Command<R>,
        /// Flags and arguments.
        matches: Matches,
    },
    /// Show this command's help.
    Help {
        /// The command's path.
        path: String,
        /// The command.
        command: &'static Command<R>,
        /// It was asked for with `--help`; otherwise a group was called without a sub-command.
        asked: bool,
        /// Lines to show before it.
        notices: Vec<String>,
    },
}

/// Flags and arguments as typed.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    flags: BTreeMap<&'static str, Vec<String>>,
    args: Vec<String>,
    notices: Vec<String>,
}

impl Matches {
    /// The arguments that are not flags.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The argument at `index`; empty where the table allows fewer.
    pub fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }

    /// A switch's state.
    pub fn on(&self, flag: &'static Flag) -> bool {
        self.values(flag)
            .last()
            .map_or(flag.starts_on, |value| value == "true")
    }

    /// The last value given, or `None`.
    pub fn given(&self, flag: &'static Flag) -> Option<&str> {
        self.values(flag).last().map(String::as_str)
    }

    /// The last value given, or the table's default.
    pub fn text(&self, flag: &'static Flag) -> &str {
        self.given(flag).unwrap_or(match flag.kind {
            FlagKind::Text { default } => default,
            FlagKind::Switch | FlagKind::List => "",
        })
    }

    /// Every value given.
    pub fn values(&self, flag: &'static Flag) -> &[String] {
        self.flags.get(flag.name).map_or(&[], Vec::as_slice)
    }

    /// Sets each flag that was not given to what `value` has for its long name.
    ///
    /// # Errors
    /// pflag's sentence about a value that does not fit its flag.
    pub fn fill(
        &mut self,
        flags: &'static [Flag],
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<(), String> {
        for flag in flags {
            if self.given(flag).is_none()
                && let Some(value) = value(flag.name)
            {
                set(flag, &value, self)?;
            }
        }
        Ok(())
    }

    /// Lines to show before anything else: deprecated spellings.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }
}

/// A command line that does not fit the table.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UsageError {
    /// A flag problem: exit code 125.
    #[error("{problem}\n\nUsage:  {usage}\n\nRun '{path} --help' for more information")]
    Flag {
        /// pflag's sentence.
        problem: String,
        /// The command's usage line.
        usage: String,
        /// The command's path.
        path: String,
    },
    /// A wrong number of arguments, or an unknown command: exit code 1.
    #[error(
        "{program}: {problem}\n\nUsage:  {usage}\n\n{verb} '{path} --help' for more information"
    )]
    Arguments {
        /// The program.
        program: &'static str,
        /// What is wrong.
        problem: String,
        /// The command's usage line.
        usage: String,
        /// `Run` or `See`.
        verb: &'static str,
        /// The command's path.
        path: String,
        /// What was wanted, and what was given.
        mismatch: Box<Mismatch>,
    },
}

/// A number of arguments that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// How many the command takes.
    pub wanted: Arity,
    /// What was given.
    pub given: Vec<String>,
}

impl UsageError {
    /// docker's exit code for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Flag { .. } => 125,
            Self::Arguments { .. } => 1,
        }
    }
}

/// Parses the words after the root's own.
///
/// # Errors
/// [`UsageError`] with docker 28's texts.
pub fn parse<R: Copy>(root: &Root<R>, words: &[String]) -> Result<Invocation<R>, UsageError> {
    let mut path = root.path.to_owned();
    let mut command = root.command;
    let mut matches = Matches::default();
    let mut words = words;
    while let Some((child, before, after)) = next_child(command, words) {
        parse_flags(command, before, &mut matches)
            .map_err(|problem| flag_error(command, &path, problem))?;
        path = format!("{path} {}", child.name);
        command = child;
        words = after;
    }
    parse_flags(command, words, &mut matches)
        .map_err(|problem| flag_error(command, &path, problem))?;
    if matches.on(&HELP) {
        return Ok(Invocation::Help {
            path,
            command,
            asked: true,
            notices: matches.notices,
        });
    }
    check_arity(root.program, command, &path, &matches.args)?;
    Ok(match command.run {
        Some(run) => Invocation::Run {
            run,
            command,
            matches,
        },
        None => Invocation::Help {
            path,
            command,
            asked: false,
            notices: matches.notices,
        },
    })
}

/// Parses only the flags before the first argument, and gives that argument and what follows it back as they are.
///
/// # Errors
/// pflag's sentence.
pub fn parse_leading(
    flags: &'static [Flag],
    words: &[String],
) -> Result<(Matches, Vec<String>), String> {
    let mut matches = Matches::default();
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        if !is_flag(word) {
            break;
        }
        rest = one_word(flags, word, after, &mut matches)?;
    }
    Ok((matches, rest.to_vec()))
}

/// The next sub-command: the first word that is neither a flag nor a flag's value. With the words before and after it.
pub(super) fn next_child<'w, R>(
    command: &'static Command<R>,
    words: &'w [String],
) -> Option<(&'static Command<R>, &'w [String], &'w [String])> {
    let mut value_follows = false;
    for (index, word) in words.iter().enumerate() {
        if word == "--" {
            return None;
        }
        if word.starts_with("--") && !word.contains('=') {
            value_follows = !lookup(command.flags, word.get(2..)?).is_some_and(Flag::stands_alone);
        } else if word.starts_with('-') && !word.contains('=') && word.chars().count() == 2 {
            let letter = word.chars().nth(1)?;
            value_follows = !lookup_short(command.flags, letter).is_some_and(Flag::stands_alone);
        } else if value_follows {
            value_follows = false;
        } else if !is_flag(word) {
            let child = command.child(word)?;
            return Some((child, words.get(..index)?, words.get(index + 1..)?));
        }
    }
    None
}

fn parse_flags<R>(
    command: &'static Command<R>,
    words: &[String],
    matches: &mut Matches,
) -> Result<(), String> {
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        if word == "--" {
            matches.args.extend_from_slice(after);
            break;
        }
        if is_flag(word) {
            rest = one_word(command.flags, word, after, matches)?;
        } else {
            matches.args.push(word.clone());
            rest = after;
        }
    }
    Ok(())
}

pub(super) fn is_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// One word that begins with a dash; gives back the words after it and its value.
fn one_word<'w>(
    flags: &'static [Flag],
    word: &str,
    after: &'w [String],
    matches: &mut Matches,
) -> Result<&'w [String], String> {
    match word.strip_prefix("--") {
        Some(long) => long_flag(flags, long, after, matches),
        None => short_flags(flags, word, after, matches),
    }
}

fn long_flag<'w>(
    flags: &'static [Flag],
    long: &str,
    after: &'w [String],
    matches: &mut Matches,
) -> Result<&'w [String], String> {
    let (name, value) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    };
    if name.is_empty() || name.starts_with('-') {
        return Err(format!("bad flag syntax: --{long}"));
    }
    let flag = lookup(flags, name).ok_or_else(|| format!("unknown flag: --{name}"))?;
    match (value, after.split_first()) {
        (Some(value), _) => set(flag, value, matches).map(|()| after),
        (None, _) if flag.stands_alone() => set(flag, "true", matches).map(|()| after),
        (None, Some((value, rest))) => set(flag, value, matches).map(|()| rest),
        (None, None) => Err(format!("flag needs an argument: --{name}")),
    }
}

fn short_flags<'w>(
    flags: &'static [Flag],
    word: &str,
    after: &'w [String],
    matches: &mut Matches,
) -> Result<&'w [String], String> {
    let mut letters = word.get(1..).unwrap_or_default();
    while let Some(letter) = letters.chars().next() {
        let rest = letters.get(letter.len_utf8()..).unwrap_or_default();
        let flag = lookup_short(flags, letter)
            .ok_or_else(|| format!("unknown shorthand flag: '{letter}' in -{letters}"))?;
        if flag == &HELP {
            matches
                .notices
                .push("Flag shorthand -h has been deprecated, use --help".to_owned());
        }
        if let Some(value) = rest.strip_prefix('=').filter(|value| !value.is_empty()) {
            return set(flag, value, matches).map(|()| after);
        }
        if flag.stands_alone() {
            set(flag, "true", matches)?;
            letters = rest;
        } else if !rest.is_empty() {
            return set(flag, rest, matches).map(|()| after);
        } else if let Some((value, rest)) = after.split_first() {
            return set(flag, value, matches).map(|()| rest);
        } else {
            return Err(format!("flag needs an argument: '{letter}' in -{letters}"));
        }
    }
    Ok(after)
}

fn lookup(flags: &'static [Flag], name: &str) -> Option<&'static Flag> {
    flags.iter().chain([&HELP]).find(|flag| flag.name == name)
}

fn lookup_short(flags: &'static [Flag], letter: char) -> Option<&'static Flag> {
    flags
        .iter()
        .chain([&HELP])
        .find(|flag| flag.short == Some(letter))
}

pub(super) fn lookup_word(flags: &'static [Flag], word: &str) -> Option<&'static Flag> {
    match word.strip_prefix("--") {
        Some(name) => lookup(flags, name),
        None => lookup_short(flags, word.chars().last()?),
    }
}

fn set(flag: &'static Flag, value: &str, matches: &mut Matches) -> Result<(), String> {
    let value = match flag.kind {
        FlagKind::Switch => match value {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => "true",
            "0" | "f" | "F" | "FALSE" | "false" | "False" => "false",
            other => return Err(invalid_switch(flag, other)),
        },
        FlagKind::Text { .. } | FlagKind::List => value,
    };
    matches
        .flags
        .entry(flag.name)
        .or_default()
        .push(value.to_owned());
    Ok(())
}

fn invalid_switch(flag: &Flag, value: &str) -> String {
    let name = match flag.short {
        Some(letter) => format!("-{letter}, --{}", flag.name),
        None => format!("--{}", flag.name),
    };
    format!(
        "invalid argument {value:?} for {name:?} flag: strconv.ParseBool: parsing {value:?}: invalid syntax"
    )
}

fn flag_error<R>(command: &Command<R>, path: &str, problem: String) -> UsageError {
    UsageError::Flag {
        problem,
        usage: command.use_line(path),
        path: path.to_owned(),
    }
}

fn check_arity<R>(
    program: &'static str,
    command: &Command<R>,
    path: &str,
    args: &[String],
) -> Result<(), UsageError> {
    let count = args.len();
    let (problem, verb) = match (command.arity, args.first()) {
        (Arity::None, Some(first)) if !command.commands.is_empty() => {
            (format!("unknown command: {path} {first}"), "Run")
        }
        (Arity::None, Some(_)) => (format!("'{path}' accepts no arguments"), "Run"),
        (Arity::Exactly(wanted), _) if count != wanted => {
            (format!("'{path}' requires {}", arguments(wanted)), "Run")
        }
        (Arity::OneOrMoreShownAsOne, None) => {
            (format!("'{path}' requires {}", arguments(1)), "Run")
        }
        (Arity::AtLeast(wanted), _) if count < wanted => (
            format!("'{path}' requires at least {}", arguments(wanted)),
            "See",
        ),
        _ => return Ok(()),
    };
    Err(UsageError::Arguments {
        program,
        problem,
        usage: command.use_line(path),
        verb,
        path: path.to_owned(),
        mismatch: Box::new(Mismatch {
            wanted: command.arity,
            given: args.to_vec(),
        }),
    })
}

fn arguments(count: usize) -> String {
    format!("{count} argument{}", if count == 1 { "" } else { "s" })
}
