//! Signatures as logs and artifacts carry them, made by OpenSSL: every scheme, and every way to be refused.

use std::collections::BTreeSet;

use pki::key::{Curve, PublicKeyError};
use pki::signature::{
    HashAlgorithm, SPKI_LIMIT, Scheme, VerifyError, VerifyingKey, VerifyingKeyError,
    VerifyingKeyKind,
};
use proptest::prelude::*;
use rustls_pki_types::pem::PemObject as _;

use crate::openssl;

const MESSAGE: &[u8] = b"message";
const HASHES: [(HashAlgorithm, &str); 3] = [
    (HashAlgorithm::Sha256, "sha256"),
    (HashAlgorithm::Sha384, "sha384"),
    (HashAlgorithm::Sha512, "sha512"),
];

fn spki(name: &str) -> Vec<u8> {
    rustls_pki_types::SubjectPublicKeyInfoDer::from_pem_slice(&openssl(name))
        .unwrap()
        .to_vec()
}

fn key(name: &str) -> VerifyingKey {
    VerifyingKey::from_spki_der(&spki(name)).unwrap()
}

fn digest(hash: HashAlgorithm) -> Vec<u8> {
    let algorithm = match hash {
        HashAlgorithm::Sha256 => &aws_lc_rs::digest::SHA256,
        HashAlgorithm::Sha384 => &aws_lc_rs::digest::SHA384,
        HashAlgorithm::Sha512 => &aws_lc_rs::digest::SHA512,
    };
    aws_lc_rs::digest::digest(algorithm, MESSAGE)
        .as_ref()
        .to_vec()
}

/// Every key, scheme and OpenSSL's signature under them.
fn table() -> Vec<(VerifyingKey, Scheme, Vec<u8>)> {
    let mut rows = Vec::new();
    for (hash, name) in HASHES {
        for (public, stem, scheme) in [
            ("ec-public.pem", "ec-sec1", Scheme::Ecdsa(hash)),
            ("p384-public.pem", "p384", Scheme::Ecdsa(hash)),
            ("p521-public.pem", "p521", Scheme::Ecdsa(hash)),
            (
                "rsa-pkcs1-public.pem",
                "rsa-pkcs1",
                Scheme::RsaPkcs1v15(hash),
            ),
            ("rsa-pkcs1-public.pem", "rsa-pss", Scheme::RsaPss(hash)),
        ] {
            let signature = openssl(&format!("scheme-{stem}-{name}.sig"));
            rows.push((key(public), scheme, signature));
        }
    }
    let signature = openssl("scheme-ed25519.sig");
    rows.push((key("ed25519-public.pem"), Scheme::Ed25519, signature));
    rows
}

#[test]
fn every_scheme_verifies_from_message_and_digest() {
    let rows = table();
    assert_eq!(rows.len(), 16);
    for (key, scheme, signature) in &rows {
        let _proof = key.verify(*scheme, MESSAGE, signature).unwrap();
        assert_eq!(
            key.verify(*scheme, b"other", signature).unwrap_err(),
            VerifyError::Mismatch
        );
        let hash = match scheme {
            Scheme::Ecdsa(hash) | Scheme::RsaPkcs1v15(hash) | Scheme::RsaPss(hash) => *hash,
            Scheme::Ed25519 => {
                assert_eq!(
                    key.verify_digest(*scheme, MESSAGE, signature).unwrap_err(),
                    VerifyError::NeedsMessage { scheme: *scheme }
                );
                continue;
            }
        };
        let digest = digest(hash);
        let _proof = key.verify_digest(*scheme, &digest, signature).unwrap();
        let mut other = digest.clone();
        other[0] ^= 1;
        assert_eq!(
            key.verify_digest(*scheme, &other, signature).unwrap_err(),
            VerifyError::Mismatch
        );
        assert_eq!(
            key.verify_digest(*scheme, &digest[1..], signature)
                .unwrap_err(),
            VerifyError::DigestLength {
                expected: hash.digest_bytes(),
                found: hash.digest_bytes() - 1
            }
        );
    }
}

#[test]
fn a_signature_holds_under_its_own_scheme_and_key_only() {
    let rows = table();
    let schemes: BTreeSet<Scheme> = rows.iter().map(|(_, scheme, _)| *scheme).collect();
    for (key, scheme, signature) in &rows {
        for other in schemes.iter().filter(|other| *other != scheme) {
            let refusal = key.verify(*other, MESSAGE, signature).unwrap_err();
            let fits = matches!(
                (key.kind(), other),
                (VerifyingKeyKind::Ecdsa(_), Scheme::Ecdsa(_))
                    | (
                        VerifyingKeyKind::Rsa { .. },
                        Scheme::RsaPkcs1v15(_) | Scheme::RsaPss(_)
                    )
            );
            let expected = if fits {
                VerifyError::Mismatch
            } else {
                VerifyError::SchemeMismatch {
                    scheme: *other,
                    kind: key.kind(),
                }
            };
            assert_eq!(refusal, expected);
        }
    }
    let (p256, p384) = (&rows[0], &rows[1]);
    assert_eq!(
        p384.0.verify(p256.1, MESSAGE, &p256.2).map(drop),
        Err(VerifyError::Mismatch)
    );
}

#[test]
fn ecdsa_signatures_are_strict_der() {
    let (key, scheme, signature) = table().remove(0);
    let mut trailing = signature.clone();
    trailing.push(0);
    // The same two integers behind a length in the long form.
    let mut long = vec![0x30, 0x81, signature[1]];
    long.extend_from_slice(&signature[2..]);
    for wrong in [
        trailing,
        long,
        signature[..signature.len() - 1].to_vec(),
        vec![],
    ] {
        assert_eq!(
            key.verify(scheme, MESSAGE, &wrong).unwrap_err(),
            VerifyError::Mismatch
        );
    }
}

#[test]
fn keys_that_cannot_verify_have_their_own_refusals() {
    let refused = |der: &[u8]| VerifyingKey::from_spki_der(der).unwrap_err();
    assert_eq!(
        refused(&spki("p224-public.pem")),
        VerifyingKeyError::UnsupportedCurve { curve: Curve::P224 }
    );
    assert_eq!(
        refused(&spki("refused-rsa-1024-public.pem")),
        VerifyingKeyError::RsaSize { bits: 1024 }
    );
    assert!(matches!(
        refused(&spki("refused-secp256k1-public.pem")),
        VerifyingKeyError::Key(PublicKeyError::UnsupportedCurve { .. })
    ));
    assert!(matches!(
        refused(&spki("dsa-public.pem")),
        VerifyingKeyError::Key(PublicKeyError::UnsupportedAlgorithm { .. })
    ));
    assert_eq!(
        refused(&vec![0; SPKI_LIMIT + 1]),
        VerifyingKeyError::TooLarge {
            found: SPKI_LIMIT + 1
        }
    );
    let mut trailing = spki("ec-public.pem");
    trailing.push(0);
    let mut short = spki("ed25519-public.pem");
    short.pop();
    short[1] -= 1;
    short[10] -= 1;
    for (der, what) in [
        (trailing.as_slice(), "SubjectPublicKeyInfo"),
        (&[], "SubjectPublicKeyInfo"),
        (&short, "Ed25519 public key"),
    ] {
        assert_eq!(
            refused(der),
            VerifyingKeyError::Key(PublicKeyError::Malformed { what })
        );
    }
}

#[test]
fn a_key_knows_its_names() {
    let der = spki("ed25519-public.pem");
    let key = key("ed25519-public.pem");
    assert_eq!(key.spki_der(), der);
    assert_eq!(key.spki_sha256(), pki::digest::Sha256::of(&der));
    let raw = key.ed25519().unwrap();
    assert_eq!(raw, &der[12..]);
    assert_eq!(VerifyingKey::from_ed25519(raw), key);
    assert_eq!(key.default_scheme(), Scheme::Ed25519);
    for (name, scheme) in [
        ("ec-public.pem", Scheme::Ecdsa(HashAlgorithm::Sha256)),
        ("p384-public.pem", Scheme::Ecdsa(HashAlgorithm::Sha384)),
        ("p521-public.pem", Scheme::Ecdsa(HashAlgorithm::Sha512)),
        (
            "rsa-pkcs1-public.pem",
            Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
        ),
    ] {
        let key = self::key(name);
        assert_eq!((key.default_scheme(), key.ed25519()), (scheme, None));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_key_panic(der in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(VerifyingKey::from_spki_der(&der));
    }

    #[test]
    fn a_changed_key_never_panics(at in 0usize..91, with in any::<u8>()) {
        let mut der = spki("ec-public.pem");
        der[at] ^= with;
        if let Ok(changed) = VerifyingKey::from_spki_der(&der) {
            let signature = openssl("scheme-ec-sec1-sha256.sig");
            let valid = changed.verify(Scheme::Ecdsa(HashAlgorithm::Sha256), MESSAGE, &signature).is_ok();
            prop_assert_eq!(valid, with == 0);
        }
    }
}
