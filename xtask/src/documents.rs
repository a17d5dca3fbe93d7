//! What the documents claim: every test that COMPATIBILITY.md names as evidence exists.

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::{Problem, Workspace};

pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, Problem> {
    let name = "COMPATIBILITY.md";
    let text = read(&workspace.root.join(name))?;
    let mut known = BTreeSet::new();
    let listed = workspace.run(
        "git",
        &[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "*.rs",
        ],
    )?;
    for file in String::from_utf8_lossy(&listed)
        .split('\0')
        .filter(|file| !file.is_empty())
    {
        let path = workspace.root.join(file);
        if path.is_file() {
            known.extend(functions(&read(&path)?));
        }
    }
    let named = evidence(&text).filter(|(_, test)| !known.contains(*test));
    Ok(named
        .map(|(line, test)| format!("{name}:{line} names the test {test}, which does not exist"))
        .collect())
}

fn read(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|source| Problem::Read {
        path: path.to_owned(),
        source,
    })
}

/// The last cell of each row of the tables, where it is words in backticks, word by word with their line.
fn evidence(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(number, line)| {
        let cell = line
            .strip_suffix(" |")
            .and_then(|row| row.rsplit_once("| "))
            .map_or("", |(_, cell)| cell.trim());
        let words = cell.split(", ").map(move |word| (number + 1, word));
        words
            .filter_map(|(number, word)| Some((number, word.strip_prefix('`')?.strip_suffix('`')?)))
    })
}

fn functions(source: &str) -> impl Iterator<Item = String> {
    source.split("fn ").skip(1).map(|rest| {
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cell_is_the_evidence() {
        let text = "| a | b |\n| --- | --- |\n| `x` | `one`, `two` |\n| y | none |\n";
        assert_eq!(evidence(text).collect::<Vec<_>>(), [(3, "one"), (3, "two")]);
        assert_eq!(
            functions("fn one() {}\n    pub fn two_2(x: u8)").collect::<Vec<_>>(),
            ["one", "two_2"]
        );
    }
}
