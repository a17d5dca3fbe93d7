//! The attack table through the command line: an attacker who sits between a user and the trust server, holds stolen
//! keys, or is the trust server.
//!
//! The forged repositories are those of `crates/spec/tuf/tests/attacks.rs`, which has the same table for the
//! verification alone, and the rows whose refusal does not depend on a program around it: forged links inside a chain
//! of roots, one key under two names, delegations to roles that are no children, deep nesting.

#[path = "../../../spec/tuf/tests/common/forge.rs"]
mod forge;

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use testkit::{DockerCli, DockerVersion, Fault, NotaryCli, Peers, Proxy, TestCa, image};

use self::forge::{Files, Forge, GUN, Key, Spec, seal};
use crate::signed::{Signed, keys_and_metadata, refused};
use crate::support::{json_of, trust};

/// The clock of the program under attack.
#[expect(
    clippy::disallowed_methods,
    reason = "the program under attack reads the real clock"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

const PAST: &str = "2020-01-01T00:00:00Z";

/// An honest repository; all its keys are the attacker's.
fn honest() -> Forge {
    let mut forge = Forge::new();
    forge.delegate("targets/releases", &[""], &["v2"]);
    let later = (now() + SignedDuration::from_hours(24 * 300)).to_string();
    for spec in every_spec(&mut forge) {
        spec.expires.clone_from(&later);
    }
    forge
}

fn every_spec(forge: &mut Forge) -> Vec<&mut Spec> {
    let mut specs = vec![
        &mut forge.root,
        &mut forge.targets,
        &mut forge.snapshot,
        &mut forge.timestamp,
    ];
    specs.extend(forge.delegates.iter_mut().map(|(_, role)| &mut role.spec));
    specs
}

/// The role's part of a forged repository.
fn spec_of<'f>(forge: &'f mut Forge, role: &str) -> &'f mut Spec {
    match role {
        "root" => &mut forge.root,
        "targets" => &mut forge.targets,
        "snapshot" => &mut forge.snapshot,
        "timestamp" => &mut forge.timestamp,
        _ => &mut forge.delegates[0].1.spec,
    }
}

/// A trust server in the attacker's hands, and a victim without keys.
struct Attack {
    peers: Peers,
    ca: TestCa,
    server: Proxy,
    victim: DockerCli,
}

impl Attack {
    fn new(peers: &Peers) -> Self {
        let ca = TestCa::new();
        // Every request is answered by a rule; there is nothing behind it.
        let server = Proxy::to("https://127.0.0.1:1").start_https(&ca);
        let victim =
            DockerCli::new(peers, DockerVersion::V28).trust_server(&server.url(), &ca.file());
        Self {
            peers: peers.clone(),
            ca,
            server,
            victim,
        }
    }

    /// From now on the server has these files.
    fn serve(&self, files: &Files) {
        self.server.clear();
        self.server.on(|_, _| true, Fault::status(404));
        self.server
            .on(|_, path| path == "/v2/", Fault::json(200, "{}"));
        for (role, bytes) in &files.by_role {
            let start = format!("/v2/{GUN}/_trust/tuf/{role}.");
            let answer = Fault::json(200, bytes.clone());
            self.server
                .on(move |_, path| path.starts_with(&start), answer);
        }
        for (version, bytes) in &files.roots {
            let end = format!("/_trust/tuf/{version}.root.json");
            self.server.on_path(&end, Fault::json(200, bytes.clone()));
        }
    }

    /// The victim accepts what is served; the tags it sees, with whether they are from a signer.
    #[track_caller]
    fn accepted(&self) -> Vec<String> {
        let seen = trust(&self.victim, &["inspect", GUN]).success();
        tags(&json_of(&seen))
    }

    /// The victim refuses what is served, for this reason, and keeps what it has.
    #[track_caller]
    fn refused(&self, reason: &str) {
        let says = format!("no signatures or cannot access {GUN}: {reason}");
        refused(&self.victim, &["inspect", GUN], &says, "");
    }

    /// Somebody who never saw the repository.
    fn newcomer(&self) -> DockerCli {
        DockerCli::new(&self.peers, DockerVersion::V28)
            .trust_server(&self.server.url(), &self.ca.file())
    }

    /// Somebody who never saw the repository refuses it too.
    #[track_caller]
    fn refused_by_a_newcomer(&self, reason: &str) {
        let newcomer = self.newcomer();
        let says = format!("no signatures or cannot access {GUN}: {reason}");
        refused(&newcomer, &["inspect", GUN], &says, "");
        assert!(keys_and_metadata(&newcomer).is_empty());
    }

    /// `<host> sent a <role>.json that cannot be used`.
    fn unusable(&self, role: &str) -> String {
        let url = self.server.url();
        let host = url.trim_start_matches("https://");
        format!("{host} sent a {role}.json that cannot be used: ")
    }
}

fn tags(inspected: &Value) -> Vec<String> {
    let tags = inspected[0]["SignedTags"].as_array().unwrap();
    tags.iter()
        .map(|tag| tag["SignedTag"].as_str().unwrap().to_owned())
        .collect()
}

/// The attacker's forgeries are good: where nothing is wrong with them, ours, docker and notary accept them alike.
#[test]
fn an_honest_repository_is_accepted() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    attack.serve(&honest().build());
    assert_eq!(attack.accepted(), ["v1", "v2"]);
    let ours = trust(&attack.victim, &["inspect", GUN]).success();
    let theirs = attack.newcomer().run(["trust", "inspect", GUN]).success();
    assert_eq!(ours.stdout, theirs.stdout);
    NotaryCli::new(&peers, &attack.server.url(), &attack.ca.file())
        .run(["list", GUN])
        .success()
        .says(image::sha256(b"v2").trim_start_matches("sha256:"));
}

fn rollback_of(role: &str) {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let old = honest();
    let mut new = old.clone();
    spec_of(&mut new, role).version = 7;
    let old = old.build();
    let new = if role == "root" {
        new.build()
    } else {
        new.build_on(&old)
    };
    attack.serve(&new);
    attack.accepted();
    attack.serve(&old);
    attack.refused("version 1 is lower than current version 7");
    attack.serve(&new);
    attack.accepted();
}

#[test]
fn rollback_of_the_root() {
    rollback_of("root");
}

#[test]
fn rollback_of_the_timestamp() {
    rollback_of("timestamp");
}

#[test]
fn rollback_of_the_snapshot() {
    rollback_of("snapshot");
}

#[test]
fn rollback_of_the_targets() {
    rollback_of("targets");
}

#[test]
fn rollback_of_a_delegation() {
    rollback_of("targets/releases");
}

/// Whoever signs next must have seen the rollback too: nothing is built on old metadata.
#[test]
fn replay_of_old_metadata_of_a_real_server() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let newcomer = scene.user();
    trust(&newcomer, &["inspect", &scene.image("1")]).success();
    let exchanges = scene.front.take_exchanges();
    let old: Vec<_> = exchanges
        .into_iter()
        .filter(|exchange| exchange.target.contains("/_trust/tuf/"))
        .collect();
    trust(&scene.owner, &["sign", &scene.image("2")]).success();
    for exchange in old {
        let target = exchange.target.clone();
        scene
            .front
            .on_path(&target, Fault::json(200, exchange.response_body));
    }
    let lower = "is lower than current version";
    let (one, repository) = (scene.image("1"), scene.repository.as_str());
    let known = format!("no signatures or cannot access {one}: version ");
    refused(&scene.owner, &["inspect", &one], &known, lower);
    let warning =
        "Warning: potential malicious behavior - trust data version is lower than expected";
    scene.push("3", "3");
    refused(&scene.owner, &["sign", &scene.image("3")], warning, lower);
    let add = ["signer", "add", "--key", "jeff.pub", "bob", repository];
    refused(&scene.owner, &add, warning, lower);
    let cannot = format!("could not remove signature for {one}: version ");
    refused(&scene.owner, &["revoke", &one], &cannot, lower);
}

fn freeze_with_expired(role: &str) {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let fresh = honest();
    let mut stale = fresh.clone();
    spec_of(&mut stale, role).expires = PAST.to_owned();
    let stale = stale.build();
    attack.serve(&stale);
    let reason = format!("{role} expired at Wed Jan  1 00:00:00 UTC 2020");
    attack.refused_by_a_newcomer(&reason);
    // Who knows the repository refuses a later version that has expired.
    let (first, mut later) = (fresh.build(), fresh.clone());
    for spec in every_spec(&mut later) {
        spec.version += 1;
    }
    spec_of(&mut later, role).expires = PAST.to_owned();
    attack.serve(&first);
    attack.accepted();
    attack.serve(&later.build());
    attack.refused(&reason);
}

#[test]
fn freeze_with_an_expired_root() {
    freeze_with_expired("root");
}

#[test]
fn freeze_with_an_expired_timestamp() {
    freeze_with_expired("timestamp");
}

#[test]
fn freeze_with_an_expired_snapshot() {
    freeze_with_expired("snapshot");
}

#[test]
fn freeze_with_expired_targets() {
    freeze_with_expired("targets");
}

/// As Notary has it, what an expired delegation signed does not count; the rest of the repository does.
#[test]
fn freeze_with_an_expired_delegation() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let mut stale = honest();
    spec_of(&mut stale, "targets/releases").expires = PAST.to_owned();
    attack.serve(&stale.build());
    assert_eq!(attack.accepted(), ["v1"]);
    trust(&attack.victim, &["inspect", GUN])
        .success()
        .says("warning: signatures of targets/releases");
}

/// Files of two valid states of one repository, in every combination that either state did not have.
#[test]
fn mix_and_match() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let first = honest();
    let mut second = first.clone();
    second.names = vec!["v1".into(), "v3".into()];
    second.delegates[0].1.names = vec!["v2".into(), "v4".into()];
    for role in ["timestamp", "snapshot", "targets", "targets/releases"] {
        spec_of(&mut second, role).version = 2;
    }
    let first = first.build();
    let second = second.build_on(&first);
    for role in ["snapshot", "targets", "targets/releases"] {
        let mut mixed = second.clone();
        let bytes = first.by_role[role].clone();
        mixed.by_role.insert(role.to_owned(), bytes);
        attack.serve(&mixed);
        let reason = attack.unusable(role);
        attack.refused_by_a_newcomer(&reason);
    }
    attack.serve(&second);
    assert_eq!(attack.accepted(), ["v1", "v2", "v3", "v4"]);
}

/// A known repository under a stranger's root, at the known version and later.
#[test]
fn wrong_root() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    attack.serve(&honest().build());
    attack.accepted();
    let replaced = "could not rotate trust to a new trusted root: failed to validate data with current trusted certificates";
    for version in [1, 2, 3] {
        let mut stranger = honest();
        stranger.root.version = version;
        let mut files = stranger.build();
        for between in 1..version {
            stranger.root.version = between;
            files.roots.insert(between, stranger.root_file());
        }
        attack.serve(&files);
        attack.refused(replaced);
    }
}

/// The root of another repository, or one without a certificate, is no root of this one.
#[test]
fn wrong_root_on_first_use() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    for key in [Key::new().certified("example.com/other"), Key::new()] {
        let mut forge = honest();
        forge.root.keys(&[&key], 1);
        attack.serve(&forge.build());
        attack.refused_by_a_newcomer("could not validate the path to a trusted root");
    }
}

/// Neither the new keys alone nor the old ones alone make a new root; both do.
#[test]
fn a_root_signed_by_the_new_keys_only() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let old = honest();
    attack.serve(&old.build());
    attack.accepted();
    let mut new = old.clone();
    new.root.version = 2;
    new.root.keys(&[&Key::root()], 1);
    let both = |signers: &[&Rc<Key>]| {
        let mut forge = new.clone();
        forge.root.signers = signers.iter().map(|&key| key.clone()).collect();
        let mut files = forge.build();
        files.roots.extend(old.build().roots);
        files
    };
    let (before, after) = (&old.root.listed[0], &new.root.listed[0]);
    attack.serve(&both(&[after]));
    attack.refused("could not rotate trust to a new trusted root");
    attack.serve(&both(&[before]));
    attack.refused("valid signatures did not meet threshold for root");
    attack.serve(&both(&[before, after]));
    assert_eq!(attack.accepted(), ["v1", "v2"]);
}

fn under_threshold(role: &str) {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let mut forge = honest();
    let make = if role == "root" { Key::root } else { Key::new };
    let (first, second) = (make(), make());
    let spec = spec_of(&mut forge, role);
    spec.keys(&[&first, &second], 2);
    attack.serve(&forge.build());
    attack.accepted();
    // One signature is missing, is another role's, or is there twice.
    for signers in [
        vec![first.clone()],
        vec![first.clone(), make()],
        vec![first.clone(), first],
    ] {
        let mut short = forge.clone();
        spec_of(&mut short, role).signers = signers;
        attack.serve(&short.build());
        if role == "targets/releases" {
            let docker = attack.newcomer();
            let seen = trust(&docker, &["inspect", GUN]).success();
            assert_eq!(tags(&json_of(&seen)), ["v1"], "{seen}");
            seen.says("warning: signatures of targets/releases");
        } else {
            let reason = format!("valid signatures did not meet threshold for {role}");
            attack.refused_by_a_newcomer(&reason);
        }
    }
}

#[test]
fn under_threshold_of_the_root() {
    under_threshold("root");
}

#[test]
fn under_threshold_of_the_timestamp() {
    under_threshold("timestamp");
}

#[test]
fn under_threshold_of_the_snapshot() {
    under_threshold("snapshot");
}

#[test]
fn under_threshold_of_the_targets() {
    under_threshold("targets");
}

#[test]
fn under_threshold_of_a_delegation() {
    under_threshold("targets/releases");
}

/// Every file as a body that never ends. (`bad_input` has it for a real server.)
#[test]
fn endless_data() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let files = honest().build();
    for role in files.by_role.keys() {
        attack.serve(&files);
        let start = format!("/v2/{GUN}/_trust/tuf/{role}.");
        attack
            .server
            .on(move |_, path| path.starts_with(&start), Fault::Endless);
        attack.refused_by_a_newcomer(&attack.unusable(role)[..10]);
    }
}

/// A tag outside the paths of a delegation is not signed, whoever signs it.
#[test]
fn a_delegation_outside_its_paths() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let mut forge = honest();
    let releases = &mut forge.delegates[0].1;
    releases.paths = vec!["release-".into()];
    releases.names = vec!["latest".into(), "release-1".into()];
    attack.serve(&forge.build());
    assert_eq!(attack.accepted(), ["release-1", "v1"]);
    let latest = format!("{GUN}:latest");
    let seen = trust(&attack.victim, &["inspect", &latest]).success();
    assert_eq!(tags(&json_of(&seen)), [] as [String; 0]);
}

/// Two readers of one file must not see two things: a key that stands there twice, or once in another case.
#[test]
fn duplicate_json_keys() {
    let Some(peers) = Peers::locate() else { return };
    let attack = Attack::new(&peers);
    let forge = honest();
    let files = forge.build();
    type Change = fn(&str) -> String;
    let changes: [Change; 3] = [
        |payload| payload.replacen("{", r#"{"version":9,"#, 1),
        |payload| payload.replacen("{", r#"{"Version":9,"#, 1),
        |payload| {
            payload.replacen(
                r#""expires":"#,
                r#""expires":"2099-01-01T00:00:00Z","expires":"#,
                1,
            )
        },
    ];
    for change in changes {
        for (role, signer) in [
            ("timestamp", &forge.timestamp),
            ("snapshot", &forge.snapshot),
            ("targets", &forge.targets),
            ("targets/releases", &forge.delegates[0].1.spec),
        ] {
            let mut by_role = files.by_role.clone();
            let text = String::from_utf8(by_role[role].clone()).unwrap();
            let payload = text
                .strip_prefix(r#"{"signed":"#)
                .and_then(|text| text.rsplit_once(r#","signatures":"#))
                .unwrap()
                .0;
            by_role.insert(role.to_owned(), seal(&change(payload), &signer.signers));
            rebind(&forge, role, &mut by_role);
            attack.serve(&Files {
                by_role,
                roots: BTreeMap::new(),
            });
            attack.refused_by_a_newcomer(&attack.unusable(role));
        }
    }
}

/// Signs again what stands above a changed role.
fn rebind(forge: &Forge, role: &str, by_role: &mut BTreeMap<String, Vec<u8>>) {
    let changed = by_role[role].clone();
    if role == "timestamp" {
        return;
    }
    if role == "snapshot" {
        let meta = format!("\"snapshot\":{}", forge::describe(&changed));
        let payload = forge::meta_payload("Timestamp", &forge.timestamp, &meta);
        by_role.insert(
            "timestamp".to_owned(),
            seal(&payload, &forge.timestamp.signers),
        );
        return;
    }
    forge.bind(by_role);
}
