//! `key list`.

use std::path::Path;
use std::process::Command;

use testkit::{Folder, NotaryCli, Output, Peers, run};

use crate::support::{COUNTERSIGN, Ours};

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/golden/notary")
        .join(name)
}

/// Copies the private keys of golden repositories into `<folder>/private`.
fn copy_keys(repositories: &[&str], folder: &Path) {
    let private = folder.join("private");
    std::fs::create_dir_all(&private).unwrap();
    for repository in repositories {
        let from = golden(&format!("repos/{repository}/trust-dir/private"));
        for (name, bytes) in testkit::files(&from) {
            std::fs::write(private.join(name), bytes).unwrap();
        }
    }
}

#[track_caller]
fn key_list(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(COUNTERSIGN);
    command.env_clear().env("HOME", home).current_dir(home);
    command.args(["notary", "key", "list"]).args(args);
    run(command, b"").success()
}

#[test]
fn golden_folders_are_listed_as_notary_listed_them() {
    for repository in [
        "plain",
        "delegations",
        "rotated",
        "odd",
        "ed25519",
        "expired-timestamp",
    ] {
        let expected =
            std::fs::read_to_string(golden(&format!("repos/{repository}/key-list.txt"))).unwrap();
        let location = expected
            .split_whitespace()
            .find_map(|word| word.strip_suffix("/private"))
            .expect("a location");
        let home = Folder::new("home");
        copy_keys(&[repository], &home.path().join(location));
        let config = home.path().join("config.json");
        std::fs::write(&config, format!("{{\"trust_dir\": {location:?}}}")).unwrap();
        let output = key_list(home.path(), &["-c", "config.json"]);
        assert_eq!(output.stdout, expected, "{repository}");
        assert!(output.stderr.is_empty(), "{output}");
    }
}

#[test]
fn both_list_many_keys_in_the_same_order() {
    let Some(peers) = Peers::locate() else { return };
    let (ours, home) = (Ours::new(), Folder::new("home"));
    let folder = home
        .path()
        .join("a-folder-whose-name-is-too-long-to-be-shown/trust");
    copy_keys(
        &[
            "plain",
            "delegations",
            "rotated",
            "odd",
            "ed25519",
            "expired-timestamp",
        ],
        &folder,
    );
    let notary = NotaryCli::new(&peers, "", "".as_ref()).trust_dir(&folder);
    let output = ours.alike(&notary, &["key", "list"]);
    assert_eq!(output.stdout.lines().count(), 4 + 20, "{output}");
    assert!(
        output.stdout.contains("    ...") && output.stdout.contains("/trust/private"),
        "{output}"
    );

    let empty = NotaryCli::new(&peers, "", "".as_ref());
    let output = ours.alike(&empty, &["key", "list"]);
    assert_eq!(output.stdout, "\nNo signing keys found.\n\n");
}

#[test]
fn the_users_own_folder_is_the_default() {
    let home = Folder::new("home");
    copy_keys(&["plain"], &home.path().join(".notary"));
    let location = home.path().join(".notary/private").display().to_string();
    assert!(key_list(home.path(), &[]).stdout.contains(&location));
    // As the Azure page has it.
    copy_keys(&["delegations"], &home.path().join(".docker/trust"));
    assert!(
        key_list(home.path(), &["-d", ".docker/trust"])
            .stdout
            .contains("\nalice ")
    );
}

#[test]
fn a_file_that_is_no_key_is_named_and_the_others_are_listed() {
    let home = Folder::new("home");
    copy_keys(&["plain"], &home.path().join(".notary"));
    std::fs::write(home.path().join(".notary/private/junk.key"), "junk").unwrap();
    let output = key_list(home.path(), &[]);
    assert_eq!(output.stdout.lines().count(), 4 + 3, "{output}");
    assert!(
        output.stderr.contains("level=error") && output.stderr.contains("junk.key"),
        "{output}"
    );
}

/// Folders of notary before 0.4: `private/root_keys/<id>_root.key` and `private/tuf_keys/<gun>/<id>_<role>.key`.
#[test]
fn keys_in_the_oldest_layout_are_moved_and_listed_as_notary_does() {
    let Some(peers) = Peers::locate() else { return };
    let (ours, home) = (Ours::new(), Folder::new("home"));
    let lay_out = |name: &str| {
        let folder = home.path().join(name);
        copy_keys(&["plain"], &folder);
        let private = folder.join("private");
        for (file, bytes) in testkit::files(&private) {
            let text = String::from_utf8(bytes).unwrap();
            let header = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim().to_owned())
            };
            let (role, gun) = (header("role:").unwrap(), header("gun:"));
            let old = match gun {
                Some(gun) => private.join("tuf_keys").join(gun),
                None => private.join("root_keys"),
            };
            let id = file.strip_suffix(".key").unwrap();
            std::fs::create_dir_all(&old).unwrap();
            std::fs::rename(private.join(&file), old.join(format!("{id}_{role}.key"))).unwrap();
        }
        NotaryCli::new(&peers, "", "".as_ref()).trust_dir(&folder)
    };
    let (one, other) = (lay_out("one"), lay_out("two"));
    let ours = ours.run(&one, ["key", "list"]).success();
    let theirs = other.run(["key", "list"]).success();
    assert_eq!(ours.stdout, theirs.stdout.replace("/two/", "/one/"));
    assert_eq!(ours.stdout.lines().count(), 4 + 3, "{ours}");
    let names = |notary: &NotaryCli| {
        testkit::files(notary.folder())
            .into_keys()
            .collect::<Vec<_>>()
    };
    let without_lock = |mut names: Vec<String>| {
        names.retain(|name| name.ends_with(".key"));
        names
    };
    assert_eq!(without_lock(names(&one)), without_lock(names(&other)));
}
