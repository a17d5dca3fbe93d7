//! What cosign 2.5 and 3.1 cannot do, each with what ours does instead; COMPATIBILITY.md names these tests. One that
//! fails after a new cosign came in tells that the cosign was mended.

use testkit::Output;
use testkit::sigstack::LogVersion;

use crate::forms::{Form, make, strs};
use crate::scene::{KeyKind, Scene, Who};

fn scene() -> Option<Scene> {
    let scene = Scene::start()?;
    scene.generate_key(Who::Ours, "key");
    scene.generate_key(Who::Ours, "second");
    Some(scene)
}

fn sign(scene: &Scene, who: Who, form: Form, key: &str, more: &[&str]) -> Output {
    let words = form.signing(scene, who, key);
    scene.run(who, &[&["sign"][..], &strs(&words), more].concat())
}

fn verify(scene: &Scene, who: Who, form: Form, key: &str, more: &[&str]) -> Output {
    let words = form.verifying(scene, key);
    scene.run(who, &[&["verify"][..], &strs(&words), more].concat())
}

/// 2.5 does not look among the referrers, so it takes an image for unsigned that has a bundle.
#[test]
fn cosign_2_does_not_see_bundles() {
    let Some(scene) = scene() else { return };
    let image = scene.image("bundle");
    sign(&scene, Who::V3, Form::KeyBundle, "key", &[&image]).success();
    let missed = verify(&scene, Who::V2, Form::KeyBundle, "key", &[&image]);
    assert_eq!(missed.code(), Some(10), "{missed}");
    verify(&scene, Who::Ours, Form::KeyBundle, "key", &[&image]).success();
}

/// Once an image has a bundle of anybody's, 3.1 does not see signatures in the older form.
#[test]
fn a_bundle_hides_older_signatures_from_cosign_3() {
    let Some(scene) = scene() else { return };
    let image = scene.image("hidden");
    sign(&scene, Who::V3, Form::KeyLegacy, "key", &[&image]).success();
    verify(&scene, Who::V3, Form::KeyLegacy, "key", &[&image]).success();
    sign(&scene, Who::V3, Form::KeyBundle, "second", &[&image]).success();
    verify(&scene, Who::V3, Form::KeyLegacy, "key", &[&image]).failure();
    for key in ["key", "second"] {
        verify(&scene, Who::Ours, Form::KeyLegacy, key, &[&image]).success();
    }
}

/// GitLab's flag: refused without a variable, and what it wrote is found only with another flag, of several signers
/// only one.
#[test]
fn the_referrers_mode_of_cosign() {
    let Some(scene) = scene() else { return };
    let mode = ["--registry-referrers-mode", "oci-1-1"];
    for who in [Who::V2, Who::V3] {
        let image = scene.image(&format!("{who:?}").to_lowercase());
        let words = [&mode[..], &[&image]].concat();
        sign(&scene, who, Form::KeyLegacy, "key", &words)
            .failure()
            .says("you must set COSIGN_EXPERIMENTAL=1");
        for key in ["key", "second"] {
            sign(&scene, Who::Ours, Form::KeyLegacy, key, &words).success();
        }
        let plain = verify(&scene, who, Form::KeyLegacy, "key", &[&image]);
        assert_eq!(plain.code(), Some(10), "{plain}");
        let told = ["--experimental-oci11", &image];
        let found = ["key", "second"].map(|key| {
            verify(&scene, who, Form::KeyLegacy, key, &told)
                .status
                .success()
        });
        assert_eq!(found.iter().filter(|found| **found).count(), 1);
        for key in ["key", "second"] {
            verify(&scene, Who::Ours, Form::KeyLegacy, key, &[&image]).success();
        }
    }
}

/// An attestation of anything by the right key is a signature for 3.1.
#[test]
fn an_attestation_is_a_signature_for_cosign_3() {
    let Some(scene) = scene() else { return };
    let image = scene.image("attested");
    scene.write("predicate", "{}");
    let attest = ["attest", "--type", "openvex", "--predicate", "predicate"];
    make(&scene, Who::V3, Form::KeyBundle, "key", &attest, &image);
    verify(&scene, Who::V3, Form::KeyBundle, "key", &[&image]).success();
    let refused = verify(&scene, Who::Ours, Form::KeyBundle, "key", &[&image]);
    assert_eq!(refused.code(), Some(10), "{refused}");
}

/// A comma, a quote and a second `=`.
#[test]
fn annotations_that_cosign_refuses() {
    let Some(scene) = scene() else { return };
    let image = scene.image("annotated");
    for pair in ["n=Doe, Jane", "n=\"Q\"", "n=https://example.com/?a=1"] {
        let given = ["-a", pair, &image];
        for who in [Who::V2, Who::V3] {
            sign(&scene, who, Form::KeyLegacy, "key", &given).failure();
        }
        sign(&scene, Who::Ours, Form::KeyLegacy, "key", &given).success();
        verify(&scene, Who::Ours, Form::KeyLegacy, "key", &given).success();
    }
}

/// 3.1 signs with SHA-384 and verifies with SHA-256 unless it is told.
#[test]
fn a_p384_key_of_cosign_3() {
    let Some(scene) = scene() else { return };
    scene.import_key(Who::V3, KeyKind::P384, "p384");
    for form in [Form::KeyLegacy, Form::KeyBundle] {
        let image = scene.image(&format!("{form:?}").to_lowercase());
        sign(&scene, Who::V3, form, "p384", &[&image]).success();
        verify(&scene, Who::V3, form, "p384", &[&image]).failure();
        let algorithm = ["--signature-digest-algorithm", "sha384", &image];
        verify(&scene, Who::V3, form, "p384", &algorithm).success();
        verify(&scene, Who::Ours, form, "p384", &[&image]).success();
    }
}

/// 3.1 signs Ed25519ph in the older form, which nobody verifies, and no bundle at all.
#[test]
fn an_ed25519_key_of_cosign_3() {
    let Some(scene) = scene() else { return };
    scene.import_key(Who::V3, KeyKind::Ed25519, "ed25519");
    let image = scene.image("ed25519");
    sign(&scene, Who::V3, Form::KeyBundle, "ed25519", &[&image]).failure();
    sign(&scene, Who::V3, Form::KeyLegacy, "ed25519", &[&image]).success();
    for who in [Who::V2, Who::V3] {
        verify(&scene, who, Form::KeyLegacy, "ed25519", &[&image]).failure();
    }
    let image = scene.image("ours");
    for form in [Form::KeyLegacy, Form::KeyBundle] {
        sign(&scene, Who::Ours, form, "ed25519", &[&image]).success();
        verify(&scene, Who::Ours, form, "ed25519", &[&image]).success();
    }
}

/// 2.5 reads bundles of files, but none whose entry is in a log of the second kind.
#[test]
fn cosign_2_does_not_know_the_second_log() {
    let Some(scene) = scene() else { return };
    scene.write("blob", "a file\n");
    for (log, known) in [(LogVersion::V1, true), (LogVersion::V2, false)] {
        let form = Form::KeyBundleLogged(log);
        let sign = ["sign-blob", "--bundle", "bundle"];
        make(&scene, Who::V3, form, "key", &sign, "blob");
        let words = form.verifying(&scene, "key");
        let words = [
            &["verify-blob", "--bundle", "bundle"][..],
            &strs(&words),
            &["blob"],
        ]
        .concat();
        scene.run(Who::Ours, &words).success();
        let read = scene.run(Who::V2, &[&words[..], &["--new-bundle-format"]].concat());
        assert_eq!(read.status.success(), known, "{read}");
    }
}

/// 3.1 does not read attestations whose predicate is a text, which SPDX's own format is, and makes no bundle of one.
#[test]
fn an_spdx_text_for_cosign_3() {
    let Some(scene) = scene() else { return };
    scene.write("predicate", "SPDXVersion: SPDX-2.3\n");
    for (form, makes) in [(Form::KeyLegacy, true), (Form::KeyBundle, false)] {
        let image = scene.image(&format!("{form:?}").to_lowercase());
        let attest = |who: Who| {
            let words = form.signing(&scene, who, "key");
            let what = ["attest", "--type", "spdx", "--predicate", "predicate"];
            scene.run(who, &[&what[..], &strs(&words), &[&image]].concat())
        };
        let made = attest(Who::V3);
        assert_eq!(made.status.success(), makes, "{made}");
        attest(Who::Ours).success();
        let words = form.verifying(&scene, "key");
        let what = ["verify-attestation", "--type", "spdx"];
        let words = [&what[..], &strs(&words), &[&image]].concat();
        scene.run(Who::V3, &words).failure();
        scene.run(Who::Ours, &words).success();
    }
}
