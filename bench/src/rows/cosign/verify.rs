//! One image.

use super::{Bench, IDENTITY, ISSUER, RUNS, Scene, TIMES};
use crate::measure::{Turns, mean_seconds, peak_bytes, seconds};
use crate::table::{Line, Target};

/// At most a quarter of cosign's memory.
const LESS_MEMORY: f64 = 4.0;

pub(in crate::rows) fn measure(bench: &Bench) -> Vec<Line> {
    let scene = Scene::of(bench);
    let by_key = ["verify", "--key", "key.pub", "--insecure-ignore-tlog"];
    let by_identity = [
        "verify",
        "--certificate-identity",
        IDENTITY,
        "--certificate-oidc-issuer",
        ISSUER,
        "--trusted-root",
        &scene.root,
    ];
    let mut lines = Vec::from(compare(
        bench,
        ["verify, key", "verify, key: memory"],
        "with a key and no log",
        &[&by_key[..], &[&scene.images[0]]].concat(),
    ));
    lines.extend(compare(
        bench,
        ["verify, keyless", "verify, keyless: memory"],
        "with an identity, a log entry, an SCT and a timestamp against a trusted root in a file",
        &[&by_identity[..], &[&scene.keyless]].concat(),
    ));
    lines
}

/// The same words to both.
fn compare(bench: &Bench, names: [&'static str; 2], how: &str, words: &[&str]) -> [Line; 2] {
    let scene = Scene::of(bench);
    let ours = || scene.ours(bench, words.iter().copied());
    let peer = || scene.cosign.command(words);
    let verified = |said: &str| said.contains("\"docker-manifest-digest\"");
    let times = Turns::take(
        bench.args.rounds,
        || mean_seconds(RUNS, || seconds(ours(), verified)),
        || mean_seconds(RUNS, || seconds(peer(), verified)),
    );
    let sizes = Turns::take(
        bench.args.rounds,
        || peak_bytes(&ours(), verified),
        || peak_bytes(&peer(), verified),
    );
    let time = format!(
        "countersign cosign verify, cosign verify of an image in docker-registry, signed by a bundle\n   \
         {how}; mean of {RUNS} a turn"
    );
    let size = "the same: the most memory that was resident".to_owned();
    [
        Line::times(names[0], time, &times, Target::AtLeastTimes(TIMES)),
        Line::sizes(names[1], size, &sizes, Target::AtLeastTimes(LESS_MEMORY)),
    ]
}
