//! The reference page, made from the table so that it cannot disagree with the program.

use std::fmt::Write as _;

use super::table::{Command, Root};

/// A Markdown page with every visible command's help, at 80 columns.
pub fn reference<R>(root: &Root<R>) -> String {
    let mut page = String::new();
    describe(root.command, root.path, &mut page);
    page
}

fn describe<R>(command: &Command<R>, path: &str, page: &mut String) {
    let text = super::help(command, path, 80);
    let _infallible = write!(page, "## `{path}`\n\n```text\n{text}```\n\n");
    for child in command.visible_commands() {
        describe(child, &format!("{path} {}", child.name), page);
    }
}
