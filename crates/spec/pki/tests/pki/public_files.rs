//! Public key files and the parts that keys come in.

use pki::certificate::Certificate;
use pki::key::Curve;
use pki::signature::{
    RawSignatureError, VERIFYING_KEY_FILE_LIMIT, VerifyingKey, VerifyingKeyFileError,
    VerifyingKeyKind, ecdsa_der,
};

use crate::openssl;

fn read(name: &str) -> VerifyingKey {
    VerifyingKey::from_pem(&openssl(name)).unwrap()
}

fn refused(text: &[u8]) -> VerifyingKeyFileError {
    VerifyingKey::from_pem(text).unwrap_err()
}

#[test]
fn every_kind_of_public_file_is_read_and_written_back() {
    for (name, kind) in [
        ("ec-public.pem", VerifyingKeyKind::Ecdsa(Curve::P256)),
        ("p384-public.pem", VerifyingKeyKind::Ecdsa(Curve::P384)),
        ("p521-public.pem", VerifyingKeyKind::Ecdsa(Curve::P521)),
        ("ed25519-public.pem", VerifyingKeyKind::Ed25519),
        ("rsa-pkcs1-public.pem", VerifyingKeyKind::Rsa { bits: 2048 }),
    ] {
        let key = read(name);
        assert_eq!(key.kind(), kind, "{name}");
        assert_eq!(key.to_pem().as_bytes(), openssl(name), "{name}");
    }
}

#[test]
fn a_certificate_gives_its_key() {
    for name in [
        "cert-ec.pem",
        "cert-ed25519.pem",
        "cert-rsa.pem",
        "chain.pem",
    ] {
        let block = pem::first(&openssl(name));
        let certificate = Certificate::from_der(&block).unwrap();
        assert_eq!(read(name).spki_der(), certificate.spki_der(), "{name}");
    }
}

#[test]
fn a_key_is_the_same_from_its_parts() {
    let rsa = read("rsa-pkcs1-public.pem");
    // SEQUENCE (4) SEQUENCE AlgorithmIdentifier (15) BIT STRING (5): what is left is PKCS#1.
    let pkcs1 = &rsa.spki_der()[24..];
    assert_eq!(VerifyingKey::from_pkcs1_der(pkcs1), Ok(rsa.clone()));
    let text = pem::encode("RSA PUBLIC KEY", pkcs1);
    assert_eq!(VerifyingKey::from_pem(text.as_bytes()), Ok(rsa.clone()));
    // SEQUENCE (4) INTEGER (4) modulus with a leading zero, INTEGER (2) 65537.
    let (modulus, exponent) = (&pkcs1[8..8 + 257], [1, 0, 1]);
    assert_eq!(VerifyingKey::from_rsa(modulus, &exponent), Ok(rsa.clone()));
    assert_eq!(VerifyingKey::from_rsa(&modulus[1..], &exponent), Ok(rsa));
    for (name, curve, bytes) in [
        ("ec-public.pem", Curve::P256, 65),
        ("p521-public.pem", Curve::P521, 133),
    ] {
        let key = read(name);
        let spki = key.spki_der();
        let point = &spki[spki.len() - bytes..];
        assert_eq!(VerifyingKey::from_ec_point(curve, point), Ok(key.clone()));
        assert!(VerifyingKey::from_ec_point(curve, &point[1..]).is_err());
        assert!(VerifyingKey::from_ec_point(Curve::P384, point).is_err());
    }
}

#[test]
fn every_file_without_a_key_has_its_own_refusal() {
    assert_eq!(refused(b"no key"), VerifyingKeyFileError::NoPemBlock);
    assert_eq!(
        refused(&vec![b' '; VERIFYING_KEY_FILE_LIMIT + 1]),
        VerifyingKeyFileError::TooLarge {
            found: VERIFYING_KEY_FILE_LIMIT + 1
        }
    );
    for (name, found) in [
        ("ec-sec1.pem", "EC PRIVATE KEY"),
        ("ec-with-parameters.pem", "EC PRIVATE KEY"),
        ("ed25519.pem", "PRIVATE KEY"),
        (
            "ec-pbes2-aes-256-cbc-hmacWithSHA256.pem",
            "ENCRYPTED PRIVATE KEY",
        ),
    ] {
        let found = found.to_owned();
        assert_eq!(
            refused(&openssl(name)),
            VerifyingKeyFileError::PrivateKey { found }
        );
    }
    let found = "CERTIFICATE REQUEST".to_owned();
    assert_eq!(
        refused(pem::encode(&found, b"x").as_bytes()),
        VerifyingKeyFileError::UnsupportedBlock { found }
    );
    assert!(matches!(
        refused(pem::encode("CERTIFICATE", b"x").as_bytes()),
        VerifyingKeyFileError::Certificate(_)
    ));
    for name in [
        "refused-rsa-1024-public.pem",
        "refused-secp256k1-public.pem",
        "dsa-public.pem",
        "p224-public.pem",
        "cert-rsa-1024.pem",
    ] {
        assert!(
            matches!(refused(&openssl(name)), VerifyingKeyFileError::Key(_)),
            "{name}"
        );
    }
}

#[test]
fn a_raw_signature_becomes_der_of_its_curve_only() {
    let mut raw = [0; 64];
    raw[31] = 0x80;
    raw[63] = 1;
    assert_eq!(
        ecdsa_der(Curve::P256, &raw),
        Ok(vec![0x30, 7, 2, 2, 0, 0x80, 2, 1, 1])
    );
    assert_eq!(
        ecdsa_der(Curve::P384, &raw),
        Err(RawSignatureError {
            expected: 96,
            found: 64
        })
    );
}

mod pem {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    pub(super) fn encode(label: &str, contents: &[u8]) -> String {
        let body = STANDARD.encode(contents);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    pub(super) fn first(text: &[u8]) -> Vec<u8> {
        let body: String = std::str::from_utf8(text)
            .unwrap()
            .lines()
            .skip_while(|line| !line.starts_with("-----BEGIN"))
            .skip(1)
            .take_while(|line| !line.starts_with("-----END"))
            .collect();
        STANDARD.decode(body).unwrap()
    }
}
