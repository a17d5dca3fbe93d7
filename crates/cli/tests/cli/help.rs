//! Help and usage errors: to the byte what docker 28.2.2 prints.

use crate::scene::Scene;
use crate::transcript::{steps, words};

/// Commands of the transcript that we answer differently, with the reason.
const DIFFERENT: &[(&str, &str)] = &[(
    "docker trust view x",
    "kept as an alias of inspect --pretty",
)];

#[test]
fn help_and_usage_errors_are_dockers_to_the_byte() {
    let mut compared = 0;
    for step in steps("cli-28.2.2/01-help.txt") {
        let Some(words) = words(&step.command) else {
            continue;
        };
        if words.get(1).is_none_or(|word| word != "trust") {
            continue;
        }
        if DIFFERENT
            .iter()
            .any(|(command, _)| *command == step.command)
        {
            continue;
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ours = Scene::new().run(&words);
        assert_eq!(ours.stdout, step.stdout, "stdout of {}", step.command);
        assert_eq!(ours.stderr, step.stderr, "stderr of {}", step.command);
        assert_eq!(
            i32::from(ours.code),
            step.exit,
            "exit code of {}",
            step.command
        );
        compared += 1;
    }
    assert!(compared >= 27, "only {compared} commands were compared");
}

#[test]
fn flags_follow_pflags_rules() {
    let line = |words: &[&str]| {
        let mut line = vec!["docker", "trust"];
        line.extend_from_slice(words);
        let outcome = Scene::new().run(&line);
        (
            outcome.code,
            outcome.stderr.lines().next().unwrap_or_default().to_owned(),
        )
    };
    let bad_name = "key name \"X\" must start with lowercase alphanumeric characters and can include \"-\" or \"_\" \
                    after the first character";
    for words in [
        &["key", "load", "--name", "X", "f"][..],
        &["key", "load", "f", "--name", "X"],
        &["key", "load", "--name=X", "f"],
        &["key", "load", "--name", "X", "--", "f"],
    ] {
        assert_eq!(line(words), (1, bad_name.to_owned()), "{words:?}");
    }
    for (words, problem) in [
        (
            &["key", "load", "--name"][..],
            "flag needs an argument: --name",
        ),
        (&["revoke", "-yx", "a"], "unknown shorthand flag: 'x' in -x"),
        (
            &["revoke", "-y=no", "a"],
            "invalid argument \"no\" for \"-y, --yes\" flag: strconv.ParseBool: parsing \"no\": invalid syntax",
        ),
        (
            &["inspect", "--pretty=2", "a"],
            "invalid argument \"2\" for \"--pretty\" flag: strconv.ParseBool: parsing \"2\": invalid syntax",
        ),
        (&["inspect", "--=x"], "bad flag syntax: --=x"),
        (&["--bogus", "sign", "a"], "unknown flag: --bogus"),
    ] {
        assert_eq!(line(words), (125, problem.to_owned()), "{words:?}");
    }
}

#[test]
fn the_short_help_flag_still_works_and_says_that_it_is_deprecated() {
    let outcome = Scene::new().run(&["docker", "trust", "sign", "-h"]);
    assert!(
        outcome.success().starts_with(
            "Flag shorthand -h has been deprecated, use --help\nUsage:  docker trust sign IMAGE:TAG\n"
        ),
        "{outcome:?}"
    );
}

#[test]
fn natively_the_same_commands_are_under_our_own_name() {
    let outcome = Scene::new().run(&["countersign", "trust", "bogus"]);
    assert_eq!(
        outcome.failure(),
        "countersign: unknown command: countersign trust bogus\n\nUsage:  countersign trust\n\nRun 'countersign trust \
         --help' for more information\n"
    );
    let help = Scene::new().run(&["countersign", "trust", "sign", "--help"]);
    assert!(
        help.success()
            .starts_with("Usage:  countersign trust sign [OPTIONS] IMAGE:TAG [IMAGE:TAG...]\n")
    );
}

#[test]
fn the_native_help_names_every_command() {
    let outcome = Scene::new().run(&["countersign", "--help"]);
    for word in ["completion", "demo", "plugin", "serve", "trust", "version"] {
        assert!(
            outcome.success().contains(&format!("\n  {word} ")),
            "{word} is missing in {}",
            outcome.stdout
        );
    }
    assert_eq!(Scene::new().run(&["countersign"]).stderr, outcome.stdout);
    assert_eq!(
        Scene::new().run(&["countersign", "help"]).stdout,
        outcome.stdout
    );
}

#[test]
fn every_way_to_ask_for_the_version_gives_one_line() {
    let version = format!("countersign {}\n", env!("CARGO_PKG_VERSION"));
    for words in [
        &["countersign", "version"][..],
        &["countersign", "--version"],
        &["countersign", "-v"],
        &["docker", "-v"],
    ] {
        assert_eq!(Scene::new().run(words).success(), version, "{words:?}");
    }
    let grouped = Scene::new().run(&["docker-countersign", "countersign"]);
    assert!(
        grouped
            .stderr
            .starts_with("Usage:  docker countersign COMMAND\n"),
        "{grouped:?}"
    );
}

#[test]
fn the_name_cosign_is_that_persona() {
    let outcome = Scene::new().run(&["/usr/bin/cosign", "version"]);
    assert!(
        outcome.success().contains("GitVersion:    v"),
        "{outcome:?}"
    );
}

#[test]
fn the_reference_page_is_what_the_program_prints() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/reference.md");
    let page = countersign::personas::native::reference_page();
    snapbox::assert_data_eq!(page, snapbox::Data::read_from(file.as_ref(), None).raw());
}
