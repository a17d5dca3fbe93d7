//! Checks on the workspace itself, for what neither the compiler nor a linter sees.
//!
//! `cargo run -q -p xtask -- arrows|purity|text|documents|all`; the same checks run as tests.

mod arrows;
mod documents;
mod hosts;
mod purity;
mod text;
mod workspace;

use std::process::ExitCode;

use workspace::{Problem, Workspace};

/// Returns what it found wrong.
type Check = fn(&Workspace) -> Result<Vec<String>, Problem>;

const CHECKS: &[(&str, Check)] = &[
    ("arrows", arrows::check),
    ("purity", purity::check),
    ("text", text::check),
    ("documents", documents::check),
];

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "this is the program's edge")]
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if wanted != "all" && !CHECKS.iter().any(|(name, _)| *name == wanted) {
        say("usage: cargo run -q -p xtask -- arrows|purity|text|documents|all");
        return ExitCode::from(2);
    }
    match run(&wanted) {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            findings.iter().for_each(|finding| say(finding));
            ExitCode::FAILURE
        }
        Err(problem) => {
            say(&problem.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &str) -> Result<Vec<String>, Problem> {
    let workspace = Workspace::load()?;
    let mut findings = Vec::new();
    for (name, check) in CHECKS {
        if wanted == "all" || wanted == *name {
            findings.extend(
                check(&workspace)?
                    .into_iter()
                    .map(|finding| format!("{name}: {finding}")),
            );
        }
    }
    Ok(findings)
}

#[expect(clippy::print_stderr, reason = "the result of a check is for people")]
fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn the_workspace_keeps_its_arrows() {
        assert_eq!(run("arrows").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn the_spec_ring_is_pure_and_no_banned_crate_is_in_the_tree() {
        assert_eq!(run("purity").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn documents_name_tests_that_exist() {
        assert_eq!(run("documents").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn tracked_files_name_no_machine() {
        assert_eq!(run("text").unwrap(), Vec::<String>::new());
    }
}
