//! Signatures that came without their entry of the log: it is asked for where the log is named, and nowhere else.

use crate::scene::{Scene, Who, refused};

/// A scene with a key of cosign's; `rekor` is where the log is.
fn scene() -> Option<(Scene, String)> {
    let scene = Scene::start()?;
    scene.generate_key(Who::V2, "key");
    let rekor = format!("--rekor-url={}", scene.sigstore.rekor_url());
    Some((scene, rekor))
}

/// How often the log was asked for entries since the last time.
fn asked(scene: &Scene, before: &mut usize) -> usize {
    let all = scene.sigstore.calls();
    let asked = all.iter().filter(|call| call.path.ends_with("/retrieve"));
    let now = asked.count();
    let since = now - *before;
    *before = now;
    since
}

#[test]
fn a_file_with_a_signature_of_its_own() {
    let Some((scene, rekor)) = scene() else {
        return;
    };
    scene.write("file", "content\n");
    let signed = [
        "sign-blob",
        "--key=key.key",
        "--yes",
        "--output-signature=sig",
        &rekor,
        "file",
    ];
    scene.run(Who::V2, &signed).success();
    let mut before = 0;
    let verify = ["verify-blob", "--key=key.pub", "--signature=sig"];
    let file = ["file"];
    scene
        .run(Who::V2, &[&verify[..], &[&rekor], &file].concat())
        .success();
    asked(&scene, &mut before);
    scene
        .run(Who::Ours, &[&verify[..], &[&rekor], &file].concat())
        .success()
        .says("Verified OK");
    assert_eq!(asked(&scene, &mut before), 1);
    // Nobody is asked who is not named, nor offline, nor about what the signer did not sign.
    let without = scene.run(Who::Ours, &[&verify[..], &file].concat());
    refused(without, 1, &["no entry of a transparency log"]);
    let offline = [&verify[..], &["--offline", &rekor], &file].concat();
    refused(scene.run(Who::Ours, &offline), 1, &["Drop --rekor-url"]);
    scene.write("other", "other content\n");
    let other = [&verify[..], &[&rekor, "other"]].concat();
    let other = scene.run(Who::Ours, &other);
    refused(other, 1, &["no entry of a transparency log"]);
    assert_eq!(asked(&scene, &mut before), 0);
    // A log that has no such entry, and none at all.
    let unlogged = [
        "sign-blob",
        "--key=key.key",
        "--yes",
        "--output-signature=sig",
        "--tlog-upload=false",
        "file",
    ];
    scene.run(Who::V2, &unlogged).success();
    let unlogged = scene.run(Who::Ours, &[&verify[..], &[&rekor], &file].concat());
    refused(unlogged, 1, &["no entry of a transparency log"]);
    let nobody = ["--rekor-url=http://127.0.0.1:9"];
    let unasked = scene.run(Who::Ours, &[&verify[..], &nobody, &file].concat());
    assert!(!unasked.stderr.contains("no entry"), "{unasked}");
    refused(unasked, 1, &["127.0.0.1:9"]);
}

#[test]
fn an_image_whose_signature_was_attached_alone() {
    let Some((scene, rekor)) = scene() else {
        return;
    };
    let image = scene.image("attached");
    let sign = [
        "sign",
        "--key=key.key",
        "--yes",
        "--upload=false",
        "--output-signature=sig",
        "--output-payload=payload",
        &rekor,
        &image,
    ];
    scene.run(Who::V2, &sign).success();
    let attach = [
        "attach",
        "signature",
        "--signature=sig",
        "--payload=payload",
        &image,
    ];
    scene.run(Who::V2, &attach).success();
    let mut before = 0;
    let verify = ["verify", "--key=key.pub", &rekor, &image];
    scene.run(Who::V2, &verify).success();
    asked(&scene, &mut before);
    let verified = scene.run(Who::Ours, &verify).success();
    assert_eq!(asked(&scene, &mut before), 1);
    let verified = verified.says("The claims were present in the transparency log");
    assert!(!verified.stderr.contains("offline"), "{verified}");
    assert!(verified.stdout.contains("\"Bundle\""), "{verified}");
    for words in [&[][..], &["--offline"]] {
        let words = [&["verify", "--key=key.pub"], words, &[&image]].concat();
        let output = scene.run(Who::Ours, &words);
        refused(output, 12, &["no entry of a transparency log"]);
    }
    let nobody = [
        "verify",
        "--key=key.pub",
        "--rekor-url=http://127.0.0.1:9",
        &image,
    ];
    refused(scene.run(Who::Ours, &nobody), 1, &["127.0.0.1:9"]);
    assert_eq!(asked(&scene, &mut before), 0);
    // Where the signature brought its entry, nobody is asked.
    let whole = scene.image("whole");
    let sign = ["sign", "--key=key.key", "--yes", &rekor, &whole];
    scene.run(Who::V2, &sign).success();
    let verify = ["verify", "--key=key.pub", &rekor, &whole];
    scene
        .run(Who::Ours, &verify)
        .success()
        .says("verified offline");
    assert_eq!(asked(&scene, &mut before), 0);
}

#[test]
fn an_attestation_that_was_attached_alone() {
    let Some((scene, rekor)) = scene() else {
        return;
    };
    let image = scene.image("attested");
    scene.write("predicate.json", "{}");
    for (kind, entry) in [("custom", "dsse"), ("https://example.com/other", "intoto")] {
        let entry = format!("--rekor-entry-type={entry}");
        let kind = format!("--type={kind}");
        let predicate = "--predicate=predicate.json";
        let attest = [
            "attest",
            "--key=key.key",
            "--yes",
            &entry,
            predicate,
            &kind,
            &rekor,
            &image,
        ];
        scene.run(Who::V2, &attest).success();
        // With the entry of either kind beside it.
        let verify = ["verify-attestation", "--key=key.pub", &kind];
        let whole = scene.run(Who::Ours, &[&verify[..], &[&image]].concat());
        whole.success().says("verified offline");
        let envelope = scene.run(Who::V2, &["download", "attestation", &image]);
        scene.write("envelope.json", envelope.success().stdout.trim());
        let clean = ["clean", "--type=attestation", "--force", &image];
        scene.run(Who::V2, &clean).success();
        let attach = [
            "attach",
            "attestation",
            "--attestation=envelope.json",
            &image,
        ];
        scene.run(Who::V2, &attach).success();
        scene
            .run(Who::Ours, &[&verify[..], &[&rekor, &image]].concat())
            .success()
            .says("The claims were present in the transparency log");
        let unlogged = scene.run(Who::Ours, &[&verify[..], &[&image]].concat());
        refused(unlogged, 12, &["no entry of a transparency log"]);
        scene.run(Who::V2, &clean).success();
    }
}
