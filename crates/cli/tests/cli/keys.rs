//! `key generate` and `key load` beside the transcripts of docker 28.2.2.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::scene::{NoTrust, Outcome, Scene, names_in};
use crate::transcript::{Step, steps, words};

const ROOT: &str = "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE";
const REPOSITORY: &str = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE";
const GOOD: &str = "mypassphrase123";

/// What docker answers and we do not, with our first line on standard error and the reason.
const GENERATE_DIFFERS: &[(&str, &str, &str)] = &[
    (
        "bob",
        "failed to generate key for bob: standard input ended before the passphrase",
        "asks an ended input once",
    ),
    ("carl", "", "three Ctrl-C; see terminal.rs for ours"),
    (
        "root",
        "failed to generate key for root: standard input ended before the passphrase",
        "as bob",
    ),
];

#[test]
fn key_generate_follows_dockers_transcript() {
    let mut scene = Scene::new();
    let mut compared = 0;
    for step in steps("cli-28.2.2/02-key-generate.txt") {
        if let Some((name, value)) = step
            .command
            .strip_prefix("export ")
            .and_then(|rest| rest.split_once('='))
        {
            scene = scene.with(name, value);
            continue;
        }
        if step.command.starts_with("mkdir -p sub && ") {
            std::fs::create_dir(scene.project().join("sub")).unwrap();
        }
        let command = step
            .command
            .strip_prefix("mkdir -p sub && ")
            .unwrap_or(&step.command);
        let command = command.strip_suffix(" && ls sub").unwrap_or(command);
        let Some(line) =
            words(command).filter(|line| line.first().is_some_and(|word| word == "docker"))
        else {
            continue;
        };
        let ours = replay(&scene, &line, &step);
        let name = line.last().unwrap();
        if let Some((_, error, _)) = GENERATE_DIFFERS
            .iter()
            .find(|(differs, ..)| differs == name)
        {
            assert!(ours.failure().starts_with(error), "{ours:?}");
            continue;
        }
        let theirs = step.stdout.replace("eve.pub\neve.pub\n", "eve.pub\n");
        assert_eq!(
            without_ids(&ours.stdout),
            without_ids(&shown(&theirs)),
            "{}",
            step.command
        );
        assert_first_lines(&ours, &step);
        compared += 1;
    }
    assert!(compared > 15, "only {compared} commands were compared");
    assert_eq!(
        names_in(&scene.private_keys()).len(),
        9 - 1,
        "as many keys as docker made, without bob, carl and root"
    );
}

#[test]
fn key_load_follows_dockers_transcript() {
    let mut scene = with_files();
    let mut compared = 0;
    for step in steps("cli-28.2.2/03-key-load.txt") {
        if let Some((name, value)) = step
            .command
            .strip_prefix("export ")
            .and_then(|rest| rest.split_once('='))
        {
            scene = scene.with(name, value);
        }
        let command = step.command.trim_start_matches("rm -rf ~/.docker/trust; ");
        let command = command.split("; rc=").next().unwrap_or(command);
        let Some(line) =
            words(command).filter(|line| line.first().is_some_and(|word| word == "docker"))
        else {
            continue;
        };
        // Ours differs there; each has a test of its own below.
        let differs = [
            "ecp8sha1.key",
            "ecp8enc.key",
            "ecdek.key",
            "ed.key",
            "rsa1024.key",
            "delegation.key",
        ];
        if line
            .iter()
            .any(|word| differs.contains(&word.as_str()) || word == "targets" || word == "snapshot")
        {
            continue;
        }
        let ours = replay(&scene, &line, &step);
        let theirs: String = step
            .stdout
            .lines()
            .filter(|line| !line.starts_with("-rw"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(
            without_ids(&ours.stdout),
            without_ids(&shown(&theirs)),
            "{}",
            step.command
        );
        assert_first_lines(&ours, &step);
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} commands were compared");
}

#[test]
fn a_generated_key_is_stored_as_docker_stores_it() {
    let scene = Scene::new().with(REPOSITORY, GOOD);
    scene
        .run(&["docker", "trust", "key", "generate", "jeff"])
        .success();
    let public = std::fs::read_to_string(scene.project().join("jeff.pub")).unwrap();
    assert!(public.starts_with(
        "-----BEGIN PUBLIC KEY-----\nrole: jeff\n\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"
    ));
    assert_eq!(mode(&scene.project().join("jeff.pub")), 0o600);
    let names = names_in(&scene.private_keys());
    assert_eq!(names.len(), 1);
    let private = scene.private_keys().join(&names[0]);
    let text = std::fs::read_to_string(&private).unwrap();
    assert!(
        text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\nrole: jeff\n\n"),
        "{text}"
    );
    assert_eq!(
        (mode(&private), mode(&scene.private_keys())),
        (0o600, 0o700)
    );
}

#[test]
fn a_key_whose_public_half_cannot_be_written_is_not_kept() {
    let scene = Scene::new().with(REPOSITORY, GOOD);
    let folder = scene.project().join("gone");
    std::os::unix::fs::symlink("/nonexistent/folder", scene.project().join("dangling.pub"))
        .unwrap();
    let refused = scene.run(&["docker", "trust", "key", "generate", "dangling"]);
    assert!(
        refused
            .failure()
            .starts_with("public key file already exists: "),
        "{refused:?}"
    );
    let missing = scene.run(&[
        "docker",
        "trust",
        "key",
        "generate",
        "--dir",
        folder.to_str().unwrap(),
        "eve",
    ]);
    assert!(
        missing
            .failure()
            .starts_with("public key path does not exist: "),
        "{missing:?}"
    );
    assert!(names_in(&scene.private_keys()).is_empty());
}

#[test]
fn one_pipe_feeds_several_prompts() {
    let scene = with_files();
    let typed = format!("filepass99\n{GOOD}\n{GOOD}\n");
    let outcome = scene.run_with(
        &[
            "docker",
            "trust",
            "key",
            "load",
            "--name",
            "jeff",
            "ecp8sha1.key",
        ],
        typed.as_bytes(),
        &NoTrust,
    );
    assert_eq!(
        without_ids(outcome.success()),
        "Loading key from \"ecp8sha1.key\"...\nEnter passphrase for encrypted key: \nEnter passphrase for new jeff key with ID <id>: \n\
         Repeat passphrase for new jeff key with ID <id>: \nSuccessfully imported key from ecp8sha1.key\n"
    );
    assert_eq!(names_in(&scene.private_keys()).len(), 1);
}

/// docker says "Successfully imported" and imports nothing, or cannot decrypt what OpenSSL 3 writes.
#[test]
fn encrypted_keys_of_every_kind_really_are_imported() {
    let expected = {
        let scene = with_files().with(REPOSITORY, GOOD);
        scene
            .run(&["docker", "trust", "key", "load", "ecp8.key"])
            .success();
        names_in(&scene.private_keys())
    };
    for file in ["ecp8sha1.key", "ecp8enc.key", "ecdek.key"] {
        let scene = with_files().with(REPOSITORY, "filepass99");
        let outcome = scene.run(&["docker", "trust", "key", "load", "--name", "jeff", file]);
        assert_eq!(
            outcome.success(),
            format!("Loading key from \"{file}\"...\nSuccessfully imported key from {file}\n")
        );
        assert_eq!(names_in(&scene.private_keys()), expected, "{file}");
    }
}

#[test]
fn a_wrong_passphrase_is_asked_for_three_times_and_imports_nothing() {
    let scene = with_files();
    let line = [
        "docker",
        "trust",
        "key",
        "load",
        "--name",
        "jeff",
        "ecp8sha1.key",
    ];
    let outcome = scene.run_with(&line, b"wrong1\nwrong2\nwrong3\nfilepass99\n", &NoTrust);
    let prompt = "Enter passphrase for encrypted key: \n";
    let retry = "Passphrase incorrect. Please retry.\n";
    assert_eq!(
        outcome.stdout,
        format!("Loading key from \"ecp8sha1.key\"...\n{prompt}{retry}{prompt}{retry}{prompt}")
    );
    assert_eq!(
        outcome.failure(),
        "error importing key from ecp8sha1.key: cannot load key from provided file ecp8sha1.key: could not decrypt \
         key\n3 passphrases were wrong; nothing was imported.\n"
    );
    let scene = with_files().with(REPOSITORY, "wrong");
    let outcome = scene.run_with(&line, b"filepass99\n", &NoTrust);
    assert_eq!(
        outcome.stdout, "Loading key from \"ecp8sha1.key\"...\n",
        "no prompt behind a variable"
    );
    assert!(outcome.failure().ends_with(&format!(
        "\nThe passphrase in {REPOSITORY} does not open it.\n"
    )));
    assert!(names_in(&scene.private_keys()).is_empty());
}

#[test]
fn a_root_key_has_a_warning_and_a_variable_of_its_own() {
    let scene = with_files();
    let typed = format!("{GOOD}\n{GOOD}\n");
    let outcome = scene.run_with(
        &["docker", "trust", "key", "generate", "root"],
        typed.as_bytes(),
        &NoTrust,
    );
    let golden = steps("cli-28.2.2/02-key-generate.txt");
    let golden = golden
        .iter()
        .find(|step| step.command == "docker trust key generate root")
        .unwrap();
    let warning = golden.stdout.split("Enter passphrase").next().unwrap();
    assert!(outcome.success().starts_with(warning), "{outcome:?}");

    let scene = with_files().with(ROOT, GOOD).with(REPOSITORY, "other");
    scene
        .run(&[
            "docker", "trust", "key", "load", "--name", "root", "ecp8.key",
        ])
        .success();
    let name = names_in(&scene.private_keys()).remove(0);
    let text = std::fs::read_to_string(scene.private_keys().join(name)).unwrap();
    assert!(text.contains("\nrole: root\n"), "{text}");
}

#[test]
fn keys_that_cannot_sign_are_refused_with_the_reason() {
    let scene = with_files().with(REPOSITORY, GOOD);
    for (line, reason) in [
        (
            &["--name", "targets", "ecp8.key"][..],
            "invalid key pem block\nA targets key belongs to one repository",
        ),
        (
            &["rsa1024.key"],
            "error importing key from rsa1024.key: failed to import all keys: ",
        ),
    ] {
        let mut words = vec!["docker", "trust", "key", "load"];
        words.extend_from_slice(line);
        let outcome = scene.run(&words);
        assert!(outcome.failure().contains(reason), "{outcome:?}");
    }
    assert!(names_in(&scene.private_keys()).is_empty());
}

#[test]
fn a_file_that_names_its_key_keeps_that_name_and_says_so() {
    let scene = with_files().with(REPOSITORY, GOOD);
    let outcome = scene.run(&[
        "docker", "trust", "key", "load", "--name", "jeff", "hdr.key",
    ]);
    assert_eq!(outcome.code, 0);
    assert_eq!(
        outcome.stderr,
        "The key keeps the name that its file gives it: carol\n"
    );
}

#[test]
fn a_read_only_trust_folder_is_named() {
    let scene = with_files().with(REPOSITORY, GOOD);
    std::fs::write(scene.home().join(".docker"), "a file, not a folder").unwrap();
    let outcome = scene.run(&["docker", "trust", "key", "load", "ecp8.key"]);
    assert!(
        outcome
            .failure()
            .starts_with("error importing key from ecp8.key: "),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("/home/user/.docker/trust"),
        "{outcome:?}"
    );
}

#[test]
fn the_config_folder_is_taken_from_the_flag_then_the_variable() {
    let scene = with_files()
        .with(REPOSITORY, GOOD)
        .with("DOCKER_CONFIG", "from-variable");
    scene
        .run(&[
            "docker",
            "--config",
            "from-flag",
            "-D",
            "trust",
            "key",
            "load",
            "ecp8.key",
        ])
        .success();
    scene
        .run(&["docker", "trust", "key", "load", "ecp8.key"])
        .success();
    for folder in ["from-flag", "from-variable"] {
        assert_eq!(
            names_in(&scene.project().join(folder).join("trust/private")).len(),
            1,
            "{folder}"
        );
    }
    assert!(!scene.home().join(".docker").exists());
}

/// The files of the transcript, with its modes.
fn with_files() -> Scene {
    let scene = Scene::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for name in names_in(&data) {
        let copy = scene.project().join(&name);
        std::fs::copy(data.join(&name), &copy).unwrap();
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let open = scene.project().join("open.key");
    std::fs::copy(data.join("ecp8.key"), &open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    scene
}

/// Types what the transcript's user typed.
fn replay(scene: &Scene, line: &[String], step: &Step) -> Outcome {
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let mut typed = String::new();
    for answer in step.stdout.split('«').skip(1) {
        typed.push_str(answer.split('»').next().unwrap_or_default());
        typed.push('\n');
    }
    if step.command.ends_with("piped") {
        typed = format!("{GOOD}\n{GOOD}\n");
    }
    scene.run_with(&line, typed.as_bytes(), &NoTrust)
}

/// A transcript's output as a user without the marks of what was typed sees it.
fn shown(text: &str) -> String {
    let mut parts = text.split('«');
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(part.split_once('»').map_or(part, |(_, rest)| rest));
    }
    shown
}

fn without_ids(text: &str) -> String {
    text.lines()
        .map(|line| match line.split_once(" key with ID ") {
            Some((before, after)) => {
                assert!(
                    after
                        .get(..7)
                        .is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())),
                    "{line}"
                );
                format!("{before} key with ID <id>{}\n", &after[7..])
            }
            None => format!("{line}\n"),
        })
        .collect()
}

/// docker's text and exit code; ours may say more below it.
#[track_caller]
fn assert_first_lines(ours: &Outcome, theirs: &Step) {
    assert!(
        ours.stderr
            .starts_with(theirs.stderr.trim_end_matches('\n')),
        "{ours:?}\nshould begin as\n{theirs:?}"
    );
    assert_eq!(i32::from(ours.code), theirs.exit, "{}", theirs.command);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
