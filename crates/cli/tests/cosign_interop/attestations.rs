//! Attestations of images, one of each predicate type.

use serde_json::Value;
use testkit::sigstack::LogVersion;

use crate::forms::{Form, make, strs};
use crate::scene::{At, Scene, Who, refused};

/// `--type`, the predicate, and its type in the statement.
const PREDICATES: [(&str, &str, &str); 11] = [
    (
        "custom",
        r#"{"hello": "<world> & more", "n": 1}"#,
        "https://cosign.sigstore.dev/attestation/v1",
    ),
    (
        "slsaprovenance",
        r#"{"builder": {"id": "https://example.com/runner/1"}, "buildType": "https://example.com/build", "invocation": {}}"#,
        "https://slsa.dev/provenance/v0.2",
    ),
    (
        "slsaprovenance02",
        r#"{"builder": {"id": "https://example.com/runner/1"}, "buildType": "https://example.com/build"}"#,
        "https://slsa.dev/provenance/v0.2",
    ),
    (
        "slsaprovenance1",
        r#"{"buildDefinition": {"buildType": "https://example.com/build", "externalParameters": {}, "resolvedDependencies": []}, "runDetails": {"builder": {"id": "https://example.com/runner/1"}}}"#,
        "https://slsa.dev/provenance/v1",
    ),
    (
        "spdx",
        "SPDXVersion: SPDX-2.3\n",
        "https://spdx.dev/Document",
    ),
    (
        "spdxjson",
        r#"{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": []}"#,
        "https://spdx.dev/Document",
    ),
    (
        "cyclonedx",
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}"#,
        "https://cyclonedx.org/bom",
    ),
    (
        "link",
        r#"{"_type": "link", "name": "build", "command": [], "materials": {}, "products": {}, "byproducts": {}, "environment": {}}"#,
        "https://in-toto.io/Link/v1",
    ),
    (
        "vuln",
        r#"{"invocation": {"uri": "", "event_id": "", "builder.id": ""}, "scanner": {"uri": "https://example.com", "version": "1", "db": {"uri": "", "version": ""}, "result": {}}, "metadata": {"scanStartedOn": "2026-01-01T00:00:00Z", "scanFinishedOn": "2026-01-01T00:00:01Z"}}"#,
        "https://cosign.sigstore.dev/attestation/vuln/v1",
    ),
    (
        "openvex",
        r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex/1", "author": "alice", "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": []}"#,
        "https://openvex.dev/ns",
    ),
    (
        "https://example.com/predicate/v1",
        r#"{"any": ["thing", 1, null]}"#,
        "https://example.com/predicate/v1",
    ),
];

/// An image with one attestation of each type by `signer`, and every one of `readers` finds each of them.
fn every_type(at: At, form: Form, signer: Who, readers: &[Who]) {
    let Some(scene) = Scene::at(at) else { return };
    scene.generate_key(signer, "key");
    // cosign 3.1 does not read attestations whose predicate is a text, and makes no bundles of them; see `stock`.
    let unable = |name: &str, who: Who| name == "spdx" && who == Who::V3;
    for (number, (name, predicate, uri)) in PREDICATES.into_iter().enumerate() {
        if unable(name, signer) && Form::BUNDLE.contains(&form) {
            continue;
        }
        let image = scene.image(&format!("image{number}"));
        scene.write("predicate", predicate);
        let attest = ["attest", "--type", name, "--predicate", "predicate"];
        make(&scene, signer, form, "key", &attest, &image);
        let words = form.verifying(&scene, "key");
        for &reader in readers {
            if unable(name, reader) {
                continue;
            }
            println!("{name} by {signer:?} for {reader:?}");
            let words = [&["verify-attestation", "--type", name][..], &strs(&words)].concat();
            let verified = scene.run_on(reader, &words, &[&image]).success();
            let statement = statement(&verified.stdout);
            assert_eq!(statement["predicateType"], uri, "{verified}");
            let (_, digest) = image.split_once("@sha256:").unwrap();
            assert_eq!(statement["subject"][0]["digest"]["sha256"], digest);
            let other = if name == "vuln" { "link" } else { "vuln" };
            let words: Vec<&str> = words
                .iter()
                .map(|&word| if word == name { other } else { word })
                .collect();
            let other = scene.run_on(reader, &words, &[&image]).failure();
            // An attestation is not a signature.
            if reader == Who::Ours {
                let words = form.verifying(&scene, "key");
                let words = [&["verify"][..], &strs(&words)].concat();
                refused(scene.run_on(reader, &words, &[&image]), 10, &[]);
                refused(other, 12, &[]);
            }
        }
    }
}

/// The statement in the envelope that `verify-attestation` prints.
fn statement(stdout: &str) -> Value {
    let envelope: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    let payload = crate::scene::base64(payload);
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn legacy_by_cosign_2() {
    every_type(At::DockerRegistry, Form::KeyLegacy, Who::V2, &[Who::Ours]);
}

#[test]
fn legacy_by_cosign_3() {
    every_type(
        At::DockerRegistry,
        Form::KeylessLegacy,
        Who::V3,
        &[Who::Ours],
    );
}

#[test]
fn legacy_by_ours() {
    let readers = [Who::V2, Who::V3, Who::Ours];
    every_type(At::DockerRegistry, Form::KeyLegacy, Who::Ours, &readers);
}

#[test]
fn legacy_with_a_log_by_ours() {
    let readers = [Who::V2, Who::V3, Who::Ours];
    every_type(At::DockerRegistry, Form::KeylessLegacy, Who::Ours, &readers);
}

#[test]
fn bundles_by_cosign_3() {
    every_type(At::DockerRegistry, Form::KeyBundle, Who::V3, &[Who::Ours]);
}

#[test]
fn bundles_with_a_log_by_cosign_3_at_ours() {
    let form = Form::KeylessBundle(LogVersion::V1);
    every_type(At::Countersign, form, Who::V3, &[Who::Ours]);
}

#[test]
fn bundles_by_ours() {
    every_type(
        At::DockerRegistry,
        Form::KeyBundle,
        Who::Ours,
        &[Who::V3, Who::Ours],
    );
}

#[test]
fn bundles_with_a_log_by_ours_at_ours() {
    let form = Form::KeylessBundle(LogVersion::V2);
    every_type(At::Countersign, form, Who::Ours, &[Who::V3, Who::Ours]);
}
