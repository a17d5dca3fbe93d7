//! Private key files of cosign: those that it made, ours, and every way to be refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::cosign_key::{COSIGN_KEY_FILE_LIMIT, CosignKeyError, CosignKeyFile};
use pki::keyfile::{KeyBlock, KeyFileError, UnlockError};
use pki::signature::VerifyingKey;
use pki::signing::{SigningKey, SigningKeyError};
use proptest::prelude::*;

use crate::{files, golden, openssl, openssl_key, passphrase, read};

const GOLDEN_PASSWORD: &str = "golden-test-password";
const SIGSTORE: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";

fn golden_file(name: &str) -> Vec<u8> {
    read(&golden("cosign/keys").join(name))
}

fn parse(text: &[u8]) -> CosignKeyFile {
    CosignKeyFile::parse(text).unwrap()
}

fn refused(text: &[u8]) -> CosignKeyError {
    CosignKeyFile::parse(text).unwrap_err()
}

fn pem(label: &str, contents: &[u8]) -> String {
    let body = STANDARD.encode(contents);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn contents(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

/// A golden key file whose JSON has `from` replaced by `to`.
fn altered(from: &str, to: &str) -> Vec<u8> {
    let json = String::from_utf8(contents(&golden_file("cosign31.key"))).unwrap();
    assert_eq!(json.matches(from).count(), 1, "{from}");
    pem(SIGSTORE, json.replace(from, to).as_bytes()).into_bytes()
}

/// A small key, sealed by the same code as any other; deriving is what costs.
fn sealed_by_us(password: &str) -> (SigningKey, CosignKeyFile) {
    let key = SigningKey::generate_ed25519().unwrap();
    let file = CosignKeyFile::seal(&key, &passphrase(password)).unwrap();
    (key, file)
}

#[test]
fn every_golden_key_opens_to_its_public_file_and_is_written_back_as_it_was() {
    let paths = files(&golden("cosign/keys"), ".key");
    assert_eq!(paths.len(), 7);
    for path in paths {
        let text = read(&path);
        let file = parse(&text);
        assert!(file.is_encrypted() && file.is_cosign_form());
        assert_eq!(file.to_pem().as_bytes(), text, "{}", path.display());
        let key = file.unlock(Some(&passphrase(GOLDEN_PASSWORD))).unwrap();
        let public = String::from_utf8(read(&path.with_extension("pub"))).unwrap();
        assert_eq!(key.verifying_key().to_pem(), public, "{}", path.display());
    }
}

#[test]
fn an_imported_key_is_its_plain_file_and_opens_to_the_same_pkcs8() {
    for name in ["ed25519", "p256", "p384", "rsa2048"] {
        let text = golden_file(&format!("{name}.plain.pem"));
        let plain = parse(&text);
        assert!(!plain.is_encrypted() && !plain.is_cosign_form());
        let plain = plain.unlock(None).unwrap();
        let imported = parse(&golden_file(&format!("{name}.key")))
            .unlock(Some(&passphrase(GOLDEN_PASSWORD)))
            .unwrap();
        assert_eq!(plain.to_pkcs8_der(), imported.to_pkcs8_der(), "{name}");
        assert_eq!(
            KeyBlock::plain(&imported).to_pem().as_bytes(),
            text,
            "{name}"
        );
    }
}

#[test]
fn a_wrong_passphrase_is_told_from_none() {
    let file = parse(&golden_file("cosign25.key"));
    assert_eq!(file.unlock(None).unwrap_err(), UnlockError::NeedsPassphrase);
    for wrong in ["", "golden-test-password\n"] {
        assert_eq!(
            file.unlock(Some(&passphrase(wrong))).unwrap_err(),
            UnlockError::WrongPassphrase
        );
    }
}

#[test]
fn what_we_seal_has_cosigns_form_and_opens_again() {
    let (key, file) = sealed_by_us("secret");
    let text = file.to_pem();
    assert!(text.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    assert!(text.lines().all(|line| line.len() <= 64));
    let json: serde_json::Value = serde_json::from_slice(&contents(text.as_bytes())).unwrap();
    assert_eq!(
        (&json["kdf"]["name"], &json["kdf"]["params"]),
        (
            &serde_json::json!("scrypt"),
            &serde_json::json!({"N": 65536, "r": 8, "p": 1})
        )
    );
    assert_eq!(json["cipher"]["name"], "nacl/secretbox");
    for (value, length) in [
        (&json["kdf"]["salt"], 32),
        (&json["cipher"]["nonce"], 24),
        (&json["ciphertext"], 16 + key.to_pkcs8_der().len()),
    ] {
        assert_eq!(
            STANDARD.decode(value.as_str().unwrap()).unwrap().len(),
            length
        );
    }
    let again = parse(text.as_bytes());
    let opened = again.unlock(Some(&passphrase("secret"))).unwrap();
    assert_eq!(opened.to_pkcs8_der(), key.to_pkcs8_der());
    // Salt and nonce are fresh each time.
    let other = CosignKeyFile::seal(&key, &passphrase("secret")).unwrap();
    let other: serde_json::Value =
        serde_json::from_slice(&contents(other.to_pem().as_bytes())).unwrap();
    assert_ne!(other["kdf"]["salt"], json["kdf"]["salt"]);
    assert_ne!(other["cipher"]["nonce"], json["cipher"]["nonce"]);
}

#[test]
fn an_empty_passphrase_seals_as_it_does_with_cosign() {
    let (key, file) = sealed_by_us("");
    let opened = file.unlock(Some(&passphrase(""))).unwrap();
    assert_eq!(opened.canonical_id(), key.canonical_id());
}

#[test]
fn the_old_label_is_read_and_kept() {
    let text = golden_file("cosign25.key");
    let old = pem("ENCRYPTED COSIGN PRIVATE KEY", &contents(&text));
    let file = parse(old.as_bytes());
    assert!(file.is_cosign_form());
    assert!(
        file.to_pem()
            .starts_with("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n")
    );
    file.unlock(Some(&passphrase(GOLDEN_PASSWORD))).unwrap();
}

#[test]
fn exactly_three_costs_are_read() {
    for n in [32_768, 65_536, 131_072] {
        parse(&altered(r#""N":65536"#, &format!(r#""N":{n}"#)));
    }
    // Another cost derives another key.
    assert_eq!(
        parse(&altered(r#""N":65536"#, r#""N":32768"#))
            .unlock(Some(&passphrase(GOLDEN_PASSWORD)))
            .unwrap_err(),
        UnlockError::WrongPassphrase
    );
    for (from, to, n, r, p) in [
        (r#""N":65536"#, r#""N":16384"#, 16_384, 8, 1),
        (r#""N":65536"#, r#""N":65537"#, 65_537, 8, 1),
        (r#""N":65536"#, r#""N":262144"#, 262_144, 8, 1),
        (r#""N":65536"#, r#""N":0"#, 0, 8, 1),
        (
            r#""N":65536"#,
            r#""N":18446744073709551615"#,
            u64::MAX,
            8,
            1,
        ),
        (r#""r":8"#, r#""r":9"#, 65_536, 9, 1),
        (r#""p":1"#, r#""p":2"#, 65_536, 8, 2),
    ] {
        assert_eq!(
            refused(&altered(from, to)),
            CosignKeyError::UnsupportedCost { n, r, p }
        );
    }
}

#[test]
fn every_broken_file_has_its_own_refusal() {
    let found = |text: &str| text.to_owned();
    let json = CosignKeyError::Malformed {
        what: "encrypted key JSON",
    };
    let plain = openssl("ec-public.pem");
    for (text, expected) in [
        (
            altered("\"scrypt\"", "\"argon2id\""),
            CosignKeyError::UnsupportedKdf {
                found: found("argon2id"),
            },
        ),
        (
            altered("nacl/secretbox", "aes-256-gcm"),
            CosignKeyError::UnsupportedCipher {
                found: found("aes-256-gcm"),
            },
        ),
        (
            plain,
            CosignKeyError::UnsupportedBlock {
                found: found("PUBLIC KEY"),
            },
        ),
        (
            altered(r#""nonce":""#, r#""nonce":"AAAA"#),
            CosignKeyError::Malformed { what: "nonce" },
        ),
        (
            altered(r#""ciphertext":""#, r#""ciphertext":"*"#),
            json.clone(),
        ),
        (altered(r#""kdf""#, r#""kdg""#), json.clone()),
        (altered(r#""N":65536"#, r#""N":-1"#), json.clone()),
        (pem(SIGSTORE, b"{}").into_bytes(), json.clone()),
        (pem(SIGSTORE, b"").into_bytes(), json),
        (b"not PEM".to_vec(), CosignKeyError::NoPemBlock),
        (Vec::new(), CosignKeyError::NoPemBlock),
        (
            b"-----BEGIN PRIVATE KEY-----\n".to_vec(),
            CosignKeyError::Pem(KeyFileError::NoEnd { line: 1 }),
        ),
        (
            vec![b'\n'; COSIGN_KEY_FILE_LIMIT + 1],
            CosignKeyError::TooLarge {
                found: COSIGN_KEY_FILE_LIMIT + 1,
            },
        ),
    ] {
        assert_eq!(refused(&text), expected);
    }
    let short = r#"{"kdf":{"name":"scrypt","params":{"N":65536,"r":8,"p":1},"salt":""},"cipher":{"name":"nacl/secretbox","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"ciphertext":"AAAAAAAAAAAAAAAAAAAA"}"#;
    assert_eq!(
        refused(pem(SIGSTORE, short.as_bytes()).as_bytes()),
        CosignKeyError::Malformed { what: "ciphertext" }
    );
}

#[test]
fn every_pem_form_that_cosign_imports_is_read() {
    for (name, public) in [
        ("ec-sec1.pem", "ec-public.pem"),
        ("ec-pkcs8.pem", "ec-public.pem"),
        ("p384.pem", "p384-public.pem"),
        ("p521.pem", "p521-public.pem"),
        ("rsa-pkcs1.pem", "rsa-pkcs1-public.pem"),
        ("rsa-pkcs8.pem", "rsa-pkcs1-public.pem"),
        ("ed25519.pem", "ed25519-public.pem"),
    ] {
        let key = parse(&openssl(name)).unlock(None).unwrap();
        assert_eq!(
            key.verifying_key().to_pem().as_bytes(),
            openssl(public),
            "{name}"
        );
    }
    // Parameters of the curve in front of the key, as `openssl ecparam -genkey` writes them.
    let text = openssl("ec-with-parameters.pem");
    assert!(text.starts_with(b"-----BEGIN EC PARAMETERS-----"));
    parse(&text).unlock(None).unwrap();
    // cosign does not import encrypted PEM; with the passphrase there is no reason not to.
    let file = parse(&openssl("ec-dek-aes-256-cbc.pem"));
    assert!(file.is_encrypted() && !file.is_cosign_form());
    assert_eq!(file.unlock(None).unwrap_err(), UnlockError::NeedsPassphrase);
    file.unlock(Some(&passphrase("passphrase"))).unwrap();
}

#[test]
fn keys_that_cannot_sign_are_named() {
    let unlock = |name| parse(&openssl(name)).unlock(None).unwrap_err();
    assert!(matches!(
        unlock("refused-x25519.pem"),
        UnlockError::Key(SigningKeyError::UnsupportedAlgorithm { .. })
    ));
    assert!(matches!(
        unlock("p224.pem"),
        UnlockError::Key(SigningKeyError::UnsupportedCurve { .. })
    ));
}

#[test]
fn sealed_keys_do_not_show() {
    let file = parse(&golden_file("p256.key"));
    assert_eq!(
        format!("{file:?}"),
        "CosignKeyFile { label: \"ENCRYPTED SIGSTORE PRIVATE KEY\", .. }"
    );
    let plain = format!("{:?}", parse(&golden_file("p256.plain.pem")));
    assert_eq!(
        plain,
        "KeyBlock { label: \"PRIVATE KEY\", headers: {}, .. }"
    );
}

#[test]
fn a_public_file_is_what_openssl_writes() {
    let key = openssl_key("ec-sec1.pem").verifying_key();
    assert_eq!(key.to_pem().as_bytes(), openssl("ec-public.pem"));
    assert_eq!(VerifyingKey::from_spki_der(key.spki_der()).unwrap(), key);
}

proptest! {
    #[test]
    fn no_text_makes_a_key_file_panic(text: Vec<u8>, json: Vec<u8>) {
        drop(CosignKeyFile::parse(&text));
        prop_assert!(CosignKeyFile::parse(pem(SIGSTORE, &json).as_bytes()).is_err());
    }

    #[test]
    fn an_altered_key_file_never_panics(position: prop::sample::Index, byte: u8) {
        let mut json = contents(&golden_file("cosign31.key"));
        *position.get_mut(&mut json) = byte;
        if let Ok(file) = CosignKeyFile::parse(pem(SIGSTORE, &json).as_bytes()) {
            // What was read is written so that it reads as the same.
            prop_assert!(parse(file.to_pem().as_bytes()) == file);
            prop_assert_eq!(file.unlock(None).unwrap_err(), UnlockError::NeedsPassphrase);
        }
    }
}
