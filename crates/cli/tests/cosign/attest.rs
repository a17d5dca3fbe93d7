//! `attest` and `verify-attestation`.

use serde_json::{Value, json};
use testkit::Output;

use crate::scene::{Scene, Who, base64, refused};

const SIGN: [&str; 4] = ["--yes", "--key", "key.key", "--tlog-upload=false"];
const VERIFY: [&str; 3] = ["--key", "key.pub", "--insecure-ignore-tlog"];
const PREDICATE: &str = "--predicate=predicate.json";
const CLIENTS: [Who; 3] = [Who::Ours, Who::V2, Who::V3];

fn scene() -> Option<Scene> {
    let scene = Scene::start()?;
    scene.generate_key(Who::Ours, "key");
    scene.write("predicate.json", r#"{"a": 1.50, "b": "<&>"}"#);
    Some(scene)
}

fn attest(scene: &Scene, who: Who, more: &[&str], image: &str) -> Output {
    scene.run(who, &[&["attest"], &SIGN[..], more, &[image]].concat())
}

fn verify(scene: &Scene, who: Who, more: &[&str], image: &str) -> Output {
    let words = [&["verify-attestation"], &VERIFY[..], more, &[image]].concat();
    scene.run(who, &words)
}

/// The statements in the envelopes that `verify-attestation` prints.
fn statements(output: &Output) -> Vec<Value> {
    let parse = |line: &str| {
        let envelope: Value = serde_json::from_str(line).unwrap();
        serde_json::from_slice(&base64(envelope["payload"].as_str().unwrap())).unwrap()
    };
    output.stdout.lines().map(parse).collect()
}

fn sha256(image: &str) -> &str {
    image.split_once("@sha256:").unwrap().1
}

fn repository(image: &str) -> &str {
    image.split_once('@').unwrap().0
}

fn statement_about(hex: &str) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": hex}}],
        "predicateType": "https://example.com/review/v1",
        "predicate": {"by": "alice", "score": 10}
    })
    .to_string()
}

#[test]
fn what_is_printed_is_what_cosign_prints() {
    let Some(scene) = scene() else { return };
    let image = scene.image("app");
    let uri = "https://example.com/review/v1";
    let words = ["--type", uri, PREDICATE];
    let output = attest(&scene, Who::Ours, &words, &image).success();
    assert_eq!(output.stdout, "", "{output}");
    let [ours, v2, v3] = CLIENTS.map(|who| verify(&scene, who, &["--type", uri], &image).success());
    assert_eq!(ours.stdout, v2.stdout);
    assert_eq!(ours.stdout, v3.stdout);
    // The predicate is signed as it is in the file, numbers too.
    let envelope: Value = serde_json::from_str(&ours.stdout).unwrap();
    let payload = base64(envelope["payload"].as_str().unwrap());
    let payload = String::from_utf8(payload).unwrap();
    assert!(
        payload.contains(r#""predicate":{"a": 1.50, "b": "<&>"}}"#),
        "{payload}"
    );
    // `--output` makes no difference, as in cosign.
    for output in ["json", "text"] {
        let words = ["--type", uri, "--output", output];
        assert_eq!(
            verify(&scene, Who::Ours, &words, &image).stdout,
            ours.stdout
        );
    }
    let words = ["--type", uri, "--output", "yaml"];
    verify(&scene, Who::Ours, &words, &image)
        .failure()
        .says("must be json or text");
}

#[test]
fn bundles_are_printed_as_cosign_3_prints_them() {
    let Some(scene) = scene() else { return };
    let image = scene.image("app");
    let words = ["--format", "bundle", PREDICATE];
    attest(&scene, Who::Ours, &words, &image).success();
    let trust = ["--trusted-root", "empty-root.json"];
    let ours = verify(&scene, Who::Ours, &trust, &image).success();
    let theirs = verify(&scene, Who::V3, &trust, &image).success();
    // Go's writer of protocol buffers adds blanks at random.
    assert_eq!(
        ours.stdout,
        theirs.stdout.replace("\", \"", "\",\"").replace(", ", ",")
    );
    assert!(ours.stdout.starts_with(r#"{"payload":""#), "{ours}");
}

#[test]
fn a_ready_statement_is_signed_as_it_is() {
    let Some(scene) = scene() else { return };
    let image = scene.image("app");
    let statement = statement_about(sha256(&image));
    scene.write("statement.json", &statement);
    let words = ["--statement", "statement.json", "--format", "both"];
    attest(&scene, Who::Ours, &words, &image)
        .success()
        .says("Using statement from: statement.json");
    let uri = ["--type", "https://example.com/review/v1"];
    let trust = ["--trusted-root", "empty-root.json"];
    let found = statements(&verify(&scene, Who::Ours, &uri, &image).success());
    let expected: Value = serde_json::from_str(&statement).unwrap();
    assert_eq!(found, [expected.clone(), expected.clone()]);
    let words = [&uri[..], &trust].concat();
    let found = statements(&verify(&scene, Who::V3, &words, &image).success());
    assert_eq!(found, [expected]);
}

#[test]
fn what_cannot_be_attested_is_refused_before_anything_is_pushed() {
    let Some(scene) = scene() else { return };
    let image = scene.image("app");
    let another = "0".repeat(64);
    scene.write("another.json", &statement_about(&another));
    scene.write("broken.json", r#"{"a": "#);
    scene.write("list.json", "[1]");
    scene.write(
        "nobody.json",
        r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"t"}"#,
    );
    let cases: [(&[&str], &str); 10] = [
        (
            &["--predicate", "broken.json", "--type", "cyclonedx"],
            "no JSON",
        ),
        (
            &["--predicate", "list.json", "--type", "link"],
            "a predicate is a JSON object",
        ),
        (
            &["--predicate", "none.json"],
            "open none.json: no such file or directory",
        ),
        (&[], "required flag(s) \"predicate\" not set"),
        (
            &[PREDICATE, "--type", "slsa"],
            "invalid predicate type \"slsa\"",
        ),
        (
            &["--statement", "another.json"],
            "no subject of the statement is",
        ),
        (
            &["--statement", "nobody.json"],
            "the statement has no subject",
        ),
        (&["--statement", "predicate.json"], "no in-toto statement"),
        (
            &["--statement", "another.json", PREDICATE],
            "Drop --predicate.",
        ),
        (
            &[PREDICATE, "--rekor-entry-type", "rekord"],
            "neither dsse nor intoto",
        ),
    ];
    for (words, says) in cases {
        refused(attest(&scene, Who::Ours, words, &image), 1, &[says]);
    }
    let uri = ["--type", "custom"];
    let output = verify(&scene, Who::V2, &uri, &image).failure();
    assert!(
        output.stderr.contains("no matching attestations: \n"),
        "{output}"
    );
}

#[test]
fn failures_have_the_documented_exit_codes() {
    let Some(scene) = scene() else { return };
    let image = scene.image("app");
    let bare = scene.image("bare");
    let words = [PREDICATE, "--type", "cyclonedx"];
    attest(&scene, Who::Ours, &words, &image).success();
    scene.generate_key(Who::Ours, "other");
    let tag = format!("{}:none", repository(&bare));
    let digest = format!("{}@sha256:{}", repository(&bare), "0".repeat(64));
    let other = ["--type", "cyclonedx", "--key", "other.pub"];
    // cosign has 1 for all of them, and its documented codes for signatures only.
    let cases: [(&[&str], &str, i32, &str); 5] = [
        (
            &["--type", "vuln"],
            &image,
            12,
            "none of the attestations matched the predicate type: vuln, found: https://cyclonedx.org/bom",
        ),
        (
            &["--type", "cyclonedx"],
            &bare,
            10,
            "no matching attestations: ",
        ),
        (&["--type", "cyclonedx"], &tag, 11, "none"),
        (
            &["--type", "cyclonedx"],
            &digest,
            10,
            "no matching attestations: ",
        ),
        (&other, &image, 12, "no matching attestations: "),
    ];
    for (words, image, code, says) in cases {
        refused(verify(&scene, Who::Ours, words, image), code, &[says]);
        for who in [Who::V2, Who::V3] {
            let theirs = verify(&scene, who, words, image).says(says);
            assert_eq!(theirs.code(), Some(1), "{theirs}");
        }
    }
    let identity = [
        "--certificate-identity",
        "alice@example.com",
        "--certificate-oidc-issuer",
        "https://example.com",
    ];
    let words = [
        &["verify-attestation", "--type", "cyclonedx"],
        &identity[..],
        &["--trusted-root", "empty-root.json", &image],
    ]
    .concat();
    refused(scene.run(Who::Ours, &words), 13, &["no certificate found"]);
}

#[test]
fn an_image_without_an_attestation_does_not_stop_the_others() {
    let Some(scene) = scene() else { return };
    let [first, second, third] = ["first", "second", "third"].map(|name| scene.image(name));
    attest(&scene, Who::Ours, &[PREDICATE, &first], &third)
        .success()
        .says("Attested 2 of 2 images.");
    let output = verify(&scene, Who::Ours, &[&first, &second], &third).failure();
    assert_eq!(output.stdout.lines().count(), 2, "{output}");
    assert_eq!(output.code(), Some(10));
    let output = output.says(&format!("Error: {second}: no matching attestations"));
    output.says("Verified 2 of 3 images.");
    // Likewise when something is attested.
    let missing = format!("{}:none", repository(&first));
    let words = [PREDICATE, &missing];
    attest(&scene, Who::Ours, &words, &second)
        .failure()
        .says(&format!(
            "Error: attesting [{missing}]: image tag not found"
        ))
        .says("Attested 1 of 2 images.");
    verify(&scene, Who::V2, &[], &second).success();
    let words = [PREDICATE, "--bundle", "b.json", &first];
    attest(&scene, Who::Ours, &words, &second)
        .failure()
        .says("--bundle takes one image");
}

#[test]
fn each_manifest_of_an_index() {
    let Some(scene) = scene() else { return };
    let (index, children) = scene.index("app");
    let words = [PREDICATE, "--recursive"];
    attest(&scene, Who::Ours, &words, &index).success();
    for image in [&index, &children[0], &children[1]] {
        for who in CLIENTS {
            let found = statements(&verify(&scene, who, &[], image).success());
            assert_eq!(found[0]["subject"][0]["digest"]["sha256"], sha256(image));
        }
    }
    let words = [PREDICATE, "-r", "--bundle", "b.json"];
    attest(&scene, Who::Ours, &words, &index)
        .failure()
        .says("Drop --bundle.");
}

#[test]
fn replaced_attestations_go_and_others_stay() {
    let Some(scene) = scene() else { return };
    let image = scene.image("app");
    for kind in ["link", "vuln", "link"] {
        let words = [PREDICATE, "--type", kind, "--replace"];
        attest(&scene, Who::Ours, &words, &image).success();
    }
    for who in CLIENTS {
        for kind in ["link", "vuln"] {
            let output = verify(&scene, who, &["--type", kind], &image).success();
            assert_eq!(output.stdout.lines().count(), 1, "{output}");
        }
    }
    let words = [
        PREDICATE,
        "--type",
        "link",
        "--replace",
        "--format",
        "bundle",
    ];
    attest(&scene, Who::Ours, &words, &image)
        .success()
        .says("bundles that are there already stay");
}

#[test]
fn without_upload_the_attestation_is_printed() {
    let Some(scene) = scene() else { return };
    let image = scene.image("app");
    let words = [PREDICATE, "--no-upload"];
    let ours = attest(&scene, Who::Ours, &words, &image).success();
    let theirs = attest(&scene, Who::V2, &words, &image).success();
    for output in [&ours, &theirs] {
        assert_eq!(output.stdout.lines().count(), 1, "{output}");
        let statement = &statements(output)[0];
        assert_eq!(statement["subject"][0]["digest"]["sha256"], sha256(&image));
    }
    assert_eq!(ours.stdout.ends_with('\n'), theirs.stdout.ends_with('\n'));
    let words = [PREDICATE, "--no-upload", "--bundle", "b.json"];
    let output = attest(&scene, Who::Ours, &words, &image)
        .success()
        .says("Wrote bundle to file b.json");
    assert_eq!(output.stdout, "");
    assert!(scene.home().join("b.json").exists());
    let unattested = verify(&scene, Who::Ours, &[], &image);
    refused(unattested, 10, &["no matching attestations"]);
}

#[test]
fn policies_are_refused_and_nothing_is_verified() {
    let Some(scene) = scene() else { return };
    let image = scene.image("app");
    attest(&scene, Who::Ours, &[PREDICATE], &image).success();
    scene.write("allow.cue", "predicateType: string");
    let output = verify(&scene, Who::Ours, &["--policy", "allow.cue"], &image);
    refused(output, 1, &["--policy is not supported", "not verified"]);
}

#[test]
fn claims_about_another_image_count_only_without_the_check() {
    let Some(scene) = scene() else { return };
    let [image, other] = ["app", "app/other"].map(|name| scene.image(name));
    attest(&scene, Who::Ours, &[PREDICATE], &image).success();
    // The attestation of one image under the tag of another.
    let tag = |of: &str| format!("sha256-{}.att", sha256(of));
    let from = format!("{}:{}", repository(&image), tag(&image));
    let to = format!("{}:{}", repository(&other), tag(&other));
    scene.copy(&from, &to);
    for who in CLIENTS {
        let output = verify(&scene, who, &[], &other).failure();
        let code = if who == Who::Ours { 12 } else { 1 };
        assert_eq!(output.code(), Some(code), "{output}");
        verify(&scene, who, &["--check-claims=false"], &other).success();
    }
}
