//! A page's steps, and what is put in place of its names.

use std::path::Path;

/// The lines of one step.
#[derive(Debug)]
pub(crate) struct Step {
    name: String,
    /// For bash, or the text of a file.
    pub(crate) lines: String,
    /// What the page shows of the output.
    pub(crate) shows: Vec<String>,
}

/// A page with the names of one test in place of its own.
#[derive(Debug)]
pub(crate) struct Page {
    steps: Vec<Step>,
}

impl Page {
    /// Reads `pages/<name>.txt` and puts `values` (names without braces) where `pages/substitutions.txt` says.
    pub(crate) fn read(name: &str, values: &[(&str, &str)]) -> Self {
        let table = substitutions(name);
        let text = read(&format!("{name}.txt"));
        for (from, _) in &table {
            assert!(text.contains(from), "{name} has no {from}");
        }
        let replace = |line: &str| {
            let line = table
                .iter()
                .fold(line.to_owned(), |line, (from, to)| line.replace(from, to));
            values.iter().fold(line, |line, (name, value)| {
                line.replace(&format!("{{{name}}}"), value)
            })
        };
        let mut steps: Vec<Step> = Vec::new();
        for line in text.lines() {
            if let Some(name) = header(line) {
                steps.push(Step {
                    name: name.to_owned(),
                    lines: String::new(),
                    shows: Vec::new(),
                });
            } else if let Some(step) = steps.last_mut() {
                match line.strip_prefix("> ") {
                    Some(shown) => step.shows.push(replace(shown)),
                    None => step.lines.push_str(&format!("{}\n", replace(line))),
                }
            }
        }
        Self { steps }
    }

    pub(crate) fn step(&self, name: &str) -> &Step {
        self.steps
            .iter()
            .find(|step| step.name == name)
            .unwrap_or_else(|| panic!("no step {name:?}"))
    }
}

fn header(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']')
}

/// Text of the page and its replacement, in the order of the table.
fn substitutions(page: &str) -> Vec<(String, String)> {
    read("substitutions.txt")
        .lines()
        .filter_map(|line| {
            let mut cells = line.split(" | ").map(str::trim);
            match (cells.next()?, cells.next()?, cells.next()?) {
                (of, from, to) if of == page => Some((from.to_owned(), to.to_owned())),
                _ => None,
            }
        })
        .collect()
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../pages")
        .join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
