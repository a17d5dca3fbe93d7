//! The private and public key files of the golden stores.

use pki::certificate::CertificateBundle;
use pki::key::{KeyType, PublicKey};
use pki::keyfile::{KeyBlock, UnlockError};

use crate::{files, golden, one_block, passphrase, read};

fn notary_passphrase(role: &str) -> &'static str {
    match role {
        "root" => "root-passphrase-1",
        "targets" => "targets-passphrase-1",
        "snapshot" => "snapshot-passphrase-1",
        _ => "delegation-passphrase-1",
    }
}

fn docker_passphrase(role: &str) -> &'static str {
    match role {
        "root" => "rootpassphrase123",
        "targets" => "repopassphrase123",
        _ => "mypassphrase123",
    }
}

fn check_encrypted(block: &KeyBlock, id: &str, passphrase_of: fn(&str) -> &'static str) {
    let role = block.role().expect("every stored key names its role");
    assert!(block.is_encrypted() && block.is_private_key());
    assert_eq!(
        block.gun().is_some(),
        matches!(role, "targets" | "snapshot" | "timestamp"),
        "{id}"
    );
    assert_eq!(
        block.unlock(None).unwrap_err(),
        UnlockError::NeedsPassphrase
    );
    assert_eq!(
        block.unlock(Some(&passphrase("wrong"))).unwrap_err(),
        UnlockError::WrongPassphrase
    );
    let key = block
        .unlock(Some(&passphrase(passphrase_of(role))))
        .unwrap();
    assert_eq!(key.canonical_id().to_string(), id);
    let signature = key.sign(b"message").unwrap();
    let _proof = key
        .public_key()
        .verify(&signature.method, b"message", &signature.bytes)
        .unwrap();
}

#[test]
fn every_stored_key_unlocks_and_its_id_is_its_file_name() {
    for (folder, passphrase_of, count) in [
        (
            "notary/repos",
            notary_passphrase as fn(&str) -> &'static str,
            20,
        ),
        ("docker/sample-store/trust/private", docker_passphrase, 4),
    ] {
        let paths: Vec<_> = files(&golden(folder), ".key")
            .into_iter()
            .filter(|path| {
                path.parent()
                    .is_some_and(|parent| parent.ends_with("private"))
            })
            .collect();
        assert_eq!(paths.len(), count);
        for path in paths {
            let text = read(&path);
            let block = one_block(&text);
            assert_eq!(block.to_pem().as_bytes(), text, "{}", path.display());
            check_encrypted(
                &block,
                path.file_stem().unwrap().to_str().unwrap(),
                passphrase_of,
            );
        }
    }
}

#[test]
fn an_export_bundle_is_read_rewritten_and_relabelled() {
    let text = read(&golden("notary/repos/plain/key-export.pem"));
    let blocks = KeyBlock::parse_file(&text).unwrap();
    assert_eq!(blocks.len(), 3);
    let rewritten: String = blocks
        .iter()
        .map(|block| block.to_pem().to_string())
        .collect();
    assert_eq!(rewritten.as_bytes(), text);
    for mut block in blocks {
        let id = block.path().expect("exports name the key").to_owned();
        check_encrypted(&block, &id, notary_passphrase);
        // Without the path header it is byte for byte the file in the store.
        block.set_path(None).unwrap();
        let stored = read(&golden(&format!(
            "notary/repos/plain/trust-dir/private/{id}.key"
        )));
        assert_eq!(block.to_pem().as_bytes(), stored);
    }
}

#[test]
fn imported_keys_and_their_public_halves_agree() {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let pairs = [
        (
            "notary/repos/delegations/input-keys/bob.key",
            "notary/repos/delegations/input-keys/bob.pub",
        ),
        (
            "notary/repos/delegations/input-keys/carol.key",
            "notary/repos/delegations/input-keys/carol.crt",
        ),
        (
            "notary/repos/delegations/input-keys/dave384.key",
            "notary/repos/delegations/input-keys/dave384.pub",
        ),
        (
            "docker/sample-store/delegation.key",
            "docker/sample-store/delegation.crt",
        ),
    ];
    for (private, public) in pairs {
        let block = one_block(&read(&golden(private)));
        assert!(!block.is_encrypted());
        let key = block.unlock(None).unwrap();
        let public = PublicKey::from_pem(&read(&golden(public)), now).unwrap();
        assert_eq!(
            public.canonical_id().unwrap(),
            key.canonical_id(),
            "{private}"
        );
        assert_eq!(
            public.key_type().is_x509(),
            public.tuf_id().as_bytes() != key.canonical_id().as_bytes()
        );
        let signature = key.sign(b"message").unwrap();
        let _proof = public
            .verify(&signature.method, b"message", &signature.bytes)
            .unwrap();
    }
}

#[test]
fn the_public_key_file_of_docker_key_generate_is_rewritten_exactly() {
    let text = read(&golden("notary/repos/delegations/input-keys/alice.pub"));
    let key = PublicKey::from_pem(&text, jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(key.key_type(), &KeyType::Ecdsa);
    assert_eq!(key.to_pem(Some("alice")).unwrap().as_bytes(), text);
    assert!(key.to_pem(Some("a\nb")).is_err());
    let certificate = read(&golden("docker/sample-store/delegation.crt"));
    let certificate = CertificateBundle::parse_pem(&certificate).unwrap();
    assert!(certificate.public_key().unwrap().to_pem(None).is_err());
}
