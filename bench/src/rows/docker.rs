//! Our `docker` before the real one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use testkit::{DockerCli, DockerVersion, Dockerd, Peers};

use super::Bench;
use crate::measure::{Turns, mean_seconds, seconds};
use crate::stage;
use crate::table::{Line, Target};

const OVERHEAD_SECONDS: f64 = 0.010;
const RUNS: usize = 10;

/// One engine for all of it.
struct Stage<'b> {
    bench: &'b Bench,
    dockerd: Dockerd,
    image: String,
}

pub(super) fn measure(bench: &Bench) -> Vec<Line> {
    let peers = Peers::locate_with_dockerd().expect("dockerd needs root");
    let stage = Stage {
        bench,
        dockerd: Dockerd::start(&peers),
        image: format!("{}/bench/present:1", bench.registry().host()),
    };
    let owner = stage.client();
    owner
        .clone()
        .env_remove("DOCKER_CONTENT_TRUST")
        .import(&stage.image, "present");
    owner.run(["push", &stage.image]).success();
    vec![stage.version(), stage.inspect(), stage.pull()]
}

impl Stage<'_> {
    /// A docker 20.10 with content trust on, and a home folder of its own.
    fn client(&self) -> DockerCli {
        let server = self.bench.server();
        stage::docker(&self.bench.peers, &server.url(), server.ca_file())
            .version(DockerVersion::V20)
            .daemon(&self.dockerd)
            .env("DOCKER_CONTENT_TRUST", "1")
    }

    fn version(&self) -> Line {
        let docker = self.client();
        let shim = self.shim(&docker);
        let words = ["version"];
        let answers = |said: &str| said.contains("Server:");
        let turns = Turns::take(
            self.bench.args.rounds,
            || mean_seconds(RUNS, || seconds(docker.command_of(&shim, words), answers)),
            || mean_seconds(RUNS, || seconds(docker.command(words), answers)),
        );
        let note = format!(
            "docker version through our docker and without it, with an engine; mean of {RUNS} a turn"
        );
        let target = Target::AtMostSecondsMore(OVERHEAD_SECONDS);
        Line::times("before docker", note, &turns, target)
    }

    fn inspect(&self) -> Line {
        let words = ["trust", "inspect", &self.image];
        let note = "docker trust inspect of a tag: ours, docker 20.10; warm caches".to_owned();
        self.trusted("docker inspect", note, words, |said| {
            said.matches("\"SignedTag\"").count() == 1
        })
    }

    fn pull(&self) -> Line {
        let note =
            "a trusted docker pull of an image that is there: ours, docker 20.10; warm caches"
                .to_owned();
        self.trusted("docker pull", note, ["pull", &self.image], |said| {
            said.contains("Image is up to date for")
        })
    }

    /// The same words to ours and to docker 20.10, each with a cache of its own; the first turn fills it.
    fn trusted<const N: usize>(
        &self,
        name: &'static str,
        note: String,
        words: [&str; N],
        complete: impl Fn(&str) -> bool + Copy,
    ) -> Line {
        let (docker, stand_in) = (self.client(), self.client());
        let shim = self.shim(&stand_in);
        let turns = Turns::take(
            self.bench.args.rounds,
            || seconds(stand_in.command_of(&shim, words), complete),
            || seconds(docker.command(words), complete),
        );
        Line::times(name, note, &turns, Target::AtLeastTimes(1.0))
    }

    /// Our program called `docker`; it finds the real one on `PATH`.
    fn shim(&self, docker: &DockerCli) -> PathBuf {
        let program = fs::canonicalize(&self.bench.args.program).expect("the program is there");
        let shim = docker.home().join("docker");
        symlink(program, &shim).expect("the temporary folder is writable");
        shim
    }
}
