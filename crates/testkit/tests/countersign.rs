//! The guard of our server, against a stand-in that keeps the contract, and what becomes of children.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::{Countersign, Folder};

/// A program that behaves like `countersign serve` as far as the guard can see. Appends to `<data>/starts`.
fn stand_in(folder: &Folder) -> PathBuf {
    let program = folder.path().join("stand-in");
    let script = r#"#!/bin/sh
# serve --listen ADDRESS --data FOLDER [--fail]
[ "$6" = --fail ] && { echo "no disk" >&2; exit 1; }
mkdir -p "$5"
echo "$3" >>"$5/starts"
address=$3
[ "$address" = 127.0.0.1:0 ] && address=127.0.0.1:4242
echo "made a certificate authority"
echo "listening on https://$address"
trap 'exit 0' TERM
while :; do sleep 0.05; done
"#;
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn starts_kills_restarts_and_stops() {
    let folder = Folder::new("stand-in");
    let mut server = Countersign::start(stand_in(&folder));
    assert_eq!(server.url(), "https://127.0.0.1:4242");
    assert_eq!(server.ca_file(), server.data().join("ca.crt"));
    let first = server.pid();
    server.kill9();
    assert!(!is_running(first));
    server.restart();
    assert_ne!(server.pid(), first);
    assert_eq!(server.stop().code(), Some(0));
    let starts = std::fs::read_to_string(server.data().join("starts")).unwrap();
    assert_eq!(starts, "127.0.0.1:0\n127.0.0.1:4242\n");
}

#[test]
fn a_server_that_does_not_start_fails_the_test_with_its_words() {
    let folder = Folder::new("report");
    // In a process of its own, because a failing test leaves its folders behind.
    let output = helper("fail", &folder)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("countersign serve ended: no disk"));
}

/// Not even `kill -9` of a test leaves a server behind.
#[test]
fn children_end_with_a_killed_test() {
    let folder = Folder::new("report");
    let mut helper = helper("hang", &folder).spawn().unwrap();
    let begin = Instant::now();
    let pid: u32 = loop {
        let report = std::fs::read_to_string(folder.path().join("pid"));
        if let Some(pid) = report.ok().and_then(|text| text.parse().ok()) {
            break pid;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "the helper does not start"
        );
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(is_running(pid));
    helper.kill().unwrap();
    helper.wait().unwrap();
    let begin = Instant::now();
    while is_running(pid) {
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "the server outlives its test"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs [`act_as_helper`] in a process of its own, with its temporary folders in `folder`.
fn helper(mode: &str, folder: &Folder) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "act_as_helper", "--nocapture"]);
    command
        .env("TESTKIT_HELPER", mode)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::null());
    command
}

/// Part of the tests above; by itself it has nothing to do.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how the tests above tell this process what to do"
)]
fn act_as_helper() {
    let Ok(mode) = std::env::var("TESTKIT_HELPER") else {
        return;
    };
    let folder = Folder::new("stand-in");
    let program = stand_in(&folder);
    if mode == "fail" {
        Countersign::start_with(&program, &["--fail"]);
        return;
    }
    let server = Countersign::start(&program);
    std::fs::write(std::env::temp_dir().join("pid"), server.pid().to_string()).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}
