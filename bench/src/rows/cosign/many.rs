//! Two hundred images.

use std::process::Command;

use super::{Bench, IMAGES, Scene};
use crate::measure::{Turns, count, mean_seconds, seconds};
use crate::table::{Line, Target};

const TIMES_OF_CALLS: f64 = 10.0;
const TIMES_OF_XARGS: f64 = 4.0;
/// So many are verified one by one; the time for all is scaled from them.
const SAMPLE: usize = 20;
/// These rounds are long.
const MOST_ROUNDS: usize = 5;

const WORDS: [&str; 4] = ["verify", "--key", "key.pub", "--insecure-ignore-tlog"];

pub(in crate::rows) fn measure(bench: &Bench) -> Vec<Line> {
    let scene = Scene::of(bench);
    let rounds = bench.args.rounds.min(MOST_ROUNDS);
    let at_once = || {
        let images = scene.images.iter().map(String::as_str);
        let command = scene.ours(bench, WORDS.into_iter().chain(images));
        seconds(command, |said| verified(said) == IMAGES)
    };
    let one_by_one = || {
        let mut images = scene.images.iter();
        let each = mean_seconds(SAMPLE, || {
            let image = images.next().expect("the sample is smaller");
            let command = scene.cosign.command(WORDS.iter().chain([&image.as_str()]));
            seconds(command, |said| verified(said) == 1)
        });
        each * count(IMAGES)
    };
    let calls = Turns::take(rounds, at_once, one_by_one);
    let each = Turns::take(rounds, at_once, || xargs(scene, 1));
    let shared = Turns::take(rounds, at_once, || xargs(scene, IMAGES / 4));
    let note = format!(
        "countersign cosign verify of {IMAGES} images in docker-registry in one call; cosign verify one by one, of\n   \
         {SAMPLE}, times {}; a key and no log",
        IMAGES / SAMPLE
    );
    let by_one = "the same; xargs -P4 -n1 cosign verify, all of them".to_owned();
    let by_fifty = format!(
        "the same; xargs -P4 -n{} cosign verify, the most that can be had of cosign",
        IMAGES / 4
    );
    vec![
        Line::times(
            "verify 200",
            note,
            &calls,
            Target::AtLeastTimes(TIMES_OF_CALLS),
        ),
        Line::times(
            "verify 200, xargs",
            by_one,
            &each,
            Target::AtLeastTimes(TIMES_OF_XARGS),
        ),
        Line::times("verify 200, shares", by_fifty, &shared, Target::Shown),
    ]
}

/// Four cosigns at a time, with `share` images each.
fn xargs(scene: &Scene, share: usize) -> f64 {
    let list = scene.cosign.home().join("images");
    std::fs::write(&list, scene.images.join("\n")).expect("the folder is writable");
    let cosign = scene.cosign.command(WORDS);
    let mut command: Command = scene.cosign.command_of("/usr/bin/xargs", ["-P4"]);
    command
        .arg(format!("-n{share}"))
        .arg("-a")
        .arg(&list)
        .arg(cosign.get_program())
        .args(cosign.get_args());
    seconds(command, |said| verified(said) == IMAGES)
}

/// How many images the JSON on standard output names.
fn verified(said: &str) -> usize {
    said.matches("\"docker-manifest-digest\"").count()
}
