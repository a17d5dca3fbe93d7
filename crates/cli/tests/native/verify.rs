//! Verdicts by flags.

use serde_json::Value;

use crate::scene::{Scene, verdict, verified};

#[test]
fn four_different_results() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release", "other"]);
    let image = scene.image("app");
    let key = ["--key", "release.pub"];
    let verdict_of = |image: &str| scene.verdict(&[&key[..], &[image]].concat());
    assert_eq!(
        verdict_of(&image),
        verdict(10, "not-signed", "no-signature")
    );
    scene.run(&["sign", "--key", "other.key", &image]).success();
    assert_eq!(
        verdict_of(&image),
        verdict(12, "not-as-demanded", "wrong-key")
    );
    let absent = format!("{}/app:2", scene.host());
    assert_eq!(
        verdict_of(&absent),
        verdict(11, "no-such-image", "no-such-image")
    );
    let absent = format!("{}/app@sha256:{}", scene.host(), "0".repeat(64));
    assert_eq!(
        verdict_of(&absent),
        verdict(11, "no-such-image", "no-such-image")
    );
    assert_eq!(
        verdict_of("localhost:1/app:1"),
        verdict(15, "not-checked", "registry-unreachable")
    );
    scene
        .run(&["sign", "--key", "release.key", &image])
        .success();
    verified(&scene, &["--key", "release.pub", &image]);
    // One key of several is enough.
    scene.keys(&["third"]);
    verified(
        &scene,
        &["--key", "third.pub", "--key", "other.pub", &image],
    );
}

#[test]
fn with_keys_nobody_but_the_registry_is_contacted() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release"]);
    let image = scene.image("app");
    scene
        .run(&["sign", "--key", "release.key", &image])
        .success();
    let words = ["verify", "--key", "release.pub", &image];
    let nowhere = ("DOCKER_CONTENT_TRUST_SERVER", "https://localhost:1");
    scene.run_with(nowhere, &words).success();
    scene
        .run_with(("TUF_MIRROR", "http://localhost:1"), &words)
        .success();
    let output = scene.run_with(nowhere, &["verify", "--content-trust", &image]);
    assert_eq!(output.code(), Some(15), "{output}");
    assert!(output.stderr.contains("(content-trust-failed)"), "{output}");
}

#[test]
fn annotations_are_demanded_of_the_same_signature() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release"]);
    let image = scene.image("app");
    scene
        .run(&["sign", "--key", "release.key", "-a", "stage=test", &image])
        .success();
    let key = ["--key", "release.pub", image.as_str()];
    verified(&scene, &[&["-a", "stage=test"], &key[..]].concat());
    assert_eq!(
        scene.verdict(&[&["-a", "stage=prod"], &key[..]].concat()),
        verdict(12, "not-as-demanded", "annotation-differs")
    );
    let output = scene
        .run(&[&["verify", "--explain", "-a", "stage=test"], &key[..]].concat())
        .success();
    assert!(
        output.stdout.contains("annotation (signed)     stage=test")
            && !output
                .stdout
                .contains("annotations             not required"),
        "{output}"
    );
    assert_eq!(
        scene.verdict(&[&["-a", "team=a"], &key[..]].concat()),
        verdict(12, "not-as-demanded", "annotation-absent")
    );
    let output = scene.run(&["verify", "-a", "stage=prod", "--key", "release.pub", &image]);
    assert!(
        output
            .stderr
            .contains("annotation stage is \"test\", and \"prod\" is demanded"),
        "{output}"
    );
}

#[test]
fn an_attestation_is_no_signature() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release"]);
    let image = scene.image("app");
    scene.write("scan.json", r#"{"vulnerabilities": []}"#);
    for format in ["legacy", "bundle"] {
        let words = [
            "cosign",
            "attest",
            "--key",
            "release.key",
            "--type",
            "vuln",
            "--predicate",
            "scan.json",
            "--format",
            format,
            &image,
        ];
        scene.run(&words).success();
        assert_eq!(
            scene.verdict(&["--key", "release.pub", &image]),
            verdict(10, "not-signed", "no-signature")
        );
    }
    scene
        .run(&["verify", "--key", "release.pub", &image])
        .failure()
        .says("no signature is attached to the image, only attestations (");
}

#[test]
fn many_images_and_none_stops_the_others() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release", "other"]);
    let images: Vec<String> = (0..6).map(|n| scene.image(&format!("app{n}"))).collect();
    let good: Vec<&str> = [0, 2, 4, 5].map(|n| images[n].as_str()).into();
    scene
        .run(&[&["sign", "--key", "release.key"], &good[..]].concat())
        .success();
    scene
        .run(&["sign", "--key", "other.key", &images[1]])
        .success();
    let mut words = vec!["verify", "--key", "release.pub", "localhost:1/app:1"];
    words.extend(images.iter().map(String::as_str));
    let output = scene.run(&words);
    // The first that failed.
    assert_eq!(output.code(), Some(15), "{output}");
    let results: Vec<&str> = output.stdout.lines().skip(1).collect();
    let expected = [
        "not checked",
        "verified",
        "not as demanded",
        "verified",
        "not signed",
        "verified",
        "verified",
    ];
    assert_eq!(results.len(), expected.len(), "{output}");
    for (line, expected) in results.iter().zip(expected) {
        assert!(
            line.contains(&format!("   {expected}   ")),
            "{line}: {output}"
        );
    }
    assert!(
        output.stderr.contains("4 of 7 images are as demanded."),
        "{output}"
    );
    assert_eq!(output.stderr.matches("Error: ").count(), 3, "{output}");
    words.remove(3);
    assert_eq!(scene.run(&words).code(), Some(12));
}

#[test]
fn the_trace_shows_each_candidate_with_each_check() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release", "other"]);
    let image = scene.image("app");
    scene.run(&["sign", "--key", "other.key", &image]).success();
    scene
        .run(&["sign", "--key", "release.key", "--format", "bundle", &image])
        .success();
    let output = scene
        .run(&["verify", "--explain", "--key", "release.pub", &image])
        .success();
    for part in [
        "key release.pub: satisfied by key release.pub (sha256:",
        "content trust: not required",
        "found in",
        "log                     not required: not demanded",
        "signature               verified: key sha256:",
        "signature               refused",
        "  expected              key sha256:",
        "time                    absent",
        "repository              ",
        "does not count",
        "(wrong-key)",
        "what to do",
    ] {
        assert!(output.stdout.contains(part), "no {part:?}: {output}");
    }
}

#[test]
fn the_document_has_what_was_expected_and_what_was_found() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release", "other"]);
    let image = scene.image("app");
    for key in ["release.key", "other.key"] {
        let words = ["sign", "--format", "tag", "--key", key, &image];
        scene.run(&words).success();
    }
    let repository = |path: &str| format!("{}/{path}", scene.host());
    let copy = format!("{}:1", repository("copied"));
    scene.run(&["cosign", "copy", &image, &copy]).success();
    let (app, copied) = (repository("app"), repository("copied"));
    let texts = |check: &Value| {
        let text = |member: &str| check[member].as_str().unwrap_or_default().to_owned();
        ["outcome", "expected", "found"].map(text)
    };
    for (image, repository) in [
        (&image, ["verified", "", &app]),
        (&copy, ["passed-over", &copied, &app]),
    ] {
        let (document, code) = scene.json(&["--key", "release.pub", image]);
        assert_eq!(code, 0, "{document}");
        let candidates = document["images"][0]["candidates"].as_array().unwrap();
        let of = |result: &str| {
            let known = candidates.iter().find(|one| one["result"] == result);
            known.unwrap_or_else(|| panic!("{result}: {document}"))
        };
        let check = |candidate: &Value, name: &str| {
            let checks = candidate["checks"].as_array().unwrap();
            let found = checks.iter().find(|check| check["check"] == name);
            texts(found.unwrap_or_else(|| panic!("{name}: {document}")))
        };
        let verified = of("verified");
        let key = format!("key {}", verified["proven"]["key"].as_str().unwrap());
        assert_eq!(check(verified, "signer"), ["verified", "", &key]);
        assert_eq!(check(verified, "signature"), ["verified", "", &key]);
        assert_eq!(check(verified, "time"), ["absent", "", ""]);
        assert_eq!(check(verified, "repository"), repository);
        assert_eq!(check(of("refused"), "signature"), ["refused", &key, ""]);
    }
}

/// Whoever may sign may write what he likes, and it moves no cursor and fakes no line.
#[test]
fn what_is_signed_cannot_take_over_a_terminal() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release"]);
    let image = scene.image("app");
    let hostile = "\u{1b}[2J\u{9b}1A\u{202e}\r\nforged: verified";
    let annotation = format!("note={hostile}");
    let predicate = format!("https://example.com/{hostile}");
    scene.write("scan.json", "{}");
    for format in ["legacy", "bundle"] {
        let key = ["--key", "release.key", "--format", format, &image];
        let sign = ["cosign", "sign", "-a", &annotation];
        scene.run(&[&sign[..], &key].concat()).success();
        let attest = ["cosign", "attest", "--predicate", "scan.json", "--type"];
        let attest = [&attest[..], &[&predicate], &key].concat();
        scene.run(&attest).success();
    }
    let key = ["--key", "release.pub", image.as_str()];
    let log = "--insecure-ignore-tlog";
    let commands: [&[&str]; 8] = [
        &["verify", "--explain"],
        &["verify", "--explain", "-a", "note=x"],
        &["verify", "--json"],
        &["verify", "--json", "-a", "note=x"],
        &["cosign", "verify", log],
        &["cosign", "verify", log, "-a", "note=x"],
        &["cosign", "verify", log, "-o", "text"],
        &["cosign", "verify-attestation", log, "--type", "spdx"],
    ];
    for command in commands {
        let output = scene.run(&[command, &key].concat());
        let said = format!("{}{}", output.stdout, output.stderr);
        let dangerous =
            |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
        assert!(!said.contains(dangerous), "{command:?}: {said:?}");
        assert!(
            !said.lines().any(|line| line.starts_with("forged")),
            "{command:?}: {said:?}"
        );
        assert!(said.contains("forged"), "{command:?}: {said:?}");
        let document = output.stdout.trim();
        if document.starts_with(['{', '[']) && !command.contains(&"text") {
            let read: Value = serde_json::from_str(document).unwrap();
            assert!(read.to_string().contains("\\r\\nforged"), "{read}");
        }
    }
}
