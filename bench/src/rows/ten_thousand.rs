//! A repository of ten thousand tags.

use std::path::Path;

use testkit::{Countersign, DockerCli, NotaryCli};

use super::Bench;
use crate::measure::{Turns, seconds};
use crate::stage::{self, Tag};
use crate::table::{Line, Target};

const TIMES: f64 = 5.0;
const TAGS: usize = 10_000;
/// The name in the registry.
const REPOSITORY: &str = "bench/ten-thousand";

/// On one trust server, two repositories with the same tags: what one side adds costs the other one no download.
#[derive(Debug)]
pub(super) struct TenThousand {
    docker: DockerCli,
    our_gun: String,
    notary: NotaryCli,
    peer_gun: String,
}

impl TenThousand {
    fn make(bench: &Bench, url: &str, ca_file: &Path) -> Self {
        let host = bench.registry().host();
        let docker = stage::docker(&bench.peers, url, ca_file);
        let notary = || NotaryCli::new(&bench.peers, url, ca_file);
        let in_docker = notary().trust_dir(&docker.trust_dir());
        let big = Self {
            docker,
            our_gun: format!("{host}/{REPOSITORY}"),
            notary: notary(),
            peer_gun: format!("{host}/bench/other-ten-thousand"),
        };
        let tags = stage::tags("tag-", TAGS);
        for (notary, gun) in [(&big.notary, &big.peer_gun), (&in_docker, &big.our_gun)] {
            notary.run(["init", gun]).success();
            stage::publish(notary, gun, "targets", &tags);
        }
        big
    }

    /// On the notary-server that the rows share.
    fn shared(bench: &Bench) -> &Self {
        let server = bench.server();
        bench
            .ten_thousand
            .get_or_init(|| Self::make(bench, &server.url(), server.ca_file()))
    }

    /// Our time to add a tag that the registry has.
    fn add(&self, bench: &Bench, tag: &Tag) -> f64 {
        let image = format!("{}:{}", self.our_gun, tag.name);
        let command = bench.ours(&self.docker, ["trust", "sign", &image]);
        seconds(command, |said| said.contains("Successfully signed"))
    }

    /// The same with notary, which takes the digest from its arguments.
    fn add_with_notary(&self, tag: &Tag) -> f64 {
        let size = tag.size.to_string();
        let hex = tag.digest.trim_start_matches("sha256:");
        let words = [
            "addhash",
            "-p",
            &self.peer_gun,
            &tag.name,
            &size,
            "--sha256",
            hex,
        ];
        seconds(self.notary.command(words), |said| {
            said.contains("Successfully published changes")
        })
    }
}

pub(super) fn list(bench: &Bench) -> Vec<Line> {
    let big = TenThousand::shared(bench);
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

/// The time of a publish is in part the server's, so the line with the target compares whole installations, and two
/// more show each server with both clients.
pub(super) fn add(bench: &Bench) -> Vec<Line> {
    let serve = Countersign::start(&bench.args.program);
    let on_ours = TenThousand::make(bench, &serve.url(), &serve.ca_file());
    let on_theirs = TenThousand::shared(bench);
    let rounds = bench.args.rounds;
    // Every turn adds another one, the first turn included, in three comparisons.
    let tags = stage::tags("new-", 3 * (rounds + 1));
    let names: Vec<String> = tags.iter().map(|tag| tag.name.clone()).collect();
    stage::push(&bench.peers, bench.registry(), REPOSITORY, &names);
    let (mut new, mut other) = (tags.iter(), tags.iter());
    let mut compare = |name, note: &str, target, ours: &TenThousand, peers: &TenThousand| {
        let turns = Turns::take(
            rounds,
            || ours.add(bench, new.next().expect("there is one for each turn")),
            || peers.add_with_notary(other.next().expect("there is one for each turn")),
        );
        Line::times(name, note.to_owned(), &turns, target)
    };
    let goal = Target::AtLeastTimes(TIMES);
    let whole = format!(
        "countersign trust sign on countersign serve, durable; notary addhash -p on notary-server,\n   \
         in memory: {TAGS} tags and one more, warm caches; ours looks it up in a docker-registry"
    );
    vec![
        compare("add", &whole, goal, &on_ours, on_theirs),
        compare(
            "add, ours",
            "the same, both on countersign serve",
            Target::Shown,
            &on_ours,
            &on_ours,
        ),
        compare(
            "add, theirs",
            "the same, both on notary-server, which takes most of our time itself",
            Target::Shown,
            on_theirs,
            on_theirs,
        ),
    ]
}
