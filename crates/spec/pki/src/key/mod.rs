//! Public keys as trust metadata holds them, their ids, and verification of one signature.

mod from_pem;
mod id;
mod material;
mod verify;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use from_pem::{PUBLIC_KEY_FILE_LIMIT, PublicKeyFileError, PublicKeyPemError};
pub use id::{CanonicalKeyId, TufKeyId};
pub use material::{Curve, MIN_RSA_BITS, PublicKeyError};
pub(crate) use material::{Material, bit_length};
pub(crate) use verify::ecdsa_digest;
pub use verify::{Method, SignatureError, SignatureValid};

use crate::armor;
use crate::certificate::Certificate;
use crate::digest::Sha256;

/// The `keytype` of a public key in metadata (`notary:tuf/data/types.go`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// `ecdsa`: the public bytes are a DER SubjectPublicKeyInfo.
    Ecdsa,
    /// `ecdsa-x509`: the public bytes are certificate PEM text, leaf first.
    EcdsaX509,
    /// `ed25519`: the public bytes are the 32 raw bytes.
    Ed25519,
    /// Any other text; such keys parse and never verify.
    Other(String),
    /// `rsa`: the public bytes are a DER SubjectPublicKeyInfo.
    Rsa,
    /// `rsa-x509`: the public bytes are certificate PEM text, leaf first.
    RsaX509,
}

impl KeyType {
    /// Reads the text of metadata; case matters, as it does to Notary.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "ecdsa" => Self::Ecdsa,
            "ecdsa-x509" => Self::EcdsaX509,
            "ed25519" => Self::Ed25519,
            "rsa" => Self::Rsa,
            "rsa-x509" => Self::RsaX509,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The text of metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::EcdsaX509 => "ecdsa-x509",
            Self::Ed25519 => "ed25519",
            Self::Other(text) => text,
            Self::Rsa => "rsa",
            Self::RsaX509 => "rsa-x509",
        }
    }

    /// Whether the public bytes are certificate PEM text.
    #[must_use]
    pub fn is_x509(&self) -> bool {
        matches!(self, Self::EcdsaX509 | Self::RsaX509)
    }
}

impl std::fmt::Display for KeyType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A public key as metadata carries it: a type and bytes whose meaning depends on the type.
///
/// Holding one says nothing about it being well-formed: an unknown or broken key parses, has a TUF id and never
/// verifies, exactly as in Notary, so that one odd key does not make a whole file unreadable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    key_type: KeyType,
    bytes: Vec<u8>,
}

impl PublicKey {
    /// Takes the two fields of metadata; `bytes` is the decoded `public` value.
    #[must_use]
    pub fn new(key_type: KeyType, bytes: Vec<u8>) -> Self {
        Self { key_type, bytes }
    }

    /// Reads a DER SubjectPublicKeyInfo of an ECDSA key (P-224, P-256, P-384, P-521) or an RSA key of any size.
    ///
    /// # Errors
    /// Malformed DER, or another algorithm or curve.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        let key_type = match Material::from_spki_der(der)? {
            Material::Ecdsa { .. } => KeyType::Ecdsa,
            Material::Rsa { .. } => KeyType::Rsa,
        };
        Ok(Self::new(key_type, der.to_vec()))
    }

    /// The type.
    #[must_use]
    pub fn key_type(&self) -> &KeyType {
        &self.key_type
    }

    /// The bytes of the `public` value: SPKI DER, certificate PEM text or 32 raw bytes, by type.
    #[must_use]
    pub fn public_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The id used in metadata: SHA-256 of `{"keytype":K,"keyval":{"private":null,"public":B}}` in canonical JSON.
    #[must_use]
    pub fn tuf_id(&self) -> TufKeyId {
        // Canonical JSON escapes these two characters and no other.
        let key_type = self
            .key_type
            .as_str()
            .replace('\\', r"\\")
            .replace('"', r#"\""#);
        let public = STANDARD.encode(&self.bytes);
        let json = format!(
            r#"{{"keytype":"{key_type}","keyval":{{"private":null,"public":"{public}"}}}}"#
        );
        TufKeyId::from_bytes(*Sha256::of(json.as_bytes()).as_bytes())
    }

    /// The id used for key files and in messages: that of the bare key, for certificates the leaf's.
    ///
    /// # Errors
    /// Only for certificate types: the first PEM block holds no certificate with a key of that type.
    pub fn canonical_id(&self) -> Result<CanonicalKeyId, PublicKeyError> {
        let bare = if self.key_type.is_x509() {
            &self.leaf_key()?
        } else {
            self
        };
        Ok(CanonicalKeyId::from_bytes(*bare.tuf_id().as_bytes()))
    }

    /// The bare key inside the leaf certificate of an x509 type.
    pub(crate) fn leaf_key(&self) -> Result<Self, PublicKeyError> {
        let blocks = armor::parse(&self.bytes).map_err(|_| PublicKeyError::Malformed {
            what: "certificate PEM",
        })?;
        let first = blocks.first().ok_or(PublicKeyError::Malformed {
            what: "certificate PEM",
        })?;
        let leaf = Certificate::from_der(&first.contents)?.public_key()?;
        let fits = matches!(
            (&self.key_type, &leaf.key_type),
            (KeyType::EcdsaX509, KeyType::Ecdsa) | (KeyType::RsaX509, KeyType::Rsa)
        );
        if fits {
            Ok(leaf)
        } else {
            Err(PublicKeyError::TypeMismatch {
                declared: self.key_type.clone(),
                found: leaf.key_type,
            })
        }
    }
}
