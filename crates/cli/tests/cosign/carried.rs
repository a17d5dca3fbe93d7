//! An image with something of every client on it.

use crate::forms::{Form, strs};
use crate::scene::{Scene, Who};

/// What follows `verify` and `verify-attestation` for a key without a log.
pub(crate) fn by(key: &'static str) -> [&'static str; 3] {
    let key = match key {
        "two" => "two.pub",
        "three" => "three.pub",
        "ours" => "ours.pub",
        "both" => "both.pub",
        other => unreachable!("{other}"),
    };
    ["--key", key, "--insecure-ignore-tlog"]
}

pub(crate) fn keys(scene: &Scene) {
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
}

/// `command` (`sign`, `attest …`) by a client in this form with its key.
pub(crate) fn make(scene: &Scene, who: Who, form: Form, key: &str, command: &[&str], image: &str) {
    let words = form.signing(scene, who, key);
    scene
        .run_on(who, &[command, &strs(&words)].concat(), &[image])
        .success();
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
    make(scene, Who::V2, Form::KeyLegacy, "two", &["sign"], image);
    make(scene, Who::V3, Form::KeyBundle, "three", &["sign"], image);
    let both = ["sign", "--format", "both"];
    make(scene, Who::Ours, Form::KeyLegacy, "both", &both, image);
    make(scene, Who::V2, Form::KeyLegacy, "two", &ATTEST, image);
    make(scene, Who::V3, Form::KeyBundle, "three", &ATTEST, image);
    scene
        .run(Who::V2, &["attach", "sbom", "--sbom", "sbom.json", image])
        .success();
}

/// Each client finds what it could find on the image that was dressed; `more` are flags such as `--local-image`.
#[track_caller]
pub(crate) fn assert_dressed(scene: &Scene, image: &str, more: &[&str]) {
    let verify = |who: Who, command: &str, key: &'static str| {
        let words = [&[command][..], &by(key), more, &[image]].concat();
        scene.run(who, &words).success();
    };
    for key in ["two", "three", "both"] {
        verify(Who::Ours, "verify", key);
    }
    verify(Who::V2, "verify", "two");
    verify(Who::V2, "verify", "both");
    verify(Who::V3, "verify", "three");
    verify(Who::V3, "verify", "both");
    for (who, key) in [
        (Who::Ours, "two"),
        (Who::Ours, "three"),
        (Who::V2, "two"),
        (Who::V3, "three"),
    ] {
        verify(who, "verify-attestation", key);
    }
}
