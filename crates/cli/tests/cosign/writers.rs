//! Six signers at once on one image: each that was told that its signature is there finds it.
//!
//! cosign loses some without a word: of six it keeps two in a tag, five in a fallback list.

use std::thread;

use crate::scene::{At, Scene, Who};

const SIGNERS: usize = 6;

fn all_at_once(at: At, format: &[&str]) {
    let Some(scene) = Scene::at(at) else { return };
    let image = scene.image("app");
    let keys: Vec<String> = (0..SIGNERS).map(|n| format!("k{n}")).collect();
    for key in &keys {
        scene.generate_key(Who::Ours, key);
    }
    thread::scope(|signers| {
        for key in &keys {
            let (scene, image) = (&scene, &image);
            signers.spawn(move || {
                let key = format!("--key={key}.key");
                let sign = [&["sign", "--yes", &key][..], format, &[image]].concat();
                scene.run(Who::Ours, &sign).success();
            });
        }
    });
    for key in &keys {
        let key = format!("--key={key}.pub");
        let verify = ["verify", "--insecure-ignore-tlog", &key, &image];
        scene.run(Who::Ours, &verify).success();
    }
}

const TAG: &[&str] = &["--format=legacy"];
const REFERRER: &[&str] = &[
    "--registry-referrers-mode=oci-1-1",
    "--new-bundle-format=false",
];
const BUNDLE: &[&str] = &["--format=bundle"];
const BOTH: &[&str] = &["--format=both"];

#[test]
fn docker_registry_keeps_all_in_a_tag() {
    all_at_once(At::DockerRegistry, TAG);
}

#[test]
fn docker_registry_keeps_all_referrers() {
    all_at_once(At::DockerRegistry, REFERRER);
}

#[test]
fn docker_registry_keeps_all_bundles() {
    all_at_once(At::DockerRegistry, BUNDLE);
}

#[test]
fn docker_registry_keeps_all_in_both_forms() {
    all_at_once(At::DockerRegistry, BOTH);
}

#[test]
fn our_registry_keeps_all_in_a_tag() {
    all_at_once(At::Countersign, TAG);
}

#[test]
fn our_registry_keeps_all_referrers() {
    all_at_once(At::Countersign, REFERRER);
}

#[test]
fn our_registry_keeps_all_bundles() {
    all_at_once(At::Countersign, BUNDLE);
}
