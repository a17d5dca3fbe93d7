//! Transparency logs against RFC vectors, a naive implementation, what real programs made, and the malicious.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read what real programs made from files"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a vector that is not as expected fails the test"
)]

mod checkpoints;
mod golden;
mod naive;
mod notes;
mod scts;
mod sets;
mod tiles;
mod trees;

use pki::digest::Sha256;
use pki::signature::VerifyingKey;
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use tlog::note::{KeyId, KeyName, NoteSignature};
use tlog::note_key::{NoteKey, NoteKeyType, cosigned_message};

/// A key that signs as a log does: DER ECDSA, PKCS#1 v1.5 or raw Ed25519.
struct Signer(KeyPair);

impl Signer {
    fn p256() -> Self {
        Self(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
    }

    fn p384() -> Self {
        Self(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap())
    }

    fn ed25519() -> Self {
        Self(KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap())
    }

    fn rsa() -> Self {
        Self(KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap())
    }

    fn public(&self) -> VerifyingKey {
        VerifyingKey::from_spki_der(&self.0.subject_public_key_info()).unwrap()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).unwrap()
    }

    fn log_key(&self, name: &str) -> NoteKey {
        NoteKey::of_log(key_name(name), self.public())
    }

    fn witness_key(&self, name: &str) -> NoteKey {
        NoteKey::new(key_name(name), NoteKeyType::CosignatureV1, self.public()).unwrap()
    }

    /// The line of a log called `name` under `text`.
    fn line(&self, name: &str, text: &str) -> NoteSignature {
        NoteSignature {
            name: key_name(name),
            id: self.log_key(name).id(),
            bytes: self.sign(text.as_bytes()),
        }
    }

    /// The line of a witness called `name` under `text`.
    fn cosignature(&self, name: &str, text: &str, seconds: i64) -> NoteSignature {
        let signature = self.sign(cosigned_message(seconds, text).as_bytes());
        NoteSignature {
            name: key_name(name),
            id: self.witness_key(name).id(),
            bytes: [seconds.to_be_bytes().as_slice(), &signature].concat(),
        }
    }
}

fn key_name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

fn id(hex: &str) -> KeyId {
    KeyId(u32::from_str_radix(hex, 16).unwrap().to_be_bytes())
}

fn hash(hex: &str) -> Sha256 {
    Sha256::parse_hex(hex).unwrap()
}
