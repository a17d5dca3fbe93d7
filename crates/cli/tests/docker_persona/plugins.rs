//! The real buildx and compose, on an engine with the containerd image store.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use testkit::{DockerCli, DockerVersion, Output};

use crate::bench::{Bench, before_real, ours, shim, untrusted};

struct Site {
    bench: Bench,
    docker: DockerCli,
    signed: String,
    unsigned: String,
    context: PathBuf,
}

impl Site {
    fn start() -> Option<Self> {
        let bench = Bench::start_containerd()?.with_plain_registry();
        let docker = before_real(&bench.docker.version(DockerVersion::V28));
        let plugins = docker.config_dir().join("cli-plugins");
        fs::create_dir_all(&plugins).unwrap();
        for (name, file) in [("BUILDX", "docker-buildx"), ("COMPOSE", "docker-compose")] {
            symlink(bench.peers().locate_plugin(name)?, plugins.join(file)).unwrap();
        }
        let repository = bench.name("app");
        let (signed, unsigned) = (format!("{repository}:1"), format!("{repository}:2"));
        bench.import(&signed, "signed");
        bench.import(&unsigned, "unsigned");
        ours(&bench.docker, ["push", &signed]).success();
        untrusted(&bench.docker).run(["push", &unsigned]).success();
        let context = docker.home().join("site");
        fs::create_dir(&context).unwrap();
        Some(Self {
            bench,
            docker,
            signed,
            unsigned,
            context,
        })
    }

    fn write(&self, name: &str, text: &str) {
        let text = text
            .replace("UNSIGNED", &self.unsigned)
            .replace("SIGNED", &self.signed);
        fs::write(self.context.join(name), text).unwrap();
    }

    /// Runs our docker in the context's folder.
    fn run(&self, words: &[&str]) -> Output {
        let mut command = self.docker.command_of(shim(&self.docker), words);
        command.current_dir(&self.context);
        testkit::run(command, b"")
    }
}

#[test]
fn dockerd_buildx_builds_what_is_signed() {
    let Some(site) = Site::start() else { return };
    site.write("Dockerfile", "FROM SIGNED\nCOPY Dockerfile /\n");
    for words in [
        &["build", "-t", "one", "."][..],
        &[
            "buildx",
            "build",
            "--load",
            "-t",
            "two",
            "--disable-content-trust=false",
            ".",
        ],
    ] {
        site.run(words).success().says("@sha256:");
    }
    for name in ["one", "two"] {
        site.bench.inspect(name).success();
    }
    // A name of the file that a build context stands for.
    site.write("Dockerfile", "FROM name\nCOPY Dockerfile /\n");
    let given = |image: &str| format!("name=docker-image://{image}");
    site.run(&["build", "--build-context", &given(&site.signed), "."])
        .success()
        .says("@sha256:");
    site.run(&["build", "--build-context", &given(&site.unsigned), "."])
        .failure()
        .says("Dockerfile:1: --build-context");
    site.run(&[
        "build",
        "--build-context",
        "name=https://example.com/x.git",
        ".",
    ])
    .failure()
    .says("named build context https://example.com/x.git is fetched by the builder");
    // One build for two platforms, whose bases differ.
    site.write(
        "Dockerfile",
        "ARG TARGETARCH\nFROM SIGNED AS amd64\nFROM UNSIGNED AS arm64\nFROM ${TARGETARCH}\n",
    );
    site.run(&["build", "--platform", "linux/amd64", "."])
        .success();
    site.run(&["build", "--platform", "linux/amd64,linux/arm64", "."])
        .failure()
        .says("Dockerfile:3: FROM");
}

#[test]
fn dockerd_bake_and_compose_use_what_is_signed() {
    let Some(site) = Site::start() else { return };
    site.write(
        "docker-bake.hcl",
        "target \"default\" {\n  context = \".\"\n  args = { TAG = upper(\"1\") }\n}\n",
    );
    site.write(
        "compose.yaml",
        "services:\n  web:\n    image: ${IMAGE:-SIGNED}\n  own:\n    image: own\n    build: .\n  other:\n    profiles: \
         [p]\n    image: SIGNED\n",
    );
    site.write(
        "Dockerfile",
        "ARG TAG\nFROM SIGNED\nCOPY Dockerfile /$TAG\n",
    );
    for words in [
        &["buildx", "bake"][..],
        &["bake", "--progress", "plain"],
        &["compose", "build"],
        &["compose", "pull", "web"],
    ] {
        site.run(words).success();
    }
    site.write("Dockerfile", "FROM UNSIGNED\n");
    for words in [&["buildx", "bake"][..], &["bake"], &["compose", "up"]] {
        let refused = site.run(words).failure();
        assert_eq!((refused.code(), refused.stdout.as_str()), (Some(1), ""));
        refused.says(&format!("Dockerfile:1: FROM {}: ", site.unsigned));
    }
    site.write("Dockerfile", "FROM SIGNED\n");
    let mut command = site
        .docker
        .command_of(shim(&site.docker), ["compose", "pull"]);
    command
        .current_dir(&site.context)
        .env("IMAGE", &site.unsigned);
    testkit::run(command, b"")
        .failure()
        .says(&format!("service web {}: ", site.unsigned));
    // Files that cannot be read start nothing.
    site.write("compose.yaml", "services: [\n");
    site.run(&["compose", "up"])
        .failure()
        .says("docker compose config failed");
}
