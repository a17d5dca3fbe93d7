//! What the server takes, renews and refuses.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::SignedDuration;
use tuf::edit::{Editor, InitialKeys, SnapshotHolder};
use tuf::metadata::{Parsed, Targets};
use tuf::pins::Pins;
use tuf::server::{Area, Cause, RenewRefusal, UploadRefusal, roles_needed};
use tuf::trusted::Update;
use tuf::{Refusal, Role};

use crate::common::forge::{Files, Key};
use crate::common::now;
use crate::{Repo, Ring, Server, meta, parts, role};

#[test]
fn a_stale_snapshot_of_the_publisher_is_a_conflict_whatever_it_describes() {
    let mut repo = Repo::new(SnapshotHolder::Publisher);
    let mut one = repo.server.editor();
    let mut two = one.clone();
    one.add_target(&Role::Targets, "one", meta("1")).unwrap();
    two.renew_root();
    let mut send = |editor| {
        let made = repo
            .ring()
            .publish(editor, SnapshotHolder::Publisher, now());
        repo.server.publish(made.unwrap())
    };
    send(one).unwrap();
    assert_eq!(
        send(two),
        Err(UploadRefusal::Version {
            role: Role::Snapshot,
            stored: 3,
            got: 3
        })
    );
}

#[test]
fn stale_uploads_conflict_and_take_overs_are_refused() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let mut one = repo.server.editor();
    let mut two = one.clone();
    one.add_target(&Role::Targets, "one", meta("1")).unwrap();
    two.add_target(&Role::Targets, "two", meta("2")).unwrap();
    repo.publish(one).unwrap();
    assert_eq!(
        repo.publish(two),
        Err(UploadRefusal::Version {
            role: Role::Targets,
            stored: 3,
            got: 3
        })
    );

    // A stranger with push rights and, worst of all, the snapshot key: the stored snapshot does not resolve.
    let (root, targets, timestamp) = (Key::root(), Key::new(), repo.server.ring.0[0].clone());
    let one = |key: &Rc<Key>| vec![key.public.clone()];
    let keys = InitialKeys {
        root: one(&root),
        targets: one(&targets),
        snapshot: one(&repo.snapshot),
        timestamp: one(&timestamp),
    };
    let mut editor = Editor::first_publication(&Files::gun(), keys).unwrap();
    let first = editor.clone();
    editor.renew_root();
    let ring = Ring::of(&[&root, &targets]);
    let mut stranger = parts(ring.publish(editor, SnapshotHolder::Server, now()).unwrap());
    repo.server.all.retain(|(role, _, _)| *role == Role::Root);
    let refused = repo.server.upload(&stranger, now()).unwrap_err();
    assert!(
        matches!(
            &refused,
            UploadRefusal::Invalid {
                area: Area::Root,
                cause: Cause::Refused(Refusal::RootNotSignedByPrevious { .. }),
            }
        ),
        "{refused}"
    );
    // As version 2.
    let local = parts(ring.publish(first, SnapshotHolder::Server, now()).unwrap());
    let mut second = Editor::from_unpublished(
        &Files::gun(),
        &local[&Role::Root],
        &local[&Role::Targets],
        None,
    )
    .unwrap();
    second.renew_root();
    stranger = parts(ring.publish(second, SnapshotHolder::Server, now()).unwrap());
    let refused = repo.server.upload(&stranger, now()).unwrap_err();
    assert!(matches!(
        refused,
        UploadRefusal::Invalid {
            area: Area::Root,
            ..
        }
    ));
    // An unreadable stored root opens no door either.
    repo.server.all = vec![(Role::Root, 1, b"{}".to_vec())];
    assert_eq!(
        repo.server.upload(&stranger, now()),
        Err(UploadRefusal::Invalid {
            area: Area::Validation,
            cause: Cause::NoRoot
        })
    );
    repo.server.all.clear();
    assert_eq!(
        repo.server.upload(&stranger, now()),
        Ok(()),
        "a GUN without any root takes version 1 or 2"
    );
}

#[test]
fn uploads_are_refused_with_the_protocols_words() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let message = |refused: UploadRefusal| match refused {
        UploadRefusal::Invalid { area, cause } => format!("{}: {cause}", area.name()),
        other => panic!("{other}"),
    };
    let empty = Server::new(&[])
        .upload(&BTreeMap::new(), now())
        .unwrap_err();
    assert_eq!(
        message(empty),
        "ErrValidation: no pre-existing root and no root provided in update."
    );

    let mut editor = repo.server.editor();
    editor.renew_root();
    let ring = repo.ring();
    let renewed = parts(ring.publish(editor, SnapshotHolder::Server, now()).unwrap());
    let skipped = String::from_utf8(renewed[&Role::Root].clone())
        .unwrap()
        .replace("\"version\":2", "\"version\":4");
    let upload = |server: &mut Server, role: &str, bytes: &[u8]| {
        server
            .upload(&BTreeMap::from([(self::role(role), bytes.to_vec())]), now())
            .unwrap_err()
    };
    assert_eq!(
        message(upload(&mut repo.server, "root", skipped.as_bytes())),
        "ErrBadRoot: Root modifications must increment the version. Current 1, new 4"
    );
    let stray = repo.server.newest(&Role::Targets).unwrap();
    assert_eq!(
        message(upload(&mut repo.server, "targets/nope", &stray)),
        "ErrBadTargets: tuf: invalid role targets/nope. delegation does not exist"
    );
    let tampered = String::from_utf8(stray.clone())
        .unwrap()
        .replace("\"v1\"", "\"v9\"");
    assert_eq!(
        message(upload(&mut repo.server, "targets", tampered.as_bytes())),
        "ErrBadTargets: valid signatures did not meet threshold for targets"
    );
    assert!(matches!(
        upload(&mut repo.server, "targets", b"<html>"),
        UploadRefusal::Malformed { .. }
    ));
    let snapshot = repo.server.newest(&Role::Snapshot).unwrap();
    let tampered = String::from_utf8(snapshot)
        .unwrap()
        .replace("\"version\":1", "\"version\":5");
    assert_eq!(
        message(upload(&mut repo.server, "snapshot", tampered.as_bytes())),
        "ErrBadSnapshot: valid signatures did not meet threshold for snapshot"
    );
    let mut late = repo.server.editor();
    late.witness(&Role::Targets).unwrap();
    let expired = now() - SignedDuration::from_hours(24 * 1096);
    let late = parts(ring.publish(late, SnapshotHolder::Server, expired).unwrap());
    assert_eq!(
        message(repo.server.upload(&late, now()).unwrap_err()),
        "ErrBadTargets: targets expired at Fri Nov 20 00:00:00 UTC 2026"
    );
    let keys = std::mem::take(&mut repo.server.ring);
    assert_eq!(
        message(repo.server.upload(&BTreeMap::new(), now()).unwrap_err()),
        "ErrBadHierarchy: no snapshot was included in update and server does not hold current snapshot key for repository"
    );
    repo.server.ring = Ring::of(&[&keys.0[1]]);
    assert_eq!(
        message(repo.server.upload(&BTreeMap::new(), now()).unwrap_err()),
        "ErrBadRoot: no  timestamp keys exist on the server"
    );
    // Nothing uploaded, all keys there: a new snapshot and a new timestamp.
    repo.server.ring = keys;
    let before = repo.server.all.len();
    repo.server
        .upload(
            &BTreeMap::from([(Role::Timestamp, b"ignored".to_vec())]),
            now(),
        )
        .unwrap();
    assert_eq!(repo.server.all.len(), before + 2);
}

#[test]
fn a_new_root_may_not_orphan_the_stored_targets() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let mut editor = repo.server.editor();
    let targets = Key::new();
    editor
        .rotate(&Role::Targets, vec![targets.public.clone()])
        .unwrap();
    let ring = Ring::of(&[&repo.root, &targets]);
    let mut files = parts(ring.publish(editor, SnapshotHolder::Server, now()).unwrap());
    let whole = files.clone();
    files.remove(&Role::Targets);
    let refused = repo.server.upload(&files, now()).unwrap_err();
    assert!(
        matches!(
            refused,
            UploadRefusal::Invalid {
                area: Area::Targets,
                ..
            }
        ),
        "{refused}"
    );
    repo.server.upload(&whole, now()).unwrap();
    let needed = |roles: &[&str]| {
        let roles: Vec<_> = roles.iter().map(|name| role(name)).collect();
        roles_needed(&roles)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(needed(&["root"]), ["targets"]);
    assert_eq!(needed(&["targets/a/b", "targets"]), ["targets/a"]);
}

#[test]
fn a_file_in_another_form_is_stored_and_hashed_as_received() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let mut editor = repo.server.editor();
    editor.add_target(&Role::Targets, "v2", meta("v2")).unwrap();
    let mut files = parts(
        repo.ring()
            .publish(editor, SnapshotHolder::Server, now())
            .unwrap(),
    );
    let bytes = files.get_mut(&Role::Targets).unwrap();
    bytes.push(b'\n');
    assert!(
        !Parsed::<Targets>::from_bytes(bytes)
            .unwrap()
            .is_exact_go_form()
    );
    repo.server.upload(&files, now()).unwrap();
    assert_eq!(repo.names(), ["v1@targets", "v2@targets"]);
}

#[test]
fn the_server_renews_what_it_signs() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let later = |days: i64| now() + SignedDuration::from_hours(24 * days);
    assert_eq!(repo.server.renew(now()), Ok(false));
    assert_eq!(repo.server.renew(later(6)), Ok(false));
    assert_eq!(repo.server.renew(later(8)), Ok(true), "before it expires");
    assert!(repo.server.read(later(20)).is_ok());
    assert_eq!(repo.server.renew(later(1094)), Ok(true));
    let trusted = repo.server.read(later(1094)).unwrap();
    assert_eq!(
        (
            trusted.snapshot().snapshot().version(),
            trusted.snapshot().timestamp().version()
        ),
        (2, 3)
    );
    let targets = repo.server.read(later(1096)).unwrap_err();
    assert!(matches!(
        targets,
        Refusal::Expired {
            role: Role::Targets,
            ..
        }
    ));
    // The root's certificate ends after ten years; nothing can be renewed then.
    let ended = repo.server.renew(later(3700)).unwrap_err();
    assert!(
        matches!(
            ended,
            RenewRefusal::Root(Refusal::BadRootCertificate { .. })
        ),
        "{ended}"
    );
    repo.server.ring = Ring::default();
    assert_eq!(
        repo.server.renew(later(1200)),
        Err(RenewRefusal::NoTimestampKey)
    );

    // A snapshot that its publisher holds is left as it is.
    let mut repo = Repo::new(SnapshotHolder::Publisher);
    assert_eq!(repo.server.renew(later(1200)), Ok(true));
    let refused = repo.server.read(later(1200)).unwrap_err();
    assert!(matches!(
        refused,
        Refusal::Expired {
            role: Role::Snapshot,
            ..
        }
    ));
}

#[test]
fn expired_targets_can_be_repaired() {
    let mut repo = Repo::new(SnapshotHolder::Server);
    let late = now() + SignedDuration::from_hours(24 * 1200);
    assert_eq!(repo.server.renew(late), Ok(true));
    let mut update = Update::start(&Files::gun(), Pins::none(), None, late).unwrap();
    let refused = loop {
        let need = update.need().unwrap();
        if let Err(refusal) = update.feed(&repo.server.newest(&need.role()).unwrap()) {
            break refusal;
        }
    };
    assert!(matches!(
        refused,
        Refusal::Expired {
            role: Role::Targets,
            ..
        }
    ));
    let targets = repo.server.newest(&Role::Targets).unwrap();
    let expired = update
        .snapshot()
        .unwrap()
        .dangerous_expired_targets(&targets, 1)
        .unwrap();
    let mut editor = Editor::from_trusted(&expired);
    editor.witness(&Role::Targets).unwrap();
    let published = repo
        .ring()
        .publish(editor, SnapshotHolder::Server, late)
        .unwrap();
    repo.server.upload(&parts(published), late).unwrap();
    assert_eq!(repo.server.read(late).unwrap().list(&[]).len(), 1);
}

#[test]
fn a_root_without_any_targets_file_is_not_taken() {
    let repo = Repo::new(SnapshotHolder::Server);
    let root = BTreeMap::from([(Role::Root, repo.server.newest(&Role::Root).unwrap())]);
    let mut empty = Server {
        ring: repo.server.ring.clone(),
        all: Vec::new(),
    };
    let refused = empty.upload(&root, now()).unwrap_err();
    let expected = Cause::NotLoaded {
        role: Role::Targets,
    };
    assert_eq!(
        refused,
        UploadRefusal::Invalid {
            area: Area::Validation,
            cause: expected
        }
    );
}
