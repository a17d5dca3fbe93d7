//! The Docker CLI plugin: protocol, completion, installation.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::scene::{Scene, names_in};

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");

#[test]
fn metadata_is_what_every_docker_accepts() {
    let outcome = Scene::new().run(&["docker", "docker-cli-plugin-metadata"]);
    let value: serde_json::Value = serde_json::from_str(outcome.success()).unwrap();
    assert_eq!(value["SchemaVersion"], "0.1.0");
    assert_eq!(value["Vendor"], "Countersign");
    assert_eq!(value["ShortDescription"], "Manage trust on Docker images");
    assert_eq!(value["Version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn dockers_options_before_the_name_are_understood() {
    let line = [
        "docker",
        "-D",
        "--config",
        "/c",
        "--host",
        "tcp://a",
        "-H=tcp://b",
        "-l",
        "debug",
        "--tls",
        "trust",
        "key",
    ];
    let outcome = Scene::new().run(&line);
    assert!(
        outcome
            .stderr
            .starts_with("Usage:  docker trust key COMMAND\n"),
        "{outcome:?}"
    );
    let unknown = Scene::new().run(&["docker", "--bogus", "trust", "key"]);
    assert_eq!(
        (unknown.code, unknown.stderr.lines().next()),
        (125, Some("unknown flag: --bogus"))
    );
}

#[test]
fn dockers_help_command_reaches_the_plugin() {
    let outcome = Scene::new().run(&["docker", "help", "trust", "key", "load"]);
    assert_eq!(
        outcome.success(),
        Scene::new()
            .run(&["docker", "trust", "key", "load", "--help"])
            .stdout
    );
    let unknown = Scene::new().run(&["docker", "help", "trust", "bogus"]);
    assert_eq!(unknown.failure(), "unknown help topic: bogus\n");
}

#[test]
fn the_plugin_file_also_works_without_docker() {
    let scene = Scene::new();
    for line in [
        &["docker-trust", "key", "load", "--help"][..],
        &["docker-trust", "trust", "key", "load", "--help"],
    ] {
        assert!(
            scene
                .run(line)
                .success()
                .starts_with("Usage:  docker trust key load [OPTIONS] KEYFILE\n")
        );
    }
    let outcome = scene.run(&[
        "docker-countersign",
        "countersign",
        "trust",
        "key",
        "load",
        "--help",
    ]);
    assert!(
        outcome
            .success()
            .starts_with("Usage:  docker countersign trust key load [OPTIONS] KEYFILE\n")
    );
}

#[test]
fn completion_speaks_dockers_protocol() {
    let complete = |words: &[&str]| {
        let mut line = vec!["docker", "__complete", "trust"];
        line.extend_from_slice(words);
        Scene::new().run(&line).success().to_owned()
    };
    assert_eq!(
        complete(&["s"]),
        "sign\tSign an image\nsigner\tManage entities who can sign Docker images\n:4\n"
    );
    assert_eq!(complete(&["key", "load", ""]), ":0\n");
    assert_eq!(
        complete(&["key", "load", "--"]),
        "--name\tName for the loaded key\n:4\n"
    );
    assert_eq!(complete(&["key", "load", "--name", ""]), ":4\n");
    assert_eq!(complete(&["key", "generate", "--dir", ""]), ":16\n");
    assert_eq!(complete(&["signer", "add", "--key", ""]), ":0\n");
    assert_eq!(
        complete(&["revoke", "-"]),
        "--yes\tDo not prompt for confirmation\n:4\n"
    );
    let native = Scene::new().run(&["countersign", "__completeNoDesc", "completion", ""]);
    assert_eq!(native.success(), "bash\nfish\nzsh\n:4\n");
}

#[test]
fn every_shell_has_a_script_that_asks_the_program() {
    for shell in ["bash", "fish", "zsh"] {
        let outcome = Scene::new().run(&["countersign", "completion", shell]);
        assert!(outcome.success().contains(" __complete"), "{shell}");
    }
    assert!(
        Scene::new()
            .run(&["countersign", "completion", "csh"])
            .failure()
            .contains("bash, fish or zsh")
    );
}

#[test]
fn bash_completes_with_the_script() {
    if Command::new("bash")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        println!("skipped: no bash on this machine");
        return;
    }
    let folder = std::path::Path::new(PROGRAM).parent().unwrap();
    let script = format!(
        "PATH={}:$PATH; source <(countersign completion bash); COMP_WORDS=(countersign trust sig); COMP_CWORD=2; \
         _countersign; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        folder.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "sign\nsigner\n",
        "{output:?}"
    );
}

#[test]
fn install_links_both_names_and_uninstall_removes_them() {
    let scene = installed_program();
    let outcome = scene.run(&["countersign", "plugin", "install"]);
    assert!(
        outcome
            .success()
            .contains("Docker up to 28: docker trust … stays Docker's own"),
        "{outcome:?}"
    );
    let folder = scene.home().join(".docker/cli-plugins");
    assert_eq!(names_in(&folder), ["docker-countersign", "docker-trust"]);
    let metadata = Command::new(folder.join("docker-trust"))
        .arg("docker-cli-plugin-metadata")
        .output()
        .unwrap();
    assert!(
        metadata.status.success() && metadata.stdout.starts_with(b"{\"SchemaVersion\":\"0.1.0\"")
    );
    scene.run(&["countersign", "plugin", "install"]).success();
    let status = scene.run(&["countersign", "plugin", "status"]);
    assert!(
        status.success().starts_with(
            "docker trust: /home/user/.docker/cli-plugins/docker-trust (Countersign)\n"
        )
    );
    scene.run(&["countersign", "plugin", "uninstall"]).success();
    assert!(names_in(&folder).is_empty());
    assert_eq!(
        scene.run(&["countersign", "plugin", "uninstall"]).success(),
        ""
    );
}

#[test]
fn a_copy_is_known_as_ours_without_being_run() {
    let scene = installed_program();
    scene
        .run(&["countersign", "plugin", "install", "--copy", "--dir", "p"])
        .success();
    let copy = scene.project().join("p/docker-trust");
    assert!(!copy.symlink_metadata().unwrap().is_symlink());
    scene
        .run(&["countersign", "plugin", "uninstall", "--dir", "p"])
        .success();
    assert!(names_in(&scene.project().join("p")).is_empty());
}

#[test]
fn a_foreign_plugin_is_left_alone() {
    let scene = installed_program();
    let folder = scene.home().join(".docker/cli-plugins");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("docker-countersign"), "#!/bin/sh\n").unwrap();
    let refused = scene.run(&["countersign", "plugin", "install"]);
    assert!(
        refused.failure().contains("is not Countersign's"),
        "{refused:?}"
    );
    assert_eq!(
        names_in(&folder),
        ["docker-countersign"],
        "nothing else was installed either"
    );
    assert_eq!(scene.run(&["countersign", "plugin", "uninstall"]).code, 1);
    assert_eq!(
        std::fs::read(folder.join("docker-countersign")).unwrap(),
        b"#!/bin/sh\n"
    );
    scene
        .run(&["countersign", "plugin", "install", "--force"])
        .success();
    assert_eq!(names_in(&folder), ["docker-countersign", "docker-trust"]);
    scene.run(&["countersign", "plugin", "uninstall"]).success();
}

#[test]
fn status_names_the_folders_in_dockers_order() {
    let scene = installed_program();
    let config = scene.home().join(".docker");
    std::fs::create_dir_all(&config).unwrap();
    let extra = scene.home().join("extra");
    std::fs::write(
        config.join("config.json"),
        format!("{{\"cliPluginsExtraDirs\":[{extra:?}]}}"),
    )
    .unwrap();
    scene.run(&["countersign", "plugin", "install"]).success();
    std::fs::create_dir(&extra).unwrap();
    std::fs::write(extra.join("docker-trust"), "#!/bin/sh\n").unwrap();
    let status = scene.run(&["countersign", "plugin", "status"]);
    let lines: Vec<&str> = status.success().lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "docker trust: /home/user/extra/docker-trust (another program)",
            "docker trust: /home/user/.docker/cli-plugins/docker-trust (Countersign, hidden by the one above)",
            "docker countersign: /home/user/.docker/cli-plugins/docker-countersign (Countersign)",
        ]
    );
    std::fs::write(config.join("config.json"), "{").unwrap();
    assert!(
        scene
            .run(&["countersign", "plugin", "status"])
            .failure()
            .starts_with("docker configuration: ")
    );
}

/// Without a terminal docker passes signals on only by closing this socket.
#[test]
#[cfg(target_os = "linux")]
fn the_end_of_dockers_socket_ends_the_plugin() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};
    use std::os::unix::process::ExitStatusExt as _;

    let scene = Scene::new();
    let plugin = scene.project().join("docker-trust");
    symlink(PROGRAM, &plugin).unwrap();
    let name = format!("docker_cli_test_{}", std::process::id());
    let listener =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let mut child = Command::new(&plugin)
        .args(["trust", "key", "generate", "jeff"])
        .current_dir(scene.project())
        .env("HOME", scene.home())
        .env("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "docker")
        .env("DOCKER_CLI_PLUGIN_SOCKET", format!("@{name}"))
        .env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (connection, _) = listener.accept().unwrap();
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"mypassphrase123\n")
        .unwrap();
    drop(connection);
    let end = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("the plugin went on without docker");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(
        status.code() == Some(143) || status.signal() == Some(15),
        "{status:?}"
    );
    assert!(
        names_in(&scene.private_keys()).is_empty()
            && names_in(&scene.project()) == ["docker-trust"]
    );
}

/// A scene whose own program is the real one.
fn installed_program() -> Scene {
    let scene = Scene::new();
    symlink(PROGRAM, scene.folder.path().join("countersign")).unwrap();
    scene
}
