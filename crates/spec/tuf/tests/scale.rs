//! Large repositories.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::forge::{Forge, Key};
use common::now;
use tuf::edit::{Editor, Lifetimes, SnapshotHolder};
use tuf::metadata::{FileMeta, Parsed, Targets};
use tuf::{DelegationName, Refusal, Role};

fn large(count: usize) -> Forge {
    let mut forge = Forge::new();
    forge.names = (0..count).map(|n| format!("tag-{n:06}")).collect();
    forge
}

#[test]
fn one_change_among_many_targets() {
    let forge = large(2_000);
    let trusted = forge.build().update(None, now()).unwrap();
    assert_eq!(trusted.list(&[]).len(), 2_000);
    let mut editor = Editor::from_trusted(&trusted);
    editor
        .add_target(&Role::Targets, "tag-x", FileMeta::of(b"x"))
        .unwrap();
    let signing = editor
        .sign(SnapshotHolder::Server, &Lifetimes::default(), now())
        .unwrap();
    let job = &signing.jobs()[0];
    let signatures = job.sign_with(&forge.targets.signers[0].secret).unwrap();
    let file = Parsed::<Targets>::from_bytes(&job.finish(&signatures).unwrap().bytes).unwrap();
    assert_eq!(
        (file.unverified().targets.len(), file.unverified().version),
        (2_001, 2)
    );
    assert!(file.is_exact_go_form());
}

#[test]
#[ignore = "a measurement, for an optimised build"]
#[allow(clippy::disallowed_methods, reason = "measures time")]
fn time_of_one_change_among_ten_thousand() {
    let files = large(10_000).build();
    let trusted = files.update(None, now()).unwrap();
    let bytes = trusted.file(&Role::Targets).unwrap().bytes().to_vec();
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let parsed = Parsed::<Targets>::from_bytes(&bytes).unwrap();
        let parse = start.elapsed();
        let mut editor = Editor::from_trusted(&trusted);
        editor
            .add_target(&Role::Targets, "tag-x", FileMeta::of(b"x"))
            .unwrap();
        let signing = editor
            .sign(SnapshotHolder::Server, &Lifetimes::default(), now())
            .unwrap();
        let all = start.elapsed();
        let listed = trusted.list(&[]).len();
        println!(
            "{} bytes: parse {parse:?}, with edit and serialise {all:?}, list of {listed} {:?}, {} bytes to sign",
            parsed.bytes().len(),
            start.elapsed() - all,
            signing.jobs()[0].payload().len()
        );
    }
}

#[test]
fn the_number_of_delegations_is_bounded() {
    let limit = tuf::limits::MAX_DELEGATIONS;
    let mut forge = Forge::new();
    forge.delegate("targets/a", &[""], &[]);
    let one = forge.delegates[0].1.clone();
    forge.delegates = (0..=limit)
        .map(|n| (format!("targets/r{n}"), one.clone()))
        .collect();
    let refused = forge.build().update(None, now()).unwrap_err();
    assert_eq!(refused, Refusal::TooManyDelegations { limit });
    let deep = format!(
        "targets{}",
        "/a".repeat(tuf::limits::MAX_DELEGATION_DEPTH + 1)
    );
    assert!(DelegationName::parse(&deep).is_err());
    assert_ne!(Key::new().public, Key::new().public);
}
