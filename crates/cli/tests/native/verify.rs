//! Verdicts by flags.

use crate::scene::{At, Scene, verdict, verified};

#[test]
fn four_different_results() {
    let Some(scene) = Scene::start(At::DockerRegistry) else {
        return;
    };
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
    let Some(scene) = Scene::start(At::DockerRegistry) else {
        return;
    };
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
    let Some(scene) = Scene::start(At::DockerRegistry) else {
        return;
    };
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
    let Some(scene) = Scene::start(At::DockerRegistry) else {
        return;
    };
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
    let Some(scene) = Scene::start(At::DockerRegistry) else {
        return;
    };
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
    let Some(scene) = Scene::start(At::DockerRegistry) else {
        return;
    };
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
        "signature               verified",
        "signature               refused",
        "does not count",
        "(wrong-key)",
        "what to do",
    ] {
        assert!(output.stdout.contains(part), "no {part:?}: {output}");
    }
}
