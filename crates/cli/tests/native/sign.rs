//! Signing: all is known before anything is written, and what was not signed is said.

use crate::scene::{At, Scene, verdict};

#[test]
fn nothing_is_written_unless_all_can_be() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release"]);
    let image = scene.image("app");
    let unsigned = |scene: &Scene| {
        assert_eq!(
            scene.verdict(&["--no-policy", "--key", "release.pub", &image]),
            verdict(10, "not-signed", "no-signature")
        );
    };
    let absent = format!("{}/app:2", scene.host());
    let output = scene.run(&["sign", "--key", "release.key", &image, &absent]);
    assert_eq!(output.code(), Some(11), "{output}");
    assert!(
        output.stderr.contains("image tag not found")
            && output.stderr.contains("Nothing was signed."),
        "{output}"
    );
    let output = scene.run(&["sign", "--key", "release.key", &image, "localhost:1/a:1"]);
    assert_eq!(output.code(), Some(15), "{output}");
    assert!(output.stderr.contains("Nothing was signed."), "{output}");
    let words = ["sign", "--key", "release.key", &image];
    let output = scene.run_with(("COSIGN_PASSWORD", "wrong"), &words);
    assert_eq!(output.code(), Some(1), "{output}");
    unsigned(&scene);
    // Content trust cannot, so that the other system does not either.
    scene.policy("[sign]\nsystems = [\"sigstore\", \"content-trust\"]\nkey = \"release.key\"\n");
    let nowhere = ("DOCKER_CONTENT_TRUST_SERVER", "https://localhost:1");
    let output = scene.run_with(nowhere, &["sign", &image]);
    assert_eq!(output.code(), Some(1), "{output}");
    assert!(
        output.stderr.contains("error contacting notary server")
            && output.stderr.contains("Nothing was signed."),
        "{output}"
    );
    unsigned(&scene);
    scene.run(&["sign", &image]).success();
    let words = [
        "verify",
        "--no-policy",
        "--content-trust",
        "--key",
        "release.pub",
        &image,
    ];
    scene.run(&words).success();
}

#[test]
fn what_another_client_reads() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release"]);
    let image = scene.image("app");
    scene
        .run(&[
            "sign",
            "--key",
            "release.key",
            "--content-trust",
            "-a",
            "a=b",
            &image,
        ])
        .success();
    scene
        .user
        .run([
            "verify",
            "--key",
            "release.pub",
            "--insecure-ignore-tlog",
            "-a",
            "a=b",
            &image,
        ])
        .success();
    let inspected = scene.run(&["trust", "inspect", &image]).success();
    assert!(inspected.stdout.contains("\"jeff\""), "{inspected}");
}

#[test]
fn each_manifest_of_an_index() {
    let Some(scene) = Scene::at(At::Countersign) else {
        return;
    };
    scene.keys(&["release"]);
    let (index, children) = scene.index("app");
    let key = ["--key", "release.pub"];
    let sign = ["sign", "--key", "release.key", "--content-trust"];
    scene.run(&[&sign[..], &[&index]].concat()).success();
    scene
        .run(&[&["verify", "--content-trust"], &key[..], &[&index]].concat())
        .success();
    for child in &children {
        let verdict_of = scene.verdict(&[&key[..], &[child]].concat());
        assert_eq!(verdict_of, verdict(10, "not-signed", "no-signature"));
    }
    let output = scene
        .run(&[&sign[..], &["--recursive", &index]].concat())
        .success();
    assert!(
        output.stdout.contains("and 2 manifests of the index"),
        "{output}"
    );
    for child in &children {
        scene
            .run(&[&["verify"], &key[..], &[child]].concat())
            .success();
    }
}
