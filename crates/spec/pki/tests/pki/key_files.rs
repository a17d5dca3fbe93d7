//! Key files that OpenSSL made, and ours given to OpenSSL.

use pki::key::KeyType;
use pki::keyfile::{HeaderError, KeyBlock, KeyFileError, SealError, UnlockError};
use pki::signing::{SigningKey, SigningKeyError};
use proptest::prelude::*;
use testkit::Peers;

use crate::{one_block, openssl, openssl_key, openssl_public, passphrase};

#[test]
fn every_encryption_that_openssl_offers_opens() {
    let expected = openssl_public("ec-public.pem").canonical_id().unwrap();
    let names = [
        "ec-dek-aes-128-cbc.pem",
        "ec-dek-aes-192-cbc.pem",
        "ec-dek-aes-256-cbc.pem",
        "ec-dek-des-cbc.pem",
        "ec-dek-des-ede3-cbc.pem",
        "ec-pbes2-aes-128-cbc-sha1.pem",
        "ec-pbes2-aes-192-cbc-sha1.pem",
        "ec-pbes2-aes-256-cbc-hmacWithSHA256.pem",
        "ec-pbes2-aes-256-cbc-hmacWithSHA384.pem",
        "ec-pbes2-aes-256-cbc-hmacWithSHA512.pem",
        "ec-pbes2-aes-256-cbc-scrypt.pem",
        "ec-pbes2-aes-256-cbc-sha1.pem",
        "ec-pbes2-des-ede3-cbc-sha1.pem",
    ];
    for name in names {
        let text = openssl(name);
        let block = one_block(&text);
        assert!(block.is_encrypted(), "{name}");
        assert_eq!(block.to_pem().as_bytes(), text, "{name}");
        assert_eq!(
            block.unlock(None).unwrap_err(),
            UnlockError::NeedsPassphrase,
            "{name}"
        );
        // Several wrong ones: some leave valid padding behind.
        for wrong in ["", "Passphrase", "passphrase "] {
            let error = block.unlock(Some(&passphrase(wrong))).unwrap_err();
            assert_eq!(error, UnlockError::WrongPassphrase, "{name}");
        }
        let key = block.unlock(Some(&passphrase("passphrase"))).unwrap();
        assert_eq!(key.canonical_id(), expected, "{name}");
    }
}

#[test]
fn a_wrong_passphrase_is_named_even_where_the_padding_happens_to_fit() {
    let block = one_block(&openssl("ec-dek-aes-256-cbc.pem"));
    for number in 0..2000 {
        let error = block
            .unlock(Some(&passphrase(&number.to_string())))
            .unwrap_err();
        assert_eq!(error, UnlockError::WrongPassphrase, "{number}");
    }
}

#[test]
fn every_plain_encoding_gives_the_same_key() {
    let ec = openssl_public("ec-public.pem");
    for name in ["ec-sec1.pem", "ec-pkcs8.pem"] {
        assert_eq!(openssl_key(name).public_key(), &ec, "{name}");
    }
    let rsa = openssl_public("rsa-pkcs1-public.pem");
    for name in ["rsa-pkcs1.pem", "rsa-pkcs8.pem"] {
        assert_eq!(openssl_key(name).public_key(), &rsa, "{name}");
    }
    let encrypted = one_block(&openssl("rsa-dek-aes-256-cbc.pem"));
    assert_eq!(
        encrypted
            .unlock(Some(&passphrase("passphrase")))
            .unwrap()
            .public_key(),
        &rsa
    );
    for name in ["p384", "p521"] {
        let public = openssl_public(&format!("{name}-public.pem"));
        assert_eq!(openssl_key(&format!("{name}.pem")).public_key(), &public);
    }
    assert_eq!(
        openssl_key("ed25519.pem").public_key().key_type(),
        &KeyType::Ed25519
    );
}

#[test]
fn what_openssl_writes_beside_a_key_is_a_block_that_is_no_key() {
    let blocks = KeyBlock::parse_file(&openssl("ec-with-parameters.pem")).unwrap();
    let labels: Vec<_> = blocks.iter().map(KeyBlock::label).collect();
    assert_eq!(labels, ["EC PARAMETERS", "EC PRIVATE KEY"]);
    assert!(!blocks[0].is_private_key());
    assert_eq!(
        blocks[0].unlock(None).unwrap_err(),
        UnlockError::Unsupported {
            what: "PEM block \"EC PARAMETERS\"".to_owned()
        }
    );
    assert!(blocks[1].unlock(None).is_ok());
}

#[test]
fn refusals_name_their_reason() {
    let unlock = |name: &str| {
        one_block(&openssl(name))
            .unlock(Some(&passphrase("passphrase")))
            .unwrap_err()
    };
    for (name, what) in [
        (
            "refused-pbes1.pem",
            "key encryption 1.2.840.113549.1.12.1.3",
        ),
        ("refused-iterations.pem", "PBKDF2 iteration count 5000001"),
        ("refused-scrypt.pem", "scrypt cost N=16384, r=8, p=5"),
        (
            "refused-dek-camellia.pem",
            "key encryption \"CAMELLIA-256-CBC\"",
        ),
    ] {
        assert_eq!(
            unlock(name),
            UnlockError::Unsupported {
                what: what.to_owned()
            },
            "{name}"
        );
    }
    assert_eq!(
        unlock("refused-rsa-1024.pem"),
        UnlockError::Key(SigningKeyError::RsaSize { bits: 1024 })
    );
    for name in ["refused-secp256k1.pem", "p224.pem"] {
        assert!(
            matches!(
                unlock(name),
                UnlockError::Key(SigningKeyError::UnsupportedCurve { .. })
            ),
            "{name}"
        );
    }
    assert!(matches!(
        unlock("refused-x25519.pem"),
        UnlockError::Key(SigningKeyError::UnsupportedAlgorithm { .. })
    ));
}

#[test]
fn broken_headers_and_bodies_are_malformed() {
    let good = String::from_utf8(openssl("ec-dek-aes-256-cbc.pem")).unwrap();
    let unlock = |text: &str| {
        one_block(text.as_bytes())
            .unlock(Some(&passphrase("passphrase")))
            .unwrap_err()
    };
    let dek = good
        .lines()
        .find(|line| line.starts_with("DEK-Info"))
        .unwrap();
    for broken in [
        "DEK-Info: AES-256-CBC",
        "DEK-Info: AES-256-CBC,00",
        "DEK-Info: AES-256-CBC,zz",
    ] {
        let error = unlock(&good.replace(dek, broken));
        assert_eq!(
            error,
            UnlockError::Malformed {
                what: "DEK-Info header"
            },
            "{broken}"
        );
    }
    assert_eq!(
        unlock(&good.replace(&format!("{dek}\n"), "")),
        UnlockError::Malformed {
            what: "DEK-Info header"
        }
    );
    let body_end = good.find("-----END").unwrap();
    let cut = format!("{}{}", &good[..body_end - 5], &good[body_end..]);
    assert!(matches!(
        KeyBlock::parse_file(cut.as_bytes()),
        Err(KeyFileError::NoEnd { line: 1 })
    ));
    let empty = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(
        unlock(empty),
        UnlockError::Malformed {
            what: "encrypted PKCS#8 key"
        }
    );
    let empty = "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n";
    assert_eq!(
        unlock(empty),
        UnlockError::Malformed {
            what: "private key DER"
        }
    );
    let empty = "-----BEGIN ED25519 PRIVATE KEY-----\n-----END ED25519 PRIVATE KEY-----\n";
    assert_eq!(
        unlock(empty),
        UnlockError::Malformed {
            what: "Ed25519 private key"
        }
    );
}

#[test]
fn sealed_keys_open_again_and_carry_their_labels() {
    let secret = passphrase("correct horse");
    let keys = [
        openssl_key("ec-sec1.pem"),
        openssl_key("p384.pem"),
        openssl_key("p521.pem"),
        openssl_key("rsa-pkcs1.pem"),
        openssl_key("ed25519.pem"),
    ];
    for key in keys {
        let block = KeyBlock::seal(&key, &secret, Some("targets"), Some("host:5000/app")).unwrap();
        let read = one_block(block.to_pem().as_bytes());
        assert!(read == block && read.is_encrypted());
        assert_eq!(
            (read.role(), read.gun(), read.path()),
            (Some("targets"), Some("host:5000/app"), None)
        );
        assert_eq!(
            read.unlock(Some(&secret)).unwrap().canonical_id(),
            key.canonical_id()
        );
        assert_eq!(
            read.unlock(Some(&passphrase("x"))).unwrap_err(),
            UnlockError::WrongPassphrase
        );
        assert!(KeyBlock::seal(&key, &secret, None, None).unwrap().to_pem() != block.to_pem());
    }
}

#[test]
fn headers_change_without_the_passphrase() {
    let mut block = one_block(&openssl("ec-dek-aes-256-cbc.pem"));
    block.set_role(Some("alice")).unwrap();
    block.set_path(Some("0123")).unwrap();
    block.set_gun(Some("h/app")).unwrap();
    block.set_gun(None).unwrap();
    let text = block.to_pem();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1], "Proc-Type: 4,ENCRYPTED");
    assert!(lines[2].starts_with("DEK-Info: AES-256-CBC,"));
    assert_eq!(lines[3..6], ["path: 0123", "role: alice", ""]);
    assert!(
        one_block(text.as_bytes())
            .unlock(Some(&passphrase("passphrase")))
            .is_ok()
    );
    for bad in ["a\nb", "a\rb", " a", "a "] {
        assert_eq!(block.set_role(Some(bad)), Err(HeaderError { name: "role" }));
    }
    assert_eq!(block.role(), Some("alice"));
}

#[test]
fn an_empty_passphrase_seals_nothing() {
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    let error = KeyBlock::seal(&key, &passphrase(""), None, None).unwrap_err();
    assert_eq!(error, SealError::EmptyPassphrase);
}

#[test]
fn notarys_raw_ed25519_block_needs_matching_halves() {
    use base64::Engine as _;
    let key = SigningKey::generate_ed25519().unwrap();
    let block = |raw: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(raw);
        let text = format!(
            "-----BEGIN ED25519 PRIVATE KEY-----\n{body}\n-----END ED25519 PRIVATE KEY-----\n"
        );
        one_block(text.as_bytes()).unlock(None)
    };
    let raw = key.to_signer_secret();
    assert_eq!(raw.len(), 96);
    assert_eq!(block(&raw).unwrap().canonical_id(), key.canonical_id());
    let malformed = UnlockError::Malformed {
        what: "Ed25519 private key",
    };
    for at in [0, 32, 64] {
        let mut altered = raw.clone();
        altered[at] ^= 1;
        assert_eq!(block(&altered).unwrap_err(), malformed, "byte {at}");
    }
    assert_eq!(block(&raw[..95]).unwrap_err(), malformed);
}

/// SEC1 for P-256 with these scalar bytes and no public key.
fn sec1(scalar: &[u8]) -> Vec<u8> {
    let curve = [
        0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    let length = u8::try_from(scalar.len()).unwrap();
    [
        &[0x30, 3 + 2 + length + 12, 0x02, 0x01, 0x01, 0x04, length],
        scalar,
        &curve,
    ]
    .concat()
}

#[test]
fn scalars_may_lack_or_have_leading_zeros_but_must_be_in_range() {
    let mut padded = [0; 32];
    padded[31] = 5;
    let expected = SigningKey::from_der(&sec1(&padded)).unwrap();
    for same in [vec![5], [vec![0; 8], padded.to_vec()].concat()] {
        assert_eq!(
            SigningKey::from_der(&sec1(&same)).unwrap().canonical_id(),
            expected.canonical_id()
        );
    }
    for outside in [vec![], vec![0; 32], vec![0xff; 32], vec![1; 33]] {
        assert!(
            matches!(
                SigningKey::from_der(&sec1(&outside)),
                Err(SigningKeyError::Malformed { .. })
            ),
            "{outside:?}"
        );
    }
    let without_curve = [0x30, 0x06, 0x02, 0x01, 0x01, 0x04, 0x01, 0x05];
    assert_eq!(
        SigningKey::from_der(&without_curve).unwrap_err(),
        SigningKeyError::Malformed {
            what: "curve parameters"
        }
    );
}

#[test]
fn the_iteration_count_is_bounded() {
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    let text = KeyBlock::seal(&key, &passphrase("p"), None, None)
        .unwrap()
        .to_pem();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let engine = base64::engine::general_purpose::STANDARD;
    let mut der = base64::Engine::decode(&engine, body).unwrap();
    // INTEGER of three bytes, 50,000.
    let at = der
        .windows(5)
        .position(|window| window == [0x02, 0x03, 0x00, 0xc3, 0x50])
        .unwrap();
    let with = |der: &[u8]| {
        let body = base64::Engine::encode(&engine, der);
        let text = format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n"
        );
        one_block(text.as_bytes()).unlock(Some(&passphrase("p")))
    };
    assert!(with(&der).is_ok());
    der[at + 2..at + 5].copy_from_slice(&[0x4c, 0x4b, 0x41]);
    assert_eq!(
        with(&der).unwrap_err(),
        UnlockError::Unsupported {
            what: "PBKDF2 iteration count 5000001".to_owned()
        }
    );
    // A count of zero in the same length would not be DER; negative ones are none either.
    der[at + 2..at + 5].copy_from_slice(&[0xff, 0xff, 0xff]);
    assert_eq!(
        with(&der).unwrap_err(),
        UnlockError::Unsupported {
            what: "PBES2 parameters".to_owned()
        }
    );
}

#[test]
fn a_scrypt_cost_that_is_no_power_of_two_is_malformed() {
    let text = openssl("ec-pbes2-aes-256-cbc-scrypt.pem");
    let text = String::from_utf8(text).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let engine = base64::engine::general_purpose::STANDARD;
    let mut der = base64::Engine::decode(&engine, body).unwrap();
    let at = der
        .windows(4)
        .position(|window| window == [0x02, 0x02, 0x40, 0x00])
        .unwrap();
    der[at + 3] = 1;
    let body = base64::Engine::encode(&engine, der);
    let text = format!(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n"
    );
    assert_eq!(
        one_block(text.as_bytes())
            .unlock(Some(&passphrase("passphrase")))
            .unwrap_err(),
        UnlockError::Malformed {
            what: "scrypt parameters"
        }
    );
}

#[test]
fn secrets_do_not_show() {
    let key = openssl_key("ec-sec1.pem");
    let shown = format!(
        "{key:?} {:?} {:?}",
        KeyBlock::plain(&key),
        passphrase("hunter2")
    );
    let expected = format!(
        "SigningKey {{ key_type: Ecdsa, canonical_id: {}, .. }} \
         KeyBlock {{ label: \"PRIVATE KEY\", headers: {{}}, .. }} Passphrase(..)",
        key.canonical_id()
    );
    assert_eq!(shown, expected);
}

#[test]
fn openssl_reads_what_we_write() {
    let Some(peers) = Peers::locate() else { return };
    let run = |arguments: &[&str], input: &[u8]| {
        let mut command = peers.openssl();
        command.args(arguments);
        testkit::run(command, input).success().stdout.into_bytes()
    };
    for name in [
        "ec-sec1.pem",
        "p384.pem",
        "p521.pem",
        "rsa-pkcs1.pem",
        "ed25519.pem",
    ] {
        let key = openssl_key(name);
        let public = openssl(&format!(
            "{}-public.pem",
            name.trim_end_matches(".pem").replace("-sec1", "")
        ));
        let plain = KeyBlock::plain(&key).to_pem();
        let read = run(&["pkey", "-pubout"], plain.as_bytes());
        assert_eq!(read, public, "{name}");
        // Sealed Ed25519 is in Notary's own form, which OpenSSL does not know.
        if key.public_key().key_type() != &KeyType::Ed25519 {
            let sealed = KeyBlock::seal(&key, &passphrase("secret"), Some("root"), None).unwrap();
            // OpenSSL refuses RFC 1421 headers on this type of block.
            let mut sealed = sealed;
            sealed.set_role(None).unwrap();
            let arguments = ["pkey", "-pubout", "-passin", "pass:secret"];
            let read = run(&arguments, sealed.to_pem().as_bytes());
            assert_eq!(read, public, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn altered_key_files_never_panic(position: prop::sample::Index, byte: u8, name in prop::sample::select(vec![
        "ec-dek-aes-256-cbc.pem", "ec-pkcs8.pem", "ec-sec1.pem", "rsa-pkcs8.pem", "ed25519.pem",
    ])) {
        let mut text = openssl(name);
        *position.get_mut(&mut text) = byte;
        for block in KeyBlock::parse_file(&text).into_iter().flatten() {
            drop(block.unlock(Some(&passphrase("passphrase"))));
        }
    }

    #[test]
    fn altered_der_never_panics(position: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        for name in ["ec-pkcs8.pem", "rsa-pkcs8.pem", "ed25519.pem"] {
            let mut der = openssl_key(name).to_pkcs8_der();
            *position.get_mut(&mut der) = byte;
            drop(SigningKey::from_der(&der));
            drop(SigningKey::from_der(&der[..cut.index(der.len())]));
        }
    }

    #[test]
    fn any_der_never_panics(bytes: Vec<u8>) {
        drop(SigningKey::from_der(&bytes));
        drop(SigningKey::from_notary_ed25519(&bytes));
        let text = format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n",
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes));
        assert!(one_block(text.as_bytes()).unlock(Some(&passphrase("p"))).is_err());
    }
}
