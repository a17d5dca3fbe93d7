//! The README's first command, as its user runs it.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn demo(temporary: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .arg("demo")
        .env_clear()
        .env("TMPDIR", temporary)
        .output()
        .expect("the program starts")
}

#[test]
fn every_expectation_holds_with_nothing_but_the_binary() {
    let temporary = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let output = demo(temporary.path());
    assert!(begin.elapsed() < Duration::from_secs(10));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(output.stderr, b"");
    assert!(
        text.contains("All expectations held: 16 of 16, 5 accepted and 11 refused"),
        "{text}"
    );
    for reason in [
        "does not have trust data for",
        "but alice signed",
        "no key in the key store may sign",
        "valid signatures did not meet threshold",
        "checksum for targets/releases did not match",
        "is lower than current version",
        "timestamp expired at",
    ] {
        let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flowing.contains(reason), "{reason}: {text}");
    }
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(
            !line.contains('\u{1b}'),
            "colour without a terminal: {line}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "the demo tidies up: {left:?}");
}

#[test]
fn a_demo_that_cannot_start_says_why() {
    let nowhere = Path::new("/nonexistent/folder");
    let output = demo(nowhere);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("the demo cannot run: "), "{text}");
    assert!(text.contains("/nonexistent/folder"), "{text}");
}
