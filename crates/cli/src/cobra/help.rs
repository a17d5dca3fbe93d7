//! The help page, laid out as docker lays it out.

use std::fmt::Write as _;

use super::table::{Command, Flag, FlagKind};

/// The help of `command`, for a terminal of `columns`.
pub fn help<R>(command: &Command<R>, path: &str, columns: usize) -> String {
    let children = command.visible_commands();
    let flags = command.visible_flags();
    let mut page = if children.is_empty() {
        format!("Usage:  {}\n", command.use_line(path))
    } else {
        let options = if flags.is_empty() { "" } else { " [OPTIONS]" };
        format!("Usage:  {path}{options} COMMAND\n")
    };
    let text = if command.long.is_empty() {
        command.short
    } else {
        command.long
    };
    let _infallible = writeln!(page, "\n{}", text.trim());
    if !flags.is_empty() {
        let _infallible = writeln!(
            page,
            "\nOptions:\n{}",
            flag_table(&flags, columns).trim_end()
        );
    }
    // A group is a command with commands of its own, seen or not.
    let (groups, leaves): (Vec<&Command<R>>, Vec<_>) = children
        .iter()
        .copied()
        .partition(|child| !child.commands.is_empty());
    for (title, members) in [("Management Commands", groups), ("Commands", leaves)] {
        if members.is_empty() {
            continue;
        }
        let _infallible = writeln!(page, "\n{title}:");
        let width = name_width(command);
        for child in members {
            let _infallible = writeln!(page, "  {:width$} {}", child.name, child.short);
        }
    }
    if !children.is_empty() {
        let _infallible = writeln!(
            page,
            "\nRun '{path} COMMAND --help' for more information on a command."
        );
    }
    page
}

fn name_width<R>(command: &Command<R>) -> usize {
    command
        .visible_commands()
        .iter()
        .map(|child| child.name.len())
        .max()
        .unwrap_or(0)
        .max(11)
}

/// Two columns: the flags, and their sentences wrapped to the terminal.
fn flag_table(flags: &[&'static Flag], columns: usize) -> String {
    let left: Vec<String> = flags.iter().map(|flag| left_column(flag)).collect();
    let widest = left.iter().map(String::len).max().unwrap_or(0);
    // Three blanks between the columns, one column free at the right edge.
    let indent = widest + 3;
    let mut table = String::new();
    for (left, flag) in left.iter().zip(flags) {
        let sentence = wrap(&right_column(flag), indent, columns.saturating_sub(1));
        let _infallible = writeln!(table, "{left:widest$}   {sentence}");
    }
    table
}

fn left_column(flag: &Flag) -> String {
    let mut column = match flag.short {
        Some(letter) => format!("  -{letter}, --{}", flag.name),
        None => format!("      --{}", flag.name),
    };
    if !flag.value_name().is_empty() {
        column.push(' ');
        column.push_str(flag.value_name());
    }
    column
}

fn right_column(flag: &Flag) -> String {
    match flag.kind {
        FlagKind::Text { default } if !default.is_empty() => {
            format!("{} (default {default:?})", flag.help)
        }
        FlagKind::Switch if flag.starts_on => format!("{} (default true)", flag.help),
        FlagKind::Switch | FlagKind::Text { .. } | FlagKind::List => flag.help.to_owned(),
    }
}

/// Below this width a second column makes no sense.
const NARROWEST: usize = 24;
/// A last line of up to this many letters is rather put on the line before.
const ORPHAN: usize = 5;

/// Breaks `text` at blanks for the columns from `indent` to `width`; lines after the first are indented.
fn wrap(text: &str, indent: usize, width: usize) -> String {
    let mut indent = indent;
    let mut wrapped = String::new();
    if width.saturating_sub(indent) < NARROWEST {
        indent = 16;
        if width.saturating_sub(indent) < NARROWEST {
            return text.to_owned();
        }
        wrapped = format!("\n{:indent$}", "");
    }
    let limit = width - indent - ORPHAN;
    let mut rest = text;
    loop {
        let (line, after) = break_line(rest, limit);
        wrapped.push_str(line);
        match after {
            Some(after) => rest = after,
            None => return wrapped,
        }
        let _infallible = write!(wrapped, "\n{:indent$}", "");
    }
}

/// The longest part of `text` that ends at a blank within `limit` letters, and what follows that blank.
fn break_line(text: &str, limit: usize) -> (&str, Option<&str>) {
    if limit + ORPHAN > text.len() {
        return (text, None);
    }
    let head = text.get(..limit).unwrap_or(text);
    match head.rfind([' ', '\t', '\n']) {
        Some(at) if at > 0 => (
            text.get(..at).unwrap_or(text),
            text.get(at + 1..).filter(|rest| !rest.is_empty()),
        ),
        _ => (text, None),
    }
}
