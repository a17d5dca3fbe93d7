//! Keys that sign notes: how they are named, written and verified with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::digest::Sha256;
use pki::signature::{VerifyError, VerifyingKey, VerifyingKeyError, VerifyingKeyKind};

use crate::log_id::LogId;
use crate::note::{KeyId, KeyName, NoteError, NoteSignature};

/// Most bytes of a vkey.
pub const VKEY_LIMIT: usize = 8192;

/// What Rekor v2 puts between the type byte `0xff` and an RSA key when it makes a key id.
const RSA_PKCS1V15: &[u8] = b"PKIX-RSA-PKCS#1v1.5";

/// The signature type of a note key (C2SP signed-note).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteKeyType {
    /// `0x04`, a witness: eight bytes of seconds since 1970 and Ed25519 over `cosignature/v1`, the time and the text.
    CosignatureV1,
    /// `0x02`: DER ECDSA over the text under the curve's own hash. The key id is that of the SubjectPublicKeyInfo alone.
    Ecdsa,
    /// `0x01`: Ed25519 over the text.
    Ed25519,
    /// `0xff` and a name: RSA PKCS#1 v1.5 with SHA-256 over the text (`sigstore/rekor-tiles:pkg/note`).
    RsaPkcs1v15,
}

impl NoteKeyType {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Ecdsa => 0x02,
            Self::CosignatureV1 => 0x04,
            Self::RsaPkcs1v15 => 0xff,
        }
    }
}

/// Why there is no such key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteKeyError {
    /// The id in a vkey is not that of its key.
    #[error("key id {found}, computed {computed}")]
    Id {
        /// What the vkey says.
        found: KeyId,
        /// What its key gives.
        computed: KeyId,
    },
    /// The key cannot verify.
    #[error(transparent)]
    Key(#[from] VerifyingKeyError),
    /// The key is of another kind than the signature type takes.
    #[error("a key of kind {kind:?} makes no signatures of type {key_type:?}")]
    Kind {
        /// The type.
        key_type: NoteKeyType,
        /// The key's kind.
        kind: VerifyingKeyKind,
    },
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NoteError),
    /// The text is not `name+hash+key`.
    #[error("malformed vkey")]
    Vkey,
    /// A signature type that is not served here.
    #[error("unknown signature type {byte:#04x}")]
    UnknownType {
        /// Its byte.
        byte: u8,
    },
}

/// Why a signature line does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteSignatureError {
    /// A cosignature that is not a time and 64 bytes.
    #[error("cosignature of {found} bytes, expected 72")]
    CosignatureLength {
        /// Its size.
        found: usize,
    },
    /// A cosignature's time does not fit 63 bits.
    #[error("cosignature time {seconds} is out of range")]
    CosignatureTime {
        /// Seconds since 1970.
        seconds: u64,
    },
    /// The signature is not of the key under this text.
    #[error(transparent)]
    Signature(#[from] VerifyError),
}

/// A key that verifies note signatures.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NoteKey {
    /// None for Rekor v1 keys, which are told by the hint alone.
    name: Option<KeyName>,
    /// The whole digest of which the key id is the first four bytes.
    digest: Sha256,
    key_type: NoteKeyType,
    key: VerifyingKey,
}

impl NoteKey {
    /// The key of a log or witness that signs under `name`.
    ///
    /// # Errors
    /// [`NoteKeyError::Kind`].
    pub fn new(
        name: KeyName,
        key_type: NoteKeyType,
        key: VerifyingKey,
    ) -> Result<Self, NoteKeyError> {
        let digest = key_digest(&name, key_type, &key)?;
        Ok(Self {
            name: Some(name),
            digest,
            key_type,
            key,
        })
    }

    /// The key of a log, with the type that belongs to its kind.
    #[must_use]
    pub fn of_log(name: KeyName, key: VerifyingKey) -> Self {
        let key_type = match key.kind() {
            VerifyingKeyKind::Ecdsa(_) => NoteKeyType::Ecdsa,
            VerifyingKeyKind::Ed25519 => NoteKeyType::Ed25519,
            VerifyingKeyKind::Rsa { .. } => NoteKeyType::RsaPkcs1v15,
        };
        Self::new(name, key_type, key).expect("the type was chosen for the kind")
    }

    /// The key of a Rekor v1 log: its lines carry the first four bytes of the SubjectPublicKeyInfo's SHA-256 whatever
    /// the kind of key, under any name (`sigstore/rekor:pkg/util/signed_note.go`).
    #[must_use]
    pub fn of_rekor_v1(key: VerifyingKey) -> Self {
        let key_type = match key.kind() {
            VerifyingKeyKind::Ecdsa(_) => NoteKeyType::Ecdsa,
            VerifyingKeyKind::Ed25519 => NoteKeyType::Ed25519,
            VerifyingKeyKind::Rsa { .. } => NoteKeyType::RsaPkcs1v15,
        };
        Self {
            name: None,
            digest: key.spki_sha256(),
            key_type,
            key,
        }
    }

    /// Reads a vkey: `<name>+<key id in hex>+<base64 of type ‖ key>`. Ed25519 keys are 32 raw bytes, others a
    /// SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// Every way of not being one.
    pub fn parse_vkey(text: &str) -> Result<Self, NoteKeyError> {
        if text.len() > VKEY_LIMIT {
            return Err(NoteKeyError::Vkey);
        }
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteKeyError::Vkey);
        };
        let mut found = [0; 4];
        if id.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NoteKeyError::Vkey);
        }
        hex::decode_to_slice(id, &mut found).map_err(|_| NoteKeyError::Vkey)?;
        let found = KeyId(found);
        let key = STANDARD.decode(key).map_err(|_| NoteKeyError::Vkey)?;
        let (byte, key) = key.split_first().ok_or(NoteKeyError::Vkey)?;
        let (key_type, key) = parse_key(*byte, key)?;
        let key = Self::new(KeyName::parse(name)?, key_type, key)?;
        let computed = key.id();
        if computed == found {
            Ok(key)
        } else {
            Err(NoteKeyError::Id { found, computed })
        }
    }

    /// The vkey; none for a key without a name.
    #[must_use]
    pub fn to_vkey(&self) -> Option<String> {
        let name = self.name.as_ref()?;
        let mut bytes = vec![self.key_type.byte()];
        if self.key_type == NoteKeyType::RsaPkcs1v15 {
            bytes.extend_from_slice(RSA_PKCS1V15);
        }
        bytes.extend_from_slice(public_bytes(&self.key));
        Some(format!("{name}+{}+{}", self.id(), STANDARD.encode(bytes)))
    }

    /// The name it signs under; none if any will do.
    #[must_use]
    pub fn name(&self) -> Option<&KeyName> {
        self.name.as_ref()
    }

    /// The id in its signature lines.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let [a, b, c, d, ..] = *self.digest.as_bytes();
        KeyId([a, b, c, d])
    }

    /// All 32 bytes that the id is cut from: what bundles and trusted roots call the log id.
    #[must_use]
    pub fn log_id(&self) -> LogId {
        LogId::from_bytes(*self.digest.as_bytes())
    }

    /// The signature type.
    #[must_use]
    pub fn key_type(&self) -> NoteKeyType {
        self.key_type
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Whether a line claims to be made with this key.
    #[must_use]
    pub fn claims(&self, signature: &NoteSignature) -> bool {
        signature.id == self.id()
            && self
                .name
                .as_ref()
                .is_none_or(|name| *name == signature.name)
    }

    /// Checks a signature over `text`. For a cosignature the answer is its time in seconds since 1970.
    pub(crate) fn check(
        &self,
        text: &str,
        signature: &[u8],
    ) -> Result<Option<i64>, NoteSignatureError> {
        let scheme = self.key.default_scheme();
        if self.key_type != NoteKeyType::CosignatureV1 {
            let _proof = self.key.verify(scheme, text.as_bytes(), signature)?;
            return Ok(None);
        }
        let wrong = NoteSignatureError::CosignatureLength {
            found: signature.len(),
        };
        let (seconds, signature) = match signature.split_first_chunk::<8>() {
            Some((seconds, rest)) if rest.len() == 64 => (u64::from_be_bytes(*seconds), rest),
            _ => return Err(wrong),
        };
        let time =
            i64::try_from(seconds).map_err(|_| NoteSignatureError::CosignatureTime { seconds })?;
        let message = cosigned_message(time, text);
        let _proof = self.key.verify(scheme, message.as_bytes(), signature)?;
        Ok(Some(time))
    }
}

/// What a witness signs (C2SP tlog-cosignature): `seconds` since 1970, and the text of the checkpoint.
#[must_use]
pub fn cosigned_message(seconds: i64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

fn parse_key(byte: u8, bytes: &[u8]) -> Result<(NoteKeyType, VerifyingKey), NoteKeyError> {
    let ed25519 = || {
        let raw = bytes.try_into().map_err(|_| NoteKeyError::Vkey)?;
        Ok::<_, NoteKeyError>(VerifyingKey::from_ed25519(raw))
    };
    Ok(match byte {
        0x01 => (NoteKeyType::Ed25519, ed25519()?),
        0x02 => (NoteKeyType::Ecdsa, VerifyingKey::from_spki_der(bytes)?),
        0x04 => (NoteKeyType::CosignatureV1, ed25519()?),
        0xff => {
            let spki = bytes
                .strip_prefix(RSA_PKCS1V15)
                .ok_or(NoteKeyError::UnknownType { byte })?;
            (NoteKeyType::RsaPkcs1v15, VerifyingKey::from_spki_der(spki)?)
        }
        byte => return Err(NoteKeyError::UnknownType { byte }),
    })
}

fn key_digest(
    name: &KeyName,
    key_type: NoteKeyType,
    key: &VerifyingKey,
) -> Result<Sha256, NoteKeyError> {
    let named = |parts: &[&[u8]]| {
        let head = [name.as_str().as_bytes(), b"\n", &[key_type.byte()]].concat();
        Sha256::of(&[head, parts.concat()].concat())
    };
    match (key_type, key.kind()) {
        (NoteKeyType::Ed25519 | NoteKeyType::CosignatureV1, VerifyingKeyKind::Ed25519) => {
            Ok(named(&[public_bytes(key)]))
        }
        (NoteKeyType::Ecdsa, VerifyingKeyKind::Ecdsa(_)) => Ok(key.spki_sha256()),
        (NoteKeyType::RsaPkcs1v15, VerifyingKeyKind::Rsa { .. }) => {
            Ok(named(&[RSA_PKCS1V15, key.spki_der()]))
        }
        (key_type, kind) => Err(NoteKeyError::Kind { key_type, kind }),
    }
}

/// The key as notes write it: raw for Ed25519, otherwise a SubjectPublicKeyInfo.
fn public_bytes(key: &VerifyingKey) -> &[u8] {
    key.ed25519().map_or(key.spki_der(), <[u8; 32]>::as_slice)
}
