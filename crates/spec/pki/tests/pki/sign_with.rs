//! Signing by scheme: every kind of key and scheme, checked by this crate and against what OpenSSL and cosign signed.

use std::collections::BTreeSet;

use pki::key::Curve;
use pki::signature::{HashAlgorithm, Scheme, VerifyingKeyKind};
use pki::signing::{KeyAlgorithm, SignError, SigningKey};

use crate::{golden, openssl_key, read};

const MESSAGE: &[u8] = b"message";
const HASHES: [HashAlgorithm; 3] = [
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha384,
    HashAlgorithm::Sha512,
];

fn schemes() -> Vec<Scheme> {
    let of = |scheme: fn(HashAlgorithm) -> Scheme| HASHES.map(scheme);
    [
        of(Scheme::Ecdsa).as_slice(),
        &of(Scheme::RsaPkcs1v15),
        &of(Scheme::RsaPss),
        &[Scheme::Ed25519],
    ]
    .concat()
}

fn digest(scheme: Scheme) -> Option<Vec<u8>> {
    let (Scheme::Ecdsa(hash) | Scheme::RsaPkcs1v15(hash) | Scheme::RsaPss(hash)) = scheme else {
        return None;
    };
    let algorithm = match hash {
        HashAlgorithm::Sha256 => &aws_lc_rs::digest::SHA256,
        HashAlgorithm::Sha384 => &aws_lc_rs::digest::SHA384,
        HashAlgorithm::Sha512 => &aws_lc_rs::digest::SHA512,
    };
    let digest = aws_lc_rs::digest::digest(algorithm, MESSAGE);
    Some(digest.as_ref().to_vec())
}

fn keys() -> Vec<SigningKey> {
    [
        "ec-sec1.pem",
        "p384.pem",
        "p521.pem",
        "rsa-pkcs1.pem",
        "ed25519.pem",
    ]
    .map(openssl_key)
    .into()
}

#[test]
fn every_key_signs_with_its_schemes_and_refuses_the_others() {
    let mut signed = BTreeSet::new();
    for key in keys() {
        let public = key.verifying_key();
        for scheme in schemes() {
            let fits = matches!(
                (public.kind(), scheme),
                (VerifyingKeyKind::Ecdsa(_), Scheme::Ecdsa(_))
                    | (
                        VerifyingKeyKind::Rsa { .. },
                        Scheme::RsaPkcs1v15(_) | Scheme::RsaPss(_)
                    )
                    | (VerifyingKeyKind::Ed25519, Scheme::Ed25519)
            );
            let result = key.sign_with(scheme, MESSAGE);
            if !fits {
                let kind = public.kind();
                assert_eq!(result, Err(SignError::SchemeMismatch { scheme, kind }));
                continue;
            }
            signed.insert((public.kind(), scheme));
            let _proof = public.verify(scheme, MESSAGE, &result.unwrap()).unwrap();
            if let Some(digest) = digest(scheme) {
                let signature = key.sign_digest_with(scheme, &digest).unwrap();
                let _proof = public.verify(scheme, MESSAGE, &signature).unwrap();
            }
        }
    }
    assert_eq!(signed.len(), 3 * 3 + 2 * 3 + 1);
}

#[test]
fn a_digest_has_the_length_of_its_hash_and_ed25519_has_none() {
    let [ec, .., ed25519] = &keys()[..] else {
        panic!("five keys")
    };
    let scheme = Scheme::Ecdsa(HashAlgorithm::Sha384);
    assert_eq!(
        ec.sign_digest_with(scheme, &[0; 32]),
        Err(SignError::DigestLength {
            expected: 48,
            found: 32
        })
    );
    let scheme = Scheme::Ed25519;
    assert_eq!(
        ed25519.sign_digest_with(scheme, &[0; 64]),
        Err(SignError::NeedsMessage { scheme })
    );
}

/// PKCS#1 v1.5 and Ed25519 have one signature per key and message, so ours are OpenSSL's to the byte.
#[test]
fn signatures_without_randomness_are_openssls() {
    for (name, hash) in [
        ("sha256", HashAlgorithm::Sha256),
        ("sha384", HashAlgorithm::Sha384),
        ("sha512", HashAlgorithm::Sha512),
    ] {
        assert_eq!(
            openssl_key("rsa-pkcs1.pem")
                .sign_with(Scheme::RsaPkcs1v15(hash), MESSAGE)
                .unwrap(),
            crate::openssl(&format!("scheme-rsa-pkcs1-{name}.sig"))
        );
    }
    assert_eq!(
        openssl_key("ed25519.pem")
            .sign_with(Scheme::Ed25519, MESSAGE)
            .unwrap(),
        crate::openssl("scheme-ed25519.sig")
    );
}

#[test]
fn new_keys_are_of_the_kind_asked_for() {
    let rsa = |bits| VerifyingKeyKind::Rsa { bits };
    for (algorithm, kind) in [
        (
            KeyAlgorithm::EcdsaP256,
            VerifyingKeyKind::Ecdsa(Curve::P256),
        ),
        (
            KeyAlgorithm::EcdsaP384,
            VerifyingKeyKind::Ecdsa(Curve::P384),
        ),
        (
            KeyAlgorithm::EcdsaP521,
            VerifyingKeyKind::Ecdsa(Curve::P521),
        ),
        (KeyAlgorithm::Ed25519, VerifyingKeyKind::Ed25519),
        (KeyAlgorithm::Rsa2048, rsa(2048)),
        (KeyAlgorithm::Rsa3072, rsa(3072)),
        (KeyAlgorithm::Rsa4096, rsa(4096)),
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let public = key.verifying_key();
        assert_eq!(public.kind(), kind);
        let again = SigningKey::from_der(&key.to_pkcs8_der()).unwrap();
        let scheme = public.default_scheme();
        let signature = again.sign_with(scheme, MESSAGE).unwrap();
        let _proof = public.verify(scheme, MESSAGE, &signature).unwrap();
    }
}

/// What cosign 2.5 signed with each golden key: SHA-256 whatever the curve, and PKCS#1 v1.5 for RSA.
#[test]
fn cosigns_signatures_hold_under_the_golden_keys() {
    use base64::Engine as _;
    let blob = read(&golden("cosign/blobs/blob.txt"));
    let sha256 = HashAlgorithm::Sha256;
    for (name, scheme) in [
        ("p256", Scheme::Ecdsa(sha256)),
        ("p384", Scheme::Ecdsa(sha256)),
        ("rsa2048", Scheme::RsaPkcs1v15(sha256)),
        ("ed25519", Scheme::Ed25519),
    ] {
        let key = crate::one_block(&read(&golden(&format!("cosign/keys/{name}.plain.pem"))))
            .unlock(None)
            .unwrap();
        let text = read(&golden(&format!(
            "cosign/cases/c26_key_types/{name}.v25.sig"
        )));
        let signature = base64::engine::general_purpose::STANDARD
            .decode(text.trim_ascii())
            .unwrap();
        let _proof = key
            .verifying_key()
            .verify(scheme, &blob, &signature)
            .unwrap();
        if !matches!(scheme, Scheme::Ecdsa(_)) {
            assert_eq!(key.sign_with(scheme, &blob).unwrap(), signature, "{name}");
        }
    }
}
