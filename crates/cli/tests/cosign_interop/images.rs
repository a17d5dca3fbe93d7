//! Signatures of images.

use testkit::sigstack::LogVersion;

use crate::forms::{Form, make, strs};
use crate::scene::{At, Scene, Who};

const KEY: &str = "key";

/// `signer` signs in this form and every one of `readers` verifies; with another key or identity, none does.
fn sign_and_verify(scene: &Scene, form: Form, signer: Who, readers: &[Who]) {
    let name = format!("{signer:?}-{form:?}")
        .to_lowercase()
        .replace(['(', ')'], "-");
    let image = scene.image(name.trim_end_matches('-'));
    let (repository, digest) = image.split_once('@').unwrap();
    make(scene, signer, form, KEY, &["sign"], &image);
    for &reader in readers {
        println!("{form:?} by {signer:?} for {reader:?}");
        let words = form.verifying(scene, KEY);
        let words = [&["verify"][..], &strs(&words)].concat();
        let tagged = format!("{repository}:1");
        for reference in [&image, &tagged] {
            let verified = scene.run_on(reader, &words, &[reference]).success();
            assert!(verified.stdout.contains(digest), "{verified}");
        }
        let wrong: Vec<&str> = words
            .iter()
            .map(|&word| match word {
                "key.pub" => "other.pub",
                crate::forms::IDENTITY => "https://gitlab.com/acme/other",
                word => word,
            })
            .collect();
        let refused = scene.run_on(reader, &wrong, &[&image]).failure();
        if reader == Who::Ours {
            assert_eq!(refused.code(), Some(12), "{refused}");
        }
    }
}

fn keys(scene: &Scene, who: Who) {
    scene.generate_key(who, KEY);
    scene.generate_key(who, "other");
}

fn legacy_between(at: At, signer: Who, readers: &[Who]) {
    between(at, Form::LEGACY, signer, readers);
}

fn bundles_between(at: At, signer: Who, readers: &[Who]) {
    between(at, Form::BUNDLE, signer, readers);
}

fn between(at: At, forms: [Form; 5], signer: Who, readers: &[Who]) {
    let Some(scene) = Scene::at(at) else { return };
    keys(&scene, signer);
    for form in forms {
        sign_and_verify(&scene, form, signer, readers);
    }
}

#[test]
fn legacy_by_cosign_2() {
    legacy_between(At::DockerRegistry, Who::V2, &[Who::V3, Who::Ours]);
}

#[test]
fn legacy_by_cosign_2_at_ours() {
    legacy_between(At::Countersign, Who::V2, &[Who::V3, Who::Ours]);
}

#[test]
fn legacy_by_cosign_3() {
    legacy_between(At::DockerRegistry, Who::V3, &[Who::V2, Who::Ours]);
}

#[test]
fn legacy_by_cosign_3_at_ours() {
    legacy_between(At::Countersign, Who::V3, &[Who::V2, Who::Ours]);
}

#[test]
fn legacy_by_ours() {
    legacy_between(
        At::DockerRegistry,
        Who::Ours,
        &[Who::V2, Who::V3, Who::Ours],
    );
}

#[test]
fn legacy_by_ours_at_ours() {
    legacy_between(At::Countersign, Who::Ours, &[Who::V2, Who::V3, Who::Ours]);
}

#[test]
fn bundles_by_cosign_3() {
    bundles_between(At::DockerRegistry, Who::V3, &[Who::V3, Who::Ours]);
}

#[test]
fn bundles_by_cosign_3_at_ours() {
    bundles_between(At::Countersign, Who::V3, &[Who::V3, Who::Ours]);
}

#[test]
fn bundles_by_ours() {
    bundles_between(At::DockerRegistry, Who::Ours, &[Who::V3, Who::Ours]);
}

#[test]
fn bundles_by_ours_at_ours() {
    bundles_between(At::Countersign, Who::Ours, &[Who::V3, Who::Ours]);
}

/// Each of the two finds its own and the other's.
#[test]
fn several_signers_of_one_image() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("several");
    for (who, key) in [(Who::V2, "a"), (Who::Ours, "b"), (Who::V3, "c")] {
        scene.generate_key(who, key);
        let form = if who == Who::V3 {
            Form::KeyBundle
        } else {
            Form::KeyLegacy
        };
        make(&scene, who, form, key, &["sign"], &image);
    }
    for key in ["a.pub", "b.pub", "c.pub"] {
        let words = ["verify", "--key", key, "--insecure-ignore-tlog", &image];
        scene.run(Who::Ours, &words).success();
    }
}

/// `--format both`: everybody finds one.
#[test]
fn both_forms_at_once() {
    for at in [At::DockerRegistry, At::Countersign] {
        let Some(scene) = Scene::at(at) else { return };
        keys(&scene, Who::Ours);
        let root = scene.trusted_root();
        for (form, name) in [
            (Form::KeyLegacy, "key"),
            (Form::KeyLegacyLogged, "key-logged"),
            (Form::KeylessLegacy, "keyless"),
        ] {
            let image = scene.image(name);
            let sign = ["sign", "--format", "both", "-a", "who=me"];
            make(&scene, Who::Ours, form, KEY, &sign, &image);
            let words = form.verifying(&scene, KEY);
            let mut words = [&["verify", "-a", "who=me"][..], &strs(&words)].concat();
            if form != Form::KeyLegacy {
                words.extend(["--trusted-root", &root]);
            }
            for reader in [Who::V2, Who::V3, Who::Ours] {
                println!("{form:?} for {reader:?} at {at:?}");
                scene.run_on(reader, &words, &[&image]).success();
            }
            // Of both kinds, not of one of them twice.
            let shown = scene.run(Who::V3, &["tree", &image]).success();
            shown
                .says("Signatures for an image tag")
                .says("https://sigstore.dev/cosign/sign/v1 artifacts via OCI referrer");
        }
    }
}

/// `--registry-referrers-mode oci-1-1`, cosign 2's way of using referrers, which both cosigns find when they are told.
fn referrers_of_cosign_2_at(at: At) {
    let Some(scene) = Scene::at(at) else { return };
    keys(&scene, Who::V2);
    for form in [Form::KeyLegacy, Form::KeyLegacyLogged, Form::KeylessLegacy] {
        for signer in [Who::V2, Who::V3, Who::Ours] {
            println!("{form:?} by {signer:?} at {at:?}");
            let image = scene.image(&format!("{form:?}-{signer:?}").to_lowercase());
            let words = form.signing(&scene, signer, KEY);
            let mode = ["--registry-referrers-mode", "oci-1-1"];
            let words = [&["sign"][..], &strs(&words), &mode, &[&image]].concat();
            // Ours asks for no variable.
            match signer {
                Who::Ours => scene.run(signer, &words),
                _ => scene.run_with(signer, ("COSIGN_EXPERIMENTAL", "1"), &words),
            }
            .success();
            let words = form.verifying(&scene, KEY);
            let words = [&["verify"][..], &strs(&words)].concat();
            scene.run_on(Who::Ours, &words, &[&image]).success();
            for reader in [Who::V2, Who::V3] {
                let told = ["--experimental-oci11", &image];
                scene.run_on(reader, &words, &told).success();
            }
        }
    }
}

#[test]
fn referrers_of_cosign_2() {
    referrers_of_cosign_2_at(At::DockerRegistry);
}

#[test]
fn referrers_of_cosign_2_at_ours() {
    referrers_of_cosign_2_at(At::Countersign);
}

/// An index and its images, each signed.
fn recursively_at(at: At) {
    let Some(scene) = Scene::at(at) else { return };
    keys(&scene, Who::V3);
    for (signer, form, readers) in [
        (Who::V2, Form::KeyLegacy, &[Who::Ours][..]),
        (Who::V3, Form::KeyBundle, &[Who::Ours]),
        (Who::V3, Form::KeylessBundle(LogVersion::V2), &[Who::Ours]),
        (Who::Ours, Form::KeyLegacy, &[Who::V2, Who::V3, Who::Ours]),
        (Who::Ours, Form::KeyBundle, &[Who::V3, Who::Ours]),
    ] {
        let name = format!("{signer:?}-{form:?}").to_lowercase();
        let (index, children) = scene.index(name.split('(').next().unwrap());
        make(&scene, signer, form, KEY, &["sign", "--recursive"], &index);
        let words = form.verifying(&scene, KEY);
        let words = [&["verify"][..], &strs(&words)].concat();
        for &reader in readers {
            for image in children.iter().chain([&index]) {
                scene.run_on(reader, &words, &[image]).success();
            }
        }
    }
}

#[test]
fn recursively() {
    recursively_at(At::DockerRegistry);
}

#[test]
fn recursively_at_ours() {
    recursively_at(At::Countersign);
}
