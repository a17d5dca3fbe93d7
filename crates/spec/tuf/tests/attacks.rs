//! The attack table: one named test per line, each against the whole client update.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::rc::Rc;

use common::forge::{Files, Forge, Key, delegate, describe, meta_payload, seal, targets_payload};
use common::now;
use jiff::Timestamp;
use tuf::json::JsonError;
use tuf::limits::{MAX_JSON_DEPTH, MAX_TIMESTAMP_BYTES};
use tuf::metadata::{Malformed, Structure};
use tuf::pins::Pins;
use tuf::{Refusal, Role};

fn role(name: &str) -> Role {
    Role::parse(name).unwrap()
}

fn names(files: &Files) -> Vec<String> {
    files
        .update(None, now())
        .unwrap()
        .list(&[])
        .iter()
        .map(|t| format!("{}@{}", t.name(), t.role()))
        .collect()
}

#[test]
fn an_honest_repository_is_accepted() {
    let mut forge = Forge::new();
    forge.delegate("targets/releases", &[""], &["v2"]);
    let files = forge.build();
    assert_eq!(names(&files), ["v1@targets", "v2@targets/releases"]);
    assert!(files.update(Some(&files), now()).is_ok());
}

#[test]
fn rollback_of_timestamp_snapshot_targets_and_delegation() {
    let mut old = Forge::new();
    old.delegate("targets/releases", &[""], &["v2"]);
    type Pick = fn(&mut Forge) -> &mut u64;
    let picks: [(&str, Pick); 4] = [
        ("timestamp", |f| &mut f.timestamp.version),
        ("snapshot", |f| &mut f.snapshot.version),
        ("targets", |f| &mut f.targets.version),
        ("targets/releases", |f| &mut f.delegates[0].1.spec.version),
    ];
    for (name, version) in picks {
        let mut new = old.clone();
        *version(&mut new) = 7;
        let old = old.build();
        let new = new.build_on(&old);
        assert!(new.update(Some(&old), now()).is_ok());
        let refused = old.update(Some(&new), now()).unwrap_err();
        assert_eq!(
            refused,
            Refusal::VersionRollback {
                role: role(name),
                seen: 7,
                got: 1
            }
        );
        assert_eq!(
            refused.to_string(),
            "version 1 is lower than current version 7"
        );
    }
}

#[test]
fn rollback_of_the_root() {
    let old = Forge::new();
    let mut new = old.clone();
    new.root.version = 3;
    // The snapshot names the old root, so that the client looks for it.
    let refused = old.build().update(Some(&new.build()), now()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::VersionRollback {
            role: Role::Root,
            seen: 3,
            got: 1
        }
    );
}

#[test]
fn freeze_every_role_expired() {
    let past = "2026-11-20T23:59:59.999999999Z";
    type Pick = fn(&mut Forge) -> &mut String;
    let picks: [(&str, Pick); 4] = [
        ("root", |f| &mut f.root.expires),
        ("timestamp", |f| &mut f.timestamp.expires),
        ("snapshot", |f| &mut f.snapshot.expires),
        ("targets", |f| &mut f.targets.expires),
    ];
    for (name, expires) in picks {
        let mut forge = Forge::new();
        *expires(&mut forge) = past.into();
        let files = forge.build();
        for cached in [None, Some(&files)] {
            let refused = files.update(cached, now()).unwrap_err();
            assert!(
                matches!(&refused, Refusal::Expired { role, .. } if *role == self::role(name)),
                "{refused:?}"
            );
            assert_eq!(
                refused.to_string(),
                format!("{name} expired at Fri Nov 20 23:59:59 UTC 2026")
            );
        }
        *expires(&mut forge) = "2026-11-21T00:00:00Z".into();
        assert!(
            forge.build().update(None, now()).is_ok(),
            "the very instant is valid"
        );
    }
}

#[test]
fn an_expired_root_is_replaced_by_its_successor() {
    let mut old = Forge::new();
    old.root.expires = "2026-01-01T00:00:00Z".into();
    let mut new = old.clone();
    (new.root.version, new.root.expires) = (2, common::forge::LATER.into());
    assert_eq!(
        new.build()
            .update(Some(&old.build()), now())
            .unwrap()
            .snapshot()
            .root()
            .version(),
        2
    );
}

#[test]
fn an_expired_or_unsigned_delegation_is_skipped_with_all_below_it() {
    let stranger = Key::new();
    for skipped in ["expired", "unsigned"] {
        let mut forge = Forge::new();
        forge.delegate("targets/a", &[""], &["a"]);
        forge.delegates[0]
            .1
            .children
            .push(("targets/a/b".into(), delegate(&[""], &["b"])));
        forge.delegate("targets/c", &[""], &["c"]);
        assert_eq!(
            names(&forge.build()),
            ["a@targets/a", "b@targets/a/b", "c@targets/c", "v1@targets"]
        );
        let spec = &mut forge.delegates[0].1.spec;
        match skipped {
            "expired" => spec.expires = "2026-01-01T00:00:00Z".into(),
            _ => spec.signers = vec![stranger.clone()],
        }
        let files = forge.build();
        assert_eq!(names(&files), ["c@targets/c", "v1@targets"]);
        let trusted = files.update(None, now()).unwrap();
        let (role, reason) = trusted.skipped().first_key_value().unwrap();
        assert_eq!(role.as_str(), "targets/a");
        assert!(reason.refusal.skips_delegation());
    }
}

#[test]
fn mix_and_match_of_two_valid_snapshots() {
    let old = Forge::new().clone();
    let mut new = old.clone();
    new.targets.version = 2;
    new.names.push("v2".into());
    let (old, new) = (old.build(), new.build());
    for (taken, expected) in [("snapshot", "snapshot"), ("targets", "targets")] {
        let mut mixed = new.clone();
        mixed
            .by_role
            .insert(taken.into(), old.by_role[taken].clone());
        let refused = mixed.update(None, now()).unwrap_err();
        assert!(
            matches!(&refused, Refusal::HashMismatch { role, .. } | Refusal::LengthMismatch { role, .. }
                if role.as_str() == expected),
            "{refused:?}"
        );
    }
}

#[test]
fn every_listed_hash_must_match() {
    let forge = Forge::new();
    let mut files = forge.build();
    let snapshot = files.by_role["snapshot"].clone();
    let wrong =
        describe(&snapshot).replace("\"}", &format!("\",\"sha512\":\"{}==\"}}", "A".repeat(86)));
    let payload = meta_payload(
        "Timestamp",
        &forge.timestamp,
        &format!("\"snapshot\":{wrong}"),
    );
    files
        .by_role
        .insert("timestamp".into(), seal(&payload, &forge.timestamp.signers));
    let refused = files.update(None, now()).unwrap_err();
    assert!(
        matches!(
            refused,
            Refusal::HashMismatch {
                algorithm: "sha512",
                ..
            }
        ),
        "{refused:?}"
    );
}

#[test]
fn wrong_root_of_a_stranger_and_of_another_gun() {
    let (ours, theirs) = (Forge::new(), Forge::new());
    let refused = theirs
        .build()
        .update(Some(&ours.build()), now())
        .unwrap_err();
    assert_eq!(refused, Refusal::RootReplaced { version: 1 });
    let mut next = Forge::new();
    next.root.version = 2;
    let refused = next.build().update(Some(&ours.build()), now()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::RootNotSignedByPrevious {
            trusted: 1,
            got: 2,
            have: 0,
            need: 1
        }
    );
    assert_eq!(
        refused.to_string(),
        "could not rotate trust to a new trusted root: failed to validate data with current trusted certificates"
    );
    let mut other = Forge::new();
    other
        .root
        .keys(&[&Key::new().certified("example.com/other")], 1);
    assert!(matches!(
        other.build().update(None, now()),
        Err(Refusal::BadRootCertificate { .. })
    ));
    let mut bare = Forge::new();
    bare.root.keys(&[&Key::new()], 1);
    assert!(matches!(
        bare.build().update(None, now()),
        Err(Refusal::BadRootCertificate { .. })
    ));
}

#[test]
fn a_root_signed_by_the_new_keys_only() {
    let old = Forge::new();
    let mut new = old.clone();
    new.root.version = 2;
    new.root.keys(&[&Key::root()], 1);
    let refused = new.build().update(Some(&old.build()), now()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::RootNotSignedByPrevious {
            trusted: 1,
            got: 2,
            have: 0,
            need: 1
        }
    );
    // By the old keys only is no better.
    new.root.signers = old.root.signers.clone();
    let refused = new.build().update(Some(&old.build()), now()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::ThresholdUnmet {
            role: Role::Root,
            have: 0,
            need: 1
        }
    );
    new.root.signers.extend(new.root.listed.clone());
    assert!(new.build().update(Some(&old.build()), now()).is_ok());
}

#[test]
fn a_root_chain_with_a_forged_link_or_a_gap() {
    let (first, second, third, stranger) = (Forge::new(), Key::root(), Key::root(), Key::root());
    let step = |version: u64, key: &Rc<Key>, before: &Rc<Key>| {
        let mut forge = first.clone();
        forge.root.version = version;
        forge.root.keys(&[key], 1);
        forge.root.signers.push(before.clone());
        forge
    };
    let two = step(2, &second, &first.root.listed[0]);
    let three = step(3, &third, &second);
    let mut served = three.build();
    served.roots.insert(2, two.root_file());
    let trusted = served.update(Some(&first.build()), now()).unwrap();
    assert_eq!(trusted.snapshot().root().version(), 3);
    served
        .roots
        .insert(2, step(2, &second, &stranger).root_file());
    let refused = served.update(Some(&first.build()), now()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::RootNotSignedByPrevious {
            trusted: 1,
            got: 2,
            have: 0,
            need: 1
        }
    );
    served.roots.insert(2, three.root_file());
    let refused = served.update(Some(&first.build()), now()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::RootVersion {
            expected: 2,
            got: 3
        }
    );
    let refused = step(1_000_000, &third, &second)
        .build()
        .update(Some(&first.build()), now())
        .unwrap_err();
    assert_eq!(
        refused,
        Refusal::TooManyRotations {
            trusted: 1,
            got: 1_000_000,
            limit: 1024
        }
    );
}

#[test]
fn an_intermediate_root_may_have_expired_and_the_newest_may_not() {
    let (first, second, third) = (Forge::new(), Key::root(), Key::root());
    let mut two = first.clone();
    (two.root.version, two.root.expires) = (2, "2026-01-01T00:00:00Z".into());
    two.root.keys(&[&second], 1);
    two.root.signers.push(first.root.listed[0].clone());
    let mut three = first.clone();
    three.root.version = 3;
    three.root.keys(&[&third], 1);
    three.root.signers.push(second);
    let mut served = three.build();
    served.roots.insert(2, two.root_file());
    assert!(served.update(Some(&first.build()), now()).is_ok());
    three.root.expires = "2026-01-01T00:00:00Z".into();
    let mut served = three.build();
    served.roots.insert(2, two.root_file());
    let refused = served.update(Some(&first.build()), now()).unwrap_err();
    assert!(matches!(
        refused,
        Refusal::Expired {
            role: Role::Root,
            ..
        }
    ));
}

#[test]
fn under_threshold_for_every_role() {
    type Pick = fn(&mut Forge) -> &mut common::forge::Spec;
    let picks: [(&str, Pick); 4] = [
        ("root", |f| &mut f.root),
        ("timestamp", |f| &mut f.timestamp),
        ("snapshot", |f| &mut f.snapshot),
        ("targets", |f| &mut f.targets),
    ];
    for (name, spec) in picks {
        let mut forge = Forge::new();
        let make = || {
            if name == "root" {
                Key::root()
            } else {
                Key::new()
            }
        };
        let (one, two, three) = (make(), make(), make());
        spec(&mut forge).keys(&[&one, &two, &three], 2);
        spec(&mut forge).signers = vec![three.clone(), one.clone()];
        assert!(forge.build().update(None, now()).is_ok());
        spec(&mut forge).signers = vec![one.clone(), one.clone(), Key::new()];
        let refused = forge.build().update(None, now()).unwrap_err();
        assert_eq!(
            refused,
            Refusal::ThresholdUnmet {
                role: role(name),
                have: 1,
                need: 2
            }
        );
        let words = match name {
            "root" => "could not validate the path to a trusted root: failed to validate integrity of roots".to_owned(),
            name => format!("valid signatures did not meet threshold for {name}"),
        };
        assert_eq!(refused.to_string(), words);
        spec(&mut forge).signers.clear();
        assert_eq!(
            forge.build().update(None, now()).unwrap_err(),
            Refusal::NoSignatures { role: role(name) }
        );
    }
}

#[test]
fn threshold_2_is_not_met_by_one_key_under_two_ids() {
    let key = Key::new();
    let again = key.certified("anything");
    assert_ne!(key.public.tuf_id(), again.public.tuf_id());
    let mut forge = Forge::new();
    forge.targets.keys(&[&key, &again], 2);
    let refused = forge.build().update(None, now()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::ThresholdUnmet {
            role: Role::Targets,
            have: 1,
            need: 2
        }
    );
}

#[test]
fn a_delegation_signs_outside_its_paths() {
    let mut forge = Forge::new();
    forge.delegate("targets/a", &["prod/", "x"], &["prod/1", "stolen", "xy"]);
    forge.delegates[0].1.children.push((
        "targets/a/b".into(),
        delegate(&["prod/b", ""], &["prod/b1", "prod/c", "free"]),
    ));
    forge.delegate("targets/none", &[], &["nothing"]);
    let files = forge.build();
    assert_eq!(
        names(&files),
        [
            "prod/1@targets/a",
            "prod/b1@targets/a/b",
            "v1@targets",
            "xy@targets/a"
        ]
    );
    let trusted = files.update(None, now()).unwrap();
    for name in ["stolen", "free", "nothing", "prod/c"] {
        assert_eq!(trusted.lookup(name, &[]), None, "{name}");
        assert_eq!(
            trusted.lookup(
                name,
                &[role("targets/a"), role("targets/a/b"), role("targets/none")]
            ),
            None
        );
        assert!(trusted.entries(Some(name)).is_empty());
    }
    assert_eq!(
        trusted
            .lookup("prod/b1", &[role("targets/a/b")])
            .unwrap()
            .role(),
        &role("targets/a/b")
    );
}

#[test]
fn a_role_delegates_to_roles_that_are_not_its_children() {
    for name in ["targets/a/b", "targets/releases/x"] {
        let mut forge = Forge::new();
        forge.delegate(name, &[""], &[]);
        let mut files = forge.build();
        files.by_role.remove(name);
        forge.bind(&mut files.by_role);
        let refused = files.update(None, now()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("targets type metadata invalid: delegation role {name} invalid")
        );
    }
    let mut forge = Forge::new();
    forge.delegate("targets/a", &[""], &[]);
    forge.delegate("targets/a", &[""], &[]);
    let refused = forge.build().update(None, now()).unwrap_err();
    assert!(matches!(
        refused,
        Refusal::Structure {
            source: Structure::DuplicateDelegation { .. },
            ..
        }
    ));
}

/// A repository whose targets payload is changed as text before it is signed.
fn with_targets(change: impl Fn(String) -> String) -> Result<(), Refusal> {
    let forge = Forge::new();
    let mut files = forge.build();
    let payload = change(targets_payload(&forge.targets, &forge.names, &[]));
    files
        .by_role
        .insert("targets".into(), seal(&payload, &forge.targets.signers));
    forge.bind(&mut files.by_role);
    files.update(None, now()).map(drop)
}

fn malformed(result: Result<(), Refusal>) -> Malformed {
    match result {
        Err(Refusal::Malformed {
            role: Role::Targets,
            source,
        }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn duplicate_json_keys_and_case_variants() {
    let twice = |text: String| text.replace("\"version\":1}", "\"version\":1,\"version\":1}");
    assert_eq!(
        malformed(with_targets(twice)),
        Malformed::Json(JsonError::DuplicateKey {
            key: "version".into()
        })
    );
    for variant in ["Version", "VERSION", "ver\u{17f}ion"] {
        let variant = |text: String| {
            text.replace(
                "\"version\":1}",
                &format!("\"version\":1,\"{variant}\":9}}"),
            )
        };
        assert!(matches!(
            malformed(with_targets(variant)),
            Malformed::FieldCase {
                field: "version",
                ..
            }
        ));
    }
    let unknown =
        |text: String| text.replace("\"version\":1}", "\"version\":1,\"x\":{\"Targets\":1}}");
    assert_eq!(
        with_targets(unknown),
        Ok(()),
        "unknown fields are signed and allowed"
    );
}

#[test]
fn malformed_files() {
    let replaced = |from: &'static str, to: &'static str| {
        malformed(with_targets(|text| text.replace(from, to)))
    };
    assert!(matches!(
        replaced("\"Targets\"", "\"targets\""),
        Malformed::MetadataType {
            expected: "Targets",
            ..
        }
    ));
    assert!(matches!(
        replaced("\"version\":1}", "\"version\":1.5}"),
        Malformed::Json(JsonError::Fraction { .. })
    ));
    assert!(matches!(
        replaced("\"version\":1}", "\"version\":-1}"),
        Malformed::WrongType { .. }
    ));
    assert!(matches!(
        replaced("2027-06-01T00", "2027-06-01 00"),
        Malformed::Time { .. }
    ));
    assert!(matches!(
        replaced("\"keys\":{}", "\"keys\":[]"),
        Malformed::WrongType { field: "keys", .. }
    ));
    assert!(matches!(
        replaced("\"sha256\":\"", "\"sha256\":\"*"),
        Malformed::Base64 { .. }
    ));
    let zero = with_targets(|text| text.replace("\"version\":1}", "\"version\":0}")).unwrap_err();
    assert_eq!(
        zero.to_string(),
        "targets type metadata invalid: version cannot be less than one"
    );
}

#[test]
fn a_key_under_the_id_of_another() {
    let (listed, real) = (Key::new(), Key::new());
    let mut forge = Forge::new();
    forge.targets.keys(&[&real], 1);
    let payload = forge.root_payload().replace(
        &real.public.tuf_id().to_string(),
        &listed.public.tuf_id().to_string(),
    );
    let mut files = forge.build();
    files
        .by_role
        .insert("root".into(), seal(&payload, &forge.root.signers));
    let refused = files.update(None, now()).unwrap_err();
    assert!(matches!(
        refused,
        Refusal::Malformed {
            role: Role::Root,
            source: Malformed::KeyId { .. }
        }
    ));
}

#[test]
fn endless_data_and_deep_nesting() {
    let mut files = Forge::new().build();
    files.by_role.insert(
        "timestamp".into(),
        vec![b' '; usize::try_from(MAX_TIMESTAMP_BYTES).unwrap() + 1],
    );
    assert!(matches!(
        files.update(None, now()),
        Err(Refusal::TooLarge {
            role: Role::Timestamp,
            ..
        })
    ));
    let mut files = Forge::new().build();
    files.by_role.get_mut("targets").unwrap().push(b'\n');
    assert!(matches!(
        files.update(None, now()),
        Err(Refusal::LengthMismatch {
            role: Role::Targets,
            ..
        })
    ));
    let deep = format!(
        "\"version\":1,\"x\":{}{}}}",
        "[".repeat(MAX_JSON_DEPTH),
        "]".repeat(MAX_JSON_DEPTH)
    );
    let deep = malformed(with_targets(|text| text.replace("\"version\":1}", &deep)));
    assert_eq!(
        deep,
        Malformed::Json(JsonError::Depth {
            limit: MAX_JSON_DEPTH
        })
    );
}

#[test]
fn a_pin_covers_a_rotated_root_too() {
    let old = Forge::new();
    let mut new = old.clone();
    let key = Key::root();
    new.root.version = 2;
    new.root.keys(&[&key], 1);
    new.root.signers.push(old.root.listed[0].clone());
    let pin = |key: &Rc<Key>| {
        Pins::none().with_certificates(common::forge::GUN, vec![key.public.tuf_id()])
    };
    let (old_files, new_files) = (old.build(), new.build());
    let run = |pins| {
        new_files
            .update_pinned(Some(&old_files), pins, now())
            .map(drop)
    };
    assert_eq!(
        run(pin(&old.root.listed[0])),
        Err(Refusal::PinMismatch { gun: Files::gun() })
    );
    // The cached root no longer passes, its successor does.
    assert_eq!(run(pin(&key)), Ok(()));
}

#[test]
fn an_expired_certificate_ends_a_first_root_and_not_a_succession() {
    let old = Forge::new();
    let mut new = old.clone();
    new.root.version = 2;
    let far: Timestamp = "2037-06-01T00:00:00Z".parse().unwrap();
    for forge in [&mut new] {
        for spec in [
            &mut forge.root,
            &mut forge.targets,
            &mut forge.snapshot,
            &mut forge.timestamp,
        ] {
            spec.expires = "2040-01-01T00:00:00Z".into();
        }
    }
    assert!(matches!(
        new.build().update(None, far),
        Err(Refusal::BadRootCertificate { .. })
    ));
    // A new certificate for the new root, made ten years on; the old one vouches although it has expired.
    let secret = pki::signing::SigningKey::generate_ecdsa_p256().unwrap();
    let pem = pki::certificate::self_signed_root(common::forge::GUN, &secret, far).unwrap();
    let public = pki::certificate::CertificateBundle::parse_pem(pem.as_bytes())
        .unwrap()
        .public_key()
        .unwrap();
    new.root.keys(&[&Rc::new(Key { secret, public })], 1);
    new.root.signers.push(old.root.listed[0].clone());
    assert!(new.build().update(Some(&old.build()), far).is_ok());
}
