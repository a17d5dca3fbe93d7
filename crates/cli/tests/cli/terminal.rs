//! Prompts on a real terminal: what is typed stays invisible, and Ctrl-C leaves nothing behind.

use std::process::Command;
use std::time::{Duration, Instant};

use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession as Session;
use expectrl::{Eof, Expect as _};

use crate::scene::{Scene, names_in};

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");
const SECRET: &str = "mypassphrase123";

#[test]
fn a_passphrase_is_not_shown_and_is_asked_for_twice() {
    let scene = Scene::new();
    let mut terminal = start(&scene, "generate", "jeff");
    let mut seen = expect(&mut terminal, "Enter passphrase for new jeff key with ID ");
    terminal.send_line("short").unwrap();
    seen += &expect(&mut terminal, "Passphrase is too short.");
    seen += &expect(&mut terminal, "Enter passphrase for new jeff key with ID ");
    terminal.send_line(SECRET).unwrap();
    seen += &expect(&mut terminal, "Repeat passphrase for new jeff key with ID ");
    terminal.send_line("different1").unwrap();
    seen += &expect(&mut terminal, "Passphrases do not match. Please retry.");
    for question in ["Enter", "Repeat"] {
        seen += &expect(
            &mut terminal,
            &format!("{question} passphrase for new jeff key with ID "),
        );
        terminal.send_line(SECRET).unwrap();
    }
    seen += &expect(
        &mut terminal,
        "Successfully generated and loaded private key.",
    );
    seen += &expect_end(&mut terminal);
    for secret in ["short\r", SECRET, "different1"] {
        assert!(!seen.contains(secret), "{seen:?} shows {secret:?}");
    }
    assert_eq!(exit_code(&terminal), 0);
    assert_eq!(names_in(&scene.private_keys()).len(), 1);
}

#[test]
fn ctrl_c_at_a_prompt_ends_with_130_and_nothing_half_done() {
    let scene = Scene::new();
    let mut terminal = start(&scene, "generate", "carl");
    expect(&mut terminal, "Enter passphrase for new carl key with ID ");
    expect(&mut terminal, ": ");
    terminal.send("\u{3}").unwrap();
    expect_end(&mut terminal);
    assert_eq!(exit_code(&terminal), 130);
    assert!(names_in(&scene.private_keys()).is_empty());
    assert!(names_in(&scene.project()).is_empty());
}

#[test]
fn ctrl_c_restores_the_echo_for_what_runs_next() {
    let scene = Scene::new();
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "stty echo; trap : INT; \"$0\" trust key generate carl; echo ended $?; stty -a",
        PROGRAM,
    ]);
    let mut terminal = spawn(&scene, command);
    expect(&mut terminal, "Enter passphrase for new carl key with ID ");
    expect(&mut terminal, ": ");
    terminal.send("\u{3}").unwrap();
    expect(&mut terminal, "ended 130");
    let state = expect_end(&mut terminal);
    let words: Vec<&str> = state.split_whitespace().collect();
    assert!(
        words.contains(&"echo") && words.contains(&"icanon"),
        "{state}"
    );
}

/// One `kill` from outside, in the middle of a prompt.
#[test]
fn a_termination_signal_at_a_prompt_restores_the_echo_first() {
    let scene = Scene::new();
    let mut terminal = start(&scene, "generate", "carl");
    expect(&mut terminal, "Enter passphrase for new carl key with ID ");
    assert!(
        !terminal.get_process().get_echo().unwrap(),
        "the echo is off at the prompt"
    );
    let pid = terminal.get_process().pid().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert_eq!(exit_code(&terminal), 143);
    assert!(
        terminal.get_process().get_echo().unwrap(),
        "the echo is on again"
    );
    assert!(names_in(&scene.private_keys()).is_empty());
}

/// What docker's users see of a closed pipe is nothing at all.
#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_does_not() {
    let shell = |script: &str| {
        Command::new("sh")
            .args(["-c", script, PROGRAM])
            .output()
            .unwrap()
    };
    let closed = shell("(sleep 0.2; \"$0\" trust key generate --help; echo $? >&2) | true");
    assert_eq!(String::from_utf8_lossy(&closed.stderr), "141\n");
    let full = shell("\"$0\" trust key generate --help > /dev/full");
    assert_eq!(full.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&full.stderr).starts_with("write /dev/stdout: "),
        "{full:?}"
    );
}

fn start(scene: &Scene, verb: &str, name: &str) -> Session {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "stty echo; exec \"$0\" trust key \"$@\"",
        PROGRAM,
        verb,
        name,
    ]);
    spawn(scene, command)
}

fn spawn(scene: &Scene, mut command: Command) -> Session {
    command
        .current_dir(scene.project())
        .env("HOME", scene.home())
        .env_remove("DOCKER_CONFIG")
        .env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE");
    let mut terminal = Session::spawn(command).expect("a terminal");
    terminal.set_expect_timeout(Some(Duration::from_secs(20)));
    terminal
}

fn expect(terminal: &mut Session, text: &str) -> String {
    let found = terminal
        .expect(text)
        .unwrap_or_else(|error| panic!("waiting for {text:?}: {error}"));
    String::from_utf8_lossy(found.as_bytes()).into_owned()
}

fn expect_end(terminal: &mut Session) -> String {
    let found = terminal.expect(Eof).expect("the end");
    String::from_utf8_lossy(found.as_bytes()).into_owned()
}

fn exit_code(terminal: &Session) -> i32 {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match terminal.get_process().status() {
            Ok(WaitStatus::Exited(_, code)) => return code,
            Ok(WaitStatus::StillAlive) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(10))
            }
            other => panic!("{other:?}"),
        }
    }
}
