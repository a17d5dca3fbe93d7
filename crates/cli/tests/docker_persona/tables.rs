//! Our tables of flags against the help of the real dockers, buildx and compose.

use countersign::personas::docker::tables::{self, Table};
use testkit::{DockerCli, DockerVersion, Peers};

/// `--name`, and whether a value follows, of each flag in a help text.
fn flags(help: &str) -> Vec<(String, Option<char>, bool)> {
    let mut found = Vec::new();
    for line in help.lines() {
        let line = line.trim_start();
        let (letter, line) = match line.split_once(", ") {
            Some((short, rest)) if short.len() == 2 && short.starts_with('-') => {
                (short.chars().nth(1), rest)
            }
            _ => (None, line),
        };
        let Some(rest) = line.strip_prefix("--") else {
            continue;
        };
        let mut words = rest.split("  ").next().unwrap_or_default().split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        // A description that follows after one blank only begins with a capital.
        let value = words
            .next()
            .is_some_and(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        found.push((name, letter, value));
    }
    found
}

fn agrees(table: &Table, help: &str, what: &str) {
    let flags = flags(help);
    assert!(!flags.is_empty(), "{what}: no flags in {help}");
    for (name, letter, takes_value) in flags {
        let row = table
            .named(&name)
            .unwrap_or_else(|| panic!("{what}: --{name} is not known"));
        assert_eq!(row.takes_value, takes_value, "{what}: --{name}");
        if let Some(letter) = letter {
            let same = table.lettered(letter).map(|row| row.name);
            assert_eq!(same, Some(row.name), "{what}: -{letter}");
        }
    }
}

#[test]
fn flags_of_the_real_dockers_are_known() {
    let Some(peers) = Peers::locate() else { return };
    for version in [DockerVersion::V20, DockerVersion::V28] {
        let docker = DockerCli::new(&peers, version).env("DOCKER_BUILDKIT", "0");
        for (command, table) in [
            ("build", &tables::BUILD),
            ("create", &tables::CREATE),
            ("pull", &tables::PULL),
            ("push", &tables::PUSH),
            ("run", &tables::RUN),
        ] {
            let help = docker.run([command, "--help"]).success().stdout;
            agrees(table, &help, &format!("{version:?} {command}"));
        }
    }
}

#[test]
fn flags_of_the_real_plugins_are_known() {
    let Some(peers) = Peers::locate() else { return };
    let docker = DockerCli::new(&peers, DockerVersion::V28);
    let (Some(buildx), Some(compose)) = (
        peers.locate_plugin("BUILDX"),
        peers.locate_plugin("COMPOSE"),
    ) else {
        return;
    };
    for (program, words, table) in [
        (&buildx, &["buildx", "build", "--help"][..], &tables::BUILD),
        (&buildx, &["buildx", "bake", "--help"], &tables::BAKE),
        (&buildx, &["buildx", "--help"], &tables::BUILDX),
        (&compose, &["--help"], &tables::COMPOSE),
    ] {
        let help = docker.run_program(program, words).success().stdout;
        agrees(table, &help, &words.join(" "));
    }
}
