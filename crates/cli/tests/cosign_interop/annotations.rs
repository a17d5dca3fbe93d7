//! Annotations with values that cosign's own flag cannot take unless they are written as CSV.

use serde_json::Value;

use crate::forms::{Form, strs};
use crate::scene::{Scene, Who, refused};

/// A name, a value, and how cosign has to be told: a record of CSV. Both cosigns split at every `=` and refuse a
/// second one, however it is written.
const AWKWARD: [(&str, &str, Option<&str>); 7] = [
    (
        "com.gitlab.ci.user.name",
        "Doe, Jane",
        Some(r#""com.gitlab.ci.user.name=Doe, Jane""#),
    ),
    (
        "nick",
        r#"Jane "the boss" Doe"#,
        Some(r#""nick=Jane ""the boss"" Doe""#),
    ),
    ("url", "https://example.com/?a=1&b=<2>", None),
    ("empty", "", Some("empty=")),
    ("blanks", "  two  ", Some("blanks=  two  ")),
    ("letters", "grüße — 名前", Some("letters=grüße — 名前")),
    ("lines", "a\nb", Some("\"lines=a\nb\"")),
];

fn optional(stdout: &str) -> Value {
    let line = stdout.trim();
    let shown: Value = serde_json::from_str(line).unwrap();
    shown[0]["optional"].clone()
}

#[test]
fn awkward_values_of_ours_are_what_cosign_shows() {
    let Some(scene) = Scene::start() else { return };
    scene.generate_key(Who::Ours, "key");
    for (form, readers) in [
        (Form::KeyLegacy, &[Who::V2, Who::V3, Who::Ours][..]),
        (Form::KeyBundle, &[Who::V3, Who::Ours]),
    ] {
        let image = scene.image(&format!("{form:?}").to_lowercase());
        let given = AWKWARD.map(|(name, value, _)| format!("{name}={value}"));
        let words = form.signing(&scene, Who::Ours, "key");
        let mut words = [&["sign"][..], &strs(&words)].concat();
        words.extend(given.iter().flat_map(|pair| ["-a", pair]));
        scene.run_on(Who::Ours, &words, &[&image]).success();
        for &reader in readers {
            let words = form.verifying(&scene, "key");
            let mut words = [&["verify"][..], &strs(&words)].concat();
            for (pair, (_, _, record)) in given.iter().zip(AWKWARD) {
                match (reader, record) {
                    (Who::Ours, _) => words.extend(["-a", pair]),
                    (_, Some(record)) => words.extend(["-a", record]),
                    (_, None) => {}
                }
            }
            let verified = scene.run_on(reader, &words, &[&image]).success();
            let shown = optional(&verified.stdout);
            for (name, value, _) in AWKWARD {
                assert_eq!(shown[name], value, "{reader:?} {form:?}: {verified}");
            }
            let wrong = [words, vec!["-a", "empty=not"]].concat();
            let differs = scene.run_on(reader, &wrong, &[&image]).failure();
            if reader == Who::Ours {
                refused(differs, 12, &[]);
            }
        }
    }
}

#[test]
fn awkward_values_of_cosign_are_checked_by_ours() {
    let Some(scene) = Scene::start() else { return };
    scene.generate_key(Who::V2, "key");
    for (signer, form) in [
        (Who::V2, Form::KeyLegacy),
        (Who::V3, Form::KeyLegacy),
        (Who::V3, Form::KeyBundle),
    ] {
        let image = scene.image(&format!("{signer:?}-{form:?}").to_lowercase());
        let words = form.signing(&scene, signer, "key");
        let mut words = [&["sign"][..], &strs(&words)].concat();
        words.extend(
            AWKWARD
                .iter()
                .filter_map(|(.., record)| *record)
                .flat_map(|record| ["-a", record]),
        );
        scene.run_on(signer, &words, &[&image]).success();
        let words = form.verifying(&scene, "key");
        let words = [&["verify"][..], &strs(&words)].concat();
        for (name, value, record) in AWKWARD {
            let pair = format!("{name}={value}");
            let checked = scene.run_on(Who::Ours, &words, &["-a", &pair, &image]);
            match record {
                Some(_) => checked.success(),
                None => checked.failure(),
            };
        }
    }
}
