//! How long the program takes to say anything.

use super::Bench;
use crate::measure::{Turns, mean_seconds, seconds};
use crate::table::{Line, Target};

const LIMIT_SECONDS: f64 = 0.010;
/// One run is too short to stand for a turn.
const RUNS: usize = 10;

pub(super) fn measure(bench: &Bench) -> Vec<Line> {
    let docker = bench.docker();
    let words = ["trust", "--help"];
    let helps = |said: &str| said.contains("Manage trust on Docker images");
    let turns = Turns::take(
        bench.args.rounds,
        || mean_seconds(RUNS, || seconds(bench.ours(&docker, words), helps)),
        || mean_seconds(RUNS, || seconds(docker.command(words), helps)),
    );
    let note = format!("countersign trust --help, docker trust --help; mean of {RUNS} a turn");
    let target = Target::AtMostSeconds(LIMIT_SECONDS);
    vec![Line::times("start-up", note, &turns, target)]
}
