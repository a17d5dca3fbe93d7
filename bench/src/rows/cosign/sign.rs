//! One image, with a key in a file that a password protects.

use super::{Bench, RUNS, Scene, TIMES};
use crate::measure::{Turns, mean_seconds, seconds};
use crate::stage;
use crate::table::{Line, Target};

pub(in crate::rows) fn measure(bench: &Bench) -> Vec<Line> {
    let scene = Scene::of(bench);
    // Each signs an image of its own every time: a list of signatures that grows would be slower each turn.
    let count = RUNS * (bench.args.rounds + 1);
    let push = |name| stage::push_different(&bench.peers, bench.registry(), name, count);
    let (of_ours, of_peer) = (push("bench/signed-by-us"), push("bench/signed-by-cosign"));
    let (mut of_ours, mut of_peer) = (of_ours.iter(), of_peer.iter());
    let words = ["sign", "--yes", "--key", "key.key"];
    let ours = ["--format", "bundle"];
    let peer = [
        "--signing-config",
        "empty.json",
        "--trusted-root",
        "empty-root.json",
    ];
    let turns = Turns::take(
        bench.args.rounds,
        || {
            mean_seconds(RUNS, || {
                let image = of_ours.next().expect("there is one for each run");
                let words = [&words[..], &ours, &[image]].concat();
                seconds(scene.ours(bench, words), |_| true)
            })
        },
        || {
            mean_seconds(RUNS, || {
                let image = of_peer.next().expect("there is one for each run");
                let words = [&words[..], &peer, &[image]].concat();
                seconds(scene.cosign.command(words), |_| true)
            })
        },
    );
    let note = format!(
        "countersign cosign sign, cosign sign of an image in docker-registry with a key of cosign's own under a\n   \
         password, as a bundle without services; most of either time is the scrypt of the password; mean of {RUNS}"
    );
    vec![Line::times(
        "cosign sign",
        note,
        &turns,
        Target::AtLeastTimes(TIMES),
    )]
}
