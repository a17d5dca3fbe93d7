//! Reads the golden transcripts: `$ command`, `[stdout]`, `[stderr]`, `[exit N]`.

use std::path::{Path, PathBuf};

/// One command of a transcript.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: i32,
}

pub(crate) fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/golden/docker")
        .join(file)
}

pub(crate) fn read(file: &str) -> String {
    let path = golden(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every command of a transcript that was run.
pub(crate) fn steps(file: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut current: Option<Step> = None;
    let mut into_stderr = None;
    for line in read(file).split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        if let Some(command) = bare.strip_prefix("$ ") {
            let step = Step {
                command: command.to_owned(),
                ..Step::default()
            };
            // The shell's own commands leave no exit code behind.
            if command.starts_with("export ") || command.starts_with("unset ") {
                steps.push(step);
                continue;
            }
            current = Some(step);
            into_stderr = None;
        } else if let Some(exit) = bare.strip_prefix("[exit ") {
            if let Some(mut step) = current.take() {
                step.exit = exit.trim_end_matches(']').parse().expect("an exit code");
                steps.push(step);
            }
            into_stderr = None;
        } else if bare == "[stdout]" {
            into_stderr = Some(false);
        } else if bare == "[stderr]" {
            into_stderr = Some(true);
        } else if let (Some(step), Some(stderr)) = (&mut current, into_stderr) {
            let text = line.strip_suffix("⏎no-newline\n").unwrap_or(line);
            if stderr {
                &mut step.stderr
            } else {
                &mut step.stdout
            }
            .push_str(text);
        }
    }
    assert!(!steps.is_empty(), "{file} holds no commands");
    steps
}

/// The words of a command without shell syntax; `None` where it needs a shell.
pub(crate) fn words(command: &str) -> Option<Vec<String>> {
    if command.contains(['|', ';', '$', '>', '*', '&']) {
        return None;
    }
    Some(
        command
            .split(' ')
            .map(|word| {
                if word == "''" {
                    String::new()
                } else {
                    word.to_owned()
                }
            })
            .collect(),
    )
}
