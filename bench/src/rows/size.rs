//! What a user downloads.

use super::Bench;
use crate::table::Line;

const LIMIT: u64 = 25_000_000;

pub(super) fn measure(bench: &Bench) -> Vec<Line> {
    let file = std::fs::metadata(&bench.args.program).expect("the binary is there");
    let note = "the stripped release binary".to_owned();
    vec![Line::size("size", note, file.len(), LIMIT)]
}
