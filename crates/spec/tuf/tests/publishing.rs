//! The editor, and the server's rules, against each other and against what `notary` made.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use common::forge::{Files, GUN, Key};
use common::{Cache, now};
use jiff::{SignedDuration, Timestamp};
use pki::key::TufKeyId;
use tuf::edit::{
    DelegationChange, EditError, Editor, InitialKeys, Lifetimes, Publication, SigningJob,
    SnapshotHolder,
};
use tuf::metadata::{Custom, FileMeta, Hashes, Parsed, Root, Signature, Snapshot, Targets};
use tuf::pins::Pins;
use tuf::server::{
    Area, Cause, RenewRefusal, Signer, Stored, UploadRefusal, check_upload, renew, roles_needed,
};
use tuf::trusted::{Need, RootWanted, TargetsTrusted, Update};
use tuf::{DelegationName, Refusal, Role};

/// Private keys at hand.
#[derive(Clone, Default)]
struct Ring(Vec<Rc<Key>>);

impl Ring {
    fn of(keys: &[&Rc<Key>]) -> Self {
        Self(keys.iter().map(|key| (*key).clone()).collect())
    }

    fn sign(&self, job: &SigningJob) -> Vec<Signature> {
        self.0
            .iter()
            .flat_map(|key| job.sign_with(&key.secret).unwrap())
            .collect()
    }

    fn publish(
        &self,
        editor: Editor,
        holder: SnapshotHolder,
        now: Timestamp,
    ) -> Result<Publication, EditError> {
        let signing = editor.sign(holder, &Lifetimes::default(), now)?;
        let signatures = signing
            .jobs()
            .iter()
            .map(|job| (job.role().clone(), self.sign(job)))
            .collect();
        let snapshot = signing.finish(&signatures)?;
        let signatures = snapshot.job().map(|job| self.sign(job)).unwrap_or_default();
        snapshot.finish(&signatures)
    }
}

/// A trust server with its keys and everything it ever stored.
struct Server {
    ring: Ring,
    all: Vec<(Role, u64, Vec<u8>)>,
}

impl Server {
    fn new(keys: &[&Rc<Key>]) -> Self {
        Self {
            ring: Ring::of(keys),
            all: Vec::new(),
        }
    }

    fn held(&self) -> BTreeSet<TufKeyId> {
        self.ring.0.iter().map(|key| key.public.tuf_id()).collect()
    }

    fn newest(&self, role: &Role) -> Option<Vec<u8>> {
        self.all
            .iter()
            .filter(|(r, _, _)| r == role)
            .max_by_key(|(_, v, _)| *v)
            .map(|(_, _, bytes)| bytes.clone())
    }

    fn stored(&self) -> Stored {
        let targets = self.all.iter().filter(|(role, _, _)| role.holds_targets());
        let mut newest = BTreeMap::new();
        for (role, version, _) in &self.all {
            let entry = newest.entry(role.clone()).or_insert(*version);
            *entry = (*entry).max(*version);
        }
        Stored {
            root: self.newest(&Role::Root),
            targets: targets
                .map(|(role, _, _)| (role.clone(), self.newest(role).unwrap()))
                .collect(),
            snapshot: self.newest(&Role::Snapshot),
            timestamp: self.newest(&Role::Timestamp),
            newest,
        }
    }

    fn upload(
        &mut self,
        parts: &BTreeMap<Role, Vec<u8>>,
        now: Timestamp,
    ) -> Result<(), UploadRefusal> {
        let (held, lifetimes) = (self.held(), Lifetimes::default());
        let signer = Signer {
            held: &held,
            lifetimes: &lifetimes,
        };
        let pending = check_upload(&Files::gun(), &self.stored(), parts, &signer, now)?;
        self.store(pending);
        Ok(())
    }

    fn renew(&mut self, now: Timestamp) -> Result<bool, RenewRefusal> {
        let (held, lifetimes) = (self.held(), Lifetimes::default());
        let signer = Signer {
            held: &held,
            lifetimes: &lifetimes,
        };
        let Some(pending) = renew(&Files::gun(), &self.stored(), &signer, now)? else {
            return Ok(false);
        };
        self.store(pending);
        Ok(true)
    }

    fn store(&mut self, pending: tuf::server::PendingUpdate) {
        let signatures = pending
            .snapshot_job()
            .map(|job| self.ring.sign(job))
            .unwrap_or_default();
        let timestamp = pending.finish_snapshot(&signatures).unwrap();
        let signatures = self.ring.sign(timestamp.job());
        for file in timestamp.finish(&signatures).unwrap().into_files() {
            self.all.push((file.role, file.version, file.bytes));
        }
    }

    fn publish(&mut self, publication: Publication) -> Result<(), UploadRefusal> {
        self.upload(&parts(publication), now())
    }

    fn read(&self, now: Timestamp) -> Result<TargetsTrusted, Refusal> {
        let mut update = Update::start(&Files::gun(), Pins::none(), None, now)?;
        while let Some(need) = update.need() {
            let bytes = match &need {
                Need::Root(RootWanted::Version(n)) => self
                    .all
                    .iter()
                    .find(|(r, v, _)| *r == Role::Root && v == n)
                    .unwrap()
                    .2
                    .clone(),
                Need::File(wanted) => {
                    let found = self.all.iter().find(|(_, _, bytes)| wanted.is(bytes));
                    found.unwrap_or_else(|| panic!("{wanted:?}")).2.clone()
                }
                need => self.newest(&need.role()).unwrap(),
            };
            update.feed(&bytes)?;
        }
        Ok(update.finish().unwrap())
    }

    fn editor(&self) -> Editor {
        Editor::from_trusted(&self.read(now()).unwrap())
    }
}

fn parts(publication: Publication) -> BTreeMap<Role, Vec<u8>> {
    publication
        .into_files()
        .into_iter()
        .map(|file| (file.role, file.bytes))
        .collect()
}

fn meta(content: &str) -> FileMeta {
    FileMeta::of(content.as_bytes())
}

fn role(name: &str) -> Role {
    Role::parse(name).unwrap()
}

fn delegation(name: &str) -> DelegationName {
    DelegationName::parse(name).unwrap()
}

struct Repo {
    root: Rc<Key>,
    targets: Rc<Key>,
    snapshot: Rc<Key>,
    server: Server,
}

impl Repo {
    /// Published with one target `v1`; the server holds the snapshot key if `holder` says so.
    fn new(holder: SnapshotHolder) -> Self {
        let (root, targets, snapshot, timestamp) =
            (Key::root(), Key::new(), Key::new(), Key::new());
        let keys = InitialKeys {
            root: vec![root.public.clone()],
            targets: vec![targets.public.clone()],
            snapshot: vec![snapshot.public.clone()],
            timestamp: vec![timestamp.public.clone()],
        };
        let mut editor = Editor::first_publication(&Files::gun(), keys).unwrap();
        assert_eq!(
            editor.add_target(&Role::Targets, "v1", meta("v1")),
            Ok(true)
        );
        let mut server = match holder {
            SnapshotHolder::Server => Server::new(&[&timestamp, &snapshot]),
            SnapshotHolder::Publisher => Server::new(&[&timestamp]),
        };
        let ring = Ring::of(&[&root, &targets, &snapshot]);
        server
            .publish(ring.publish(editor, holder, now()).unwrap())
            .unwrap();
        Self {
            root,
            targets,
            snapshot,
            server,
        }
    }

    fn ring(&self) -> Ring {
        Ring::of(&[&self.root, &self.targets, &self.snapshot])
    }

    fn publish(&mut self, editor: Editor) -> Result<(), UploadRefusal> {
        let publication = self
            .ring()
            .publish(editor, SnapshotHolder::Server, now())
            .unwrap();
        self.server.publish(publication)
    }

    fn names(&self) -> Vec<String> {
        let trusted = self.server.read(now()).unwrap();
        trusted
            .list(&[])
            .iter()
            .map(|t| format!("{}@{}", t.name(), t.role()))
            .collect()
    }
}

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
    assert!(
        Editor::from_unpublished(
            &Files::gun(),
            &local[&Role::Root],
            &local[&Role::Snapshot],
            None
        )
        .is_err()
    );
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
    assert!(
        editor
            .add_target(&nested.clone().into(), "w", meta("x"))
            .is_err(),
        "outside of the delegator's paths"
    );
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
    assert!(repo.server.upload(&stranger, now()).is_err());
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
