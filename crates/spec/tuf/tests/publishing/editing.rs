//! What an editor makes of a repository, compared with what `notary` made.

use std::collections::BTreeMap;
use std::rc::Rc;

use tuf::edit::{DelegationChange, EditError, Editor, InitialKeys, Lifetimes, SnapshotHolder};
use tuf::metadata::{Custom, FileMeta, Hashes, Parsed, Root, Signature, Snapshot, Targets};
use tuf::pins::Pins;
use tuf::server::UploadRefusal;
use tuf::trusted::{Need, Update};
use tuf::{Refusal, Role};

use crate::common::forge::{Files, GUN, Key};
use crate::common::{Cache, now};
use crate::{Repo, Ring, Server, delegation, meta, parts, role};

/// Replaces everything that differs between two repositories of one shape.
fn shape(bytes: &[u8]) -> String {
    let mut text = String::from_utf8(bytes.to_vec()).unwrap();
    for quote in [
        "\"keyid\":\"",
        "\"keyids\":[\"",
        "\"sig\":\"",
        "\"public\":\"",
        "\"expires\":\"",
        "\"sha256\":\"",
        "\"sha512\":\"",
    ] {
        let mut at = 0;
        while let Some(found) = text[at..].find(quote) {
            let start = at + found + quote.len();
            let end = start + text[start..].find('"').unwrap();
            text.replace_range(start..end, "");
            at = start;
        }
    }
    // The keys of a key map, and lengths.
    let mut out = String::new();
    for piece in text.split('"') {
        let hex = piece.len() == 64 && piece.bytes().all(|b| b.is_ascii_hexdigit());
        out.push_str(if hex { "ID" } else { piece });
        out.push('"');
    }
    out
}

#[test]
fn a_simple_repository_has_the_shape_that_notary_gives_it() {
    let repo = Repo::new(SnapshotHolder::Publisher);
    let golden = Cache::server("plain");
    let mut editor = repo.server.editor();
    editor.remove_target(&Role::Targets, "v1").unwrap();
    for name in ["latest", "v1.0", "v1.1"] {
        editor
            .add_target(
                &Role::Targets,
                name,
                FileMeta::new(14, Hashes::of(name.as_bytes()), None).unwrap(),
            )
            .unwrap();
    }
    let published = repo
        .ring()
        .publish(editor, SnapshotHolder::Publisher, now())
        .unwrap();
    let files = parts(published);
    let ours = |role: &Role| match role {
        Role::Root => shape(&repo.server.newest(&Role::Root).unwrap()),
        Role::Timestamp => shape(&repo.server.newest(&Role::Timestamp).unwrap()),
        role => shape(&files[role]).replace("\"version\":3", "\"version\":2"),
    };
    let length = |text: String| {
        let end = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap();
        text.split("\"length\":")
            .enumerate()
            .map(|(i, s)| if i == 0 { s } else { &s[end(s)..] })
            .collect::<String>()
    };
    for name in ["root", "targets", "snapshot", "timestamp"] {
        let (ours, theirs) = (
            length(ours(&role(name))),
            length(shape(&golden.current(name))),
        );
        // Key maps are sorted by id, so that the place of the one certificate among the root's keys differs.
        assert_eq!(
            ours.matches("ecdsa-x509").count(),
            theirs.matches("ecdsa-x509").count()
        );
        assert_eq!(
            ours.replace("ecdsa-x509", "ecdsa"),
            theirs.replace("ecdsa-x509", "ecdsa"),
            "{name}"
        );
    }
    for bytes in files.values() {
        assert!(!bytes.ends_with(b"\n"));
    }
}

#[test]
fn first_versions_are_those_of_notary() {
    let repo = Repo::new(SnapshotHolder::Publisher);
    let versions = |server: &Server| {
        server
            .all
            .iter()
            .map(|(r, v, _)| (r.to_string(), *v))
            .collect::<BTreeMap<_, _>>()
    };
    let expected = |snapshot| {
        [
            ("root", 1),
            ("snapshot", snapshot),
            ("targets", 2),
            ("timestamp", 1),
        ]
        .map(|(r, v)| (r.to_owned(), v))
        .into()
    };
    assert_eq!(versions(&repo.server), expected(2));
    assert_eq!(
        versions(&Repo::new(SnapshotHolder::Server).server),
        expected(1)
    );
    for (role, _, bytes) in &repo.server.all {
        let exact = match role {
            Role::Root => Parsed::<Root>::from_bytes(bytes)
                .unwrap()
                .is_exact_go_form(),
            Role::Targets => Parsed::<Targets>::from_bytes(bytes)
                .unwrap()
                .is_exact_go_form(),
            Role::Snapshot => Parsed::<Snapshot>::from_bytes(bytes)
                .unwrap()
                .is_exact_go_form(),
            _ => true,
        };
        assert!(exact, "{role}");
    }
    let targets =
        Parsed::<Targets>::from_bytes(&repo.server.newest(&Role::Targets).unwrap()).unwrap();
    assert_eq!(
        targets.unverified().expires.as_str(),
        "2029-11-20T00:00:00Z"
    );
}

#[test]
fn init_now_and_publish_later() {
    let (root, targets, snapshot, timestamp) = (Key::root(), Key::new(), Key::new(), Key::new());
    let one = |key: &Rc<Key>| vec![key.public.clone()];
    let keys = InitialKeys {
        root: one(&root),
        targets: one(&targets),
        snapshot: one(&snapshot),
        timestamp: one(&timestamp),
    };
    let ring = Ring::of(&[&root, &targets, &snapshot]);
    let local = Editor::init(&Files::gun(), keys).unwrap();
    let local = parts(
        ring.publish(local, SnapshotHolder::Publisher, now())
            .unwrap(),
    );
    let mut editor = Editor::from_unpublished(
        &Files::gun(),
        &local[&Role::Root],
        &local[&Role::Targets],
        local.get(&Role::Snapshot).map(|b| &b[..]),
    )
    .unwrap();
    editor.add_target(&Role::Targets, "v1", meta("v1")).unwrap();
    let mut server = Server::new(&[&timestamp]);
    let publication = ring
        .publish(editor.clone(), SnapshotHolder::Publisher, now())
        .unwrap();
    let versions: Vec<_> = publication
        .files()
        .iter()
        .map(|f| (f.role.to_string(), f.version))
        .collect();
    assert_eq!(
        versions,
        [
            ("root".to_owned(), 1),
            ("targets".to_owned(), 2),
            ("snapshot".to_owned(), 2)
        ]
    );
    assert_eq!(publication.files()[0].bytes, local[&Role::Root]);
    server.publish(publication).unwrap();
    assert_eq!(server.read(now()).unwrap().list(&[]).len(), 1);
    // Snapshot key handed to a server before the first publish: the root starts at 2.
    let held = Key::new();
    editor.rotate(&Role::Snapshot, one(&held)).unwrap();
    let mut server = Server::new(&[&timestamp, &held]);
    server
        .publish(ring.publish(editor, SnapshotHolder::Server, now()).unwrap())
        .unwrap();
    assert_eq!(server.read(now()).unwrap().snapshot().root().version(), 2);
    let refused = Editor::from_unpublished(
        &Files::gun(),
        &local[&Role::Root],
        &local[&Role::Snapshot],
        None,
    );
    assert!(matches!(
        refused,
        Err(Refusal::Malformed {
            role: Role::Targets,
            ..
        })
    ));
}

#[test]
fn targets_come_and_go() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let mut editor = repo.server.editor();
    assert_eq!(
        editor.add_target(&Role::Targets, "v1", meta("v1")),
        Ok(false)
    );
    assert_eq!(editor.remove_target(&Role::Targets, "v9"), Ok(false));
    assert!(!editor.is_dirty());
    let custom = Custom::parse(br#"{"b":1.0, "a":"<&\u00e9"}"#).unwrap();
    assert_eq!(
        custom.as_ref().unwrap().as_bytes(),
        "{\"a\":\"<&é\",\"b\":1}".as_bytes()
    );
    assert_eq!(Custom::parse(b"null").unwrap(), None);
    assert!(Custom::parse(br#"{"a":1.5}"#).is_err() && Custom::parse(br#""\n""#).is_err());
    let with_custom = FileMeta::new(3, Hashes::of(b"new"), custom).unwrap();
    assert_eq!(
        editor.add_target(&Role::Targets, "a<b>&\u{2028}", with_custom),
        Ok(true)
    );
    assert_eq!(editor.remove_target(&Role::Targets, "v1"), Ok(true));
    let newline = editor.add_target(&Role::Targets, "a\nb", meta(""));
    assert_eq!(
        newline,
        Err(EditError::ControlCharacter {
            name: "a\nb".into()
        })
    );
    assert_eq!(
        editor.add_target(&Role::Snapshot, "x", meta("")),
        Err(EditError::UnknownRole {
            role: Role::Snapshot
        })
    );
    repo.publish(editor).unwrap();
    assert_eq!(repo.names(), ["a<b>&\u{2028}@targets"]);
    let stored = repo.server.newest(&Role::Targets).unwrap();
    assert!(
        String::from_utf8(stored)
            .unwrap()
            .contains(r#""a\u003cb\u003e\u0026\u2028":{"custom":{"a":"\u003c\u0026é","b":1}"#)
    );
}

#[test]
fn delegations_are_made_used_changed_and_ended() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let (alice, bob) = (Key::new(), Key::new());
    let releases = delegation("targets/releases");
    let mut editor = repo.server.editor();
    let change = DelegationChange {
        add_keys: vec![alice.public.clone(), bob.public.clone()],
        add_paths: vec!["v".into(), "v".into()],
        threshold: Some(2),
        ..DelegationChange::default()
    };
    let nobody = editor.delegate(&releases, &DelegationChange::default());
    assert!(matches!(nobody, Err(EditError::NoKeys { .. })));
    let too_many = editor.delegate(
        &releases,
        &DelegationChange {
            threshold: Some(3),
            ..change.clone()
        },
    );
    assert!(matches!(
        too_many,
        Err(EditError::Threshold {
            threshold: 3,
            keys: 2,
            ..
        })
    ));
    editor.delegate(&releases, &change).unwrap();
    let nested = delegation("targets/releases/nested");
    let below = DelegationChange {
        add_keys: vec![bob.public.clone()],
        add_paths: vec!["v2/".into(), "w".into()],
        ..Default::default()
    };
    repo.publish(editor).unwrap();

    // The delegates publish without the repository's keys.
    let releases_role = Role::from(releases.clone());
    let mut editor = repo.server.editor();
    editor.add_target(&releases_role, "v2", meta("v2")).unwrap();
    let outside = editor.add_target(&releases_role, "w", meta(""));
    assert!(matches!(outside, Err(EditError::OutsidePaths { .. })));
    editor.delegate(&nested, &below).unwrap();
    editor
        .add_target(&nested.clone().into(), "v2/x", meta("x"))
        .unwrap();
    // Outside of the delegator's paths.
    let outside = editor.add_target(&nested.clone().into(), "w", meta("x"));
    assert!(matches!(outside, Err(EditError::OutsidePaths { .. })));
    let alone = Ring::of(&[&bob])
        .publish(editor.clone(), SnapshotHolder::Server, now())
        .unwrap_err();
    assert!(
        matches!(
            alone,
            EditError::MissingSignatures {
                have: 1,
                need: 2,
                ..
            }
        ),
        "{alone}"
    );
    let both = Ring::of(&[&bob, &alice])
        .publish(editor, SnapshotHolder::Server, now())
        .unwrap();
    repo.server.publish(both).unwrap();
    assert_eq!(
        repo.names(),
        [
            "v1@targets",
            "v2@targets/releases",
            "v2/x@targets/releases/nested"
        ]
    );

    // Removing a key orphans the file that was signed with it, until somebody witnesses it.
    let mut editor = repo.server.editor();
    let change = DelegationChange {
        threshold: Some(1),
        ..Default::default()
    };
    editor.delegate(&releases, &change).unwrap();
    let mut purged = editor.purge_keys(&[bob.secret.canonical_id()]).unwrap();
    purged.sort();
    assert_eq!(purged, [releases.clone(), nested.clone()]);
    assert_eq!(editor.orphaned_roles(), [Role::from(nested.clone())]);
    let ring = Ring::of(&[&repo.targets, &alice]);
    let published = ring.publish(editor, SnapshotHolder::Server, now()).unwrap();
    let text = String::from_utf8(parts(published.clone())[&releases_role].clone()).unwrap();
    assert!(text.contains(r#""delegations":{"keys":{},"roles":[{"keyids":null,"name":"targets/releases/nested","paths":["v2/","w"],"threshold":1}]}"#));
    repo.server.publish(published).unwrap();
    assert_eq!(repo.names(), ["v1@targets", "v2@targets/releases"]);

    let mut editor = repo.server.editor();
    let replaced = DelegationChange {
        add_keys: vec![alice.public.clone()],
        ..Default::default()
    };
    editor.delegate(&nested, &replaced).unwrap();
    let stale = editor.add_target(&nested.clone().into(), "v2/y", meta("y"));
    assert!(matches!(stale, Err(EditError::NeedsWitness { .. })));
    editor.witness(&nested.clone().into()).unwrap();
    editor
        .add_target(&nested.into(), "v2/y", meta("y"))
        .unwrap();
    let ring = Ring::of(&[&alice]);
    repo.server
        .publish(ring.publish(editor, SnapshotHolder::Server, now()).unwrap())
        .unwrap();
    assert_eq!(
        repo.names(),
        [
            "v1@targets",
            "v2@targets/releases",
            "v2/x@targets/releases/nested",
            "v2/y@targets/releases/nested"
        ]
    );

    let mut editor = repo.server.editor();
    assert_eq!(
        editor.remove_delegation(&delegation("targets/none")),
        Ok(false)
    );
    assert_eq!(editor.remove_delegation(&releases), Ok(true));
    assert!(editor.published(&releases_role).is_none());
    repo.publish(editor).unwrap();
    assert_eq!(repo.names(), ["v1@targets"]);
    let text = String::from_utf8(repo.server.newest(&Role::Targets).unwrap()).unwrap();
    assert!(text.contains(r#""delegations":{"keys":{},"roles":null}"#));
}

#[test]
fn keys_rotate_and_old_clients_follow() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let old_root = repo.server.newest(&Role::Root).unwrap();
    let (root, targets) = (Key::root(), Key::new());
    let mut editor = repo.server.editor();
    editor
        .rotate(&Role::Root, vec![root.public.clone()])
        .unwrap();
    editor
        .rotate(&Role::Targets, vec![targets.public.clone()])
        .unwrap();
    let without_old =
        Ring::of(&[&root, &targets]).publish(editor.clone(), SnapshotHolder::Server, now());
    assert!(matches!(
        without_old,
        Err(EditError::MissingSignatures {
            role: Role::Root,
            have: 0,
            need: 1,
            ..
        })
    ));
    let without_new =
        Ring::of(&[&repo.root, &targets]).publish(editor.clone(), SnapshotHolder::Server, now());
    assert!(matches!(
        without_new,
        Err(EditError::MissingSignatures {
            role: Role::Root,
            ..
        })
    ));
    let ring = Ring::of(&[&root, &targets, &repo.root]);
    let published = ring.publish(editor, SnapshotHolder::Server, now()).unwrap();
    repo.server.publish(published).unwrap();
    let trusted = repo.server.read(now()).unwrap();
    let signed = trusted.snapshot().root().root();
    assert!(
        signed.keys.contains_key(&repo.root.public.tuf_id()),
        "old root certificates stay"
    );
    assert!(
        !signed.keys.contains_key(&repo.targets.public.tuf_id()),
        "old targets keys go"
    );
    assert_eq!(trusted.snapshot().root().file().signatures().len(), 2);
    let mut update = Update::start(&Files::gun(), Pins::none(), Some(&old_root), now()).unwrap();
    let mut accepted = Vec::new();
    while let Some(need) = update.need() {
        let bytes = match &need {
            Need::File(wanted) => repo
                .server
                .all
                .iter()
                .find(|(_, _, b)| wanted.is(b))
                .unwrap()
                .2
                .clone(),
            need => repo.server.newest(&need.role()).unwrap(),
        };
        accepted.push(update.feed(&bytes).unwrap());
    }
    assert!(accepted.contains(&false), "the snapshot names another root");
    assert_eq!(update.finish().unwrap().snapshot().root().version(), 2);
}

#[test]
fn bad_signatures_are_never_published() {
    let repo = Repo::new(SnapshotHolder::Server);
    let mut editor = repo.server.editor();
    editor.add_target(&Role::Targets, "v2", meta("v2")).unwrap();
    let signing = editor
        .sign(SnapshotHolder::Server, &Lifetimes::default(), now())
        .unwrap();
    let job = &signing.jobs()[0];
    let mut good = repo.ring().sign(job);
    assert_eq!(good.len(), 1);
    let stranger = Key::new();
    let sig = stranger.secret.sign(job.payload()).unwrap();
    let foreign = Signature {
        keyid: stranger.public.tuf_id(),
        method: sig.method,
        sig: sig.bytes,
    };
    assert!(matches!(
        job.finish(&[foreign]),
        Err(EditError::BadSignature { .. })
    ));
    let twice = [good.clone(), good.clone()].concat();
    let file = Parsed::<Targets>::from_bytes(&job.finish(&twice).unwrap().bytes).unwrap();
    assert_eq!(file.signatures().len(), 1);
    good[0].sig[0] ^= 1;
    assert!(matches!(
        job.finish(&good),
        Err(EditError::BadSignature { .. })
    ));
    assert!(matches!(
        job.finish(&[]),
        Err(EditError::MissingSignatures {
            have: 0,
            need: 1,
            ..
        })
    ));
    assert_eq!(GUN, "example.com/app");
}

#[test]
fn a_published_file_that_was_not_loaded_cannot_be_overwritten() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let alice = Key::new();
    let name = delegation("targets/alice");
    let mut editor = repo.server.editor();
    let change = DelegationChange {
        add_keys: vec![alice.public.clone()],
        add_paths: vec![String::new()],
        ..Default::default()
    };
    editor.delegate(&name, &change).unwrap();
    editor
        .add_target(&name.clone().into(), "a", meta("a"))
        .unwrap();
    let ring = Ring::of(&[&repo.targets, &alice]);
    repo.server
        .publish(ring.publish(editor, SnapshotHolder::Server, now()).unwrap())
        .unwrap();
    let snapshot = repo.server.read(now()).unwrap().snapshot().clone();
    let mut partial = snapshot
        .targets(&repo.server.newest(&Role::Targets).unwrap(), 1, now())
        .unwrap();
    let mut editor = Editor::from_trusted(&partial);
    let refused = editor.add_target(&name.clone().into(), "b", meta("b"));
    assert_eq!(
        refused,
        Err(EditError::NotLoaded {
            role: name.clone().into()
        })
    );
    let wanted = partial.next_delegation().unwrap();
    partial
        .delegation(&repo.server.newest(&wanted.role).unwrap(), 1, now())
        .unwrap();
    assert_eq!(
        Editor::from_trusted(&partial).add_target(&name.into(), "b", meta("b")),
        Ok(true)
    );
}

#[test]
fn a_role_delegated_again_goes_on_above_its_former_versions() {
    let mut repo = Repo::new(SnapshotHolder::Publisher);
    let alice = Key::new();
    let name = delegation("targets/alice");
    let role = Role::from(name.clone());
    let ring = Ring::of(&[&repo.targets, &repo.snapshot, &alice]);
    let change = DelegationChange {
        add_keys: vec![alice.public.clone()],
        add_paths: vec![String::new()],
        ..Default::default()
    };
    let mut editor = repo.server.editor();
    editor.delegate(&name, &change).unwrap();
    editor.add_target(&role, "a", meta("a")).unwrap();
    repo.server
        .publish(
            ring.publish(editor, SnapshotHolder::Publisher, now())
                .unwrap(),
        )
        .unwrap();
    let mut editor = repo.server.editor();
    editor.remove_delegation(&name).unwrap();
    editor.delegate(&name, &change).unwrap();
    editor.add_target(&role, "b", meta("b")).unwrap();
    let conflict = ring
        .publish(editor.clone(), SnapshotHolder::Publisher, now())
        .unwrap();
    let refused = repo.server.publish(conflict).unwrap_err();
    assert_eq!(
        refused,
        UploadRefusal::Version {
            role: role.clone(),
            stored: 1,
            got: 1
        }
    );
    editor.raise_version(&role, 1).unwrap();
    repo.server
        .publish(
            ring.publish(editor, SnapshotHolder::Publisher, now())
                .unwrap(),
        )
        .unwrap();
    assert_eq!(repo.names(), ["b@targets/alice", "v1@targets"]);
}
