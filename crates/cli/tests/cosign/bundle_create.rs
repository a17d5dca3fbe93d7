//! `bundle create`: what cosign 2 wrote, as bundles that cosign 3 verifies.

use serde_json::Value;
use testkit::Output;
use testkit::sigstack::{Claims, Ref};

use crate::forms::{IDENTITY, ISSUER};
use crate::scene::{Scene, Who, refused};

fn scene() -> Option<Scene> {
    let scene = Scene::start()?;
    scene.generate_key(Who::V2, "key");
    scene.write("file", "content\n");
    scene.write("predicate.json", r#"{"a": 1}"#);
    Some(scene)
}

fn create(scene: &Scene, who: Who, words: &[&str]) -> Output {
    scene.run(
        who,
        &[&["bundle", "create", "--artifact", "file"], words].concat(),
    )
}

/// Signs or attests with cosign 2 and a key.
fn by_key(scene: &Scene, command: &str, words: &[&str]) -> Output {
    let all = [&[command, "--yes", "--key", "key.key"], words, &["file"]].concat();
    scene.run(Who::V2, &all).success()
}

/// Every client takes the bundle in `file.json`, and no other content.
#[track_caller]
fn verified(scene: &Scene, command: &str, words: &[&str]) {
    let root = scene.trusted_root();
    for (who, more) in [
        (Who::Ours, &[][..]),
        (Who::V2, &["--new-bundle-format"]),
        (Who::V3, &[]),
    ] {
        let all = [
            &[command, "--bundle", "file.json", "--trusted-root", &root],
            words,
            more,
        ]
        .concat();
        scene
            .run_on(who, &all, &["file"])
            .success()
            .says("Verified OK");
        scene.run_on(who, &all, &["predicate.json"]).failure();
    }
}

/// What cosign 2 made with an entry in the log is a bundle by the log's promise, and by what was signed alone.
fn logged(scene: &Scene, sign: &str, words: &[&str], alone: &str, verify: &str) {
    let rekor = ["--rekor-url", scene.sigstore.rekor_url()];
    let files = ["--bundle", "old.json", "--output-signature", "logged"];
    by_key(scene, sign, &[words, &rekor, &files].concat());
    for source in [["--bundle", "old.json"], [alone, "logged"]] {
        let to = ["--key", "key.pub", "--out", "file.json"];
        create(scene, Who::Ours, &[&source[..], &rekor, &to].concat()).success();
        verified(scene, verify, &["--key", "key.pub"]);
    }
}

#[test]
fn a_signature_of_a_key_without_a_log() {
    let Some(scene) = scene() else { return };
    by_key(
        &scene,
        "sign-blob",
        &["--tlog-upload=false", "--output-signature", "file.sig"],
    );
    let words = [
        "--signature",
        "file.sig",
        "--key",
        "key.pub",
        "--ignore-tlog",
    ];
    let ours = create(&scene, Who::Ours, &words).success();
    let theirs = create(&scene, Who::V3, &words).success();
    // The media type of version 0.3 as its specification has it; cosign has the older spelling.
    let parse = |output: &Output| {
        let mut bundle: Value = serde_json::from_str(&output.stdout).unwrap();
        let media_type = bundle["mediaType"].take();
        (bundle, media_type)
    };
    let ((ours, ours_type), (theirs, _)) = (parse(&ours), parse(&theirs));
    assert_eq!(ours, theirs);
    assert_eq!(ours_type, "application/vnd.dev.sigstore.bundle.v0.3+json");
    let words = [&words[..], &["--out", "file.json"]].concat();
    assert_eq!(create(&scene, Who::Ours, &words).success().stdout, "");
    verified(
        &scene,
        "verify-blob",
        &["--key", "key.pub", "--insecure-ignore-tlog"],
    );
}

#[test]
fn what_a_log_has() {
    let Some(scene) = scene() else { return };
    let rekor = ["--rekor-url", scene.sigstore.rekor_url()];
    logged(&scene, "sign-blob", &[], "--signature", "verify-blob");
    let words = ["--bundle", "old.json", "--key", "key.pub"];
    create(&scene, Who::Ours, &words)
        .failure()
        .says("--rekor-url is required");
    create(
        &scene,
        Who::Ours,
        &[&words[..], &["--ignore-tlog"]].concat(),
    )
    .failure()
    .says(
        "cannot ignore transparency log when the provided bundle contains a Signed Entry Timestamp",
    );
    create(&scene, Who::Ours, &[&words[..2], &rekor].concat())
        .failure()
        .says("neither certificate nor key says whose signature it is");
    // What is in no log.
    by_key(
        &scene,
        "sign-blob",
        &["--tlog-upload=false", "--output-signature", "other.sig"],
    );
    let words = [
        &["--signature", "other.sig", "--key", "key.pub"],
        &rekor[..],
    ]
    .concat();
    create(&scene, Who::Ours, &words)
        .failure()
        .says("the log has no entry of the signature\nIf it is in none, say --ignore-tlog.");
}

#[test]
fn a_signature_by_an_identity_with_a_timestamp() {
    let Some(scene) = scene() else { return };
    let token = scene
        .sigstore
        .token(&Claims::gitlab(ISSUER, "acme/app", Ref::Branch("main")));
    let stamps = scene.sigstore.timestamp_url();
    let words = [
        &[
            "sign-blob",
            "--yes",
            "--identity-token",
            &token,
            "--timestamp-server-url",
            &stamps,
        ],
        &scene.urls()[..],
        &[
            "--bundle",
            "old.json",
            "--rfc3161-timestamp",
            "stamp.json",
            "file",
        ],
    ];
    scene.run(Who::V2, &words.concat()).success();
    let rekor = ["--rekor-url", scene.sigstore.rekor_url()];
    let source = [
        "--bundle",
        "old.json",
        "--rfc3161-timestamp",
        "stamp.json",
        "--out",
        "file.json",
    ];
    create(&scene, Who::Ours, &[&source[..], &rekor].concat()).success();
    let whose = [
        "--certificate-identity",
        IDENTITY,
        "--certificate-oidc-issuer",
        ISSUER,
    ];
    verified(&scene, "verify-blob", &whose);
    verified(
        &scene,
        "verify-blob",
        &[&whose[..], &["--use-signed-timestamps"]].concat(),
    );
    // The certificate is not the key's.
    let words = [&source[..], &rekor, &["--key", "key.pub"]].concat();
    create(&scene, Who::Ours, &words)
        .failure()
        .says("Drop --key: the certificate has the signer's key.");
}

#[test]
fn attestations() {
    let Some(scene) = scene() else { return };
    let predicate = ["--predicate", "predicate.json"];
    let words = [
        &predicate[..],
        &["--tlog-upload=false", "--output-signature", "file.dsse"],
    ]
    .concat();
    by_key(&scene, "attest-blob", &words);
    let words = [
        "--attestation",
        "file.dsse",
        "--key",
        "key.pub",
        "--ignore-tlog",
        "--out",
        "file.json",
    ];
    create(&scene, Who::Ours, &words).success();
    verified(
        &scene,
        "verify-blob-attestation",
        &["--key", "key.pub", "--insecure-ignore-tlog"],
    );
    // cosign takes no bundle of cosign 2 with an attestation.
    let verify = "verify-blob-attestation";
    logged(&scene, "attest-blob", &predicate, "--attestation", verify);
}

#[test]
fn what_makes_no_bundle() {
    let Some(scene) = scene() else { return };
    scene.generate_key(Who::V2, "other");
    by_key(
        &scene,
        "sign-blob",
        &["--tlog-upload=false", "--output-signature", "file.sig"],
    );
    let words = [
        &[
            "sign-blob",
            "--yes",
            "--key",
            "key.key",
            "--tlog-upload=false",
        ],
        &["--new-bundle-format", "--bundle", "new.json", "file"][..],
    ];
    scene.run(Who::V2, &words.concat()).success();
    scene.write("broken.json", "{");
    let signature = ["--signature", "file.sig", "--ignore-tlog"];
    let cases: [(&[&str], &str); 9] = [
        (
            &["--ignore-tlog"],
            "must at least supply signature via --bundle or --signature",
        ),
        (
            &signature,
            "neither certificate nor key says whose signature it is",
        ),
        (
            &["--signature", "file.sig", "--bundle", "new.json"],
            "Drop --signature.",
        ),
        (
            &[&signature[..], &["--key", "other.pub"]].concat(),
            "invalid signature",
        ),
        (
            &[&signature[..], &["--key", "none.pub"]].concat(),
            "none.pub",
        ),
        (
            &["--bundle", "none.json", "--key", "key.pub"],
            "open none.json: no such file or directory",
        ),
        (
            &["--bundle", "broken.json", "--key", "key.pub"],
            "broken.json: ",
        ),
        (
            &["--bundle", "new.json", "--key", "key.pub", "--ignore-tlog"],
            "it is a bundle already",
        ),
        (
            &[
                "--attestation",
                "broken.json",
                "--key",
                "key.pub",
                "--ignore-tlog",
            ],
            "no DSSE envelope",
        ),
    ];
    for (words, says) in cases {
        refused(create(&scene, Who::Ours, words), 1, &[says]);
    }
    // cosign makes a bundle of a signature over something else; nobody will ever verify it.
    let words = ["bundle", "create", "--artifact", "predicate.json"];
    let words = [&words[..], &signature, &["--key", "key.pub"]].concat();
    scene.run(Who::V3, &words).success();
    scene
        .run(Who::Ours, &words)
        .failure()
        .says("invalid signature");
    scene
        .run(Who::Ours, &[&["bundle", "create"], &signature[..]].concat())
        .failure()
        .says("must supply --artifact");
}
