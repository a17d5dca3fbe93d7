//! Signatures and attestations of files.

use testkit::sigstack::LogVersion;

use crate::forms::{Form, IDENTITY, ISSUER, make, strs};
use crate::scene::{Scene, Who, refused};

const SIGN: [&str; 3] = ["sign-blob", "--bundle", "bundle"];

fn scene(signer: Who) -> Option<Scene> {
    // No image, but a registry does no harm.
    let scene = Scene::start()?;
    scene.generate_key(signer, "key");
    scene.write("blob", "a file\n");
    scene.write("other", "another file\n");
    Some(scene)
}

/// The reader takes the file by `command`, and no other file.
#[track_caller]
fn takes(scene: &Scene, form: Form, reader: Who, command: &[&str]) {
    println!("{form:?} for {reader:?}: {command:?}");
    let words = form.verifying(scene, "key");
    let mut words = [command, &strs(&words)].concat();
    match (reader, form.is_legacy()) {
        (Who::V2, false) => words.push("--new-bundle-format"),
        (Who::V3, true) => words.push("--new-bundle-format=false"),
        _ => {}
    }
    if (reader, form) == (Who::V2, Form::KeyBundle) {
        words.extend(["--trusted-root", "empty-root.json"]);
    }
    scene
        .run_on(reader, &words, &["blob"])
        .success()
        .says("Verified OK");
    scene.run_on(reader, &words, &["other"]).failure();
}

/// `--bundle` in the new format, with every kind of log.
fn new_bundles(signer: Who, readers: &[Who]) {
    let Some(scene) = scene(signer) else { return };
    for form in Form::BUNDLE {
        make(&scene, signer, form, "key", &SIGN, "blob");
        for &reader in readers {
            // cosign 2.5 knows only the first log.
            let second = [
                Form::KeyBundleLogged(LogVersion::V2),
                Form::KeylessBundle(LogVersion::V2),
            ];
            if reader == Who::V2 && second.contains(&form) {
                continue;
            }
            let verify = ["verify-blob", "--bundle", "bundle"];
            takes(&scene, form, reader, &verify);
        }
    }
}

#[test]
fn new_bundles_by_cosign_3() {
    new_bundles(Who::V3, &[Who::Ours]);
}

#[test]
fn new_bundles_by_ours() {
    new_bundles(Who::Ours, &[Who::V2, Who::V3, Who::Ours]);
}

/// A signature and a certificate in files of their own, and cosign 2's bundle.
fn detached(signer: Who, readers: &[Who]) {
    let Some(scene) = scene(signer) else { return };
    for form in [Form::KeyLegacy, Form::KeyLegacyLogged, Form::KeylessLegacy] {
        let words = form.signing(&scene, signer, "key");
        let mut words = [
            &["sign-blob", "--output-signature", "sig"][..],
            &strs(&words),
        ]
        .concat();
        let keyless = form == Form::KeylessLegacy;
        if keyless {
            words.extend(["--output-certificate", "crt"]);
        }
        scene.run_on(signer, &words, &["blob"]).success();
        words.extend(["--bundle", "old-bundle"]);
        if signer == Who::Ours {
            words.push("--new-bundle-format=false");
        }
        scene.run_on(signer, &words, &["blob"]).success();
        let detached = if keyless {
            &["--signature", "sig", "--certificate", "crt"][..]
        } else {
            &["--signature", "sig"]
        };
        for &reader in readers {
            for files in [detached, &["--bundle", "old-bundle"]] {
                let verify = [&["verify-blob"], files].concat();
                takes(&scene, form, reader, &verify);
            }
        }
    }
}

#[test]
fn detached_by_cosign_2() {
    detached(Who::V2, &[Who::V3, Who::Ours]);
}

#[test]
fn detached_by_cosign_3() {
    detached(Who::V3, &[Who::V2, Who::Ours]);
}

#[test]
fn detached_by_ours() {
    detached(Who::Ours, &[Who::V2, Who::V3, Who::Ours]);
}

/// A signature with a timestamp in place of an entry, and the certificate, each in a file of its own.
#[test]
fn stamped() {
    for signer in [Who::V2, Who::V3, Who::Ours] {
        let Some(scene) = scene(signer) else { return };
        let form = Form::KeylessLegacyUnlogged;
        let words = form.signing(&scene, signer, "key");
        let files = [
            "--output-signature",
            "sig",
            "--output-certificate",
            "crt",
            "--rfc3161-timestamp",
            "stamp",
        ];
        let words = [&["sign-blob"][..], &files, &strs(&words)].concat();
        scene.run_on(signer, &words, &["blob"]).success();
        for reader in [Who::V2, Who::V3, Who::Ours] {
            let verify = [
                "verify-blob",
                "--signature=sig",
                "--certificate=crt",
                "--rfc3161-timestamp=stamp",
            ];
            takes(&scene, form, reader, &verify);
        }
    }
}

/// An attestation as a bare envelope.
#[test]
fn envelopes() {
    for signer in [Who::V2, Who::V3, Who::Ours] {
        let Some(scene) = scene(signer) else { return };
        scene.write("predicate", r#"{"any": "thing"}"#);
        let kind = ["--type", "https://example.com/predicate/v1"];
        let form = Form::KeyLegacy;
        let attest = ["attest-blob", "--predicate", "predicate"];
        let to = ["--output-signature", "envelope"];
        let attest = [&attest[..], &to, &kind].concat();
        make(&scene, signer, form, "key", &attest, "blob");
        for reader in [Who::V2, Who::V3, Who::Ours] {
            let verify = ["verify-blob-attestation", "--signature", "envelope"];
            takes(&scene, form, reader, &[&verify[..], &kind].concat());
        }
    }
}

/// Attestations of files.
fn attested(signer: Who, readers: &[Who]) {
    let Some(scene) = scene(signer) else { return };
    scene.write("predicate", r#"{"any": "thing"}"#);
    let kind = ["--type", "https://example.com/predicate/v1"];
    for form in Form::BUNDLE {
        let attest = ["attest-blob", "--predicate", "predicate"];
        let to = ["--bundle", "bundle"];
        let attest = [&attest[..], &to, &kind].concat();
        make(&scene, signer, form, "key", &attest, "blob");
        for &reader in readers {
            let verify = ["verify-blob-attestation", "--bundle", "bundle"];
            takes(&scene, form, reader, &[&verify[..], &kind].concat());
        }
    }
}

#[test]
fn attested_by_cosign_3() {
    attested(Who::V3, &[Who::Ours]);
}

#[test]
fn attested_by_ours() {
    attested(Who::Ours, &[Who::V3, Who::Ours]);
}

/// What `verify-blob` needs is asked for.
#[test]
fn a_signature_for_another_identity_is_refused() {
    let Some(scene) = scene(Who::V3) else { return };
    let form = Form::KeylessBundle(LogVersion::V1);
    make(&scene, Who::V3, form, "key", &SIGN, "blob");
    let root = scene.trusted_root();
    let verify = |identity: &str, issuer: &str| {
        let words = [
            "verify-blob",
            "--bundle",
            "bundle",
            "--trusted-root",
            &root,
            "--certificate-identity",
            identity,
            "--certificate-oidc-issuer",
            issuer,
            "blob",
        ];
        scene.run(Who::Ours, &words)
    };
    verify(IDENTITY, ISSUER).success();
    for (identity, issuer) in [
        ("https://gitlab.com/acme/other", ISSUER),
        (IDENTITY, "https://gitlab.example.com"),
    ] {
        refused(verify(identity, issuer), 1, &["identit"]);
    }
}
