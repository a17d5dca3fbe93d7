//! What is no good signature of the image: ours says no where cosign does, with the same exit code.

use testkit::sigstack::LogVersion;

use crate::forms::{Form, make, strs};
use crate::scene::{At, Scene, Who};

/// No signature; no such tag; signatures of which none is good; none that has a certificate.
const UNSIGNED: Option<i32> = Some(10);
const NO_TAG: Option<i32> = Some(11);
const NO_MATCH: Option<i32> = Some(12);
const NO_CERTIFICATE: Option<i32> = Some(13);

/// What is asked about an image of `by` with `-a who=me`.
const QUESTIONS: [(&str, Question, Option<i32>); 6] = [
    ("as it was signed", Question::Good, Some(0)),
    ("another signer", Question::OtherSigner, NO_MATCH),
    ("another value", Question::Annotation("who=you"), NO_MATCH),
    (
        "another annotation",
        Question::Annotation("why=me"),
        NO_MATCH,
    ),
    ("another image", Question::OtherImage, UNSIGNED),
    ("no such tag", Question::NoTag, NO_TAG),
];

#[derive(Clone, Copy)]
enum Question {
    Good,
    OtherSigner,
    Annotation(&'static str),
    OtherImage,
    NoTag,
}

/// Signs in each form as `signer`; then ours and the readers answer every question. cosign 3.1 has one exit code for
/// every refusal of a bundle.
fn answers(at: At, signer: Who, forms: &[Form], readers: &[Who]) {
    let Some(scene) = Scene::at(at) else { return };
    scene.generate_key(signer, "key");
    scene.generate_key(signer, "other");
    let unsigned = scene.image("unsigned");
    for (number, form) in forms.iter().enumerate() {
        let image = scene.image(&format!("image{number}"));
        let (repository, _) = image.split_once('@').unwrap();
        let sign = ["sign", "-a", "who=me"];
        make(&scene, signer, *form, "key", &sign, &image);
        let words = form.verifying(&scene, "key");
        for &reader in readers {
            for (what, question, expected) in QUESTIONS {
                let mut words = [&["verify"][..], &strs(&words)].concat();
                let mut asked = image.clone();
                match question {
                    Question::Good => words.extend(["-a", "who=me"]),
                    Question::OtherSigner => other_signer(&mut words),
                    Question::Annotation(pair) => words.extend(["-a", pair]),
                    Question::OtherImage => asked.clone_from(&unsigned),
                    Question::NoTag => asked = format!("{repository}:none"),
                }
                let expected = match (reader, expected) {
                    (Who::V3, NO_MATCH) if Form::BUNDLE.contains(form) => Some(1),
                    _ => expected,
                };
                let output = scene.run_on(reader, &words, &[&asked]);
                let case = format!("{what}: {form:?} by {signer:?} for {reader:?}");
                assert_eq!(output.code(), expected, "{case}: {output}");
            }
        }
    }
}

fn other_signer(words: &mut [&str]) {
    for word in words {
        match *word {
            "key.pub" => *word = "other.pub",
            crate::forms::IDENTITY => *word = "https://gitlab.com/acme/other",
            _ => {}
        }
    }
}

#[test]
fn legacy_of_cosign_2() {
    let forms = [Form::KeyLegacyLogged, Form::KeylessLegacy];
    answers(At::DockerRegistry, Who::V2, &forms, &[Who::V2, Who::Ours]);
}

#[test]
fn bundles_of_cosign_3() {
    let forms = [Form::KeyBundle, Form::KeylessBundle(LogVersion::V2)];
    answers(At::Countersign, Who::V3, &forms, &[Who::V3, Who::Ours]);
}

#[test]
fn what_ours_signed() {
    let forms = [Form::KeyLegacy, Form::KeylessLegacy];
    let readers = [Who::V2, Who::V3, Who::Ours];
    answers(At::DockerRegistry, Who::Ours, &forms, &readers);
    let forms = [Form::KeyBundle, Form::KeylessBundle(LogVersion::V1)];
    answers(At::Countersign, Who::Ours, &forms, &[Who::V3, Who::Ours]);
}

/// A good signature that somebody put where another image's are looked for.
#[test]
fn a_signature_moved_to_another_image() {
    let Some(scene) = Scene::start() else { return };
    for (signer, readers) in [
        (Who::V2, &[Who::V2, Who::Ours][..]),
        (Who::Ours, &[Who::V2, Who::V3, Who::Ours]),
    ] {
        let key = format!("{signer:?}").to_lowercase();
        scene.generate_key(signer, &key);
        let [signed, other] = ["signed", "other"].map(|name| scene.image_in(&key, name));
        make(&scene, signer, Form::KeyLegacy, &key, &["sign"], &signed);
        scene.copy(&signature_tag(&signed), &signature_tag(&other));
        let words = Form::KeyLegacy.verifying(&scene, &key);
        let words = [&["verify"][..], &strs(&words)].concat();
        for &reader in readers {
            scene.run_on(reader, &words, &[&signed]).success();
            let refused = scene.run_on(reader, &words, &[&other]);
            assert_eq!(refused.code(), NO_MATCH, "{reader:?}: {refused}");
        }
    }
}

/// Where cosign 2 keeps an image's signatures.
fn signature_tag(image: &str) -> String {
    format!("{}.sig", image.replace("@sha256:", ":sha256-"))
}

/// A key's signature is none by an identity, and the reverse. cosign documents a code for the one and never uses it.
#[test]
fn a_key_is_no_identity() {
    let Some(scene) = Scene::start() else { return };
    scene.generate_key(Who::V3, "key");
    for (signer, key, keyless) in [
        (Who::V2, Form::KeyLegacyLogged, Form::KeylessLegacy),
        (
            Who::V3,
            Form::KeyBundleLogged(LogVersion::V1),
            Form::KeylessBundle(LogVersion::V1),
        ),
    ] {
        for (signed, asked, expected) in [(key, keyless, NO_CERTIFICATE), (keyless, key, NO_MATCH)]
        {
            let image = scene.image(&format!("{signed:?}").to_lowercase().replace(['(', ')'], ""));
            make(&scene, signer, signed, "key", &["sign"], &image);
            let words = asked.verifying(&scene, "key");
            let words = [&["verify"][..], &strs(&words)].concat();
            let refused = scene.run_on(signer, &words, &[&image]).failure();
            assert_ne!(refused.code(), NO_CERTIFICATE, "{refused}");
            let refused = scene.run_on(Who::Ours, &words, &[&image]);
            assert_eq!(refused.code(), expected, "{signed:?}: {refused}");
        }
    }
}
