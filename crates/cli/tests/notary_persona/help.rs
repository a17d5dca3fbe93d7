//! Help and usage errors are notary's to the byte; what is missing says so.

use testkit::{Folder, NotaryCli, Peers, run};

use crate::support::{COUNTERSIGN, Ours, bare};

/// Every command, by its words.
const COMMANDS: &[&str] = &[
    "add",
    "addhash",
    "completion",
    "delegation",
    "delegation add",
    "delegation list",
    "delegation purge",
    "delegation remove",
    "delete",
    "help",
    "init",
    "key",
    "key export",
    "key generate",
    "key import",
    "key list",
    "key passwd",
    "key remove",
    "key rotate",
    "list",
    "lookup",
    "publish",
    "remove",
    "reset",
    "status",
    "verify",
    "version",
    "witness",
];

/// Those that this version does not have, with arguments that notary would take.
const MISSING: &[&str] = &[
    "add g n f",
    "addhash g n 1 --sha256 00",
    "delegation add g targets/a --all-paths f.pem",
    "delegation list g",
    "delegation purge g --key k",
    "delegation remove g targets/a -y",
    "delete g --remote",
    "init g -p",
    "key export -o f",
    "key generate ecdsa -r x",
    "key import f -r x -g g",
    "key passwd k",
    "key remove k",
    "key rotate g snapshot -r",
    "publish g",
    "remove g n -r targets/a",
    "reset g -n 1,2",
    "status g",
    "verify g n -i f -q",
    "witness g targets",
    "completion powershell",
];

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn help_is_notarys_to_the_byte() {
    let Some(peers) = Peers::locate() else { return };
    let notary = NotaryCli::new(&peers, "", "".as_ref());
    let (ours, home) = (Ours::new(), Folder::new("home"));
    let mut lines = vec![String::new(), "help".to_owned()];
    for command in COMMANDS {
        lines.push(format!("{command} --help"));
        lines.push(format!("help {command}"));
    }
    for line in &lines {
        let theirs = bare(&notary, home.path(), &words(line));
        let answer = run(ours.instead_of(&theirs), b"");
        let theirs = run(theirs, b"");
        assert_eq!(
            (answer.stdout.as_str(), answer.code()),
            (theirs.stdout.as_str(), theirs.code()),
            "{line}"
        );
    }
}

#[test]
fn usage_errors_are_notarys() {
    let Some(peers) = Peers::locate() else { return };
    let notary = NotaryCli::new(&peers, "", "".as_ref());
    let (ours, home) = (Ours::new(), Folder::new("home"));
    for line in [
        "list",
        "lookup",
        "lookup g",
        "key list x",
        "key",
        "key bogus",
        "delegation",
        "completion",
        "bogus",
        "lis",
        "keys",
        "list --bogus g",
        "list -r",
        "-s",
        "list g --tlscert a",
        "list g -s foo",
        "-c nope.json key list",
    ] {
        let theirs = bare(&notary, home.path(), &words(line));
        let answer = run(ours.instead_of(&theirs), b"");
        let theirs = run(theirs, b"");
        assert_eq!(
            (answer.stdout.as_str(), answer.code()),
            (theirs.stdout.as_str(), theirs.code()),
            "{line}"
        );
    }
}

#[test]
fn commands_of_later_versions_say_so_and_what_to_use() {
    let home = Folder::new("home");
    for line in MISSING {
        let mut command = std::process::Command::new(COUNTERSIGN);
        command
            .env_clear()
            .env("HOME", home.path())
            .arg("notary")
            .args(words(line));
        let output = run(command, b"");
        assert_eq!(output.code(), Some(2), "{output}");
        let is_missing = output.stdout.starts_with("\n* fatal: 'notary ")
            && output
                .stdout
                .contains("' is not in this version of countersign\nMeanwhile: ");
        assert!(is_missing && output.stderr.is_empty(), "{output}");
    }
    assert!(testkit::files(home.path()).is_empty(), "nothing was done");
}

#[test]
fn under_our_own_name_it_is_the_same() {
    let home = Folder::new("home");
    let ours = |words: &[&str]| {
        let mut command = std::process::Command::new(COUNTERSIGN);
        command.env_clear().env("HOME", home.path()).args(words);
        run(command, b"")
    };
    let version = format!("0.7.0 (countersign {})", env!("CARGO_PKG_VERSION"));
    let output = ours(&["notary", "version"]).success();
    assert_eq!(
        output.stdout,
        format!("notary\n Version:    {version}\n Git commit: none\n Go version: none\n")
    );
    let output = ours(&["notary", "--version"]).success();
    assert_eq!(
        output.stdout,
        format!("notary Version: {version}, Git commit: none, Go version: none\n")
    );
    ours(&["notary", "key", "--help"])
        .success()
        .says("Usage:\n  countersign notary key [command]\n");
    ours(&["--help"]).success().says("\n  notary ");
    let output = ours(&["notary", "__complete", "key", "l"]).success();
    assert_eq!(output.stdout, "list\tLists keys.\n:4\n");
    ours(&["notary", "completion", "bash"])
        .success()
        .says("complete -o filenames -F _notary notary\n");
}
