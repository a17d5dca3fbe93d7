//! `dockerfile verify` and `manifest verify`.

use crate::carried::{scene, sign};
use crate::forms::Form;
use crate::scene::{Scene, Who, refused};

struct Images {
    signed: String,
    bundled: String,
    unsigned: String,
}

/// Names by tag: of an image that cosign 2 signed, one that cosign 3 signed with the same key, one that nobody did.
fn images(scene: &Scene) -> Images {
    let [signed, bundled, unsigned] = ["signed", "bundled", "unsigned"].map(|name| {
        let image = scene.image(name);
        format!("{}:1", image.split_once('@').unwrap().0)
    });
    sign(scene, Who::V2, Form::KeyLegacy, "two", &signed);
    sign(scene, Who::V3, Form::KeyBundle, "two", &bundled);
    Images {
        signed,
        bundled,
        unsigned,
    }
}

fn verify<'a>(command: &'a str, more: &[&'a str], file: &'a str) -> Vec<&'a str> {
    let key = ["--key=two.pub", "--insecure-ignore-tlog"];
    [&[command, "verify"][..], &key, more, &[file]].concat()
}

/// Everybody makes this of the file, and prints the same if it is good.
#[track_caller]
fn all_say(scene: &Scene, words: &[&str], text: &str, code: i32) {
    let ours = scene.run(Who::Ours, words);
    assert_eq!(ours.code(), Some(code), "{text}{ours}");
    for who in [Who::V2, Who::V3] {
        let theirs = scene.run(who, words);
        assert_eq!(theirs.code(), Some(code), "{text}{theirs}");
        if code == 0 {
            assert_eq!(ours.stdout, theirs.stdout, "{text}");
        }
    }
}

/// Where ours sees more, or is not misled.
#[track_caller]
fn ours_says(scene: &Scene, words: &[&str], text: &str, code: i32, said: &str) {
    let ours = scene.run(Who::Ours, words);
    assert_eq!(ours.code(), Some(code), "{text}{ours}");
    assert!(ours.stderr.contains(said), "{text}{ours}");
}

#[test]
fn dockerfiles() {
    let Some(scene) = scene() else { return };
    let Images {
        signed,
        bundled,
        unsigned,
    } = images(&scene);
    for (text, more, code) in [
        (format!("FROM {signed}\n"), &[][..], 0),
        (format!("FROM scratch\nCOPY --from={signed} / /\n"), &[], 0),
        (
            format!("ARG A={signed}\nFROM $A AS one\nFROM {signed}\nCOPY --from=one / /\n"),
            &[],
            0,
        ),
        (format!("FROM {signed}\nFROM {unsigned}\n"), &[], 10),
        (
            format!("FROM {unsigned}\nFROM {signed}\n"),
            &["--base-image-only"],
            0,
        ),
        (
            format!("FROM {signed}\nFROM {unsigned}\n"),
            &["--base-image-only"],
            10,
        ),
        (format!("FROM {signed}-nowhere\n"), &[], 11),
        (format!("FROM {signed}\n"), &["-a", "never=so"], 12),
        ("FROM scratch\n".to_owned(), &[], 1),
        ("# FROM nothing\n".to_owned(), &[], 1),
        ("RUN true\n".to_owned(), &[], 1),
        (String::new(), &[], 1),
    ] {
        scene.write("Dockerfile", &text);
        let words = verify("dockerfile", more, "Dockerfile");
        all_say(&scene, &words, &text, code);
    }
    let words = verify("dockerfile", &[], "Dockerfile");
    for (text, code, said) in [
        (format!("FROM {bundled}\nFROM {signed}\n"), 0, ""),
        (format!("FROM {signed} AS base\nFROM base\n"), 0, ""),
        (
            format!("FROM {signed}\nRUN --mount=from={unsigned} true\n"),
            10,
            "",
        ),
        (
            format!("FROM {signed}\nRUN <<EOF\nFROM {unsigned}\nEOF\n"),
            0,
            "",
        ),
        (
            format!("# syntax=docker/dockerfile:1\nFROM --platform=$BUILDPLATFORM {signed}\n"),
            0,
            "frontend",
        ),
        (
            format!("FROM {signed}\nFROM $NEVER_SET\n"),
            1,
            "set them there",
        ),
        (
            format!("FROM {signed}\nCOPY --from=$A / /\n"),
            1,
            "variables are not replaced here",
        ),
        (
            format!("FROM {unsigned}\nFROM {signed}\n"),
            10,
            "Verified 1 of 2 images.",
        ),
        ("FROM Not:A:Reference\n".to_owned(), 1, "Not:A:Reference"),
    ] {
        scene.write("Dockerfile", &text);
        ours_says(&scene, &words, &text, code, said);
    }
    scene.write(
        "Dockerfile",
        &format!("FROM {unsigned} AS a\nFROM {signed} AS b\nFROM b\n"),
    );
    let words = verify("dockerfile", &["--base-image-only"], "Dockerfile");
    let base = scene.run(Who::Ours, &words).success();
    assert!(
        base.stderr
            .contains(&format!("Extracted image(s): {signed}\n")),
        "{base}"
    );
}

/// Variables that the file leaves open come from the environment; what the file says is stronger.
#[test]
fn variables() {
    let Some(scene) = scene() else { return };
    let Images {
        signed, unsigned, ..
    } = images(&scene);
    let variable = ("BASE", signed.as_str());
    for (text, code) in [
        ("FROM $BASE\n".to_owned(), 0),
        ("FROM ${BASE}\n".to_owned(), 0),
        (format!("ARG BASE={unsigned}\nFROM $BASE\n"), 10),
    ] {
        scene.write("Dockerfile", &text);
        let words = verify("dockerfile", &[], "Dockerfile");
        for who in [Who::Ours, Who::V2, Who::V3] {
            let verified = scene.run_with(who, variable, &words);
            assert_eq!(verified.code(), Some(code), "{text}{verified}");
        }
    }
    // cosign 3.1 breaks down here.
    scene.write("Dockerfile", "ARG BASE\nFROM ${BASE:-never}\n");
    let words = verify("dockerfile", &[], "Dockerfile");
    scene.run_with(Who::Ours, variable, &words).success();
}

#[test]
fn manifests() {
    let Some(scene) = scene() else { return };
    let Images {
        signed,
        bundled,
        unsigned,
    } = images(&scene);
    let pod = |images: &[&str]| {
        let containers: String = images
            .iter()
            .map(|image| format!("  - name: a\n    image: {image}\n"))
            .collect();
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{containers}"
        )
    };
    let job = format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: c}}\nspec: {{schedule: '* * * * *', jobTemplate: {{spec: \
         {{template: {{spec: {{containers: [{{name: a, image: \"{signed}\"}}]}}}}}}}}}}\n"
    );
    for (text, code) in [
        (pod(&[&signed]), 0),
        (pod(&[&signed, &signed]), 0),
        (format!("{}---\n{job}", pod(&[&signed])), 0),
        (pod(&[&signed, &unsigned]), 10),
        (pod(&[&format!("{signed}-nowhere")]), 11),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n".to_owned(),
            1,
        ),
        ("a: [b\n".to_owned(), 1),
        ("\u{0}".to_owned(), 1),
        (String::new(), 1),
    ] {
        scene.write("file.yaml", &text);
        let words = verify("manifest", &[], "file.yaml");
        all_say(&scene, &words, &text, code);
    }
    let words = verify("manifest", &[], "file.yml");
    for (text, code, said) in [
        (pod(&[&bundled, &signed]), 0, "Verified 2 of 2 images."),
        (pod(&["''"]), 1, "0.spec.containers[0].image"),
        (
            pod(&["'Not An Image'"]),
            1,
            "could not parse reference: Not An Image",
        ),
    ] {
        scene.write("file.yml", &text);
        ours_says(&scene, &words, &text, code, said);
    }
}

#[test]
fn words() {
    let Some(scene) = scene() else { return };
    let Images { signed, .. } = images(&scene);
    scene.write("Dockerfile", &format!("FROM {signed}\n"));
    for (words, text) in [
        (
            verify("dockerfile", &[], "nowhere"),
            "open nowhere: no such file or directory",
        ),
        (verify("dockerfile", &[], "."), "is a directory"),
        (
            verify("manifest", &[], "nowhere.yaml"),
            "open nowhere.yaml: no such file or directory",
        ),
        (
            verify("manifest", &[], "Dockerfile"),
            "only [.yaml .yml] manifests are supported",
        ),
        (
            verify("dockerfile", &["--local-image"], "Dockerfile"),
            "--local-image",
        ),
        (vec!["dockerfile", "verify"], "accepts 1 arg(s), received 0"),
        (
            vec!["manifest", "verify", "--base-image-only", "a"],
            "unknown flag: --base-image-only",
        ),
        (
            vec!["dockerfile", "verify", "Dockerfile"],
            "--certificate-identity",
        ),
    ] {
        refused(scene.run(Who::Ours, &words), 1, &[text]);
    }
}
