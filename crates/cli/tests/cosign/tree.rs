//! `tree` and `triangulate`.

use crate::carried::{dress, scene_at};
use crate::scene::{At, Scene, Who, refused};

/// The branches with their leaves; cosign has them in another order each time.
fn branches(text: &str) -> (String, Vec<String>) {
    let (head, rest) = text.split_once('\n').unwrap();
    let mut branches: Vec<String> =
        rest.split("└── ")
            .fold(Vec::new(), |mut branches: Vec<String>, piece| {
                // A leaf's corner is the same, three columns to the right.
                match branches.last_mut() {
                    Some(last) if last.ends_with("   ") => last.push_str(piece),
                    _ => branches.push(piece.to_owned()),
                }
                branches
            });
    branches.retain(|branch| !branch.is_empty());
    branches.sort();
    (head.to_owned(), branches)
}

#[test]
fn as_cosign_shows_it() {
    for at in [At::DockerRegistry, At::Countersign] {
        let Some(scene) = scene_at(at) else { return };
        let image = scene.image("dressed");
        dress(&scene, &image);
        let tagged = format!("{}:1", image.split_once('@').unwrap().0);
        for name in [&image, &tagged] {
            let ours = scene.run(Who::Ours, &["tree", name]).success();
            let theirs = scene.run(Who::V3, &["tree", name]).success();
            let (head, found) = branches(&ours.stdout);
            assert_eq!((head, found.clone()), branches(&theirs.stdout));
            assert_eq!(found.len(), 6, "{ours}");
            // cosign 2 knows the tags only.
            let (_, older) = branches(&scene.run(Who::V2, &["tree", name]).success().stdout);
            assert_eq!(older.len(), 3);
            assert!(older.iter().all(|branch| found.contains(branch)), "{ours}");
        }
        let bare = scene.image("bare");
        let ours = scene.run(Who::Ours, &["tree", &bare]).success();
        let theirs = scene.run(Who::V3, &["tree", &bare]).success();
        assert_eq!(ours.stdout, theirs.stdout);
        // Flags of cosign 3 that change nothing here.
        for flag in ["--registry-referrers-mode=oci-1-1", "--experimental-oci11"] {
            let same = scene.run(Who::Ours, &["tree", flag, &bare]).success();
            assert_eq!(same.stdout, ours.stdout);
        }
    }
}

#[test]
fn where_signatures_would_be() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("bare");
    let (repository, _) = image.split_once('@').unwrap();
    let tagged = format!("{repository}:1");
    let elsewhere = format!("{repository}-signatures");
    for kind in ["signature", "attestation", "sbom", "digest"] {
        for name in [&image, &tagged] {
            let words = ["triangulate", "--type", kind, name];
            let prefixed = [&words[..], &["--attachment-tag-prefix", "pre-"]].concat();
            for words in [&words[..], &prefixed] {
                let ours = scene.run(Who::Ours, words).success();
                assert_eq!(ours.stderr, "");
                // cosign 2 puts the prefix before the digest, and the image where its signatures are.
                if kind != "digest" || words.len() == 4 {
                    assert_eq!(ours.stdout, scene.run(Who::V2, words).success().stdout);
                }
            }
            if kind != "digest" {
                let variable = ("COSIGN_REPOSITORY", elsewhere.as_str());
                let ours = scene.run_with(Who::Ours, variable, &words).success();
                let theirs = scene.run_with(Who::V2, variable, &words).success();
                assert_eq!(ours.stdout, theirs.stdout);
            }
        }
    }
    let default = scene.run(Who::Ours, &["triangulate", &image]).success();
    assert!(default.stdout.ends_with(".sig\n"), "{default}");
    for (words, text) in [
        (
            &["triangulate", "--type", "weird", &image][..],
            "unknown attachment type weird",
        ),
        (&["triangulate"], "accepts 1 arg(s), received 0"),
        (
            &["triangulate", "Not An Image"],
            "could not parse reference",
        ),
        (
            &["tree", "--registry-referrers-mode=weird", &image],
            "must be legacy or oci-1-1",
        ),
    ] {
        refused(scene.run(Who::Ours, words), 1, &[text]);
    }
}
