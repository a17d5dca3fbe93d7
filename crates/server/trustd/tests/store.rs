//! What every trust store must do, asked through the trait.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeSet;

use common::{NOW, Publisher, file_of, hash};
use jiff::Timestamp;
use pki::key::{KeyType, PublicKey};
use tempfile::TempDir;
use trustd::{ChangeWindow, Published, RoleSet, SealedKey, SqliteTrustStore, TrustStore};
use tuf::{
    Gun, Role,
    edit::{SignedFile, SnapshotHolder},
};

fn sqlite() -> (TempDir, SqliteTrustStore) {
    let folder = TempDir::new().unwrap();
    let database = store::Database::open(&folder.path().join("trust.db")).unwrap();
    (folder, SqliteTrustStore::new(database).unwrap())
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// The files of a publication of a whole server, timestamp and all.
async fn files(gun: &str) -> Vec<SignedFile> {
    let stack = common::Stack::new().await;
    let publisher = Publisher::new(gun, SnapshotHolder::Publisher);
    let first = publisher.begin(&stack).await;
    let mut files = first.files().to_vec();
    let mut timestamp = files[0].clone();
    timestamp.role = Role::Timestamp;
    timestamp.version = 1;
    timestamp.bytes = stack.file(gun, "timestamp.json").await.body.to_vec();
    assert!(!file_of(&first, "root").is_empty());
    files.push(timestamp);
    files
}

fn set(gun: &Gun, files: &[SignedFile]) -> RoleSet {
    RoleSet {
        gun: gun.clone(),
        replaces: None,
        files: files.to_vec(),
        signed_with: Vec::new(),
        at: now(),
    }
}

async fn a_set_is_stored_whole_or_not_at_all(store: impl TrustStore) {
    let gun = Gun::parse("example.com/app").unwrap();
    let files = files(gun.as_str()).await;
    let set = set(&gun, &files);
    assert_eq!(
        store.publish_role_set(set.clone()).await.unwrap(),
        Published::Stored
    );
    for file in &files {
        let (role, version) = (&file.role, file.version);
        let current = store.current_file(&gun, role).await.unwrap().unwrap();
        assert_eq!(
            (current.bytes.to_vec(), current.created),
            (file.bytes.clone(), now())
        );
        let by_version = store.file_by_version(&gun, role, version).await.unwrap();
        assert_eq!(by_version.as_ref(), Some(&current));
        let by_digest = store.file_by_digest(&gun, role, hash(&file.bytes)).await;
        assert_eq!(by_digest.unwrap(), Some(current));
    }
    // The same again: versions are taken.
    let conflict = store.publish_role_set(set.clone()).await.unwrap();
    let Published::Conflict { stored, got, .. } = conflict else {
        panic!("{conflict:?}");
    };
    assert_eq!(stored, got);
    // Higher versions, made for a state that is not any more.
    let mut moved = set;
    for file in &mut moved.files {
        file.version += 1;
    }
    let outcome = store.publish_role_set(moved.clone()).await.unwrap();
    assert_eq!(outcome, Published::Moved);
    let none = store.file_by_version(&gun, &Role::Targets, 3).await;
    assert_eq!(none.unwrap(), None);
    // One version that is not higher spoils all.
    moved.replaces = Some(hash(&files.last().unwrap().bytes));
    moved.files[0].version = 1;
    let outcome = store.publish_role_set(moved.clone()).await.unwrap();
    assert!(matches!(outcome, Published::Conflict { .. }), "{outcome:?}");
    moved.files[0].version = 2;
    let outcome = store.publish_role_set(moved).await.unwrap();
    assert_eq!(outcome, Published::Stored);
    let changes = store.changes(Some(&gun), ChangeWindow::After { id: 0, limit: 9 });
    assert_eq!(changes.await.unwrap().len(), 2);
}

async fn the_state_is_what_a_judge_needs(store: impl TrustStore) {
    let gun = Gun::parse("example.com/app").unwrap();
    let alice = Role::parse("targets/alice").unwrap();
    let uploaded = BTreeSet::from([alice.clone()]);
    let nothing = store.state(&gun, &uploaded).await.unwrap();
    assert!(nothing.stored.root.is_none() && nothing.stored.newest.is_empty());
    assert_eq!((nothing.replaces, nothing.created), (None, None));
    let files = files(gun.as_str()).await;
    store.publish_role_set(set(&gun, &files)).await.unwrap();
    let state = store.state(&gun, &uploaded).await.unwrap();
    let bytes = |role: &Role| {
        let file = files.iter().find(|file| file.role == *role).unwrap();
        file.bytes.clone()
    };
    assert_eq!(state.stored.root, Some(bytes(&Role::Root)));
    assert_eq!(state.stored.snapshot, Some(bytes(&Role::Snapshot)));
    assert_eq!(state.stored.timestamp, Some(bytes(&Role::Timestamp)));
    // The delegator of what is uploaded.
    assert_eq!(
        state.stored.targets,
        [(Role::Targets, bytes(&Role::Targets))].into()
    );
    assert_eq!(state.stored.newest[&Role::Snapshot], 2);
    assert_eq!(state.stored.newest[&Role::Timestamp], 1);
    assert!(!state.stored.newest.contains_key(&alice));
    assert_eq!(state.replaces, Some(hash(&bytes(&Role::Timestamp))));
    assert_eq!(state.created, Some(now()));
}

async fn names_compare_exactly(store: impl TrustStore) {
    let [lower, upper] = ["example.com/app", "example.com/App"].map(|gun| Gun::parse(gun).unwrap());
    let files = files(lower.as_str()).await;
    for gun in [&lower, &upper] {
        let outcome = store.publish_role_set(set(gun, &files)).await.unwrap();
        assert_eq!(outcome, Published::Stored);
    }
    assert!(store.delete_gun(&upper, now()).await.unwrap());
    assert!(!store.delete_gun(&upper, now()).await.unwrap());
    let current = store.current_file(&lower, &Role::Root).await.unwrap();
    assert!(current.is_some());
    let gone = store.current_file(&upper, &Role::Root).await.unwrap();
    assert_eq!(gone, None);
    let window = ChangeWindow::Before { id: None, limit: 2 };
    let changes = store.changes(None, window).await.unwrap();
    assert!(changes[0].update.is_some() && changes[1].update.is_none());
    assert_eq!(
        (changes[1].id, changes[1].gun.as_str()),
        (3, "example.com/App")
    );
}

async fn one_key_waits_for_a_role(store: impl TrustStore) {
    let gun = Gun::parse("example.com/app").unwrap();
    let key = |text: &str| SealedKey {
        public: PublicKey::new(KeyType::Ecdsa, text.into()),
        sealed: text.to_owned(),
    };
    let (one, two) = (key("one"), key("two"));
    let role = Role::Timestamp;
    let none = store.pending_key(&gun, &role, "ecdsa").await.unwrap();
    assert_eq!(none, None);
    for key in [&one, &two] {
        let added = store
            .add_key(&gun, &role, key.clone(), now())
            .await
            .unwrap();
        assert_eq!(added, one);
    }
    let pending = store.pending_key(&gun, &role, "ecdsa").await.unwrap();
    assert_eq!(pending.as_ref(), Some(&one));
    let other = store.pending_key(&gun, &role, "ed25519").await.unwrap();
    assert_eq!(other, None);
    // Once it has signed, the next may come.
    let mut used = set(&gun, &files(gun.as_str()).await);
    used.signed_with = vec![one.public.tuf_id()];
    store.publish_role_set(used).await.unwrap();
    let none = store.pending_key(&gun, &role, "ecdsa").await.unwrap();
    assert_eq!(none, None);
    let added = store
        .add_key(&gun, &role, two.clone(), now())
        .await
        .unwrap();
    assert_eq!(added, two);
    // Keys outlive the files, and belong to their GUN.
    store.delete_gun(&gun, now()).await.unwrap();
    let found = store.key(&gun, one.public.tuf_id()).await.unwrap();
    assert_eq!(found, Some(one.clone()));
    let state = store.state(&gun, &BTreeSet::new()).await.unwrap();
    assert_eq!(
        state.held,
        [one.public.tuf_id(), two.public.tuf_id()].into()
    );
    let elsewhere = Gun::parse("example.com/other").unwrap();
    let found = store.key(&elsewhere, one.public.tuf_id()).await.unwrap();
    assert_eq!(found, None);
}

async fn the_first_proof_stays(store: impl TrustStore) {
    for proof in ["first", "second"] {
        let kept = store.secret_proof(proof.to_owned()).await.unwrap();
        assert_eq!(kept, "first");
    }
    store.check().await.unwrap();
}

macro_rules! contract {
    ($($name:ident),*) => {
        mod sqlite_store {
            $(#[tokio::test]
            async fn $name() {
                let (_folder, store) = super::sqlite();
                super::$name(store).await;
            })*
        }
    };
}
contract!(
    a_set_is_stored_whole_or_not_at_all,
    the_state_is_what_a_judge_needs,
    names_compare_exactly,
    one_key_waits_for_a_role,
    the_first_proof_stays
);
