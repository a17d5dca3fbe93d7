#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
//! One process and one trust folder.

mod common;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use common::{WAIT, copy_of, empty, golden, id, names, notary_passphrases, phrase};
use keystore::{
    Error, FileFault, Fixed, KEY_FILE_LIMIT, KeyLabel, Keyring, PassphraseError, Passphrases,
    Replace, TrustDir, check_private,
};
use pki::{keyfile::Passphrase, signing::SigningKey};

const PLAIN_ROOT: &str = "0c88451bf0e8512651bb47c70d55f051b017a035c7b5ed65c7a65a039bc6cb8b";
const PLAIN_TARGETS: &str = "85f76b7291b8bb5ff795b6874a9b1d2a77fef5da619af0fd84a31fe18eb1bf78";

#[test]
fn every_key_that_notary_wrote_is_listed_and_opens() {
    for (repository, count) in [
        ("delegations", 6),
        ("ed25519", 2),
        ("expired-timestamp", 3),
        ("odd", 2),
        ("plain", 3),
        ("rotated", 4),
    ] {
        let (_folder, keys) = copy_of(&format!("notary/repos/{repository}/trust-dir"));
        let listing = keys.list().unwrap();
        assert_eq!(listing.keys.len(), count, "{repository}");
        assert!(listing.unusable.is_empty() && listing.legacy.is_empty());
        for key in listing.keys {
            assert!(key.in_place);
            assert_eq!(
                key.gun.is_some(),
                ["targets", "snapshot"].contains(&key.role.as_str()),
                "{key:?}"
            );
            let opened = keys.unlock(&key.id, &mut notary_passphrases(), 4).unwrap();
            assert_eq!(opened.canonical_id(), key.id);
        }
    }
}

#[test]
fn every_key_that_docker_wrote_opens() {
    let (_folder, keys) = copy_of("docker/sample-store/trust");
    let mut source = Fixed::new()
        .with("root", phrase("rootpassphrase123"))
        .with("targets", phrase("repopassphrase123"))
        .with("jeff", phrase("mypassphrase123"));
    let listing = keys.list().unwrap();
    assert_eq!(listing.keys.len(), 4);
    for key in listing.keys {
        keys.unlock(&key.id, &mut source, 1).unwrap();
    }
}

#[test]
fn keys_are_found_by_id_and_role() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    let root = keys.find_by_role("root").unwrap();
    assert_eq!(
        root.iter().map(|key| key.id).collect::<Vec<_>>(),
        [id(PLAIN_ROOT)]
    );
    assert_eq!(
        keys.find(&id(PLAIN_TARGETS))
            .unwrap()
            .unwrap()
            .gun
            .as_deref(),
        Some("golden.example/plain")
    );
    assert!(keys.find(&id(&"0".repeat(64))).unwrap().is_none());
    assert!(matches!(
        keys.load(&id(&"0".repeat(64))),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn a_folder_that_is_not_there_is_empty() {
    let (_folder, keys) = empty();
    let listing = keys.list().unwrap();
    assert!(listing.keys.is_empty() && listing.unusable.is_empty());
    assert!(!keys.root().exists());
}

#[test]
fn a_saved_key_comes_back_and_is_private() {
    let (_folder, keys) = empty();
    let lock = keys.lock(WAIT).unwrap();
    let made = SigningKey::generate_ecdsa_p256().unwrap();
    let gun = Some("example.com/app");
    let stored = keys
        .save(
            &lock,
            &made,
            &phrase("long enough"),
            "targets",
            gun,
            Replace::IfSame,
        )
        .unwrap();
    assert_eq!(
        stored.path,
        keys.root()
            .join("private")
            .join(format!("{}.key", made.canonical_id()))
    );
    assert_eq!(fs::metadata(&stored.path).unwrap().mode() & 0o777, 0o600);
    for folder in [keys.root(), &keys.private()] {
        assert_eq!(fs::metadata(folder).unwrap().mode() & 0o777, 0o700);
    }
    assert_eq!(keys.find(&stored.id).unwrap().unwrap(), stored);
    let mut source = Fixed::new().otherwise(phrase("long enough"));
    assert_eq!(
        keys.unlock(&stored.id, &mut source, 1)
            .unwrap()
            .public_key(),
        made.public_key()
    );
    assert_eq!(names(&keys.private()).len(), 1);

    keys.remove(&lock, &stored.id).unwrap();
    assert!(matches!(
        keys.remove(&lock, &stored.id),
        Err(Error::NotFound { .. })
    ));
    assert!(keys.list().unwrap().keys.is_empty());
}

#[test]
fn files_written_again_keep_their_bytes() {
    let (_folder, keys) = copy_of("notary/repos/delegations/trust-dir");
    let lock = keys.lock(WAIT).unwrap();
    for key in keys.list().unwrap().keys {
        let before = fs::read(&key.path).unwrap();
        let (_, block) = keys.load(&key.id).unwrap();
        keys.save_block(&lock, &key.id, &block, Replace::IfSame)
            .unwrap();
        keys.save_block(&lock, &key.id, &block, Replace::Yes)
            .unwrap();
        assert_eq!(fs::read(&key.path).unwrap(), before);
    }
}

#[test]
fn other_content_is_replaced_only_when_asked() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    let lock = keys.lock(WAIT).unwrap();
    let key = keys
        .unlock(&id(PLAIN_ROOT), &mut notary_passphrases(), 1)
        .unwrap();
    let before = fs::read(keys.key_path(&id(PLAIN_ROOT))).unwrap();
    let again = |replace| keys.save(&lock, &key, &phrase("another one"), "root", None, replace);
    assert!(matches!(again(Replace::IfSame), Err(Error::Exists { .. })));
    assert_eq!(fs::read(keys.key_path(&id(PLAIN_ROOT))).unwrap(), before);
    again(Replace::Yes).unwrap();
    keys.unlock(
        &id(PLAIN_ROOT),
        &mut Fixed::new().otherwise(phrase("another one")),
        1,
    )
    .unwrap();
    assert_eq!(names(&keys.private()).len(), 3);
}

#[test]
fn a_lock_opens_its_own_folder_only() {
    let (_one, here) = empty();
    let (_two, there) = empty();
    let lock = here.lock(WAIT).unwrap();
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    let outcome = there.save(
        &lock,
        &key,
        &phrase("long enough"),
        "a",
        None,
        Replace::IfSame,
    );
    assert!(
        matches!(outcome, Err(Error::WrongLock { .. })),
        "{outcome:?}"
    );
}

#[test]
fn junk_is_reported_and_links_are_not_followed() {
    let (folder, keys) = copy_of("notary/repos/plain/trust-dir");
    let private = keys.private();
    fs::write(private.join("notes.txt"), "not looked at").unwrap();
    fs::write(private.join("notes.key"), "").unwrap();
    fs::write(private.join(format!("{}.key", "1".repeat(64))), "no pem").unwrap();
    fs::write(
        private.join(format!("{}.key", "2".repeat(64))),
        "-----BEGIN PRIVATE KEY-----\n",
    )
    .unwrap();
    let long = vec![b'x'; usize::try_from(KEY_FILE_LIMIT).unwrap() + 1];
    fs::write(private.join(format!("{}.key", "3".repeat(64))), long).unwrap();
    fs::copy(
        golden("docker/sample-store/delegation.crt"),
        private.join(format!("{}.key", "4".repeat(64))),
    )
    .unwrap();
    symlink(
        private.join(format!("{PLAIN_ROOT}.key")),
        private.join(format!("{}.key", "5".repeat(64))),
    )
    .unwrap();
    symlink(folder.path(), private.join("loop")).unwrap();
    fs::create_dir(private.join("deep")).unwrap();
    fs::copy(
        keys.key_path(&id(PLAIN_ROOT)),
        private.join("deep").join(format!("{PLAIN_ROOT}.key")),
    )
    .unwrap();

    let listing = keys.list().unwrap();
    let faults: Vec<_> = listing
        .unusable
        .iter()
        .map(|(path, error)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let fault = match error {
                Error::Malformed {
                    reason: FileFault::Block(_),
                    ..
                } => "block",
                Error::Malformed {
                    reason: FileFault::BlockCount { found: 0 },
                    ..
                } => "count",
                Error::Malformed {
                    reason: FileFault::Name,
                    ..
                } => "name",
                Error::TooLarge {
                    limit: KEY_FILE_LIMIT,
                    ..
                } => "large",
                other => panic!("{other:?}"),
            };
            (&name[..1], fault)
        })
        .collect();
    assert_eq!(
        faults,
        [
            ("1", "count"),
            ("2", "block"),
            ("3", "large"),
            ("4", "count"),
            ("n", "name")
        ]
    );
    assert_eq!(listing.keys.len(), 4);
    assert_eq!(listing.keys.iter().filter(|key| !key.in_place).count(), 1);
    assert_eq!(keys.find_by_role("root").unwrap().len(), 1);
}

#[test]
fn a_key_under_another_keys_name_does_not_sign() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    fs::copy(
        keys.key_path(&id(PLAIN_ROOT)),
        keys.key_path(&id(PLAIN_TARGETS)),
    )
    .unwrap();
    match keys.unlock(&id(PLAIN_TARGETS), &mut notary_passphrases(), 4) {
        Err(Error::KeyMismatch { found, .. }) => assert_eq!(found, id(PLAIN_ROOT)),
        other => panic!("{:?}", other.map(|key| key.canonical_id())),
    }
}

/// Answers from a list and keeps what it was asked and told.
#[derive(Default)]
struct Scripted {
    answers: Vec<Result<&'static str, PassphraseError>>,
    asked: Vec<(KeyLabel, u32)>,
    accepted: Vec<String>,
}

impl Passphrases for Scripted {
    fn existing(&mut self, label: &KeyLabel, attempt: u32) -> Result<Passphrase, PassphraseError> {
        self.asked.push((label.clone(), attempt));
        self.answers.remove(0).map(phrase)
    }

    fn new_passphrase(&mut self, _label: &KeyLabel) -> Result<Passphrase, PassphraseError> {
        Err(PassphraseError::Unavailable)
    }

    fn accepted(&mut self, _label: &KeyLabel, passphrase: &Passphrase) {
        self.accepted.push(passphrase.expose().to_owned());
    }
}

#[test]
fn passphrases_are_asked_for_as_often_as_allowed() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    let target = id(PLAIN_TARGETS);
    let mut source = Scripted {
        answers: vec![Ok("no"), Ok("neither"), Ok("targets-passphrase-1")],
        ..Scripted::default()
    };
    keys.unlock(&target, &mut source, 3).unwrap();
    assert_eq!(
        source
            .asked
            .iter()
            .map(|(_, attempt)| *attempt)
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    let label = KeyLabel {
        role: "targets".to_owned(),
        gun: Some("golden.example/plain".to_owned()),
        id: Some(target),
    };
    assert_eq!(source.asked[0].0, label);
    assert_eq!(source.accepted, ["targets-passphrase-1"]);

    let mut source = Scripted {
        answers: vec![Ok("no"), Ok("no"), Ok("no"), Ok("targets-passphrase-1")],
        ..Scripted::default()
    };
    let outcome = keys.unlock(&target, &mut source, 3);
    assert!(
        matches!(outcome, Err(Error::AttemptsExceeded { attempts: 3, .. })),
        "{:?}",
        outcome.err()
    );
    assert!(source.accepted.is_empty());

    let mut source = Scripted {
        answers: vec![Ok("no"), Err(PassphraseError::Cancelled)],
        ..Scripted::default()
    };
    let outcome = keys.unlock(&target, &mut source, 3);
    assert!(
        matches!(
            outcome,
            Err(Error::Passphrase {
                source: PassphraseError::Cancelled,
                ..
            })
        ),
        "{:?}",
        outcome.err()
    );

    let outcome = keys.unlock(&target, &mut Fixed::new(), 4);
    assert!(matches!(
        outcome,
        Err(Error::Passphrase {
            source: PassphraseError::Unavailable,
            ..
        })
    ));
    let outcome = keys.unlock(&target, &mut Fixed::new().otherwise(phrase("no")), 4);
    assert!(matches!(
        outcome,
        Err(Error::AttemptsExceeded { attempts: 2, .. })
    ));
}

#[test]
fn an_unencrypted_key_opens_without_asking() {
    let (_folder, keys) = empty();
    let carol = keys.key_path(&id(common::CAROL));
    fs::create_dir_all(keys.private()).unwrap();
    fs::copy(
        golden("notary/repos/delegations/input-keys/carol.key"),
        carol,
    )
    .unwrap();
    keys.unlock(&id(common::CAROL), &mut Fixed::new(), 0)
        .unwrap();
}

#[test]
fn a_keyring_asks_once() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    let mut ring = Keyring::new(keys.clone());
    let mut source = Scripted {
        answers: vec![Ok("targets-passphrase-1")],
        ..Scripted::default()
    };
    let first = ring.unlock(&id(PLAIN_TARGETS), &mut source, 1).unwrap();
    let second = ring.unlock(&id(PLAIN_TARGETS), &mut source, 1).unwrap();
    assert_eq!(first.canonical_id(), second.canonical_id());
    assert_eq!(source.asked.len(), 1);
    ring.insert(std::sync::Arc::new(
        SigningKey::generate_ecdsa_p256().unwrap(),
    ));
    assert!(!format!("{ring:?}").contains("passphrase"));
}

#[test]
fn a_key_open_to_others_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.key");
    assert!(matches!(
        check_private(&path),
        Err(Error::NoSuchFile { .. })
    ));
    fs::write(&path, "").unwrap();
    for (mode, good) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o610, false),
        (0o666, false),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        match check_private(&path) {
            Ok(()) => assert!(good, "{mode:o}"),
            Err(Error::OpenToOthers { mode: found, .. }) => {
                assert!(!good && found == mode, "{mode:o}")
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn labels_that_cannot_be_written_are_refused() {
    let (_folder, keys) = empty();
    let lock = keys.lock(WAIT).unwrap();
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    let saved = |role: &str, passphrase: &str| {
        keys.save(
            &lock,
            &key,
            &phrase(passphrase),
            role,
            None,
            Replace::IfSame,
        )
    };
    assert!(matches!(saved("a\nb", "long enough"), Err(Error::Seal(_))));
    assert!(matches!(saved("a", ""), Err(Error::Seal(_))));
    assert!(keys.list().unwrap().keys.is_empty());
}

#[test]
fn what_an_interrupted_write_left_is_swept() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    fs::write(keys.private().join(".countersign-abc.tmp"), "half a key").unwrap();
    assert_eq!(keys.list().unwrap().keys.len(), 3);
    drop(keys.lock(WAIT).unwrap());
    assert_eq!(names(&keys.private()).len(), 3);
}

#[test]
fn two_locks_of_one_process_exclude_each_other() {
    let (_folder, keys) = empty();
    let lock = keys.lock(WAIT).unwrap();
    let short = std::time::Duration::from_millis(30);
    match TrustDir::new(keys.root()).lock(short) {
        Err(Error::Locked { pid, waited, .. }) => {
            assert_eq!(pid, Some(std::process::id()));
            assert_eq!(waited, short);
        }
        other => panic!("{other:?}"),
    }
    drop(lock);
    keys.lock(short).unwrap();
}
