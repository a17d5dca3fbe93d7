//! Help as notary lays it out.

use std::fmt::Write as _;

use super::error::Error;
use super::table::{GLOBALS, VERSION};
use super::{Action, Context, version};
use crate::cobra::{self, Command, Flag, FlagKind, Matches};
use crate::failure::Failure;

/// The sentence about a command, and its usage.
pub(super) fn full(command: &Command<Action>, path: &str) -> String {
    let text = if command.long.is_empty() {
        command.short
    } else {
        command.long
    };
    format!("{text}\n\n{}", usage(command, path))
}

/// How to call it, its sub-commands, its flags.
pub(super) fn usage(command: &Command<Action>, path: &str) -> String {
    let mut page = "Usage:\n".to_owned();
    if command.run.is_some() {
        let mut line = path.to_owned();
        if !command.usage.is_empty() {
            line = format!("{line} {}", command.usage);
        }
        let _infallible = writeln!(page, "  {line} [flags]");
    }
    if !command.commands.is_empty() {
        let _infallible = writeln!(page, "  {path} [command]\n\nAvailable Commands:");
        for child in command.commands {
            let _infallible = writeln!(page, "  {:11} {}", child.name, child.short);
        }
    }
    let own_help = format!("help for {}", command.name);
    let is_global = |flag: &Flag| GLOBALS.contains(flag);
    let is_root = command.flags.contains(&VERSION);
    let own = command
        .flags
        .iter()
        .filter(|flag| is_root || !is_global(flag));
    let mut own: Vec<Line> = own.map(Line::new).collect();
    own.push(Line {
        name: "help",
        left: "  -h, --help".to_owned(),
        right: own_help,
    });
    let _infallible = write!(page, "\nFlags:\n{}", lines(own));
    if !is_root {
        let globals = GLOBALS.iter().map(Line::new).collect();
        let _infallible = write!(page, "\nGlobal Flags:\n{}", lines(globals));
    }
    if !command.commands.is_empty() {
        let _infallible = writeln!(
            page,
            "\nUse \"{path} [command] --help\" for more information about a command."
        );
    }
    page
}

struct Line {
    name: &'static str,
    left: String,
    right: String,
}

impl Line {
    fn new(flag: &'static Flag) -> Self {
        let mut left = match flag.short {
            Some(letter) => format!("  -{letter}, --{}", flag.name),
            None => format!("      --{}", flag.name),
        };
        let value = value_name(flag);
        if !value.is_empty() {
            left = format!("{left} {value}");
        }
        let right = match flag.kind {
            FlagKind::Text { default } if !default.is_empty() => {
                format!("{} (default {default:?})", flag.help)
            }
            FlagKind::Switch | FlagKind::Text { .. } | FlagKind::List => flag.help.to_owned(),
        };
        Self {
            name: flag.name,
            left,
            right,
        }
    }
}

/// What pflag calls the value; two flags take numbers.
fn value_name(flag: &Flag) -> &'static str {
    match (flag.kind, flag.name) {
        (FlagKind::Switch, _) => "",
        (FlagKind::Text { .. }, "legacy") => "int",
        (FlagKind::Text { .. }, _) => "string",
        (FlagKind::List, "number") => "ints",
        (FlagKind::List, _) => "strings",
    }
}

fn lines(mut lines: Vec<Line>) -> String {
    lines.sort_by_key(|line| line.name);
    let widest = lines.iter().map(|line| line.left.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Line { left, right, .. } in lines {
        let _infallible = writeln!(text, "{left:widest$}   {right}");
    }
    text
}

/// `notary` without a command, or with one that does not exist.
pub(super) fn root(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    if matches.on(&VERSION) {
        return version::line(process);
    }
    match matches.args().first() {
        None => Ok(process.out(usage(context.root.command, context.root.path))?),
        Some(word) => Err(Error::UnknownCommand {
            word: word.clone(),
            similar: cobra::similar(context.root.command, word),
        }
        .into()),
    }
}

/// `notary help COMMAND…`: of the longest path that exists.
pub(super) fn topic(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let words = matches.args();
    let known = (1..=words.len())
        .rev()
        .find_map(|count| context.root.find(words.get(..count)?));
    let (path, command) = match known {
        Some(found) => found,
        None if words.is_empty() => (context.root.path.to_owned(), context.root.command),
        None => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            let page = usage(context.root.command, context.root.path);
            process.out(format_args!(
                "Unknown help topic [{}]\n{page}",
                words.join(" ")
            ))?;
            return Ok(());
        }
    };
    process.out(full(command, &path))?;
    Ok(())
}
