//! The private keys of a real `notary-signer` database, and envelopes of our own.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pki::envelope::{self, ENVELOPE_LIMIT, ITERATIONS_LIMIT, OpenError};
use pki::key::KeyType;
use pki::signing::{KeyAlgorithm, SigningKey, SigningKeyError};
use serde_json::Value;

use crate::{files, golden, passphrase, read};

const PASSPHRASE: &str = "golden-signer-passphrase";

fn rows() -> Vec<Value> {
    files(&golden("notary/repos"), "index.json")
        .into_iter()
        .flat_map(|path| {
            let index: Value = serde_json::from_slice(&read(&path)).unwrap();
            index["signer_keys"].as_array().unwrap().clone()
        })
        .collect()
}

#[test]
fn every_row_opens_to_the_key_it_names() {
    let rows = rows();
    assert!(rows.len() > 8);
    for row in rows {
        let key_type = KeyType::parse(row["algorithm"].as_str().unwrap());
        let sealed = row["private_jwe"].as_str().unwrap();
        let secret = envelope::open(sealed, &passphrase(PASSPHRASE)).unwrap();
        let key = SigningKey::from_signer_secret(&key_type, &secret).unwrap();
        assert_eq!(
            key.canonical_id().to_string(),
            row["key_id"].as_str().unwrap()
        );
        assert_eq!(
            STANDARD.encode(key.public_key().public_bytes()),
            row["public_base64"].as_str().unwrap()
        );
        assert_eq!(
            key.to_signer_secret().as_slice(),
            secret.as_slice(),
            "rewritten exactly"
        );
        assert_eq!(
            envelope::open(sealed, &passphrase("wrong")).unwrap_err(),
            OpenError::WrongPassphrase
        );
    }
}

#[test]
fn the_declared_type_must_be_that_of_the_key() {
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    let secret = key.to_signer_secret();
    assert!(SigningKey::from_signer_secret(&KeyType::Ecdsa, &secret).is_ok());
    for wrong in [KeyType::Rsa, KeyType::Ed25519, KeyType::EcdsaX509] {
        assert!(matches!(
            SigningKey::from_signer_secret(&wrong, &secret),
            Err(SigningKeyError::Malformed { .. })
        ));
    }
}

#[test]
fn sealing_and_opening_agree_for_every_kind_of_key() {
    let passphrase = passphrase("p");
    let keys = [
        SigningKey::generate_ecdsa_p256().unwrap(),
        SigningKey::generate_ed25519().unwrap(),
        SigningKey::generate(KeyAlgorithm::Rsa2048).unwrap(),
    ];
    for key in keys {
        let sealed = envelope::seal(&key.to_signer_secret(), &passphrase).unwrap();
        let secret = envelope::open(&sealed, &passphrase).unwrap();
        let opened = SigningKey::from_signer_secret(key.public_key().key_type(), &secret).unwrap();
        assert_eq!(opened.canonical_id(), key.canonical_id());
        assert!(
            envelope::seal(&secret, &passphrase).unwrap() != sealed,
            "nothing is drawn twice"
        );
    }
}

/// The row's header fields with one replaced, the rest of the envelope as it was.
fn with_header(sealed: &str, field: &str, value: Value) -> String {
    let (header, rest) = sealed.split_once('.').unwrap();
    let mut header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header[field] = value;
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[test]
fn foreign_costly_and_broken_envelopes_are_refused_by_reason() {
    let passphrase = passphrase(PASSPHRASE);
    let row = rows().remove(0);
    let sealed = row["private_jwe"].as_str().unwrap();
    let open = |text: &str| envelope::open(text, &passphrase).unwrap_err();

    let unsupported = |error| matches!(error, OpenError::Unsupported { .. });
    assert!(unsupported(open(&with_header(sealed, "alg", "dir".into()))));
    assert!(unsupported(open(&with_header(
        sealed,
        "enc",
        "A128GCM".into()
    ))));
    assert!(unsupported(open(&with_header(
        sealed,
        "p2c",
        (ITERATIONS_LIMIT + 1).into()
    ))));
    let malformed = |error, part| assert_eq!(error, OpenError::Malformed { what: part });
    malformed(open(&with_header(sealed, "p2c", 0.into())), "JWE header");
    malformed(open(&with_header(sealed, "p2c", (-1).into())), "JWE header");
    malformed(open(&with_header(sealed, "p2s", "?".into())), "salt");
    malformed(open(""), "JWE");
    malformed(open("a.b.c.d.e.f"), "JWE");
    malformed(open("e30.b.c.d.e"), "JWE header");
    // The header is authenticated: an extra member changes nothing else, and is found.
    assert_eq!(
        open(&with_header(sealed, "x", 1.into())),
        OpenError::Altered
    );
    let found = ENVELOPE_LIMIT + 1;
    assert_eq!(open(&"a".repeat(found)), OpenError::TooLarge { found });

    for part in 1..5 {
        let mut parts: Vec<String> = sealed.split('.').map(str::to_owned).collect();
        let mut bytes = URL_SAFE_NO_PAD.decode(&parts[part]).unwrap();
        bytes[0] ^= 1;
        parts[part] = URL_SAFE_NO_PAD.encode(&bytes);
        let expected = if part == 1 {
            OpenError::WrongPassphrase
        } else {
            OpenError::Altered
        };
        assert_eq!(open(&parts.join(".")), expected, "part {part}");
        bytes.pop();
        parts[part] = URL_SAFE_NO_PAD.encode(&bytes);
        assert!(envelope::open(&parts.join("."), &passphrase).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_refused_without_panic(text: String, parts in proptest::array::uniform5("[A-Za-z0-9_-]{0,60}")) {
        assert!(envelope::open(&text, &passphrase("p")).is_err());
        assert!(envelope::open(&parts.join("."), &passphrase("p")).is_err());
    }
}
