//! The file that every client asks for every time.

use std::time::Duration;

use testkit::{Countersign, NotaryCli, NotaryServer};

use super::Bench;
use crate::load::{Load, Question, requests_per_second};
use crate::measure::Turns;
use crate::stage;
use crate::table::{Line, Target};

const TIMES: f64 = 5.0;
const CONNECTIONS: usize = 32;
const DURATION: Duration = Duration::from_secs(3);
const QUICK_DURATION: Duration = Duration::from_millis(500);

pub(super) fn measure(bench: &Bench) -> Vec<Line> {
    let gun = "localhost:5000/bench/timestamp";
    let ours = Countersign::start(&bench.args.program);
    let peer = NotaryServer::postgres(&bench.peers, &bench.ca);
    let our_ca = ours.ca_file();
    for (url, ca_file) in [(ours.url(), our_ca.as_path()), (peer.url(), peer.ca_file())] {
        let notary = NotaryCli::new(&bench.peers, &url, ca_file);
        notary.run(["init", gun]).success();
        stage::publish(&notary, gun, "targets", &stage::tags("v", 1));
    }
    let question = |address, ca_file| Question {
        address,
        ca_pem: std::fs::read_to_string(ca_file).expect("the authority's file is there"),
        path: format!("/v2/{gun}/_trust/tuf/timestamp.json"),
        is_right: is_timestamp,
    };
    let of_ours = question(ours.address(), our_ca.as_path());
    let of_peer = question(peer.address(), peer.ca_file());
    let load = Load {
        connections: CONNECTIONS,
        duration: if bench.args.quick {
            QUICK_DURATION
        } else {
            DURATION
        },
    };
    let turns = Turns::take(
        bench.args.rounds,
        || requests_per_second(&of_ours, load),
        || requests_per_second(&of_peer, load),
    );
    let note = format!(
        "countersign serve on its durable store, notary-server on PostgreSQL: timestamp.json over\n   \
         TLS, {CONNECTIONS} connections kept alive, {} s a turn, the load on the same cores",
        load.duration.as_secs_f64()
    );
    vec![Line::rates(
        "timestamp",
        note,
        &turns,
        Target::AtLeastTimes(TIMES),
    )]
}

fn is_timestamp(body: &[u8]) -> bool {
    let file: Result<serde_json::Value, _> = serde_json::from_slice(body);
    file.is_ok_and(|file| file["signed"]["_type"] == "Timestamp" && file["signatures"].is_array())
}
