//! Which engine docker itself would take, for every combination of what decides it.
#![allow(clippy::unwrap_used, reason = "in the helpers of tests too")]

use engine::{Endpoint, EndpointFault, Sources};
use testkit::{DockerCli, DockerVersion, Peers, TestCa};

/// What `docker context inspect` says of the context in force; `None` when docker refuses.
fn docker_says(docker: &DockerCli, flags: &[&str]) -> Option<String> {
    let format = "{{.Endpoints.docker.Host}}";
    let words = flags.iter().copied();
    let output = docker.run(words.chain(["context", "inspect", "--format", format]));
    (output.code() == Some(0)).then(|| output.stdout.trim().to_owned())
}

#[test]
fn every_combination_is_decided_as_docker_28_decides_it() {
    let Some(peers) = Peers::locate() else { return };
    let docker = DockerCli::new(&peers, DockerVersion::V28).env_remove("DOCKER_HOST");
    for name in ["flag", "variable", "current"] {
        let host = format!("host=unix:///{name}.sock");
        docker
            .run(["context", "create", name, "--docker", &host])
            .success();
    }
    let config_dir = docker.config_dir();
    let choices = |text| [None, Some(text)];
    for current in ["default", "current"] {
        docker.run(["context", "use", current]).success();
        for docker_host in choices("unix:///host.sock") {
            for docker_context in [None, Some("variable"), Some("default"), Some("nosuch")] {
                for flags in [
                    &[][..],
                    &["--context", "flag"],
                    &["--context", "default"],
                    &["--context", "nosuch"],
                    &["--host", "unix:///flagged.sock"],
                    &["--host", "unix:///flagged.sock", "--context", "flag"],
                ] {
                    let mut docker = docker.clone();
                    if let Some(host) = docker_host {
                        docker = docker.env("DOCKER_HOST", host);
                    }
                    if let Some(name) = docker_context {
                        docker = docker.env("DOCKER_CONTEXT", name);
                    }
                    let flag = |name: &str| {
                        let place = flags.iter().position(|word| *word == name)?;
                        flags.get(place + 1).copied()
                    };
                    let ours = Endpoint::choose(&Sources {
                        host_flag: flag("--host"),
                        context_flag: flag("--context"),
                        docker_host,
                        docker_context,
                        config_dir: Some(&config_dir),
                        ..Sources::default()
                    });
                    assert_eq!(
                        ours.as_ref().ok().map(ToString::to_string),
                        docker_says(&docker, flags),
                        "current {current}, host {docker_host:?}, context {docker_context:?}, {flags:?}: {ours:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_tls_files_of_a_real_context_are_found() {
    let Some(peers) = Peers::locate() else { return };
    let docker = DockerCli::new(&peers, DockerVersion::V28).env_remove("DOCKER_HOST");
    let ca = TestCa::new();
    let client = ca.issue(&["client"]);
    let endpoint = format!(
        "host=tcp://far:1,ca={},cert={},key={}",
        ca.file().display(),
        client.certificate_file.display(),
        client.key_file.display()
    );
    docker
        .run(["context", "create", "far", "--docker", &endpoint])
        .success();
    let config_dir = docker.config_dir();
    let choose = || {
        Endpoint::choose(&Sources {
            context_flag: Some("far"),
            config_dir: Some(&config_dir),
            ..Sources::default()
        })
    };
    assert!(!choose().unwrap().is_plain_tcp());
    let key = testkit::files(&config_dir)
        .into_iter()
        .find(|(path, _)| path.ends_with("key.pem"));
    let (path, _) = key.expect("docker keeps the key");
    std::fs::remove_file(config_dir.join(path)).unwrap();
    assert!(matches!(choose(), Err(EndpointFault::HalfIdentity { .. })));
}
