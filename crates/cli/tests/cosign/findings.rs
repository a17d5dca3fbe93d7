//! What was found wrong with cosign 3.1.1, each with what ours does in its place.

use serde_json::Value;

use crate::scene::{Scene, Who, refused};

/// A scene with `key.key` and `key.pub`, and a file to sign.
fn scene() -> Option<Scene> {
    let scene = Scene::start()?;
    scene.generate_key(Who::Ours, "key");
    scene.write("file", "content\n");
    Some(scene)
}

const SIGN_FILE: [&str; 5] = ["sign-blob", "--key=key.key", "--yes", "--bundle=b", "file"];
const KEY: &str = "--key=key.pub";
const NO_LOG: &str = "--insecure-ignore-tlog";

/// A scan report about an image, attested by cosign 3 with `key.key`, and nothing else.
fn attested(scene: &Scene, name: &str) -> String {
    let image = scene.image(name);
    scene.write("scan.json", r#"{"verdict":"FAILED"}"#);
    let attest = [
        "attest",
        "--key=key.key",
        "--yes",
        "--signing-config=empty.json",
        "--trusted-root=empty-root.json",
        "--predicate=scan.json",
        "--type=https://example.com/scan-result/v1",
        &image,
    ];
    scene.run(Who::V3, &attest).success();
    image
}

/// cosign: exit 1, "getting signing config from TUF … no such host".
#[test]
fn f1_a_key_signs_a_file_without_network() {
    let Some(scene) = scene() else { return };
    scene.run_without_network(&SIGN_FILE).success();
    let bundle = std::fs::read(scene.home().join("b")).unwrap();
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    assert!(bundle.get("messageSignature").is_some(), "{bundle}");
}

/// cosign: exit 1, "not supported with --signing-config or --use-signing-config".
#[test]
fn f2_no_log_can_be_said_in_the_old_way() {
    let Some(scene) = scene() else { return };
    let words = [&["--tlog-upload=false"], &SIGN_FILE[1..]].concat();
    let words = [&["sign-blob"], words.as_slice()].concat();
    scene.run_without_network(&words).success();
}

/// cosign: exit 0, but it asks the TUF mirror of the public instance all the same.
#[test]
fn f3_a_signing_config_without_services_asks_nobody() {
    let Some(scene) = scene() else { return };
    let words = [
        &["sign-blob", "--signing-config=empty.json"],
        &SIGN_FILE[1..],
    ]
    .concat();
    let output = scene.run_without_network(&words).success();
    assert!(!output.stderr.contains("WARNING"), "{output}");
    assert!(!output.stderr.contains("TUF"), "{output}");
}

/// cosign: exit 1 (it fetches the public trusted root); with --insecure-ignore-tlog exit 0 and a scolding. Ours asks
/// nobody, and demands a log where one is named.
#[test]
fn f4_a_keys_signature_is_verified_without_network() {
    let Some(scene) = scene() else { return };
    scene.run(Who::Ours, &SIGN_FILE).success();
    let verify = ["verify-blob", KEY, "--bundle=b", "file"];
    let verified = scene.run_without_network(&verify).success();
    assert!(!verified.stderr.contains("WARNING"), "{verified}");
    for (named, text) in [
        (
            "--trusted-root=empty-root.json",
            "no entry of a transparency log",
        ),
        ("--rekor-url=http://127.0.0.1:1", "nobody is trusted yet"),
    ] {
        let words = [&verify[..3], &[named, "file"]].concat();
        refused(scene.run_without_network(&words), 1, &[text]);
    }
    scene.write("file", "other content\n");
    let other = scene.run_without_network(&verify);
    refused(other, 1, &["invalid signature"]);
}

/// cosign: exit 0, "The cosign claims were validated": any attestation by the key passes for a signature.
#[test]
fn f5_an_attestation_is_no_signature() {
    let Some(scene) = scene() else { return };
    let image = attested(&scene, "attested");
    let verify = ["verify", KEY, NO_LOG, &image];
    scene.run(Who::V3, &verify).success();
    let words = [
        "no signatures found",
        "https://example.com/scan-result/v1",
        "verify-attestation",
    ];
    refused(scene.run(Who::Ours, &verify), 10, &words);
    let save = ["save", "--dir=layout", &image];
    scene.run(Who::V3, &save).success();
    let local = ["verify", KEY, NO_LOG, "--local-image", "layout"];
    let output = scene.run_without_network(&local);
    refused(output, 1, &["no signatures found"]);
}

/// cosign: "Existence of the claims in the transparency log was verified offline" of a bundle without an entry while the
/// log is ignored; empty `docker-reference` and digest for a folder.
#[test]
fn f6_only_what_was_checked_is_claimed() {
    let Some(scene) = scene() else { return };
    let image = scene.image("claimed");
    let sign = ["sign", "--key=key.key", "--yes", "--format=bundle", &image];
    scene.run(Who::Ours, &sign).success();
    scene
        .run(Who::V3, &["save", "--dir=layout", &image])
        .success();
    for (place, words) in [(image.as_str(), &[][..]), ("layout", &["--local-image"])] {
        let verify = [&["verify", KEY, NO_LOG], words, &[place]].concat();
        let verified = scene
            .run(Who::Ours, &verify)
            .success()
            .says("The signatures were verified against the specified public key")
            .says("The following was not checked:\n  - Entries in a transparency log");
        assert!(
            !verified
                .stderr
                .contains("in the transparency log was verified"),
            "{verified}"
        );
        let entries: Value = serde_json::from_str(&verified.stdout).unwrap();
        let critical = &entries[0]["critical"];
        let (_, digest) = image.split_once('@').unwrap();
        assert_eq!(critical["image"]["docker-manifest-digest"], digest);
        assert_eq!(critical["identity"]["docker-reference"], place);
    }
}

/// cosign: exit 1 both times in the new form; 12 and 10 are documented.
#[test]
fn f7_a_wrong_key_and_no_signature_have_their_exit_codes() {
    let Some(scene) = scene() else { return };
    scene.generate_key(Who::Ours, "other");
    for format in ["bundle", "legacy"] {
        let unsigned = scene.image(&format!("unsigned-{format}"));
        let signed = scene.image(&format!("signed-{format}"));
        let format = format!("--format={format}");
        let sign = ["sign", "--key=other.key", "--yes", &format, &signed];
        scene.run(Who::Ours, &sign).success();
        for (image, code, words) in [
            (&unsigned, 10, "no signatures found"),
            (&signed, 12, "no matching signatures"),
        ] {
            let output = scene.run(Who::Ours, &["verify", KEY, NO_LOG, image]);
            refused(output, code, &[words]);
        }
    }
}

/// cosign: the reference that the user typed is printed as if the signature said it.
#[test]
fn f8_what_a_signature_does_not_cover_is_marked() {
    let Some(scene) = scene() else { return };
    let image = scene.image("marked");
    let sign = |format| {
        scene.run(
            Who::Ours,
            &["sign", "--key=key.key", "--yes", format, &image],
        )
    };
    sign("--format=bundle").success();
    let entries = |scene: &Scene| -> Value {
        let verified = scene.run(Who::Ours, &["verify", KEY, NO_LOG, &image]);
        serde_json::from_str(&verified.success().stdout).unwrap()
    };
    let bundle = &entries(&scene)[0];
    assert_eq!(
        bundle["unsigned"],
        serde_json::json!(["critical.identity.docker-reference"])
    );
    sign("--format=legacy").success();
    let all = entries(&scene);
    let legacy = all
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["critical"]["type"] == "cosign container image signature");
    let legacy = legacy.unwrap();
    assert_eq!(legacy.get("unsigned"), None);
    let (repository, _) = image.split_once('@').unwrap();
    assert_eq!(
        legacy["critical"]["identity"]["docker-reference"],
        repository
    );
}

/// cosign: a referrer that cannot be fetched is skipped, so that a registry's hiccup reads "no valid bundles".
#[test]
fn f9_what_cannot_be_fetched_is_not_called_absent() {
    let Some(scene) = scene() else { return };
    let image = scene.image("hiccup");
    let sign = ["sign", "--key=key.key", "--yes", "--format=bundle", &image];
    scene.run(Who::Ours, &sign).success();
    let proxy = scene.proxy();
    let image = image.replace(&scene.host(), &proxy.host());
    let (_, digest) = image.split_once('@').unwrap();
    let digest = digest.to_owned();
    proxy.on(
        move |_, path| path.contains("/manifests/sha256:") && !path.ends_with(&digest),
        testkit::Fault::status(500),
    );
    let output = scene.run(Who::Ours, &["verify", KEY, NO_LOG, &image]);
    assert!(!output.stderr.contains("no signatures found"), "{output}");
    refused(output, 1, &["could not be read", "answered 500"]);
    proxy.clear();
    scene
        .run(Who::Ours, &["verify", KEY, NO_LOG, &image])
        .success();
}

/// cosign: one after the other, and the first failure ends it.
#[test]
fn f10_one_image_that_fails_does_not_stop_the_others() {
    let Some(scene) = scene() else { return };
    let [first, last] = [scene.image("first"), scene.image("last")];
    let missing = format!("{}/missing:1", scene.host());
    let images = [first.as_str(), &missing, &last];
    let sign = [&["sign", "--key=key.key", "--yes"][..], &images].concat();
    let signed = scene.run(Who::Ours, &sign);
    refused(signed, 1, &[&missing, "Signed 2 of 3 images."]);
    let verify = [&["verify", KEY, NO_LOG][..], &images].concat();
    let verified = scene.run(Who::Ours, &verify).failure();
    let verified = verified.says("Verified 2 of 3 images.");
    assert_eq!(verified.code(), Some(11));
    assert_eq!(
        verified.stdout.matches("\"critical\"").count(),
        2,
        "{verified}"
    );
    // Again: what is signed stays as it is, what was missing is signed now.
    let signed = scene.run(Who::Ours, &[&sign[..3], &[&first, &last]].concat());
    signed.success();
}
