//! Keys, signatures and how they are written.

use aws_lc_rs::digest::{self, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA512_ASN1, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::{PemObject, SectionKind};

use super::der;

/// A key that one of the services signs with.
#[derive(Debug)]
pub(super) enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    pub(super) fn p256() -> Self {
        Self::P256(
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                .expect("P-256 keys can be generated"),
        )
    }

    pub(super) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().expect("Ed25519 keys can be generated"))
    }

    /// ECDSA in DER over SHA-256, or pure Ed25519.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => key
                .sign(&SystemRandom::new(), message)
                .expect("the random source works")
                .as_ref()
                .to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// The key as SubjectPublicKeyInfo.
    pub(super) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::P256(key) => key.public_key().as_der(),
            Self::Ed25519(key) => key.public_key().as_der(),
        }
        .expect("a key that we made can be written");
        der.as_ref().to_vec()
    }

    pub(super) fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    /// SHA-256 of the SubjectPublicKeyInfo: how logs are named.
    pub(super) fn id(&self) -> [u8; 32] {
        sha256(&self.spki())
    }
}

/// The hash that belongs to the key: what Fulcio asks of a proof of possession.
pub(super) const OWN_HASH: [&dyn VerificationAlgorithm; 5] = [
    &ECDSA_P256_SHA256_ASN1,
    &ECDSA_P384_SHA384_ASN1,
    &ECDSA_P521_SHA512_ASN1,
    &RSA_PKCS1_2048_8192_SHA256,
    &ED25519,
];

/// What Rekor takes in envelopes besides [`OWN_HASH`]: cosign hashes with SHA-256 whatever the curve.
const LARGER_CURVES: [&dyn VerificationAlgorithm; 2] =
    [&ECDSA_P384_SHA256_ASN1, &ECDSA_P521_SHA256_ASN1];

pub(super) fn verifies(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    OWN_HASH.iter().any(|&algorithm| {
        UnparsedPublicKey::new(algorithm, spki)
            .verify(message, signature)
            .is_ok()
    })
}

/// As [`verifies`], and with SHA-256 for every curve.
pub(super) fn verifies_envelope(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    verifies(spki, message, signature)
        || LARGER_CURVES.iter().any(|&algorithm| {
            UnparsedPublicKey::new(algorithm, spki)
                .verify(message, signature)
                .is_ok()
        })
}

/// Whether the signature is over what has this digest. Ed25519 cannot be: it signs messages, not digests.
pub(super) fn verifies_digest(spki: &[u8], hash: &str, value: &[u8], signature: &[u8]) -> bool {
    let (hash, algorithms): (_, &[&dyn VerificationAlgorithm]) = match hash {
        "sha256" => (
            &SHA256,
            &[
                &ECDSA_P256_SHA256_ASN1,
                &ECDSA_P384_SHA256_ASN1,
                &ECDSA_P521_SHA256_ASN1,
                &RSA_PKCS1_2048_8192_SHA256,
            ],
        ),
        "sha384" => (&SHA384, &[&ECDSA_P384_SHA384_ASN1]),
        "sha512" => (&SHA512, &[&ECDSA_P521_SHA512_ASN1]),
        _ => return false,
    };
    let Ok(digest) = Digest::import_less_safe(value, hash) else {
        return false;
    };
    algorithms.iter().any(|&algorithm| {
        UnparsedPublicKey::new(algorithm, spki)
            .verify_digest(&digest, signature)
            .is_ok()
    })
}

/// The SubjectPublicKeyInfo in a PEM text with a public key or with certificates, and the text as Rekor keeps it:
/// without anything around its blocks. `None`: it holds neither.
pub(super) fn read_pem(text: &[u8]) -> Option<(Vec<u8>, String)> {
    let blocks: Vec<(SectionKind, Vec<u8>)> = <(SectionKind, Vec<u8>)>::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .ok()?;
    let mut canonical = String::new();
    for (kind, der) in &blocks {
        let label = match kind {
            SectionKind::PublicKey => "PUBLIC KEY",
            SectionKind::Certificate => "CERTIFICATE",
            _ => return None,
        };
        canonical += &pem(label, der);
    }
    let (kind, der) = blocks.into_iter().next()?;
    let spki = if kind == SectionKind::Certificate {
        spki_of_certificate(&der)?
    } else {
        der
    };
    Some((spki, canonical))
}

/// The SubjectPublicKeyInfo of a certificate.
pub(super) fn spki_of_certificate(certificate: &[u8]) -> Option<Vec<u8>> {
    let mut input = certificate;
    let mut outer = der::expect(&mut input, der::SEQUENCE)?;
    let mut tbs = der::expect(&mut outer, der::SEQUENCE)?;
    // version, serial number, signature, issuer, validity, subject
    for _ in 0..6 {
        der::take(&mut tbs)?;
    }
    der::whole(&mut tbs).map(<[u8]>::to_vec)
}

/// The bits of the key in a SubjectPublicKeyInfo.
pub(super) fn bits_of(spki: &[u8]) -> Option<&[u8]> {
    let mut input = spki;
    let mut inner = der::expect(&mut input, der::SEQUENCE)?;
    der::expect(&mut inner, der::SEQUENCE)?;
    der::expect(&mut inner, der::BIT_STRING)?.get(1..)
}

/// RFC 5280's first way to make a key identifier: SHA-1 of the bits.
pub(super) fn key_identifier(spki: &[u8]) -> Vec<u8> {
    let bits = bits_of(spki).expect("the key was read before");
    digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, bits)
        .as_ref()
        .to_vec()
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out += std::str::from_utf8(line).expect("base64 is ASCII");
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&SHA256, bytes)
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the random source works");
    bytes
}

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn unb64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
