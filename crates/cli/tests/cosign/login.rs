//! `login`.

use std::os::unix::fs::PermissionsExt as _;

use testkit::{Cosign, CosignVersion, Peers};

use crate::scene::COUNTERSIGN;

fn ours(cosign: &Cosign, words: &[&str], stdin: &[u8]) -> testkit::Output {
    testkit::run(
        cosign.command_of(COUNTERSIGN, [&["cosign", "login"], words].concat()),
        stdin,
    )
}

fn config(cosign: &Cosign) -> String {
    std::fs::read_to_string(cosign.home().join(".docker/config.json")).unwrap()
}

#[test]
fn the_file_is_the_one_that_cosign_writes() {
    let Some(peers) = Peers::locate() else { return };
    let (one, other) = (
        Cosign::new(&peers, CosignVersion::V2),
        Cosign::new(&peers, CosignVersion::V2),
    );
    let logins: [(&[&str], &[u8]); 4] = [
        (&["localhost:5000", "-u", "bob", "-p", "s3cret"], b""),
        (
            &["docker.io", "--username", "bob", "--password-stdin"],
            b"pw\n",
        ),
        (
            &["ghcr.io", "-u", "bob", "--password-stdin"],
            b"with:colon\r\n",
        ),
        (&["localhost:5000", "-u", "eve", "-p", "other"], b""),
    ];
    for (words, stdin) in logins {
        let said = ours(&one, words, stdin).success();
        let path = one.home().join(".docker/config.json");
        let said = said.says(&format!("logged in via {}", path.display()));
        assert!(said.stdout.is_empty(), "{said}");
        testkit::run(other.command([&["login"], words].concat()), stdin).success();
        assert_eq!(config(&one), config(&other));
    }
    let path = one.home().join(".docker/config.json");
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A helper that keeps what it is told in a file beside itself, with the action first.
const HELPER: &str = "#!/bin/sh\n{ echo \"$1\"; cat; } > \"$0.told\"\n";

#[test]
fn a_credential_helper_keeps_the_password() {
    let Some(peers) = Peers::locate() else { return };
    let cosign = Cosign::new(&peers, CosignVersion::V2);
    let program = cosign.home().join("docker-credential-safe");
    std::fs::write(&program, HELPER).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(cosign.home().join(".docker")).unwrap();
    let before = r#"{"credHelpers": {"a.example": "safe"}, "unknown": true}"#;
    std::fs::write(cosign.home().join(".docker/config.json"), before).unwrap();
    let path = format!("{}:/usr/bin:/bin", cosign.home().display());
    let cosign = cosign.env("PATH", &path);
    let words = ["a.example", "-u", "bob", "--password-stdin"];
    let said = ours(&cosign, &words, b"s3cret").success();
    assert!(!said.stderr.contains("WARNING"), "{said}");
    let told = std::fs::read_to_string(cosign.home().join("docker-credential-safe.told")).unwrap();
    assert_eq!(
        told,
        "store\n{\"ServerURL\":\"a.example\",\"Username\":\"bob\",\"Secret\":\"s3cret\"}"
    );
    let after: serde_json::Value = serde_json::from_str(&config(&cosign)).unwrap();
    assert_eq!(
        after,
        serde_json::json!({
            "auths": {"a.example": {}}, "credHelpers": {"a.example": "safe"}, "unknown": true
        })
    );
    // One that refuses is an error, and the password is nowhere else.
    std::fs::write(
        &program,
        "#!/bin/sh\ncat > /dev/null\necho locked\nexit 1\n",
    )
    .unwrap();
    ours(&cosign, &words, b"an0ther").failure().says("locked");
    assert!(!config(&cosign).contains("an0ther"));
}

#[test]
fn what_is_missing_is_named() {
    let Some(peers) = Peers::locate() else { return };
    let cosign = Cosign::new(&peers, CosignVersion::V2);
    for (words, sentence) in [
        (&["a.example"][..], "--username is required"),
        (&["a.example", "-u", "bob"], "--password-stdin is required"),
        (
            &["a.example", "-u", "bob", "--password-stdin"],
            "the password is empty",
        ),
        (
            &["a.example", "-u", "b:b", "-p", "x"],
            "a user name has no colon",
        ),
        (&["-u", "bob", "-p", "x"], "accepts 1 arg(s), received 0"),
        (
            &["https://a.example/v2", "-u", "bob", "-p", "x"],
            "registries must be valid RFC 3986 URI authorities: https://a.example/v2",
        ),
    ] {
        ours(&cosign, words, b"").failure().says(sentence);
    }
    assert!(!cosign.home().join(".docker").exists());
    // COSIGN_PASSWORD, which is set here, is the passphrase of keys.
    let broken = cosign.home().join(".docker");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("config.json"), "{broken").unwrap();
    ours(&cosign, &["a.example", "-u", "bob", "-p", "x"], b"")
        .failure()
        .says("config.json");
    assert_eq!(config(&cosign), "{broken");
}
