//! An engine, our registry and trust server, and people at shells that find our `docker` first.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use testkit::{Countersign, DockerCli, DockerVersion, Dockerd, Output, Peers, run};

use crate::page::Step;
use crate::stand_in;

/// The program under judgement.
pub(crate) const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// Which real docker stands behind ours, on which engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Behind {
    /// 20.10 on an engine 20.10.
    V20,
    /// 28 on the same.
    V28,
    /// 28.5 on an engine 28.5 with containerd's image store.
    Containerd28,
    /// The stand-in for 29 on the same.
    StandIn29,
}

impl Behind {
    fn client(self) -> DockerVersion {
        match self {
            Self::V20 => DockerVersion::V20,
            Self::V28 => DockerVersion::V28,
            Self::Containerd28 | Self::StandIn29 => DockerVersion::V28_5,
        }
    }
}

/// The machines of one test.
pub(crate) struct Site {
    pub(crate) peers: Peers,
    pub(crate) server: Countersign,
    dockerd: Dockerd,
    behind: Behind,
}

impl Site {
    pub(crate) fn start(behind: Behind) -> Option<Self> {
        let (peers, dockerd) = match behind {
            Behind::V20 | Behind::V28 => {
                let peers = Peers::locate_with_dockerd()?;
                let dockerd = Dockerd::start(&peers);
                (peers, dockerd)
            }
            Behind::Containerd28 | Behind::StandIn29 => {
                let peers = Peers::locate_with_dockerd_28()?;
                let dockerd = Dockerd::start_28_containerd(&peers);
                (peers, dockerd)
            }
        };
        let server = Countersign::start(COUNTERSIGN);
        Some(Self {
            peers,
            server,
            dockerd,
            behind,
        })
    }

    /// Somebody with an empty home folder and no passphrases, whose shell finds our `docker` and `notary` first and
    /// then the real docker.
    pub(crate) fn person(&self) -> Person {
        let stock = DockerCli::new(&self.peers, self.behind.client()).daemon(&self.dockerd);
        stock.add_ca(&self.server.host(), &self.server.ca_file());
        let folder = stock.home().join("real");
        fs::create_dir(&folder).unwrap();
        let client = stock.command([""; 0]);
        let (client, real) = (Path::new(client.get_program()), folder.join("docker"));
        if self.behind == Behind::StandIn29 {
            stand_in::write(&real, client);
        } else {
            symlink(client, &real).unwrap();
        }
        let ours = stock.home().join("ours");
        let installed = ["plugin", "install", "--docker-shim", ours.to_str().unwrap()];
        stock.run_program(COUNTERSIGN, installed).success();
        symlink(COUNTERSIGN, ours.join("notary")).unwrap();
        let rest = path_of(&stock);
        let path = format!("{}:{}:{rest}", ours.display(), folder.display());
        let shell = stock
            .clone()
            .env("PATH", &path)
            .env_remove("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE")
            .env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE");
        Person { shell, stock, real }
    }

    /// A repository's name in our registry.
    pub(crate) fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.server.host())
    }

    /// Who signed what, as stock docker 20.10 with an empty cache sees it.
    #[track_caller]
    pub(crate) fn judged(&self, trust_server: &str, ca_file: &Path, image: &str) -> Output {
        let judge =
            DockerCli::new(&self.peers, DockerVersion::V20).trust_server(trust_server, ca_file);
        judge.run(["trust", "inspect", "--pretty", image])
    }
}

/// Somebody at a shell.
pub(crate) struct Person {
    shell: DockerCli,
    /// The client without any of ours, on the same folder; not the stand-in.
    pub(crate) stock: DockerCli,
    real: PathBuf,
}

impl Person {
    /// Runs a step of a page, each line of which must succeed, and checks what the page shows of the output.
    #[track_caller]
    pub(crate) fn follows(&self, step: &Step) -> Output {
        let output = self.tries(step).success();
        step.shows
            .iter()
            .fold(output, |output, shown| output.says(shown))
    }

    /// Runs a step of a page.
    #[track_caller]
    pub(crate) fn tries(&self, step: &Step) -> Output {
        self.bash(&step.lines, "")
    }

    /// The same with something typed.
    #[track_caller]
    pub(crate) fn tries_typing(&self, step: &Step, typed: &str) -> Output {
        self.bash(&step.lines, typed)
    }

    /// Runs lines that are not on the page.
    #[track_caller]
    pub(crate) fn types(&self, lines: &str) -> Output {
        self.bash(lines, "").success()
    }

    /// The real docker or the stand-in, without ours before it.
    #[track_caller]
    pub(crate) fn without_ours(&self, words: &[&str]) -> Output {
        self.shell.run_program(&self.real, words)
    }

    /// The engine's id of an image, if it has it.
    #[track_caller]
    pub(crate) fn image(&self, name: &str) -> Option<String> {
        let seen = self
            .stock
            .run(["image", "inspect", "--format", "{{.Id}}", name]);
        match seen.code() {
            Some(0) => Some(seen.stdout),
            _ => {
                seen.says("No such image");
                None
            }
        }
    }

    pub(crate) fn forget(&self, images: &[&str]) {
        self.stock.run([&["rmi", "-f"], images].concat()).success();
    }

    pub(crate) fn home(&self) -> &Path {
        self.stock.home()
    }

    /// Names of the private keys at hand.
    pub(crate) fn keys(&self) -> Vec<String> {
        let folder = self.stock.trust_dir().join("private");
        testkit::files(&folder).into_keys().collect()
    }

    /// The environment is carried from step to step, as in one shell.
    #[track_caller]
    fn bash(&self, lines: &str, typed: &str) -> Output {
        let script = format!(
            "set -e\nif [ -f ~/.left ]; then . ~/.left; fi\ntrap 'export -p >~/.left' EXIT\n{lines}"
        );
        let command = self.shell.command_of("bash", ["-c", &script]);
        run(command, typed.as_bytes())
    }
}

fn path_of(docker: &DockerCli) -> String {
    let command = docker.command([""; 0]);
    let path = command
        .get_envs()
        .find_map(|(name, value)| (name == "PATH").then_some(value?));
    path.unwrap().to_str().unwrap().to_owned()
}

/// An image with a shell: the machine's own, with what it is linked to.
#[track_caller]
pub(crate) fn import_shell(docker: &DockerCli, image: &str) {
    let script = format!(
        "tar -chf - -C / bin/sh $(ldd /bin/sh | grep -o '/[^ )]*' | sed 's,^/,,') | docker import - {image}"
    );
    let real = docker.command([""; 0]);
    let folder = Path::new(real.get_program()).parent().unwrap();
    let path = format!("{}:{}", folder.display(), path_of(docker));
    let command = docker
        .clone()
        .env("PATH", &path)
        .command_of("bash", ["-o", "pipefail", "-ec", &script]);
    run(command, b"").success();
}
