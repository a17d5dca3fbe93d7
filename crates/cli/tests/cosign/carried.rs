//! An image with something of every client on it.

use testkit::Output;

use crate::forms::{Form, make};
use crate::scene::{At, Scene, Who};

/// A scene with a key of each client, and what they attest and attach.
pub(crate) fn scene() -> Option<Scene> {
    scene_at(At::DockerRegistry)
}

pub(crate) fn scene_at(at: At) -> Option<Scene> {
    let scene = Scene::at(at)?;
    for (who, key) in [
        (Who::V2, "two"),
        (Who::V3, "three"),
        (Who::Ours, "ours"),
        (Who::Ours, "both"),
    ] {
        scene.generate_key(who, key);
    }
    scene.write("predicate.json", r#"{"hello": "world"}"#);
    scene.write("sbom.json", r#"{"spdxVersion": "SPDX-2.3"}"#);
    Some(scene)
}

pub(crate) fn sign(scene: &Scene, who: Who, form: Form, key: &str, image: &str) {
    make(scene, who, form, key, &["sign"], image);
}

/// `verify` with a key and without a log.
#[track_caller]
pub(crate) fn verify(scene: &Scene, who: Who, key: &str, image: &str) -> Output {
    verify_by(scene, who, &["verify"], key, image)
}

/// The same by `command`: `verify-attestation`, `verify --local-image`, …
#[track_caller]
pub(crate) fn verify_by(
    scene: &Scene,
    who: Who,
    command: &[&str],
    key: &str,
    image: &str,
) -> Output {
    let key = format!("--key={key}.pub");
    scene.run_on(who, command, &[&key, "--insecure-ignore-tlog", image])
}

const ATTEST: [&str; 5] = [
    "attest",
    "--type",
    "custom",
    "--predicate",
    "predicate.json",
];

/// Signed by cosign 2 in its form, by cosign 3 in its own, by ours in both; attested by the first two; with an SBOM.
pub(crate) fn dress(scene: &Scene, image: &str) {
    sign(scene, Who::V2, Form::KeyLegacy, "two", image);
    sign(scene, Who::V3, Form::KeyBundle, "three", image);
    let both = ["sign", "--format", "both"];
    make(scene, Who::Ours, Form::KeyLegacy, "both", &both, image);
    make(scene, Who::V2, Form::KeyLegacy, "two", &ATTEST, image);
    make(scene, Who::V3, Form::KeyBundle, "three", &ATTEST, image);
    scene
        .run(Who::V2, &["attach", "sbom", "--sbom", "sbom.json", image])
        .success();
}

/// Each client finds what it could find on the image that was dressed; `flags` are such as `--local-image`.
#[track_caller]
pub(crate) fn assert_dressed(scene: &Scene, image: &str, flags: &[&str]) {
    for (who, command, key) in [
        (Who::Ours, "verify", "two"),
        (Who::Ours, "verify", "three"),
        (Who::Ours, "verify", "both"),
        (Who::V2, "verify", "two"),
        (Who::V2, "verify", "both"),
        (Who::V3, "verify", "three"),
        (Who::V3, "verify", "both"),
        (Who::Ours, "verify-attestation", "two"),
        (Who::Ours, "verify-attestation", "three"),
        (Who::V2, "verify-attestation", "two"),
        (Who::V3, "verify-attestation", "three"),
    ] {
        verify_by(scene, who, &[&[command], flags].concat(), key, image).success();
    }
}
