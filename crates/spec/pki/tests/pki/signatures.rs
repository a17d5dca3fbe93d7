//! One signature under one key: every method, and every way in which it must not count.

use pki::certificate::CertificateError;
use pki::key::{
    Curve, KeyType, Method, PublicKey, PublicKeyError, PublicKeyFileError, SignatureError,
};
use pki::signing::SigningKey;
use proptest::prelude::*;

use crate::{openssl, openssl_key, openssl_public};

const MESSAGE: &[u8] = b"message";

/// Raw r‖s of OpenSSL's DER signature.
fn raw(name: &str, field: usize) -> Vec<u8> {
    let der = openssl(name);
    let mut raw = vec![0; 2 * field];
    // SEQUENCE with a one- or two-byte length, then two INTEGERs.
    let mut at = if der[1] == 0x81 { 3 } else { 2 };
    for half in 0..2 {
        let length = usize::from(der[at + 1]);
        let integer = &der[at + 2..at + 2 + length];
        let integer = &integer[usize::from(integer[0] == 0)..];
        raw[(half + 1) * field - integer.len()..(half + 1) * field].copy_from_slice(integer);
        at += 2 + length;
    }
    raw
}

fn refused(key: &PublicKey, method: &Method, signature: &[u8]) -> SignatureError {
    key.verify(method, MESSAGE, signature).unwrap_err()
}

#[test]
fn every_kind_of_key_signs_and_verifies() {
    let keys = [
        (openssl_key("ec-sec1.pem"), Method::Ecdsa, 64),
        (openssl_key("p384.pem"), Method::Ecdsa, 96),
        (openssl_key("p521.pem"), Method::Ecdsa, 132),
        (openssl_key("rsa-pkcs1.pem"), Method::RsaPss, 256),
        (openssl_key("ed25519.pem"), Method::Eddsa, 64),
        (
            SigningKey::generate_ecdsa_p256().unwrap(),
            Method::Ecdsa,
            64,
        ),
        (SigningKey::generate_ed25519().unwrap(), Method::Eddsa, 64),
    ];
    for (key, method, length) in keys {
        let signature = key.sign(MESSAGE).unwrap();
        assert_eq!(
            (&signature.method, signature.bytes.len()),
            (&method, length)
        );
        let public = key.public_key();
        let _proof = public
            .verify(&signature.method, MESSAGE, &signature.bytes)
            .unwrap();
        assert_eq!(
            public
                .verify(&method, b"other", &signature.bytes)
                .unwrap_err(),
            SignatureError::Mismatch
        );
        for wrong in [
            &signature.bytes[1..],
            &[signature.bytes.as_slice(), &[0]].concat(),
            &[],
        ] {
            assert_eq!(
                refused(public, &method, wrong),
                SignatureError::SignatureLength {
                    expected: length,
                    found: wrong.len()
                }
            );
        }
        assert_eq!(
            refused(public, &method, &vec![0; length]),
            SignatureError::Mismatch
        );
        assert_eq!(
            refused(public, &method, &vec![0xff; length]),
            SignatureError::Mismatch
        );
        let reread = SigningKey::from_der(&key.to_pkcs8_der()).unwrap();
        assert_eq!(reread.public_key(), public);
        let reread = SigningKey::from_der(&key.to_notary_pkcs8_der()).unwrap();
        assert_eq!(reread.public_key(), public);
    }
}

#[test]
fn sha_256_is_the_digest_on_every_curve() {
    for (curve, field) in [("p384", 48), ("p521", 66)] {
        let key = openssl_public(&format!("{curve}-public.pem"));
        let signature = raw(&format!("{curve}.sig"), field);
        let _proof = key.verify(&Method::Ecdsa, MESSAGE, &signature).unwrap();
        let (r, s) = signature.split_at(field);
        for wrong in [
            [s, r].concat(),
            [r, r].concat(),
            [&vec![0; field], s].concat(),
            [r, &vec![0; field]].concat(),
        ] {
            assert_eq!(
                refused(&key, &Method::Ecdsa, &wrong),
                SignatureError::Mismatch
            );
        }
    }
}

#[test]
fn der_signatures_are_no_metadata_signatures() {
    let key = openssl_public("p384-public.pem");
    let der = openssl("p384.sig");
    assert_eq!(
        refused(&key, &Method::Ecdsa, &der),
        SignatureError::SignatureLength {
            expected: 96,
            found: der.len()
        }
    );
}

#[test]
fn a_p224_key_has_ids_and_never_verifies() {
    let key = openssl_public("p224-public.pem");
    assert_eq!(key.key_type(), &KeyType::Ecdsa);
    assert_eq!(
        key.canonical_id().unwrap().as_bytes(),
        key.tuf_id().as_bytes()
    );
    assert_eq!(
        refused(&key, &Method::Ecdsa, &raw("p224.sig", 28)),
        SignatureError::UnsupportedCurve { curve: Curve::P224 }
    );
}

#[test]
fn pss_needs_a_salt_of_32_bytes_and_mgf1_with_sha_256() {
    let key = openssl_public("rsa-pkcs1-public.pem");
    let _proof = key
        .verify(&Method::RsaPss, MESSAGE, &openssl("rsa-pss-32.sig"))
        .unwrap();
    for name in [
        "rsa-pss-0.sig",
        "rsa-pss-20.sig",
        "rsa-pss-222.sig",
        "rsa-pss-mgf1-sha1.sig",
        "rsa-pkcs1v15.sig",
    ] {
        assert_eq!(
            refused(&key, &Method::RsaPss, &openssl(name)),
            SignatureError::Mismatch,
            "{name}"
        );
    }
    let _proof = key
        .verify(&Method::RsaPkcs1v15, MESSAGE, &openssl("rsa-pkcs1v15.sig"))
        .unwrap();
    assert_eq!(
        refused(&key, &Method::RsaPkcs1v15, &openssl("rsa-pss-32.sig")),
        SignatureError::Mismatch
    );
}

#[test]
fn short_rsa_keys_never_verify() {
    let key = openssl_public("refused-rsa-1024-public.pem");
    assert_eq!(
        refused(&key, &Method::RsaPss, &openssl("rsa-1024-pss.sig")),
        SignatureError::WeakRsa { bits: 1024 }
    );
}

#[test]
fn the_pycrypto_method_takes_pem_under_the_type_rsa_only() {
    let pem = openssl("rsa-pkcs1-public.pem");
    let signature = openssl("rsa-pss-32.sig");
    let key = PublicKey::new(KeyType::Rsa, pem.clone());
    let _proof = key
        .verify(&Method::PycryptoPkcs1Pss, MESSAGE, &signature)
        .unwrap();
    assert!(matches!(
        refused(&key, &Method::RsaPss, &signature),
        SignatureError::Key(_)
    ));
    let der = openssl_public("rsa-pkcs1-public.pem");
    assert!(matches!(
        refused(&der, &Method::PycryptoPkcs1Pss, &signature),
        SignatureError::Key(_)
    ));
    let x509 = PublicKey::new(KeyType::RsaX509, pem);
    assert!(matches!(
        refused(&x509, &Method::PycryptoPkcs1Pss, &signature),
        SignatureError::MethodMismatch { .. }
    ));
}

#[test]
fn certificates_verify_with_the_key_of_their_leaf() {
    let now = jiff::Timestamp::UNIX_EPOCH;
    for (certificate, key_type, private) in [
        ("cert-ec.pem", KeyType::EcdsaX509, "ec-sec1.pem"),
        ("chain.pem", KeyType::EcdsaX509, "p384.pem"),
        ("cert-rsa.pem", KeyType::RsaX509, "rsa-pkcs1.pem"),
    ] {
        let key = PublicKey::new(key_type.clone(), openssl(certificate));
        let private = openssl_key(private);
        let signature = private.sign(MESSAGE).unwrap();
        let _proof = key
            .verify(&signature.method, MESSAGE, &signature.bytes)
            .unwrap();
        assert_eq!(key.canonical_id().unwrap(), private.canonical_id());
        assert_ne!(key.tuf_id().as_bytes(), private.canonical_id().as_bytes());
        // As a certificate it is not valid in 1970; signatures do not care.
        assert!(matches!(
            PublicKey::from_pem(&openssl(certificate), now),
            Err(PublicKeyFileError::Certificate(
                CertificateError::NotYetValid { .. }
            ))
        ));
    }
    let wrong_type = PublicKey::new(KeyType::RsaX509, openssl("cert-ec.pem"));
    assert_eq!(
        wrong_type.canonical_id().unwrap_err(),
        PublicKeyError::TypeMismatch {
            declared: KeyType::RsaX509,
            found: KeyType::Ecdsa
        }
    );
    assert!(matches!(
        refused(&wrong_type, &Method::RsaPss, &[0; 256]),
        SignatureError::Key(_)
    ));
}

#[test]
fn the_method_must_fit_the_type() {
    let methods = [
        Method::Ecdsa,
        Method::Eddsa,
        Method::PycryptoPkcs1Pss,
        Method::RsaPkcs1v15,
        Method::RsaPss,
    ];
    let keys = [
        (openssl_public("ec-public.pem"), vec![Method::Ecdsa]),
        (
            openssl_public("rsa-pkcs1-public.pem"),
            vec![
                Method::PycryptoPkcs1Pss,
                Method::RsaPkcs1v15,
                Method::RsaPss,
            ],
        ),
        (
            openssl_key("ed25519.pem").public_key().clone(),
            vec![Method::Eddsa],
        ),
        (
            PublicKey::new(KeyType::Other("sphincs".to_owned()), vec![1]),
            vec![],
        ),
    ];
    for (key, fitting) in keys {
        for method in &methods {
            let mismatch = matches!(
                refused(&key, method, &[0; 64]),
                SignatureError::MethodMismatch { .. }
            );
            assert_eq!(
                mismatch,
                !fitting.contains(method),
                "{method} with {}",
                key.key_type()
            );
        }
        let unknown = Method::parse("ML-DSA");
        assert_eq!(
            refused(&key, &unknown, &[0; 64]),
            SignatureError::UnsupportedMethod {
                method: Method::Other("ml-dsa".to_owned())
            }
        );
    }
}

#[test]
fn a_declared_type_does_not_make_a_key() {
    let ec = openssl_public("ec-public.pem").public_bytes().to_vec();
    let signature = openssl_key("ec-sec1.pem").sign(MESSAGE).unwrap();
    // An ECDSA key declared as RSA, and the other way round.
    let key = PublicKey::new(KeyType::Rsa, ec.clone());
    assert!(matches!(
        refused(&key, &Method::RsaPss, &[0; 256]),
        SignatureError::Key(_)
    ));
    let rsa = openssl_public("rsa-pkcs1-public.pem")
        .public_bytes()
        .to_vec();
    let key = PublicKey::new(KeyType::Ecdsa, rsa);
    assert!(matches!(
        refused(&key, &Method::Ecdsa, &[0; 64]),
        SignatureError::Key(_)
    ));
    // Trailing bytes, a point off the curve, a compressed point, a short Ed25519 key.
    let trailing = PublicKey::new(KeyType::Ecdsa, [ec.as_slice(), &[0]].concat());
    assert!(matches!(
        refused(&trailing, &Method::Ecdsa, &signature.bytes),
        SignatureError::Key(_)
    ));
    let mut off = ec.clone();
    *off.last_mut().unwrap() ^= 1;
    let off = PublicKey::new(KeyType::Ecdsa, off);
    assert_eq!(
        refused(&off, &Method::Ecdsa, &signature.bytes),
        SignatureError::Mismatch
    );
    let mut compressed = ec;
    compressed.truncate(compressed.len() - 32);
    let at = compressed.len() - 33;
    compressed[at] = 2;
    (compressed[1], compressed[at - 2]) = (compressed[1] - 32, 34);
    let compressed = PublicKey::new(KeyType::Ecdsa, compressed);
    assert_eq!(
        refused(&compressed, &Method::Ecdsa, &signature.bytes),
        SignatureError::Key(PublicKeyError::Malformed {
            what: "elliptic curve point"
        })
    );
    let short = PublicKey::new(KeyType::Ed25519, vec![0; 31]);
    assert!(matches!(
        refused(&short, &Method::Eddsa, &[0; 64]),
        SignatureError::Key(_)
    ));
}

#[test]
fn texts_of_methods_and_types() {
    for text in [
        "ecdsa",
        "eddsa",
        "pycrypto-pkcs#1 pss",
        "rsapkcs1v15",
        "rsapss",
    ] {
        assert_eq!(Method::parse(text).to_string(), text);
        assert_eq!(Method::parse(&text.to_uppercase()), Method::parse(text));
        assert!(!matches!(Method::parse(text), Method::Other(_)));
    }
    for text in ["ecdsa", "ecdsa-x509", "ed25519", "rsa", "rsa-x509"] {
        assert_eq!(KeyType::parse(text).to_string(), text);
        assert!(!matches!(KeyType::parse(text), KeyType::Other(_)));
        assert!(matches!(
            KeyType::parse(&text.to_uppercase()),
            KeyType::Other(_)
        ));
    }
}

#[test]
fn odd_key_types_hash_in_canonical_json() {
    let key = PublicKey::new(KeyType::Other("a\"b\\c<é".to_owned()), b"x".to_vec());
    let json = r#"{"keytype":"a\"b\\c<é","keyval":{"private":null,"public":"eA=="}}"#;
    assert_eq!(
        key.tuf_id().as_bytes(),
        pki::digest::Sha256::of(json.as_bytes()).as_bytes()
    );
}

#[test]
fn public_key_files_are_refused_by_reason() {
    let now = pki::certificate::CertificateBundle::parse_pem(&openssl("cert-ec.pem"))
        .unwrap()
        .leaf()
        .not_before();
    let read = |text: &[u8]| PublicKey::from_pem(text, now).unwrap_err();
    assert_eq!(read(b""), PublicKeyFileError::NoPemBlock);
    assert_eq!(read(b"no pem"), PublicKeyFileError::NoPemBlock);
    let found = 1 + pki::key::PUBLIC_KEY_FILE_LIMIT;
    assert_eq!(
        read(&vec![b' '; found]),
        PublicKeyFileError::TooLarge { found }
    );
    assert_eq!(
        read(&openssl("ec-pkcs8.pem")),
        PublicKeyFileError::UnsupportedBlock {
            found: "PRIVATE KEY".to_owned()
        }
    );
    for name in [
        "ed25519-public.pem",
        "dsa-public.pem",
        "refused-secp256k1-public.pem",
    ] {
        assert!(
            matches!(
                read(&openssl(name)),
                PublicKeyFileError::UnknownFormat { .. }
            ),
            "{name}"
        );
    }
    assert!(matches!(
        read(&openssl("cert-ed25519.pem")),
        PublicKeyFileError::UnknownFormat { .. }
    ));
    let garbage = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    assert!(matches!(
        read(garbage),
        PublicKeyFileError::Key(PublicKeyError::Malformed { .. })
    ));
    assert!(matches!(read(&garbage[..40]), PublicKeyFileError::Pem(_)));
    // A bare 1024-bit key is accepted, as docker accepts it; it can never verify.
    assert!(PublicKey::from_pem(&openssl("refused-rsa-1024-public.pem"), now).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_key_and_signature_never_panic(bytes: Vec<u8>, signature: Vec<u8>, key_type in prop::sample::select(vec![
        "ecdsa", "ecdsa-x509", "ed25519", "rsa", "rsa-x509", "x",
    ]), method in prop::sample::select(vec!["ecdsa", "eddsa", "rsapss", "rsapkcs1v15", "pycrypto-pkcs#1 pss", "x"])) {
        let key = PublicKey::new(KeyType::parse(key_type), bytes);
        prop_assert!(key.verify(&Method::parse(method), MESSAGE, &signature).is_err());
        drop(key.canonical_id());
    }

    #[test]
    fn altered_spki_never_panics(position: prop::sample::Index, byte: u8) {
        for name in ["ec-public.pem", "rsa-pkcs1-public.pem"] {
            let mut der = openssl_public(name).public_bytes().to_vec();
            *position.get_mut(&mut der) = byte;
            if let Ok(key) = PublicKey::from_spki_der(&der) {
                drop(key.verify(&Method::Ecdsa, MESSAGE, &[1; 64]));
                drop(key.verify(&Method::RsaPss, MESSAGE, &[1; 256]));
            }
        }
    }
}
