//! A repository of ten thousand tags.

use testkit::{DockerCli, NotaryCli};

use super::Bench;
use crate::measure::{Turns, seconds};
use crate::stage::{self, Tag};
use crate::table::{Line, Target};

const TIMES: f64 = 5.0;
const TAGS: usize = 10_000;

/// Two repositories with the same tags, so that what one side adds does not cost the other one a download.
#[derive(Debug)]
pub(super) struct TenThousand {
    docker: DockerCli,
    our_gun: String,
    notary: NotaryCli,
    peer_gun: String,
}

impl TenThousand {
    fn make(bench: &Bench) -> Self {
        let host = bench.registry().host();
        let docker = bench.docker();
        let big = Self {
            our_gun: format!("{host}/{REPOSITORY}"),
            notary: bench.notary(),
            peer_gun: format!("{host}/bench/other-ten-thousand"),
            docker,
        };
        let tags = stage::tags("tag-", TAGS);
        let in_docker = bench.notary().trust_dir(&big.docker.trust_dir());
        for (notary, gun) in [(&big.notary, &big.peer_gun), (&in_docker, &big.our_gun)] {
            notary.run(["init", gun]).success();
            stage::publish(notary, gun, "targets", &tags);
        }
        big
    }
}

/// The name of ours in the registry.
const REPOSITORY: &str = "bench/ten-thousand";

pub(super) fn list(bench: &Bench) -> Vec<Line> {
    let big = bench.ten_thousand.get_or_init(|| TenThousand::make(bench));
    let complete = |said: &str| said.matches("tag-").count() >= TAGS;
    let turns = Turns::take(
        bench.args.rounds,
        || {
            seconds(
                bench.ours(&big.docker, ["trust", "inspect", &big.our_gun]),
                complete,
            )
        },
        || seconds(big.notary.command(["list", &big.peer_gun]), complete),
    );
    let note = format!(
        "countersign trust inspect, notary list: {TAGS} tags on notary-server, warm caches"
    );
    vec![Line::times(
        "list",
        note,
        &turns,
        Target::AtLeastTimes(TIMES),
    )]
}

pub(super) fn add(bench: &Bench) -> Vec<Line> {
    let big = bench.ten_thousand.get_or_init(|| TenThousand::make(bench));
    // One for each turn, the first one included.
    let names: Vec<String> = (0..=bench.args.rounds)
        .map(|turn| format!("new-{turn}"))
        .collect();
    stage::push(&bench.peers, bench.registry(), REPOSITORY, &names);
    let mut images = names.iter().map(|name| format!("{}:{name}", big.our_gun));
    let mut tags = stage::tags("new-", names.len()).into_iter();
    let turns = Turns::take(
        bench.args.rounds,
        || {
            let image = images.next().expect("there is one for each turn");
            let signs = |said: &str| said.contains("Successfully signed");
            seconds(bench.ours(&big.docker, ["trust", "sign", &image]), signs)
        },
        || add_with_notary(big, &tags.next().expect("there is one for each turn")),
    );
    let note = format!(
        "countersign trust sign (the tag is looked up in a docker-registry), notary addhash -p:\n   \
         {TAGS} tags on notary-server, warm caches"
    );
    vec![Line::times(
        "add",
        note,
        &turns,
        Target::AtLeastTimes(TIMES),
    )]
}

fn add_with_notary(big: &TenThousand, tag: &Tag) -> f64 {
    let size = tag.size.to_string();
    let hex = tag.digest.trim_start_matches("sha256:");
    let words = [
        "addhash",
        "-p",
        &big.peer_gun,
        &tag.name,
        &size,
        "--sha256",
        hex,
    ];
    seconds(big.notary.command(words), |said| {
        said.contains("Successfully published changes")
    })
}
