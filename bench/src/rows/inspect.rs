//! Who signed what in a small repository.

use std::path::Path;

use testkit::{Countersign, NotaryCli};

use super::Bench;
use crate::measure::{Turns, seconds};
use crate::stage;
use crate::table::{Line, Target};

const TIMES: f64 = 2.0;
const TAGS: usize = 10;

pub(super) fn measure(bench: &Bench) -> Vec<Line> {
    let notary_server = bench.server();
    let ours = Countersign::start(&bench.args.program);
    vec![
        on(
            bench,
            "inspect",
            "notary-server",
            &notary_server.url(),
            notary_server.ca_file(),
        ),
        on(
            bench,
            "inspect, ours",
            "our server",
            &ours.url(),
            &ours.ca_file(),
        ),
    ]
}

fn on(bench: &Bench, name: &'static str, which: &str, url: &str, ca_file: &Path) -> Line {
    // Nobody looks into the registry.
    let gun = "localhost:5000/bench/inspect";
    let owner = stage::docker(&bench.peers, url, ca_file);
    let notary = NotaryCli::new(&bench.peers, url, ca_file);
    stage::repository_with_signer(&owner, &notary, gun, &stage::tags("v", TAGS));
    // Each has a folder of its own; the first turn fills its cache.
    let docker = stage::docker(&bench.peers, url, ca_file);
    let stand_in = stage::docker(&bench.peers, url, ca_file);
    let words = ["trust", "inspect", gun];
    let complete = |said: &str| said.matches("\"SignedTag\"").count() == TAGS;
    let turns = Turns::take(
        bench.args.rounds,
        || seconds(bench.ours(&stand_in, words), complete),
        || seconds(docker.command(words), complete),
    );
    let note = format!(
        "countersign trust inspect, docker trust inspect: {TAGS} tags, a signer, on {which},\n   \
         each with a cache of its own, warm"
    );
    Line::times(name, note, &turns, Target::AtLeastTimes(TIMES))
}
