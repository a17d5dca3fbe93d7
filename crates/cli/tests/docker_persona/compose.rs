//! `docker compose` and `docker buildx bake`: every image is checked before anything starts. The plugins are stand-ins
//! that tell what is in the files, as `compose config --format json` and `bake --print` do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testkit::{DockerCli, DockerVersion};

use crate::bench::{Bench, before_real, ours, shim, untrusted};

/// Answers `config` and `--print` with a file, and tells how it was called otherwise.
fn add_plugin(docker: &DockerCli, name: &str, told: &str) {
    let told_file = docker.home().join(format!("{name}.json"));
    fs::write(&told_file, told).unwrap();
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = docker-cli-plugin-metadata ]; then\n\
         echo '{{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"x\",\"Version\":\"1\",\"ShortDescription\":\"x\"}}'; exit 0\nfi\n\
         for word; do case $word in config|--print) cat '{}'; exit 0;; esac; done\n\
         printf 'ran'; for word; do printf ' [%s]' \"$word\"; done; echo; exit 5\n",
        told_file.display()
    );
    let path = docker
        .config_dir()
        .join(format!("cli-plugins/docker-{name}"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn dockerd_compose_and_bake_start_nothing_that_is_not_signed() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("app");
    let (signed, unsigned) = (format!("{repository}:1"), format!("{repository}:2"));
    bench.import(&signed, "signed");
    ours(&bench.docker, ["push", &signed]).success();
    bench.import(&unsigned, "unsigned");
    untrusted(&bench.docker).run(["push", &unsigned]).success();
    let docker = before_real(&bench.docker.version(DockerVersion::V28));
    let context = docker.home().join("site");
    fs::create_dir(&context).unwrap();
    let dockerfile = |image: &str| {
        fs::write(
            context.join("Dockerfile"),
            format!("FROM scratch\nCOPY --from={image} / /\n"),
        )
        .unwrap();
    };
    let folder = context.to_str().unwrap();
    let compose = |image: &str| {
        let told = format!(
            r#"{{"name":"x","services":{{"web":{{"image":"{image}"}},"own":{{"image":"own","build":{{"context":"{folder}","dockerfile":"Dockerfile"}}}}}}}}"#
        );
        add_plugin(&docker, "compose", &told);
    };
    let bake = format!(
        r#"{{"group":{{"default":{{"targets":["app"]}}}},"target":{{"app":{{"context":"{folder}","dockerfile":"Dockerfile"}}}}}}"#
    );
    add_plugin(&docker, "buildx", &bake);
    let run = |words: &[&str]| docker.run_program(shim(&docker), words);

    dockerfile(&signed);
    compose(&signed);
    for words in [
        &["compose", "-f", "x.yaml", "up", "-d"][..],
        &["compose", "run", "web", "--disable-content-trust"],
        &["buildx", "bake", "--push"],
        &["compose", "ps"],
    ] {
        let output = run(words);
        assert_eq!(output.code(), Some(5), "{output}");
        assert_eq!(output.stdout, format!("ran [{}]\n", words.join("] [")));
    }

    compose(&unsigned);
    let refused = run(&["compose", "up"]).failure();
    assert_eq!((refused.code(), refused.stdout.as_str()), (Some(1), ""));
    refused.says(&format!(
        "service web {unsigned}: No valid trust data for 2"
    ));
    run(&["compose", "ps"]).says("ran");

    // An image that is built and has a name: compose looks for that name in the registry first.
    let named = format!("{repository}:named");
    let told = |name: &str| {
        format!(
            r#"{{"name":"x","services":{{"own":{{"image":"{name}","build":{{"context":"{folder}","dockerfile":"Dockerfile"}}}}}}}}"#
        )
    };
    add_plugin(&docker, "compose", &told(&named));
    run(&["compose", "up"]).says("ran");
    add_plugin(&docker, "compose", &told(&unsigned));
    run(&["compose", "up"])
        .failure()
        .says("No valid trust data for 2");
    run(&["compose", "build"]).says("ran");

    compose(&signed);
    dockerfile(&unsigned);
    for words in [&["compose", "build"][..], &["buildx", "bake"]] {
        let refused = run(words).failure();
        assert_eq!((refused.code(), refused.stdout.as_str()), (Some(1), ""));
        refused.says(&format!("Dockerfile:2: COPY --from {unsigned}: "));
    }

    // The tag was moved: what compose would pull is not what is signed.
    dockerfile(&signed);
    bench.forget(&[&signed]);
    bench.import(&signed, "moved");
    untrusted(&bench.docker).run(["push", &signed]).success();
    let refused = run(&["compose", "up"]).failure();
    refused.says("under this tag, and what is signed is sha256:");
}
