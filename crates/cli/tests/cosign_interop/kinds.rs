//! Keys of other kinds than the P-256 ones that `generate-key-pair` makes.

use crate::forms::{Form, make, strs};
use crate::scene::{KeyKind, Scene, Who};

/// Who signs in which form, and who can verify that. cosign 3.1 signs with SHA-384 and Ed25519ph, which neither cosign
/// verifies without being told.
struct Case {
    kind: KeyKind,
    signer: Who,
    form: Form,
    readers: &'static [Who],
}

fn check(cases: &[Case]) {
    let Some(scene) = Scene::start() else { return };
    for (number, case) in cases.iter().enumerate() {
        let Case {
            kind,
            signer,
            form,
            readers,
        } = case;
        let key = format!("key{number}");
        // Debian's cosign 2.5 imports only Ed25519; the two read each other's files.
        let importer = if *signer == Who::Ours {
            Who::Ours
        } else {
            Who::V3
        };
        scene.import_key(importer, *kind, &key);
        let image = scene.image(&format!("image{number}"));
        make(&scene, *signer, *form, &key, &["sign"], &image);
        for &reader in *readers {
            println!("{kind:?} {form:?} by {signer:?} for {reader:?}");
            let words = form.verifying(&scene, &key);
            let mut words = [&["verify"][..], &strs(&words)].concat();
            if reader == Who::V3 && matches!(kind, KeyKind::P384) && *form == Form::KeyBundle {
                words.extend(["--signature-digest-algorithm", "sha384"]);
            }
            if reader == Who::V3 && matches!(kind, KeyKind::P521) && *form == Form::KeyBundle {
                words.extend(["--signature-digest-algorithm", "sha512"]);
            }
            scene.run_on(reader, &words, &[&image]).success();
        }
    }
}

#[test]
fn larger_curves() {
    let case = |kind, signer, form, readers| Case {
        kind,
        signer,
        form,
        readers,
    };
    check(&[
        case(
            KeyKind::P384,
            Who::V2,
            Form::KeyLegacy,
            &[Who::V2, Who::Ours],
        ),
        case(KeyKind::P384, Who::V3, Form::KeyLegacy, &[Who::Ours]),
        case(
            KeyKind::P384,
            Who::V3,
            Form::KeyBundle,
            &[Who::V3, Who::Ours],
        ),
        case(
            KeyKind::P384,
            Who::Ours,
            Form::KeyLegacy,
            &[Who::V2, Who::V3, Who::Ours],
        ),
        case(
            KeyKind::P384,
            Who::Ours,
            Form::KeyBundle,
            &[Who::V3, Who::Ours],
        ),
        case(
            KeyKind::P521,
            Who::V3,
            Form::KeyBundle,
            &[Who::V3, Who::Ours],
        ),
        case(
            KeyKind::P521,
            Who::Ours,
            Form::KeyBundle,
            &[Who::V3, Who::Ours],
        ),
    ]);
}

#[test]
fn ed25519() {
    let case = |signer, form, readers| Case {
        kind: KeyKind::Ed25519,
        signer,
        form,
        readers,
    };
    check(&[
        case(Who::V2, Form::KeyLegacy, &[Who::V2, Who::Ours]),
        case(Who::Ours, Form::KeyLegacy, &[Who::V2, Who::V3, Who::Ours]),
        case(Who::Ours, Form::KeyBundle, &[Who::V3, Who::Ours]),
    ]);
}

#[test]
fn rsa() {
    let case = |signer, form, readers| Case {
        kind: KeyKind::Rsa3072,
        signer,
        form,
        readers,
    };
    check(&[
        case(Who::V2, Form::KeyLegacy, &[Who::V3, Who::Ours]),
        case(Who::V3, Form::KeyBundle, &[Who::V3, Who::Ours]),
        case(Who::Ours, Form::KeyLegacy, &[Who::V2, Who::V3, Who::Ours]),
        case(Who::Ours, Form::KeyBundle, &[Who::V3, Who::Ours]),
    ]);
}
