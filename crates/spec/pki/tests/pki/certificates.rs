//! Certificates: the rule for root leaves, what we generate, and the local CA.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use pki::certificate::{
    BUNDLE_LIMIT, BundleError, Certificate, CertificateBundle, CertificateError, LocalCa,
    LocalCaError, RootLeafError, SelfSignError, SubjectName, self_signed_root,
};
use pki::key::{KeyType, PublicKey, PublicKeyFileError};
use pki::signing::SigningKey;
use proptest::prelude::*;
use serde_json::Value;

use crate::{golden, one_block, openssl, openssl_key, read};

const GUN: &str = "example.com/app";

fn bundle(name: &str) -> CertificateBundle {
    CertificateBundle::parse_pem(&openssl(name)).unwrap()
}

/// An hour into the validity of the certificates that OpenSSL made.
fn now() -> Timestamp {
    bundle("cert-ec.pem").leaf().not_before() + SignedDuration::from_hours(1)
}

fn leaf_error(name: &str) -> RootLeafError {
    bundle(name).check_root_leaf(GUN, Some(now())).unwrap_err()
}

#[test]
fn the_leaf_rule() {
    for name in [
        "cert-ec.pem",
        "cert-rsa.pem",
        "cert-wildcard.pem",
        "chain.pem",
    ] {
        let bundle = bundle(name);
        let valid = bundle.check_root_leaf(GUN, Some(now())).unwrap();
        assert_eq!(valid.key(), &bundle.public_key().unwrap(), "{name}");
        assert_eq!(valid.key().public_bytes(), openssl(name), "{name}");
    }
    assert_eq!(
        leaf_error("chain-no-leaf.pem"),
        RootLeafError::LeafCount { found: 0 }
    );
    assert_eq!(
        leaf_error("chain-two-leaves.pem"),
        RootLeafError::LeafCount { found: 2 }
    );
    assert_eq!(
        leaf_error("chain-ca-first.pem"),
        RootLeafError::LeafNotFirst
    );
    for name in ["cert-ec-sha1.pem", "cert-rsa-sha1.pem"] {
        assert!(
            matches!(
                leaf_error(name),
                RootLeafError::Certificate(CertificateError::WeakDigest { .. })
            ),
            "{name}"
        );
    }
    assert!(matches!(
        leaf_error("cert-rsa-1024.pem"),
        RootLeafError::Certificate(CertificateError::WeakRsa { bits: 1024, .. })
    ));
    assert!(matches!(
        leaf_error("cert-ed25519.pem"),
        RootLeafError::Key(_)
    ));
}

#[test]
fn names_match_exactly_or_by_a_trailing_star() {
    let matches = |name: &str, gun: &str| match bundle(name).check_root_leaf(gun, None) {
        Ok(_) => true,
        Err(RootLeafError::WrongName { .. }) => false,
        Err(other) => panic!("{other}"),
    };
    assert!(matches("cert-ec.pem", GUN));
    for gun in [
        "example.com/app2",
        "example.com/ap",
        "Example.com/app",
        "",
        "*",
    ] {
        assert!(!matches("cert-ec.pem", gun), "{gun}");
    }
    assert!(matches("cert-wildcard.pem", "example.com/x/y"));
    assert!(matches("cert-wildcard.pem", "example.com/"));
    assert!(!matches("cert-wildcard.pem", "example.com"));
    // A star is special at the end only, and several are one.
    let key = openssl_key("ec-sec1.pem");
    let named = |name: &str| {
        CertificateBundle::parse_pem(self_signed_root(name, &key, now()).unwrap().as_bytes())
            .unwrap()
    };
    assert!(named("*").check_root_leaf("anything", None).is_ok());
    assert!(named("a**").check_root_leaf("ab", None).is_ok());
    assert!(matches!(
        named("a*b").check_root_leaf("axb", None),
        Err(RootLeafError::WrongName { .. })
    ));
}

#[test]
fn validity_has_a_day_of_leeway_at_its_start_only() {
    let bundle = bundle("cert-ec.pem");
    let (start, end) = (bundle.leaf().not_before(), bundle.leaf().not_after());
    let check = |now| bundle.check_root_leaf(GUN, Some(now)).map(drop);
    let second = SignedDuration::from_secs(1);
    let day = SignedDuration::from_hours(24);
    assert_eq!(check(start - day), Ok(()));
    assert!(matches!(
        check(start - day - second),
        Err(RootLeafError::Certificate(
            CertificateError::NotYetValid { .. }
        ))
    ));
    assert_eq!(check(end), Ok(()));
    assert!(matches!(
        check(end + second),
        Err(RootLeafError::Certificate(CertificateError::Expired { .. }))
    ));
    assert!(bundle.check_root_leaf(GUN, None).is_ok());
    assert!(bundle.leaf().is_near_expiry(end - day) && !bundle.leaf().is_near_expiry(start));
    // As a public key file the same holds, with reasons of its own.
    assert!(matches!(
        PublicKey::from_pem(&openssl("cert-ec.pem"), end + second),
        Err(PublicKeyFileError::Certificate(
            CertificateError::Expired { .. }
        ))
    ));
    assert!(matches!(
        PublicKey::from_pem(&openssl("cert-rsa-1024.pem"), now()),
        Err(PublicKeyFileError::Certificate(
            CertificateError::WeakRsa { .. }
        ))
    ));
}

#[test]
fn weak_intermediates_are_dropped_so_that_the_id_no_longer_matches() {
    let bundle = bundle("chain-weak-intermediate.pem");
    let whole = bundle.public_key().unwrap();
    let valid = bundle.check_root_leaf(GUN, Some(now())).unwrap();
    assert_ne!(valid.key().tuf_id(), whole.tuf_id());
    assert_eq!(valid.key().public_bytes(), openssl("chain.pem"));
    // The previous root's intermediates are kept as they are.
    assert_eq!(bundle.check_root_leaf(GUN, None).unwrap().key(), &whole);
}

#[test]
fn bundles_hold_certificates_and_not_too_many() {
    let parse = |text: &[u8]| CertificateBundle::parse_pem(text).unwrap_err();
    assert_eq!(parse(b"junk"), BundleError::Empty);
    assert_eq!(
        parse(&[openssl("cert-ec.pem"), openssl("ec-public.pem")].concat()),
        BundleError::UnexpectedBlock {
            found: "PUBLIC KEY".to_owned()
        }
    );
    let found = BUNDLE_LIMIT + 1;
    assert_eq!(
        parse(&openssl("cert-ec.pem").repeat(found)),
        BundleError::TooMany { found }
    );
    let broken = [
        openssl("cert-ec.pem"),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_vec(),
    ];
    assert!(matches!(
        parse(&broken.concat()),
        BundleError::Certificate { index: 1, .. }
    ));
}

fn golden_root_certificate() -> Vec<u8> {
    let root: Value =
        serde_json::from_slice(&read(&golden("notary/repos/plain/server/1.root.json"))).unwrap();
    let keys = root["signed"]["keys"].as_object().unwrap();
    let key = keys
        .values()
        .find(|key| key["keytype"] == "ecdsa-x509")
        .unwrap();
    let text = key["keyval"]["public"].as_str().unwrap();
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap()
}

/// The DER of a certificate with everything zeroed that differs between two runs of Notary.
fn template(pem_text: &[u8]) -> Vec<u8> {
    let bundle = CertificateBundle::parse_pem(pem_text).unwrap();
    let der = bundle.leaf().der();
    // TBSCertificate: version, a serial of 17 or 16 bytes, then the rest up to the signature.
    let serial_length = usize::from(der[14]);
    let mut rest = der[15 + serial_length..].to_vec();
    let key = bundle.leaf().public_key().unwrap();
    let at = rest
        .windows(key.public_bytes().len())
        .position(|window| window == key.public_bytes())
        .unwrap();
    let key_end = at + key.public_bytes().len();
    rest[at..key_end].fill(0);
    // Validity: two UTCTimes of 15 bytes each with their tags, somewhere before the key.
    let validity = rest
        .windows(4)
        .position(|window| window == [0x30, 0x1e, 0x17, 0x0d])
        .unwrap();
    rest[validity + 4..validity + 17].fill(0);
    rest[validity + 19..validity + 32].fill(0);
    // After the extensions comes the signature algorithm (12 bytes), then the signature of varying length.
    let end = rest
        .windows(2)
        .rposition(|window| window == [0x30, 0x00])
        .unwrap()
        + 2
        + 12;
    rest.truncate(end);
    rest
}

#[test]
fn generated_root_certificates_are_notarys_byte_for_byte() {
    let golden = golden_root_certificate();
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    let now = "2026-11-21T00:00:00.5Z".parse().unwrap();
    let ours = self_signed_root("golden.example/plain", &key, now).unwrap();
    assert_eq!(template(ours.as_bytes()), template(&golden));

    let bundle = CertificateBundle::parse_pem(ours.as_bytes()).unwrap();
    let leaf = bundle.leaf();
    assert_eq!(leaf.not_before(), "2026-11-21T00:00:00Z".parse().unwrap());
    assert_eq!(leaf.not_after(), "2036-11-18T00:00:00Z".parse().unwrap());
    assert_eq!(leaf.public_key().unwrap(), *key.public_key());
    assert_eq!(
        bundle.public_key().unwrap().canonical_id().unwrap(),
        key.canonical_id()
    );
    assert!(
        bundle
            .check_root_leaf("golden.example/plain", Some(now))
            .is_ok()
    );
    let again = self_signed_root("golden.example/plain", &key, now).unwrap();
    assert_ne!(again, ours, "the serial is random");
}

#[test]
fn root_certificates_exist_for_every_key_that_can_be_a_root_key() {
    for (name, key_type) in [
        ("ec-sec1.pem", KeyType::EcdsaX509),
        ("p384.pem", KeyType::EcdsaX509),
        ("p521.pem", KeyType::EcdsaX509),
        ("rsa-pkcs1.pem", KeyType::RsaX509),
    ] {
        let key = openssl_key(name);
        // `_` is no PrintableString, so this name is UTF-8.
        let gun = "localhost:5000/a_b";
        let text = self_signed_root(gun, &key, now()).unwrap();
        let bundle = CertificateBundle::parse_pem(text.as_bytes()).unwrap();
        let leaf = bundle.check_root_leaf(gun, Some(now())).unwrap();
        assert_eq!(leaf.key().key_type(), &key_type);
        assert!(is_signed_by(bundle.leaf(), bundle.leaf()), "{name}");
    }
    assert_eq!(
        self_signed_root("g", &openssl_key("ed25519.pem"), now()).unwrap_err(),
        SelfSignError::KeyType {
            key_type: KeyType::Ed25519
        }
    );
}

/// Whether `issuer`'s key made the signature on `certificate`.
fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA256_ASN1,
        RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };
    use der::{Decode as _, Encode as _};
    let parsed = x509_cert::Certificate::from_der(certificate.der()).unwrap();
    let tbs = parsed.tbs_certificate().to_der().unwrap();
    let signature = parsed.signature().as_bytes().unwrap();
    let key = issuer.public_key().unwrap();
    let algorithms: [&'static dyn VerificationAlgorithm; 4] = [
        &ECDSA_P256_SHA256_ASN1,
        &ECDSA_P384_SHA384_ASN1,
        &ECDSA_P521_SHA256_ASN1,
        &RSA_PKCS1_2048_8192_SHA256,
    ];
    algorithms.into_iter().any(|algorithm| {
        UnparsedPublicKey::new(algorithm, key.public_bytes())
            .verify(&tbs, signature)
            .is_ok()
    })
}

#[test]
fn the_local_ca_issues_reloads_and_issues_again() {
    let names = [
        SubjectName::Dns("localhost".to_owned()),
        SubjectName::Ip(Ipv4Addr::LOCALHOST.into()),
        SubjectName::Ip("::1".parse().unwrap()),
    ];
    let ca = LocalCa::generate("Countersign local CA é", now()).unwrap();
    assert!(ca.certificate().is_ca());
    let reloaded = LocalCa::from_pem(ca.cert_pem().as_bytes(), ca.key_pem().as_bytes()).unwrap();
    assert_eq!(reloaded.certificate(), ca.certificate());
    let issued = reloaded.issue_server(&names, now(), 90).unwrap();
    let chain = CertificateBundle::parse_pem(issued.cert_pem.as_bytes()).unwrap();
    let [server, issuer] = chain.certificates() else {
        panic!("server, then CA")
    };
    assert_eq!(issuer, ca.certificate());
    assert!(!server.is_ca() && server.common_name() == "localhost");
    assert_eq!(
        server.not_after(),
        now() + SignedDuration::from_hours(24 * 90)
    );
    assert!(server.not_before() < now());
    assert!(is_signed_by(server, issuer) && !is_signed_by(issuer, server));
    let key = one_block(issued.key_pem.as_bytes()).unlock(None).unwrap();
    assert_eq!(server.public_key().unwrap(), *key.public_key());
}

#[test]
fn a_ca_is_loaded_with_its_own_key_and_certificate_only() {
    let ca = LocalCa::generate("A", now()).unwrap();
    let other = LocalCa::generate("A", now()).unwrap();
    let load = |certificate: &str, key: &str| {
        LocalCa::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err()
    };
    assert_eq!(
        load(&ca.cert_pem(), &other.key_pem()),
        LocalCaError::KeyMismatch
    );
    assert!(matches!(
        load("", &ca.key_pem()),
        LocalCaError::Bundle(BundleError::Empty)
    ));
    assert_eq!(load(&ca.cert_pem(), ""), LocalCaError::KeyMismatch);
    assert_eq!(
        load(&(ca.cert_pem() + &other.cert_pem()), &ca.key_pem()),
        LocalCaError::NotLocalCa
    );
    let leaf = ca
        .issue_server(&[SubjectName::Dns("a".to_owned())], now(), 1)
        .unwrap();
    let [leaf_only, _] = [0, 1].map(|index| {
        leaf.cert_pem
            .split_inclusive("-----END CERTIFICATE-----\n")
            .nth(index)
            .unwrap()
            .to_owned()
    });
    assert_eq!(load(&leaf_only, &leaf.key_pem), LocalCaError::NotLocalCa);
    assert!(matches!(
        ca.issue_server(&[], now(), 1),
        Err(LocalCaError::NoNames)
    ));
    for name in ["", "a b", "é.example", "a/b", "*.*"] {
        let names = [SubjectName::Dns(name.to_owned())];
        assert!(
            matches!(
                ca.issue_server(&names, now(), 1),
                Err(LocalCaError::Name { .. })
            ),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn altered_certificates_never_panic(position: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        for name in ["cert-ec.pem", "cert-rsa.pem"] {
            let mut der = bundle(name).leaf().der().to_vec();
            *position.get_mut(&mut der) = byte;
            if let Ok(certificate) = Certificate::from_der(&der) {
                drop(certificate.check(Some(now())));
                drop(certificate.public_key());
            }
            drop(Certificate::from_der(&der[..cut.index(der.len())]));
        }
    }
}
