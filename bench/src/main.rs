//! How fast Countersign is beside the real programs.
//!
//! Every figure is a ratio: we and the other program take turns in one run on one machine, and what counts is the
//! median over the turns, with the extremes beside it. Absolute times are shown, but they belong to the machine.
//!
//! `bench/run` brings the other programs, builds the release binary and starts this.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of developers; it prints a table and its progress"
)]

mod args;
mod load;
mod measure;
mod rows;
mod stage;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use testkit::Peers;

use crate::args::{Args, Asked};
use crate::rows::{Bench, ROWS};
use crate::table::Line;

/// The table is complete, or with `--strict` a target was missed.
const COULD_NOT_MEASURE: u8 = 1;
const TARGET_MISSED: u8 = 3;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads them")]
    let mut words = std::env::args_os().skip(1).peekable();
    if words.next_if(|word| word == measure::PEAK_OF).is_some() {
        return measure::tell_peak(words);
    }
    let words = words.map(|word| word.to_string_lossy().into_owned());
    match args::parse(words) {
        Ok(Asked::Measure(args)) => ExitCode::from(measure_all(args)),
        Ok(Asked::Help) => {
            print!("{}", args::help());
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("{wrong}; see --help");
            ExitCode::from(USAGE)
        }
    }
}

fn measure_all(args: Args) -> u8 {
    let Some(peers) = Peers::locate() else {
        return COULD_NOT_MEASURE;
    };
    if !args.program.is_file() {
        eprintln!("{} is not there; use bench/run", args.program.display());
        return COULD_NOT_MEASURE;
    }
    let strict = args.strict;
    let rows = ROWS.iter().filter(|row| args.wants(row.name));
    let rows: Vec<_> = rows.collect();
    let bench = Bench::new(peers, args);
    let mut lines: Vec<Line> = Vec::new();
    let mut failed = Vec::new();
    for row in rows {
        eprintln!("measuring {}: {}", row.name, row.about);
        // A real program that does not start, or an answer that is wrong, is a panic; the other rows still count.
        match catch_unwind(AssertUnwindSafe(|| (row.measure)(&bench))) {
            Ok(measured) => lines.extend(measured),
            Err(_) => failed.push(row.name),
        }
    }
    print!("{}", table::render(&bench.circumstances(), &lines));
    if !failed.is_empty() {
        println!("could not be measured: {}", failed.join(", "));
        return COULD_NOT_MEASURE;
    }
    if strict && lines.iter().any(Line::misses_by_far) {
        return TARGET_MISSED;
    }
    0
}
