//! The command line.

use std::fmt;
use std::path::PathBuf;

use crate::rows::ROWS;

/// What to measure and how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Args {
    /// Names of rows; empty means all.
    only: Vec<String>,
    /// How many turns each program gets.
    pub(crate) rounds: usize,
    /// Whether it is a rehearsal: short load, small samples.
    pub(crate) quick: bool,
    /// Whether a missed target is a failure.
    pub(crate) strict: bool,
    /// The release binary to measure.
    pub(crate) program: PathBuf,
}

/// What the command line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    /// To measure.
    Measure(Args),
    /// To be told how.
    Help,
}

/// What is wrong with the command line.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Wrong {
    /// A word that means nothing here.
    Unknown(String),
    /// An option without its value.
    NoValue(&'static str),
    /// A number of rounds that is none.
    Rounds(String),
    /// A row that does not exist.
    Row(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "{word:?} is not an option"),
            Self::NoValue(option) => write!(f, "{option} needs a value"),
            Self::Rounds(text) => write!(f, "{text:?} is not a number of rounds"),
            Self::Row(name) => write!(f, "there is no row {name:?}"),
        }
    }
}

const ROUNDS: usize = 10;
const QUICK_ROUNDS: usize = 3;

impl Args {
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == row)
    }
}

pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Asked, Wrong> {
    let mut words = words.into_iter();
    let mut only = Vec::new();
    let mut rounds = None;
    let (mut quick, mut strict) = (false, false);
    let mut program = None;
    while let Some(word) = words.next() {
        let mut value = |option| words.next().ok_or(Wrong::NoValue(option));
        match word.as_str() {
            "--only" => {
                let name = value("--only")?;
                if !ROWS.iter().any(|row| row.name == name) {
                    return Err(Wrong::Row(name));
                }
                only.push(name);
            }
            "--rounds" => {
                let text = value("--rounds")?;
                let count: Option<usize> = text.parse().ok().filter(|&count| count > 0);
                rounds = Some(count.ok_or(Wrong::Rounds(text))?);
            }
            "--program" => program = Some(value("--program")?.into()),
            "--quick" => quick = true,
            "--strict" => strict = true,
            "--help" | "-h" => return Ok(Asked::Help),
            _ => return Err(Wrong::Unknown(word)),
        }
    }
    Ok(Asked::Measure(Args {
        only,
        rounds: rounds.unwrap_or(if quick { QUICK_ROUNDS } else { ROUNDS }),
        quick,
        strict,
        program: program.unwrap_or_else(beside_us),
    }))
}

pub(crate) fn help() -> String {
    let mut text = format!(
        "bench/run [--only NAME]... [--rounds N] [--quick] [--strict] [--program FILE]\n\n\
         Measures us and the real programs in turn and prints one table.\n\n\
         --only NAME     only this row; may be repeated\n\
         --rounds N      turns for each program (default {ROUNDS}, with --quick {QUICK_ROUNDS})\n\
         --quick         short: a rehearsal, not figures to quote\n\
         --strict        exit 3 when a target is missed by more than a fifth\n\
         --program FILE  measure this binary instead of the release build\n\n\
         Exit code 1 when something could not be measured.\n\nRows:\n"
    );
    for row in ROWS {
        text.push_str(&format!("  {:<14} {}\n", row.name, row.about));
    }
    text
}

/// The release build lies beside this program.
fn beside_us() -> PathBuf {
    std::env::current_exe()
        .unwrap_or_default()
        .with_file_name("countersign")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Asked, Wrong> {
        parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_by_default() {
        let Ok(Asked::Measure(args)) = parse_text("") else {
            panic!("nothing is asked for but a measurement");
        };
        assert!(ROWS.iter().all(|row| args.wants(row.name)));
        assert_eq!(
            (args.rounds, args.quick, args.strict),
            (ROUNDS, false, false)
        );
        assert!(args.program.ends_with("countersign"));
    }

    #[test]
    fn options_are_taken() {
        let Ok(Asked::Measure(args)) =
            parse_text("--quick --only size --only add --strict --program /p")
        else {
            panic!("a measurement is asked for");
        };
        let wanted: Vec<_> = ROWS
            .iter()
            .map(|row| row.name)
            .filter(|name| args.wants(name))
            .collect();
        assert_eq!(wanted, ["add", "size"]);
        assert_eq!(
            (args.rounds, args.quick, args.strict),
            (QUICK_ROUNDS, true, true)
        );
        assert_eq!(args.program, PathBuf::from("/p"));
        assert_eq!(parse_text("--help"), Ok(Asked::Help));
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(
            parse_text("--only nothing"),
            Err(Wrong::Row("nothing".into()))
        );
        assert_eq!(parse_text("--rounds 0"), Err(Wrong::Rounds("0".into())));
        assert_eq!(parse_text("--rounds"), Err(Wrong::NoValue("--rounds")));
        assert_eq!(parse_text("size"), Err(Wrong::Unknown("size".into())));
    }
}
