//! `countersign plugin install --docker-shim DIR --builder-alias`, and docker's builder behind the alias.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testkit::{DockerCli, DockerVersion, Output};

use crate::bench::{Bench, COUNTERSIGN, exists, ours};

fn plugin(docker: &DockerCli, words: &[&str]) -> Output {
    docker.run_program(COUNTERSIGN, [&["plugin"], words].concat())
}

fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A buildx that tells its words and its Dockerfile.
const BUILDX: &str = "#!/bin/sh\nif [ \"$1\" = docker-cli-plugin-metadata ]; then\n\
    echo '{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"x\",\"Version\":\"1\",\"ShortDescription\":\"x\"}'; exit 0\nfi\n\
    printf 'buildx'; for word; do printf ' [%s]' \"$word\"; done; echo; cat; exit 5\n";

#[test]
fn dockerd_the_builder_alias_checks_and_pins_plain_docker_build() {
    let Some(bench) = Bench::start() else { return };
    let base = format!("{}:1", bench.name("base"));
    bench.import(&base, "base");
    ours(&bench.docker, ["push", &base]).success();

    let docker = bench.docker.version(DockerVersion::V28);
    let config = docker.config_dir().join("config.json");
    fs::write(
        &config,
        "{\"auths\": {\"x\": {\"auth\": \"eDp5\"}}, \"detachKeys\": \"ctrl-e\"}",
    )
    .unwrap();
    plugin(&docker, &["install", "--builder-alias"])
        .success()
        .says("docker build is this program");
    let text = fs::read_to_string(&config).unwrap();
    for kept in [
        "\"auth\": \"eDp5\"",
        "\"detachKeys\": \"ctrl-e\"",
        "\"builder\":\"countersign\"",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    plugin(&docker, &["status"])
        .success()
        .says("docker build: Countersign");
    write_program(
        &docker.config_dir().join("cli-plugins/docker-buildx"),
        BUILDX,
    );

    let context = docker.home().join("context");
    fs::create_dir(&context).unwrap();
    let dockerfile = context.join("Dockerfile");
    fs::write(&dockerfile, format!("FROM {base}\n")).unwrap();
    let real = docker.command([""; 0]);
    let docker = docker
        .clone()
        .env("COUNTERSIGN_DOCKER", &real.get_program().to_string_lossy());
    let context = context.to_str().unwrap();
    let built = docker.run(["build", "-t", "x", "--disable-content-trust=false", context]);
    assert_eq!(built.code(), Some(5), "{built}");
    let line =
        format!("buildx [buildx] [build] [-t] [x] [{context}] [-f] [-]\nFROM {base}@sha256:");
    assert!(built.stdout.starts_with(&line), "{built}");

    fs::write(&dockerfile, format!("FROM {}:2\n", bench.name("base"))).unwrap();
    let refused = docker.run(["build", context]).failure();
    assert_eq!((refused.code(), refused.stdout.as_str()), (Some(1), ""));
    refused.says("No valid trust data for 2");
    // Other words of the builder, and content trust off.
    let pruned = docker.run(["builder", "prune", "-f"]);
    assert!(
        pruned.stdout.starts_with("buildx [buildx] [prune] [-f]\n"),
        "{pruned}"
    );
    let off = docker
        .env("DOCKER_CONTENT_TRUST", "0")
        .run(["build", context]);
    assert!(
        off.stdout
            .starts_with(&format!("buildx [buildx] [build] [{context}]\n")),
        "{off}"
    );

    plugin(&bench.docker, &["uninstall"]).success();
    let text = fs::read_to_string(&config).unwrap();
    assert!(
        !text.contains("aliases") && text.contains("detachKeys"),
        "{text}"
    );
}

#[test]
fn the_shim_is_installed_seen_and_removed() {
    let Some(peers) = testkit::Peers::locate() else {
        return;
    };
    let docker = DockerCli::new(&peers, DockerVersion::V28);
    let folder = docker.home().join("bin");
    let shim = folder.join("docker");
    let at = folder.to_str().unwrap();
    plugin(&docker, &["install", "--docker-shim", at])
        .success()
        .says("Put its folder before the real docker's");
    let path = format!("{at}:/usr/bin:/bin");
    let before = docker.clone().env("PATH", &path);
    plugin(&before, &["status"])
        .success()
        .says("(Countersign, before the real one)");
    plugin(&before, &["uninstall", "--docker-shim", at]).success();
    assert!(!exists(&shim));
    // Another docker stays, whatever is asked.
    write_program(&shim, "#!/bin/sh\n");
    for words in [
        &["install", "--force", "--docker-shim", at][..],
        &["uninstall", "--docker-shim", at],
    ] {
        plugin(&docker, words).failure();
        assert_eq!(fs::read_to_string(&shim).unwrap(), "#!/bin/sh\n");
    }
    // Another builder is kept too.
    let config = docker.config_dir().join("config.json");
    fs::write(&config, "{\"aliases\":{\"builder\":\"buildx\"}}").unwrap();
    plugin(&docker, &["install", "--builder-alias"])
        .failure()
        .says("is \"buildx\" already");
    plugin(&docker, &["install", "--builder-alias", "--force"]).success();
    assert!(fs::read_to_string(&config).unwrap().contains("countersign"));
}
