#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
//! Keys that come from elsewhere: the old layout, bundles, single files.

mod common;

use std::{fs, path::Path};

use common::{
    CAROL, CAROL_DEK_INFO, CAROL_PBES2, WAIT, copy_of, empty, golden, id, names,
    notary_passphrases, phrase,
};
use keystore::{
    Error, Export, FileFault, Fixed, Import, Replace, StoredKey, TrustDir, read_bundle,
};
use pki::keyfile::KeyBlock;

const ROOT: &str = "0c88451bf0e8512651bb47c70d55f051b017a035c7b5ed65c7a65a039bc6cb8b";
const TARGETS: &str = "85f76b7291b8bb5ff795b6874a9b1d2a77fef5da619af0fd84a31fe18eb1bf78";
const HOW: Import<'static> = Import {
    role: None,
    gun: None,
    replace: Replace::IfSame,
    max_attempts: 2,
};

fn without_labels(path: &Path) -> String {
    let mut block = KeyBlock::parse_file(&fs::read(path).unwrap())
        .unwrap()
        .remove(0);
    block.set_role(None).unwrap();
    block.set_gun(None).unwrap();
    block.to_pem().to_string()
}

/// The golden `plain` keys in the layout before 0.4, and carol's as those clients encrypted it.
fn legacy() -> (tempfile::TempDir, TrustDir) {
    let (folder, keys) = empty();
    let source = golden("notary/repos/plain/trust-dir/private");
    let root_keys = keys.private().join("root_keys");
    let tuf_keys = keys.private().join("tuf_keys/golden.example/plain");
    fs::create_dir_all(&root_keys).unwrap();
    fs::create_dir_all(&tuf_keys).unwrap();
    let root = without_labels(&source.join(format!("{ROOT}.key")));
    fs::write(root_keys.join(format!("{ROOT}_root.key")), root).unwrap();
    let targets = without_labels(&source.join(format!("{TARGETS}.key")));
    fs::write(tuf_keys.join(format!("{TARGETS}_targets.key")), targets).unwrap();
    fs::write(
        tuf_keys.join(format!("{CAROL}_snapshot.key")),
        CAROL_DEK_INFO,
    )
    .unwrap();
    (folder, keys)
}

#[test]
fn the_old_layout_moves_with_labels_and_the_body_untouched() {
    let (_folder, keys) = legacy();
    let listing = keys.list().unwrap();
    assert_eq!(
        (
            listing.keys.len(),
            listing.legacy.len(),
            listing.unusable.len()
        ),
        (0, 3, 0)
    );

    let migration = keys.migrate_legacy(&keys.lock(WAIT).unwrap()).unwrap();
    assert!(migration.left.is_empty());
    assert_eq!(migration.moved.len(), 3);
    assert_eq!(
        names(&keys.private()),
        [
            format!("{ROOT}.key"),
            format!("{CAROL}.key"),
            format!("{TARGETS}.key")
        ]
    );
    // What notary itself wrote for these keys has the same labels and body.
    let source = golden("notary/repos/plain/trust-dir/private");
    for key in [ROOT, TARGETS] {
        let name = format!("{key}.key");
        assert_eq!(
            fs::read(keys.private().join(&name)).unwrap(),
            fs::read(source.join(&name)).unwrap()
        );
    }
    let carol = fs::read_to_string(keys.key_path(&id(CAROL))).unwrap();
    let labelled = CAROL_DEK_INFO.replace(
        "\n\nrvJ",
        "\ngun: golden.example/plain\nrole: snapshot\n\nrvJ",
    );
    assert_eq!(carol, labelled);
    let opened = keys.unlock(
        &id(CAROL),
        &mut Fixed::new().otherwise(phrase("legacy-passphrase")),
        1,
    );
    assert_eq!(opened.unwrap().canonical_id(), id(CAROL));
}

#[test]
fn an_interrupted_move_is_finished() {
    let (_folder, keys) = legacy();
    let lock = keys.lock(WAIT).unwrap();
    let old = keys
        .private()
        .join("root_keys")
        .join(format!("{ROOT}_root.key"));
    let content = fs::read(&old).unwrap();
    keys.migrate_legacy(&lock).unwrap();
    // As if the process had died after writing the new file and before removing the old one.
    fs::create_dir(keys.private().join("root_keys")).unwrap();
    fs::write(&old, content).unwrap();
    let migration = keys.migrate_legacy(&lock).unwrap();
    assert_eq!((migration.moved.len(), migration.left.len()), (1, 0));
    assert!(!old.exists() && !old.parent().unwrap().exists());
    assert_eq!(keys.list().unwrap().keys.len(), 3);
}

#[test]
fn what_cannot_move_stays() {
    let (_folder, keys) = legacy();
    let lock = keys.lock(WAIT).unwrap();
    let root = keys.key_path(&id(ROOT));
    fs::copy(
        golden("notary/repos/plain/trust-dir/private").join(format!("{TARGETS}.key")),
        &root,
    )
    .unwrap();
    let junk = keys.private().join("root_keys").join("junk.key");
    fs::write(&junk, "junk").unwrap();
    let before = fs::read(&root).unwrap();

    let migration = keys.migrate_legacy(&lock).unwrap();
    assert_eq!(migration.moved.len(), 2);
    let left: Vec<_> = migration
        .left
        .iter()
        .map(|(path, error)| (path.file_name().unwrap().to_str().unwrap(), error))
        .collect();
    assert!(
        matches!(
            left[..],
            [
                (_, Error::Exists { .. }),
                (
                    "junk.key",
                    Error::Malformed {
                        reason: FileFault::Name,
                        ..
                    }
                )
            ]
        ),
        "{left:?}"
    );
    assert_eq!(fs::read(&root).unwrap(), before);
    assert_eq!(keys.list().unwrap().legacy.len(), 2);
}

#[test]
fn exports_are_what_notary_exports() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    let expected = fs::read_to_string(golden("notary/repos/plain/key-export.pem")).unwrap();
    assert_eq!(*keys.export(Export::default()).unwrap(), expected);
}

#[test]
fn exports_are_filtered_by_every_repository_and_key_given() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    let other = golden("notary/repos/odd/trust-dir/private");
    let odd_targets = "472ddf979fe0a073b8ac3eb230702bc547ff6e90372ff97d664df20587834e85.key";
    fs::copy(other.join(odd_targets), keys.private().join(odd_targets)).unwrap();
    let count = |which| keys.export(which).unwrap().matches("-----BEGIN").count();
    assert_eq!(
        count(Export {
            guns: &["golden.example/plain"],
            ids: &[]
        }),
        2
    );
    assert_eq!(
        count(Export {
            guns: &["golden.example/odd", "golden.example/plain"],
            ids: &[]
        }),
        3
    );
    assert_eq!(
        count(Export {
            guns: &["golden.example/od"],
            ids: &[]
        }),
        0
    );
    assert_eq!(
        count(Export {
            guns: &[],
            ids: &[id(ROOT), id(TARGETS)]
        }),
        2
    );
    let missing = keys.export(Export {
        guns: &[],
        ids: &[id(CAROL)],
    });
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}

fn import(
    keys: &TrustDir,
    bundle: &str,
    how: Import<'_>,
    source: &mut Fixed,
) -> Result<Vec<StoredKey>, Error> {
    let lock = keys.lock(WAIT).unwrap();
    keys.import(
        &lock,
        bundle.as_bytes(),
        Path::new("bundle.pem"),
        how,
        source,
    )
}

#[test]
fn an_export_restores_the_folder() {
    let (_one, keys) = copy_of("notary/repos/plain/trust-dir");
    let (_two, copy) = empty();
    let bundle = keys.export(Export::default()).unwrap();
    // Stored as they are, so no passphrase is needed.
    assert_eq!(
        import(&copy, &bundle, HOW, &mut Fixed::new())
            .unwrap()
            .len(),
        3
    );
    for key in keys.list().unwrap().keys {
        assert_eq!(
            fs::read(&key.path).unwrap(),
            fs::read(copy.key_path(&key.id)).unwrap()
        );
    }
    // Again, with nothing changed.
    assert_eq!(
        import(&copy, &bundle, HOW, &mut Fixed::new())
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn plain_keys_are_encrypted_and_labelled() {
    for (file, expected) in [
        ("notary/repos/delegations/input-keys/carol.key", CAROL),
        (
            "notary/repos/delegations/input-keys/bob.key",
            "0abebddc1fd704f8294d924947d1a0e01a76a36b73d8e7f374705c3d4026c2f5",
        ),
        (
            "notary/repos/delegations/input-keys/dave384.key",
            "520582d0da082666ee2452464b77d507866512fbd89347542977be72c486e49c",
        ),
    ] {
        let (_folder, keys) = empty();
        let bundle = read_bundle(&golden(file)).unwrap();
        let bundle = std::str::from_utf8(&bundle).unwrap();
        let how = Import {
            role: Some("carol"),
            ..HOW
        };
        let stored = import(
            &keys,
            bundle,
            how,
            &mut Fixed::new().with("carol", phrase("carols own")),
        )
        .unwrap();
        assert_eq!(
            (stored[0].id, stored[0].role.as_str(), &stored[0].gun),
            (id(expected), "carol", &None)
        );
        let written = fs::read_to_string(&stored[0].path).unwrap();
        assert!(
            written.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\nrole: carol\n\n"),
            "{written}"
        );
        keys.unlock(
            &id(expected),
            &mut Fixed::new().otherwise(phrase("carols own")),
            1,
        )
        .unwrap();
        let (_other, again) = empty();
        let stored = import(
            &again,
            bundle,
            HOW,
            &mut Fixed::new().otherwise(phrase("anything")),
        )
        .unwrap();
        assert_eq!(stored[0].role, "delegation");
    }
}

#[test]
fn encrypted_keys_without_a_path_are_opened_and_really_imported() {
    for (bundle, old) in [
        (CAROL_DEK_INFO, "legacy-passphrase"),
        (CAROL_PBES2, "openssl-passphrase"),
    ] {
        let (_folder, keys) = empty();
        let how = Import {
            role: Some("jeff"),
            ..HOW
        };
        let wrong = import(
            &keys,
            bundle,
            how,
            &mut Fixed::new().otherwise(phrase("wrong")),
        );
        assert!(
            matches!(
                wrong,
                Err(Error::AttemptsExceeded {
                    attempts: 2,
                    id: None,
                    ..
                })
            ),
            "{wrong:?}"
        );
        assert!(keys.list().unwrap().keys.is_empty());

        let stored = import(&keys, bundle, how, &mut Fixed::new().otherwise(phrase(old))).unwrap();
        assert_eq!((stored[0].id, stored[0].role.as_str()), (id(CAROL), "jeff"));
        keys.unlock(&id(CAROL), &mut Fixed::new().otherwise(phrase(old)), 1)
            .unwrap();
    }
}

#[test]
fn repository_keys_need_their_repository_and_others_lose_it() {
    let (_folder, keys) = empty();
    let carol =
        fs::read_to_string(golden("notary/repos/delegations/input-keys/carol.key")).unwrap();
    let mut source = Fixed::new().otherwise(phrase("long enough"));
    let how = Import {
        role: Some("targets"),
        ..HOW
    };
    match import(&keys, &carol, how, &mut source) {
        Err(Error::Malformed {
            reason: FileFault::NoGun { role },
            ..
        }) => assert_eq!(role, "targets"),
        other => panic!("{other:?}"),
    }
    let stored = import(
        &keys,
        &carol,
        Import {
            gun: Some("a/b"),
            ..how
        },
        &mut source,
    )
    .unwrap();
    assert_eq!(stored[0].gun.as_deref(), Some("a/b"));
    let how = Import {
        role: Some("carol"),
        gun: Some("a/b"),
        replace: Replace::Yes,
        ..HOW
    };
    assert_eq!(
        import(&keys, &carol, how, &mut source).unwrap()[0].gun,
        None
    );
}

#[test]
fn old_bundles_name_role_and_repository_in_their_path() {
    let (_folder, keys) = empty();
    let mut block = KeyBlock::parse_file(CAROL_DEK_INFO.as_bytes())
        .unwrap()
        .remove(0);
    block
        .set_path(Some(&format!(
            "tuf_keys/registry.example:5000/app/{CAROL}_targets"
        )))
        .unwrap();
    let stored = import(&keys, &block.to_pem(), HOW, &mut Fixed::new()).unwrap();
    assert_eq!(
        (stored[0].id, stored[0].role.as_str()),
        (id(CAROL), "targets")
    );
    assert_eq!(stored[0].gun.as_deref(), Some("registry.example:5000/app"));
    let mut source = Fixed::new().otherwise(phrase("legacy-passphrase"));
    keys.unlock(&id(CAROL), &mut source, 1).unwrap();
}

#[test]
fn a_bundle_is_imported_whole_or_not_at_all() {
    let (_folder, keys) = copy_of("notary/repos/plain/trust-dir");
    let bundle = keys.export(Export::default()).unwrap();
    let (_other, there) = empty();
    for broken in [
        format!(
            "{}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            *bundle
        ),
        format!("{}-----BEGIN PRIVATE KEY-----\n", *bundle),
    ] {
        let outcome = import(&there, &broken, HOW, &mut Fixed::new());
        assert!(
            matches!(outcome, Err(Error::Malformed { .. })),
            "{outcome:?}"
        );
        assert!(there.list().unwrap().keys.is_empty());
    }
    // The last of the three is here with another passphrase.
    let last = "a69f3f8acedd9baf8f5b5743271351913e08c00e1fab8ed2348cb0d64b08b498";
    let key = keys
        .unlock(&id(last), &mut notary_passphrases(), 1)
        .unwrap();
    let lock = there.lock(WAIT).unwrap();
    there
        .save(
            &lock,
            &key,
            &phrase("another one"),
            "snapshot",
            Some("g"),
            Replace::IfSame,
        )
        .unwrap();
    drop(lock);
    let outcome = import(&there, &bundle, HOW, &mut Fixed::new());
    assert!(matches!(outcome, Err(Error::Exists { .. })), "{outcome:?}");
    assert_eq!(there.list().unwrap().keys.len(), 1);
    import(
        &there,
        &bundle,
        Import {
            replace: Replace::Yes,
            ..HOW
        },
        &mut Fixed::new(),
    )
    .unwrap();
    assert_eq!(there.list().unwrap().keys.len(), 3);
}

#[test]
fn files_without_a_private_key_are_refused() {
    let (_folder, keys) = empty();
    let certificate = fs::read_to_string(golden("docker/sample-store/delegation.crt")).unwrap();
    for text in ["", "junk", certificate.as_str()] {
        let outcome = import(&keys, text, HOW, &mut Fixed::new());
        assert!(
            matches!(
                outcome,
                Err(Error::Malformed {
                    reason: FileFault::BlockCount { found: 0 },
                    ..
                })
            ),
            "{outcome:?}"
        );
    }
    // But a key beside its certificate is a key.
    let carol =
        fs::read_to_string(golden("notary/repos/delegations/input-keys/carol.key")).unwrap();
    let mut source = Fixed::new().otherwise(phrase("long enough"));
    assert_eq!(
        import(&keys, &format!("{certificate}{carol}"), HOW, &mut source)
            .unwrap()
            .len(),
        1
    );
}
