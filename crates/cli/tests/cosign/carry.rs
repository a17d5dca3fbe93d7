//! `copy`, `save`, `load` and `clean`.

use std::path::{Path, PathBuf};

use crate::carried::{assert_dressed, dress, scene, scene_at, sign, verify, verify_by};
use crate::forms::{Form, make};
use crate::scene::{At, Scene, Who, refused};

const BOTH: [At; 2] = [At::DockerRegistry, At::Countersign];

/// The repository of a reference by digest, and its digest.
fn parts(image: &str) -> (&str, &str) {
    image.split_once('@').unwrap()
}

fn beside(image: &str, name: &str) -> String {
    let (repository, _) = parts(image);
    let (host, _) = repository.split_once('/').unwrap();
    format!("{host}/{name}")
}

/// Everything is found on the copy, on what was saved, and on what was loaded again, by whoever wrote it.
#[test]
fn ours_carries_every_form() {
    for at in BOTH {
        let Some(scene) = scene_at(at) else { return };
        let image = scene.image("dressed");
        dress(&scene, &image);
        let copied = beside(&image, "other/copied:2");
        let copy = scene.run(Who::Ours, &["copy", &image, &copied]).success();
        assert_eq!(copy.stdout, "");
        let (repository, digest) = parts(&image);
        let hex = digest.replace(':', "-");
        let line = format!(
            "Copying {repository}:{hex}.sig to {}:{hex}.sig...\n",
            copied.trim_end_matches(":2")
        );
        assert!(copy.stderr.contains(&line), "{copy}");
        assert!(
            copy.stderr
                .ends_with(&format!("Copying {image} to {copied}...\n")),
            "{copy}"
        );
        assert_dressed(&scene, &copied, &[]);
        let sbom = scene.run(Who::V2, &["download", "sbom", &copied]).success();
        assert_eq!(sbom.stdout, r#"{"spdxVersion": "SPDX-2.3"}"#);

        let save = scene
            .run(Who::Ours, &["save", "--dir", "saved", &copied])
            .success();
        assert_eq!((save.stdout.as_str(), save.stderr.as_str()), ("", ""));
        // Where there is a bundle, cosign 3 sees nothing else there.
        assert_dressed(&scene, "saved", &["--local-image"]);

        let loaded = beside(&image, "loaded:3");
        let load = scene
            .run(Who::Ours, &["load", "--dir", "saved", &loaded])
            .success();
        assert_eq!((load.stdout.as_str(), load.stderr.as_str()), ("", ""));
        assert_dressed(&scene, &loaded, &[]);
        // A second time nothing changes.
        scene
            .run(Who::Ours, &["load", "--dir", "saved", &loaded])
            .success();
        assert_dressed(&scene, &loaded, &[]);
    }
}

/// What cosign saved is verified and loaded by ours.
#[test]
fn what_cosign_saved() {
    let Some(scene) = scene() else { return };
    for (who, form, key) in [
        (Who::V2, Form::KeyLegacy, "two"),
        (Who::V3, Form::KeyBundle, "three"),
    ] {
        let image = scene.image(key);
        sign(&scene, who, form, key, &image);
        scene.run(who, &["save", "--dir", key, &image]).success();
        verify_by(&scene, Who::Ours, &["verify", "--local-image"], key, key).success();
        let loaded = beside(&image, &format!("loaded-{key}:1"));
        scene
            .run(Who::Ours, &["load", "--dir", key, &loaded])
            .success();
        for reader in [who, Who::Ours] {
            verify(&scene, reader, key, &loaded).success();
        }
    }
}

/// What ours saved is loaded by cosign: 2 into any registry, 3 into one that takes manifests before their blobs.
#[test]
fn what_ours_saved() {
    let Some(scene) = scene() else { return };
    let image = scene.image("older");
    sign(&scene, Who::Ours, Form::KeyLegacy, "ours", &image);
    scene
        .run(Who::Ours, &["save", "--dir", "saved", &image])
        .success();
    for (number, who) in [Who::V2, Who::V3].into_iter().enumerate() {
        let loaded = beside(&image, &format!("loaded-{number}:1"));
        scene
            .run(who, &["load", "--dir", "saved", &loaded])
            .success();
        for reader in [Who::V2, Who::V3, Who::Ours] {
            verify(&scene, reader, "ours", &loaded).success();
        }
    }
}

/// An index, signed with its platforms, goes whole or one platform of it.
#[test]
fn platforms() {
    let Some(scene) = scene() else { return };
    let (index, [amd, arm]) = scene.index("platforms");
    let recursive = ["sign", "--recursive"];
    make(&scene, Who::V2, Form::KeyLegacy, "two", &recursive, &index);
    make(
        &scene,
        Who::V3,
        Form::KeyBundle,
        "three",
        &recursive,
        &index,
    );
    let whole = beside(&index, "whole:1");
    scene.run(Who::Ours, &["copy", &index, &whole]).success();
    scene
        .run(Who::Ours, &["save", "--dir", "saved", &whole])
        .success();
    let loaded = beside(&index, "loaded:1");
    scene
        .run(Who::Ours, &["load", "--dir", "saved", &loaded])
        .success();
    for (who, key) in [(Who::V2, "two"), (Who::V3, "three"), (Who::Ours, "three")] {
        for copy in [&whole, &loaded] {
            let repository = copy.trim_end_matches(":1");
            for part in [&index, &amd, &arm] {
                let part = format!("{repository}@{}", parts(part).1);
                verify(&scene, who, key, &part).success();
            }
        }
    }

    let one = beside(&index, "one:1");
    let of = |platform: &str| {
        let words = ["copy", "--platform", platform, &index, &one];
        scene.run(Who::Ours, &words)
    };
    of("linux/arm64").success();
    let digest = scene
        .run(Who::V2, &["triangulate", "--type", "digest", &one])
        .success();
    assert!(
        digest.stdout.trim_end().ends_with(parts(&arm).1),
        "{digest}"
    );
    verify(&scene, Who::V3, "three", &one).success();
    let there = "not for this platform, but for linux/amd64, linux/arm64";
    refused(of("windows/amd64"), 1, &[there]);
    refused(of("linux"), 1, &["several platforms"]);
    refused(of("/"), 1, &["is no platform"]);
    let single = ["copy", "--platform", "linux/amd64", &amd, &one];
    let single = scene.run(Who::Ours, &single);
    refused(single, 1, &["not a multiarch image"]);
}

/// Another image of that name stops the copy before anything is written; signatures on both sides stay with --force.
#[test]
fn at_the_destination() {
    for at in BOTH {
        let Some(scene) = scene_at(at) else { return };
        let image = scene.image("source");
        let copied = beside(&image, "copied:1");
        sign(&scene, Who::V2, Form::KeyLegacy, "two", &image);
        scene.run(Who::Ours, &["copy", &image, &copied]).success();
        scene.run(Who::Ours, &["copy", &image, &copied]).success();

        // The copy gets one signature, the source another, in each form.
        sign(&scene, Who::Ours, Form::KeyLegacy, "ours", &copied);
        sign(&scene, Who::V3, Form::KeyBundle, "three", &copied);
        let both = ["sign", "--format", "both"];
        make(&scene, Who::Ours, Form::KeyLegacy, "both", &both, &image);
        let unforced = scene.run(Who::Ours, &["copy", &image, &copied]);
        refused(unforced, 1, &[".sig already exists. Use `-f` to overwrite"]);
        let forced = scene
            .run(Who::Ours, &["copy", "--force", &image, &copied])
            .success();
        assert!(forced.stderr.contains("now both are there"), "{forced}");
        for key in ["two", "ours", "three", "both"] {
            verify(&scene, Who::Ours, key, &copied).success();
        }
        for (who, key) in [(Who::V2, "two"), (Who::V2, "ours"), (Who::V3, "three")] {
            verify(&scene, who, key, &copied).success();
        }

        let other = scene.image("another");
        let unforced = scene.run(Who::Ours, &["copy", &other, &copied]);
        refused(unforced, 1, &["image tag 1 already exists"]);
        scene
            .run(Who::Ours, &["copy", "-f", &other, &copied])
            .success();
        let found = scene
            .run(Who::Ours, &["triangulate", "--type", "digest", &copied])
            .success();
        assert!(
            found.stdout.trim_end().ends_with(parts(&other).1),
            "{found}"
        );
    }
}

/// `--only`: the image without its name, and what was asked for.
#[test]
fn some_of_it() {
    let Some(scene) = scene() else { return };
    let image = scene.image("dressed");
    dress(&scene, &image);
    let (_, digest) = parts(&image);
    let code = |key, command: &'static str, image: &str| {
        verify_by(&scene, Who::Ours, &[command], key, image).code()
    };
    for (flag, signatures, attestations, sboms) in [
        ("--only=sig", true, false, false),
        ("--only=att", false, true, false),
        ("--only=sbom", false, false, true),
        ("--only=sig,att", true, true, false),
        ("--sig-only", true, false, false),
    ] {
        let name = flag.trim_start_matches('-').replace(['=', ','], "-");
        let to = beside(&image, &format!("{name}:1"));
        let copied = scene.run(Who::Ours, &["copy", flag, &image, &to]).success();
        assert_eq!(
            copied.stderr.contains("--sig-only is deprecated"),
            flag == "--sig-only"
        );
        assert_eq!(
            code("two", "verify", &to),
            Some(11),
            "the name is not copied"
        );
        let to = to.replace(":1", &format!("@{digest}"));
        let expected = |there| Some(if there { 0 } else { 10 });
        assert_eq!(code("two", "verify", &to), expected(signatures), "{flag}");
        assert_eq!(code("three", "verify", &to), expected(signatures), "{flag}");
        for key in ["two", "three"] {
            let found = code(key, "verify-attestation", &to) == Some(0);
            assert_eq!(found, attestations, "{flag}");
        }
        let sbom = scene.run(Who::Ours, &["download", "sbom", &to]);
        assert_eq!(sbom.code() == Some(0), sboms, "{flag}");
    }
    let to = beside(&image, "refused:1");
    for (flags, text) in [
        (&["--only", "sig,all"][..], "invalid value for --only: all"),
        (&["--only", "att", "--sig-only"], "Drop --sig-only."),
    ] {
        let words = [&["copy"], flags, &[&image, &to]].concat();
        refused(scene.run(Who::Ours, &words), 1, &[text]);
    }
    scene
        .run(
            Who::Ours,
            &["copy", "--sig-only", "--only=sig", &image, &to],
        )
        .success();
}

/// What is taken away is gone for everybody, and nothing else is.
#[test]
fn clean() {
    for at in BOTH {
        let Some(scene) = scene_at(at) else { return };
        let verifies = |who: Who, command: &str, key, image: &str| {
            verify_by(&scene, who, &[command], key, image).code() == Some(0)
        };
        for (kind, tag, bundle, envelope, attestation) in [
            ("signature", false, false, true, true),
            ("attestation", true, true, false, false),
            ("referrer", true, false, true, false),
            ("sbom", true, true, true, true),
            ("all", false, false, false, false),
        ] {
            let image = scene.image(kind);
            dress(&scene, &image);
            let cleaned = scene.run(Who::Ours, &["clean", "--force", "--type", kind, &image]);
            let cleaned = cleaned.success();
            assert_eq!(cleaned.stdout, "");
            assert!(cleaned.stderr.starts_with("Removed "), "{cleaned}");
            println!("{at:?} {kind}");
            assert_eq!(verifies(Who::V2, "verify", "two", &image), tag);
            assert_eq!(verifies(Who::Ours, "verify", "two", &image), tag);
            assert_eq!(verifies(Who::Ours, "verify", "three", &image), bundle);
            // cosign 3 takes an attestation for a signature.
            let stock = verifies(Who::V3, "verify", "three", &image);
            assert_eq!(stock, bundle || attestation);
            let att = "verify-attestation";
            assert_eq!(verifies(Who::V2, att, "two", &image), envelope);
            assert_eq!(verifies(Who::V3, att, "three", &image), attestation);
            let sbom = scene.run(Who::V2, &["download", "sbom", &image]);
            assert_eq!(
                sbom.code() == Some(0),
                !matches!(kind, "sbom" | "all"),
                "{sbom}"
            );
            let again = scene
                .run(Who::Ours, &["clean", "-f", "--type", kind, &image])
                .success();
            assert!(again.stderr.contains(" has no "), "{again}");
        }
        // Signing goes on afterwards.
        let image = scene.image("all");
        sign(&scene, Who::V3, Form::KeyBundle, "three", &image);
        sign(&scene, Who::Ours, Form::KeyBundle, "ours", &image);
        assert!(verifies(Who::V3, "verify", "three", &image));
        assert!(verifies(Who::V3, "verify", "ours", &image));
    }
}

/// Nobody at the terminal agreed.
#[test]
fn clean_asks() {
    let Some(scene) = scene() else { return };
    let image = scene.image("asked");
    sign(&scene, Who::V2, Form::KeyLegacy, "two", &image);
    let declined = scene.run(Who::Ours, &["clean", &image]).failure();
    assert_eq!(declined.code(), Some(1));
    assert_eq!(
        declined.stderr,
        "WARNING: this will remove all signatures, SBOMs and attestations from the image\n\
         Are you sure you would like to continue? [y/N] Error: user declined the prompt\n"
    );
    let mistyped = scene.run(Who::Ours, &["clean", "-f", "--type", "sig", &image]);
    refused(mistyped, 1, &["must be one of \"signature\""]);
    verify(&scene, Who::V2, "two", &image).success();
}

#[test]
fn no_such_image() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("there");
    let (repository, _) = parts(&image);
    let nothing = format!("{repository}@sha256:{}", "0".repeat(64));
    let to = beside(&image, "to:1");
    for (missing, text) in [
        (format!("{repository}:none"), "image tag not found: "),
        (beside(&image, "nowhere:1"), "image tag not found: "),
        (nothing, "image not found: "),
    ] {
        for words in [
            &["copy", &missing, &to][..],
            &["save", "--dir", "saved", &missing],
            &["clean", "--force", &missing],
            &["tree", &missing],
            &["triangulate", "--type", "digest", &missing],
            &["download", "signature", &missing],
            &["download", "attestation", &missing],
            &["download", "sbom", &missing],
        ] {
            let output = scene.run(Who::Ours, words);
            refused(output, 1, &[&format!("Error: {text}{missing}")]);
        }
    }
    assert!(!scene.home().join("saved/index.json").exists());
}

fn blobs(folder: &Path) -> Vec<PathBuf> {
    let blobs = std::fs::read_dir(folder.join("blobs/sha256")).unwrap();
    blobs.map(|entry| entry.unwrap().path()).collect()
}

/// A damaged layout is refused, whatever is damaged, before the image has its name.
#[test]
fn damaged_layouts() {
    let Some(scene) = scene() else { return };
    let image = scene.image("good");
    sign(&scene, Who::V2, Form::KeyLegacy, "two", &image);
    sign(&scene, Who::V3, Form::KeyBundle, "three", &image);
    scene
        .run(Who::Ours, &["save", "--dir", "good", &image])
        .success();
    let folder = scene.home().join("good");
    let to = beside(&image, "loaded:1");
    let load = |folder: &str| scene.run(Who::Ours, &["load", "--dir", folder, &to]);
    // What a registry has is not read again.
    let loads = std::cell::Cell::new(0);
    let load_anew = || {
        loads.set(loads.get() + 1);
        let to = beside(&image, &format!("loaded-{}:1", loads.get()));
        let loaded = scene.run(Who::Ours, &["load", "--dir", "good", &to]);
        refused(loaded, 1, &[]);
        let unnamed = scene.run(Who::Ours, &["tree", &to]).failure();
        assert!(unnamed.stderr.contains("image tag not found"), "{unnamed}");
    };
    for blob in blobs(&folder) {
        let whole = std::fs::read(&blob).unwrap();
        let mut other = whole.clone();
        other[whole.len() / 2] ^= 1;
        for damaged in [other, whole[..whole.len() - 1].to_vec()] {
            std::fs::write(&blob, damaged).unwrap();
            load_anew();
        }
        std::fs::remove_file(&blob).unwrap();
        load_anew();
        std::fs::write(&blob, &whole).unwrap();
    }
    for file in ["index.json", "oci-layout"] {
        let path = folder.join(file);
        let whole = std::fs::read(&path).unwrap();
        for damaged in [&b""[..], b"{", b"{}", br#"{"imageLayoutVersion":"2.0.0"}"#] {
            std::fs::write(&path, damaged).unwrap();
            refused(load("good"), 1, &[]);
            let verified = verify_by(
                &scene,
                Who::Ours,
                &["verify", "--local-image"],
                "two",
                "good",
            );
            refused(verified, 1, &[]);
        }
        std::fs::remove_file(&path).unwrap();
        let missing = format!("is no image layout: {file} is missing");
        refused(load("good"), 1, &[&missing]);
        std::fs::write(&path, whole).unwrap();
    }
    load("good").success();
    for folder in ["nowhere", "two.pub"] {
        refused(load(folder), 1, &[folder]);
    }
    for words in [["load", &to], ["save", &image]] {
        let output = scene.run(Who::Ours, &words);
        refused(output, 1, &["required flag(s) \"dir\" not set"]);
    }
}

/// A folder with somebody's files is no place for an image; another layout is replaced.
#[test]
fn saving_over_something() {
    let Some(scene) = scene() else { return };
    let (first, second) = (scene.image("first"), scene.image("second"));
    let theirs = scene.home().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("index.json"), "mine").unwrap();
    let saved = scene.run(Who::Ours, &["save", "--dir", "theirs", &first]);
    refused(saved, 1, &["is no image layout, but has index.json"]);
    assert_eq!(std::fs::read(theirs.join("index.json")).unwrap(), b"mine");

    sign(&scene, Who::V2, Form::KeyLegacy, "two", &second);
    scene
        .run(Who::Ours, &["save", "--dir", "again", &first])
        .success();
    scene
        .run(Who::Ours, &["save", "--dir", "again", &second])
        .success();
    for who in [Who::Ours, Who::V2, Who::V3] {
        let verified =
            verify_by(&scene, who, &["verify", "--local-image"], "two", "again").success();
        assert!(verified.stdout.contains(parts(&second).1), "{verified}");
    }
}
