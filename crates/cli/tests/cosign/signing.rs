//! `sign` with a key.

use testkit::Terminal;

use crate::scene::{Scene, Who, base64};

const VERIFY: [&str; 3] = ["verify", "--key=key.pub", "--insecure-ignore-tlog"];

fn scene() -> Option<Scene> {
    let scene = Scene::start()?;
    scene.generate_key(Who::Ours, "key");
    Some(scene)
}

#[test]
fn a_key_needs_nobody_but_the_registry() {
    let Some(scene) = scene() else { return };
    let all = &[Who::Ours, Who::V2, Who::V3][..];
    for (name, more, readers) in [
        ("plain", &[][..], all),
        ("bundle", &["--format", "bundle"], &[Who::Ours, Who::V3]),
        ("both", &["--format", "both"], all),
    ] {
        let image = scene.image(name);
        let words = [&["sign", "--key", "key.key"], more, &[&image]].concat();
        scene.run(Who::Ours, &words).success();
        for &reader in readers {
            scene.run_on(reader, &VERIFY, &[&image]).success();
        }
    }
    assert!(scene.sigstore.calls().is_empty());
    let kept: Vec<String> = std::fs::read_dir(scene.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("key.") && !name.starts_with("empty"))
        .filter(|name| name != ".sigstore")
        .collect();
    assert_eq!(
        kept, [""; 0],
        "a client that signs with a key leaves nothing"
    );
}

/// Files instead of the registry, and other words in the signature.
#[test]
fn what_is_written_where() {
    let Some(scene) = scene() else { return };
    let image = scene.image("files");
    let words = [
        "sign",
        "--key",
        "key.key",
        "--upload=false",
        "--output-signature",
        "s",
        "--output-payload",
        "p",
        &image,
    ];
    scene.run(Who::Ours, &words).success();
    let unsigned = scene.run_on(Who::Ours, &VERIFY, &[&image]);
    assert_eq!(unsigned.code(), Some(10), "{unsigned}");
    let blob = [
        "verify-blob",
        "--key",
        "key.pub",
        "--insecure-ignore-tlog",
        "--signature",
        "s",
        "p",
    ];
    for who in [Who::V2, Who::Ours] {
        scene.run(who, &blob).success();
    }
    let printed = scene
        .run(
            Who::Ours,
            &["sign", "--key", "key.key", "--upload=false", &image],
        )
        .success();
    let signature = base64(printed.stdout.trim());
    assert!(signature.len() > 64, "{printed}");

    // As `attach signature` of cosign takes them.
    scene
        .run(
            Who::V2,
            &[
                "attach",
                "signature",
                "--payload",
                "p",
                "--signature",
                "s",
                &image,
            ],
        )
        .success();
    scene.run_on(Who::Ours, &VERIFY, &[&image]).success();

    let image = scene.image("identity");
    let words = [
        "sign",
        "--key",
        "key.key",
        "--sign-container-identity",
        "acme.example/app",
        "--record-creation-timestamp",
        &image,
    ];
    scene.run(Who::Ours, &words).success();
    for who in [Who::V2, Who::Ours] {
        scene
            .run_on(who, &VERIFY, &[&image])
            .success()
            .says("\"docker-reference\":\"acme.example/app\"");
    }

    let (index, children) = scene.index("index");
    let words = ["sign", "--key", "key.key", "--recursive", &index];
    scene.run(Who::Ours, &words).success();
    for image in [&index, &children[0], &children[1]] {
        scene.run_on(Who::V2, &VERIFY, &[image]).success();
    }

    // A payload that cosign made is signed as it is; it must be about the image.
    let image = scene.image("payload");
    let payload = scene
        .run(Who::V2, &["generate", "-a", "made=by cosign", &image])
        .success();
    scene.write("payload", &payload.stdout);
    let words = ["sign", "--key", "key.key", "--payload", "payload"];
    scene
        .run_on(Who::Ours, &words, &[&index])
        .failure()
        .says("the payload is about sha256:");
    scene.run_on(Who::Ours, &words, &[&image]).success();
    let annotated = [&VERIFY[..], &["-a", "made=by cosign"]].concat();
    for who in [Who::V2, Who::Ours] {
        scene.run_on(who, &annotated, &[&image]).success();
    }
    scene.write("payload", "{}");
    scene
        .run_on(Who::Ours, &words, &[&image])
        .failure()
        .says("payload: no payload of a signature: ");
}

/// On a terminal a bar shows how far it is; a failure among many stops nothing, and the last line counts.
#[test]
fn many_images_on_a_terminal() {
    let Some(scene) = scene() else { return };
    let mut images: Vec<String> = (0..4)
        .map(|number| scene.image(&format!("many{number}")))
        .collect();
    let missing = images[0].replace("many0@", "missing@");
    images.insert(2, missing.clone());
    let mut words = vec!["sign", "--key", "key.key"];
    words.extend(images.iter().map(String::as_str));
    let (said, code) = Terminal::spawn(scene.command(&words)).finish();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("signing"), "no progress: {said}");
    assert!(
        said.contains(&format!("Error: signing [{missing}]: image not found")),
        "{said}"
    );
    assert!(said.contains("Signed 4 of 5 images."), "{said}");
    for image in images.iter().filter(|image| **image != missing) {
        scene.run_on(Who::V2, &VERIFY, &[image]).success();
    }
    // Without a terminal there is no bar.
    let said = scene.run(Who::Ours, &words).failure();
    assert!(!said.stderr.contains('\r'), "{said}");
}
