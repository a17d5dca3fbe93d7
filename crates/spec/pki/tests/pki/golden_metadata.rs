//! Key ids and signatures of the golden metadata, over an independent canonical form.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::certificate::{CertificateBundle, CertificateError, RootLeafError};
use pki::key::{KeyType, Method, PublicKey, SignatureError, TufKeyId};
use serde_json::Value;

use crate::{files, golden, read};

/// The "OLPC" canonical form: sorted keys, no blanks, only `"` and `\` escaped.
fn canonical(value: &Value) -> String {
    let string = |text: &str| format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""));
    match value {
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            let fields = sorted
                .into_iter()
                .map(|(name, value)| format!("{}:{}", string(name), canonical(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::String(text) => string(text),
        other => other.to_string(),
    }
}

fn decode(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// Every file that the server of a repository holds.
fn metadata(repository: &std::path::Path) -> Vec<(String, Value)> {
    let server = repository.join("server");
    files(&server, ".json")
        .into_iter()
        .filter(|path| !path.ends_with("index.json"))
        .map(|path| {
            (
                path.display().to_string(),
                serde_json::from_slice(&read(&path)).unwrap(),
            )
        })
        .collect()
}

/// Every public key that these files introduce, by the id they give it.
fn keys(metadata: &[(String, Value)]) -> BTreeMap<String, PublicKey> {
    let mut keys = BTreeMap::new();
    for (_, file) in metadata {
        for introduced in [
            &file["signed"]["keys"],
            &file["signed"]["delegations"]["keys"],
        ] {
            for (id, key) in introduced.as_object().into_iter().flatten() {
                let key_type = KeyType::parse(key["keytype"].as_str().unwrap());
                keys.insert(
                    id.clone(),
                    PublicKey::new(key_type, decode(&key["keyval"]["public"])),
                );
            }
        }
    }
    keys
}

fn repositories() -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(golden("notary/repos"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    found.sort();
    assert_eq!(found.len(), 6);
    found
}

#[test]
fn every_key_hashes_to_the_id_it_is_listed_under() {
    let mut seen = 0;
    for repository in repositories() {
        for (id, key) in keys(&metadata(&repository)) {
            assert_eq!(key.tuf_id(), TufKeyId::parse_hex(&id).unwrap());
            assert!(id.starts_with(&key.tuf_id().short()) && key.tuf_id().short().len() == 7);
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen} keys");
}

#[test]
fn canonical_ids_are_those_of_the_list() {
    let keys: BTreeMap<_, _> = repositories()
        .iter()
        .flat_map(|repository| keys(&metadata(repository)))
        .collect();
    let list = String::from_utf8(read(&golden("notary/keyids.txt"))).unwrap();
    let mut lines = 0;
    for line in list.lines().filter(|line| line.starts_with(' ')) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [
            _role,
            key_type,
            "tuf-id",
            tuf_id,
            "canonical-id",
            canonical_id,
        ] = words[..]
        else {
            panic!("unexpected line {line}");
        };
        let key = &keys[tuf_id];
        assert_eq!(key.key_type().as_str(), key_type);
        assert_eq!(key.canonical_id().unwrap().to_string(), canonical_id);
        lines += 1;
    }
    assert_eq!(lines, 28);
}

#[test]
fn every_signature_verifies_and_no_altered_one_does() {
    let mut by_method = BTreeMap::<String, usize>::new();
    for repository in repositories() {
        let metadata = metadata(&repository);
        let keys = keys(&metadata);
        for (path, file) in &metadata {
            let message = canonical(&file["signed"]);
            for signature in file["signatures"].as_array().unwrap() {
                let key = &keys[signature["keyid"].as_str().unwrap()];
                let method = Method::parse(signature["method"].as_str().unwrap());
                let mut bytes = decode(&signature["sig"]);
                let _proof = key
                    .verify(&method, message.as_bytes(), &bytes)
                    .unwrap_or_else(|error| panic!("{path}: {error}"));
                let altered = format!("{message} ");
                assert_eq!(
                    key.verify(&method, altered.as_bytes(), &bytes).unwrap_err(),
                    SignatureError::Mismatch
                );
                *bytes.last_mut().unwrap() ^= 1;
                assert_eq!(
                    key.verify(&method, message.as_bytes(), &bytes).unwrap_err(),
                    SignatureError::Mismatch
                );
                *by_method.entry(method.to_string()).or_default() += 1;
            }
        }
    }
    assert_eq!(
        by_method.keys().collect::<Vec<_>>(),
        ["ecdsa", "eddsa", "rsapss"]
    );
    assert!(by_method["ecdsa"] > 40, "{by_method:?}");
}

#[test]
fn every_root_certificate_is_a_valid_leaf_for_its_gun_and_no_other() {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let late = "2037-01-01T00:00:00Z".parse().unwrap();
    let mut seen = 0;
    for repository in repositories() {
        let gun = format!(
            "golden.example/{}",
            repository.file_name().unwrap().to_str().unwrap()
        );
        for (id, key) in keys(&metadata(&repository)) {
            if key.key_type() != &KeyType::EcdsaX509 {
                continue;
            }
            let bundle = CertificateBundle::parse_pem(key.public_bytes()).unwrap();
            assert_eq!(bundle.to_pem().as_bytes(), key.public_bytes());
            assert_eq!(bundle.public_key().unwrap(), key);
            if bundle.leaf().common_name() == "carol" {
                continue;
            }
            assert_eq!(
                bundle
                    .check_root_leaf(&gun, Some(now))
                    .unwrap()
                    .key()
                    .tuf_id()
                    .to_string(),
                id
            );
            assert_eq!(bundle.check_root_leaf(&gun, None).unwrap().key(), &key);
            assert!(matches!(
                bundle.check_root_leaf(&gun, Some(late)),
                Err(RootLeafError::Certificate(CertificateError::Expired { .. }))
            ));
            assert!(matches!(
                bundle.check_root_leaf(&gun.to_uppercase(), Some(now)),
                Err(RootLeafError::WrongName { .. })
            ));
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} root certificates");
}
