//! A thousand tags.

use testkit::{NotaryCli, NotaryServer};

use super::Bench;
use crate::measure::{Turns, mean_seconds, seconds};
use crate::stage::{self, Tag};
use crate::table::{Line, Target};

const TIMES: f64 = 50.0;
const TAGS: usize = 1000;
/// So many are signed one by one; the time for a thousand is scaled from them.
const SAMPLE: usize = 20;
const REPOSITORY: &str = "bench/thousand";

pub(super) fn measure(bench: &Bench) -> Vec<Line> {
    let names: Vec<String> = (0..TAGS).map(|number| format!("new-{number}")).collect();
    stage::push(&bench.peers, bench.registry(), REPOSITORY, &names);
    let gun = format!("{}/{REPOSITORY}", bench.registry().host());
    let images: Vec<String> = names.iter().map(|name| format!("{gun}:{name}")).collect();
    let old = stage::tags("old-", SAMPLE);
    let turns = Turns::take(
        bench.args.rounds,
        || at_once(bench, &gun, &old, &images),
        || one_by_one(bench, &gun, &old),
    );
    let note = format!(
        "countersign trust sign of {TAGS} new tags, looked up in a docker-registry, published once;\n   \
         docker trust sign of {SAMPLE} tags one by one, times {}: tags that another signer has\n   \
         already signed, the quickest that docker knows (no push, no look-up); a fresh\n   \
         notary-server and a warm cache for each turn",
        TAGS / SAMPLE
    );
    vec![Line::times(
        "sign 1000",
        note,
        &turns,
        Target::AtLeastTimes(TIMES),
    )]
}

/// A repository of its own for every turn, or the second turn would find everything signed.
fn at_once(bench: &Bench, gun: &str, old: &[Tag], images: &[String]) -> f64 {
    let server = NotaryServer::memory(&bench.peers, &bench.ca);
    let docker = stage::docker(&bench.peers, &server.url(), server.ca_file());
    let notary = NotaryCli::new(&bench.peers, &server.url(), server.ca_file());
    stage::repository_with_signer(&docker, &notary, gun, old);
    docker.run(["trust", "inspect", gun]).success();
    let words = ["trust", "sign"].into_iter();
    let words = words.chain(images.iter().map(String::as_str));
    seconds(bench.ours(&docker, words), |said| {
        said.matches("Successfully signed").count() == images.len()
    })
}

/// Seconds for all, from a sample.
fn one_by_one(bench: &Bench, gun: &str, old: &[Tag]) -> f64 {
    let server = NotaryServer::memory(&bench.peers, &bench.ca);
    let docker = stage::docker(&bench.peers, &server.url(), server.ca_file());
    let notary = NotaryCli::new(&bench.peers, &server.url(), server.ca_file());
    stage::repository_with_signer(&docker, &notary, gun, old);
    docker.run(["trust", "inspect", gun]).success();
    let mut tags = old.iter();
    let each = mean_seconds(old.len(), || {
        let tag = tags.next().expect("there is one for each run");
        let image = format!("{gun}:{}", tag.name);
        seconds(docker.command(["trust", "sign", &image]), |said| {
            said.contains("Successfully signed")
        })
    });
    each * crate::measure::count(TAGS)
}
