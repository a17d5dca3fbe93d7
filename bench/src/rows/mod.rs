//! What is measured, one module each.

mod cosign;
mod docker;
mod inspect;
mod sign;
mod size;
mod startup;
mod ten_thousand;
mod timestamp;

use std::cell::OnceCell;
use std::process::Command;

use testkit::{DockerCli, DockerRegistry, NotaryServer, Peers, TestCa};

use crate::args::Args;
use crate::rows::cosign::Scene;
use crate::rows::ten_thousand::TenThousand;
use crate::stage;
use crate::table::Line;

/// A row of the table; one measurement may give several lines.
#[derive(Debug)]
pub(crate) struct Row {
    /// For `--only`.
    pub(crate) name: &'static str,
    /// In half a line.
    pub(crate) about: &'static str,
    /// Panics when it cannot be done.
    pub(crate) measure: fn(&Bench) -> Vec<Line>,
}

/// All of them, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "startup",
        about: "trust --help, beside docker 28",
        measure: startup::measure,
    },
    Row {
        name: "inspect",
        about: "trust inspect, beside docker 28, on notary-server and on ours",
        measure: inspect::measure,
    },
    Row {
        name: "docker",
        about: "our docker before the real one: version, trusted inspect and pull, beside 20.10",
        measure: docker::measure,
    },
    Row {
        name: "list",
        about: "a repository of 10,000 tags, beside notary list",
        measure: ten_thousand::list,
    },
    Row {
        name: "add",
        about: "one more tag in it, published, beside notary addhash -p",
        measure: ten_thousand::add,
    },
    Row {
        name: "timestamp",
        about: "timestamp.json over TLS, beside notary-server on PostgreSQL",
        measure: timestamp::measure,
    },
    Row {
        name: "sign",
        about: "a thousand tags at once, beside docker 28 one by one",
        measure: sign::measure,
    },
    Row {
        name: "cosign-startup",
        about: "version, beside cosign 3",
        measure: cosign::startup,
    },
    Row {
        name: "verify",
        about: "one image, by key and by identity: time and memory, beside cosign 3",
        measure: cosign::verify,
    },
    Row {
        name: "verify-200",
        about: "200 images in one call, beside cosign 3 in 200 calls and by xargs",
        measure: cosign::verify_many,
    },
    Row {
        name: "cosign-sign",
        about: "one image with a key, beside cosign 3",
        measure: cosign::sign,
    },
    Row {
        name: "size",
        about: "the release binary",
        measure: size::measure,
    },
];

/// What the rows share; servers start when the first row needs them.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) peers: Peers,
    pub(crate) args: Args,
    pub(crate) ca: TestCa,
    server: OnceCell<NotaryServer>,
    registry: OnceCell<DockerRegistry>,
    ten_thousand: OnceCell<TenThousand>,
    signed: OnceCell<Scene>,
}

impl Bench {
    pub(crate) fn new(peers: Peers, args: Args) -> Self {
        Self {
            peers,
            args,
            ca: TestCa::new(),
            server: OnceCell::new(),
            registry: OnceCell::new(),
            ten_thousand: OnceCell::new(),
            signed: OnceCell::new(),
        }
    }

    /// A notary-server in memory.
    fn server(&self) -> &NotaryServer {
        self.server
            .get_or_init(|| NotaryServer::memory(&self.peers, &self.ca))
    }

    /// A docker-registry, where our `sign` looks tags up.
    fn registry(&self) -> &DockerRegistry {
        self.registry
            .get_or_init(|| DockerRegistry::start(&self.peers))
    }

    /// A docker 28 on [`Bench::server`], with an empty home folder.
    fn docker(&self) -> DockerCli {
        stage::docker(&self.peers, &self.server().url(), self.server().ca_file())
    }

    /// Our program in the place of a docker: its environment, its folders.
    fn ours<'a>(&self, docker: &DockerCli, words: impl IntoIterator<Item = &'a str>) -> Command {
        docker.command_of(&self.args.program, words)
    }

    /// What everything is measured on and against.
    pub(crate) fn circumstances(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split_whitespace().next().unwrap_or("unknown");
        format!(
            "{} rounds in turns, medians{}; {cores} cores, load at the end {load}\n\
             docker {}, notary and notary-server {}, cosign {}",
            self.args.rounds,
            if self.args.quick {
                " (--quick: not for quoting)"
            } else {
                ""
            },
            short(self.peers.version("DOCKER_28")),
            short(self.peers.version("NOTARY")),
            short(self.peers.version("COSIGN_3")),
        )
    }
}

/// A version without the package's own part.
fn short(version: &str) -> &str {
    version.split(['+', '-']).next().unwrap_or(version)
}
