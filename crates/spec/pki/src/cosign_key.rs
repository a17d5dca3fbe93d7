//! Private key files of cosign, and the PEM files that it imports (`sigstore/cosign:pkg/cosign/keys.go`,
//! `secure-systems-lab/go-securesystemslib:encrypted/encrypted.go`).
//!
//! Its own form is one PEM block of JSON: scrypt turns the passphrase into the key of a NaCl secretbox that holds
//! PKCS#8. Everything about such a file but the passphrase is checked by [`CosignKeyFile::parse`], before any work
//! that costs time and memory.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::generic_array::GenericArray;
use crypto_secretbox::{AeadInPlace as _, KeyInit as _, XSalsa20Poly1305};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::armor;
use crate::keyfile::{KeyBlock, KeyFileError, Passphrase, UnlockError};
use crate::signing::{ProviderError, SigningKey, SigningKeyError};

/// Most bytes of a key file: an RSA key of 8192 bits has about 9,000.
pub const COSIGN_KEY_FILE_LIMIT: usize = 64 << 10;

/// The scrypt costs (N, r, p) that cosign reads; N · r · 128 bytes of memory, so at most 128 MiB.
pub const SCRYPT_COSTS: [(u64, u64, u64); 3] = [(32_768, 8, 1), (65_536, 8, 1), (131_072, 8, 1)];

/// The one that it writes.
const SEAL_COST: (u64, u64, u64) = (65_536, 8, 1);

const SIGSTORE: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// What cosign wrote before 2.0.
const COSIGN: &str = "ENCRYPTED COSIGN PRIVATE KEY";
/// What `openssl ecparam -genkey` writes in front of the key; the key names its curve itself.
const EC_PARAMETERS: &str = "EC PARAMETERS";

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// Why text is no private key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignKeyError {
    /// The block's content is not what its type says.
    #[error("malformed {what}")]
    Malformed {
        /// The part.
        what: &'static str,
    },
    /// No PEM block in it.
    #[error("no PEM block")]
    NoPemBlock,
    /// PEM that does not parse.
    #[error(transparent)]
    Pem(#[from] KeyFileError),
    /// More than [`COSIGN_KEY_FILE_LIMIT`] bytes.
    #[error("key file of {found} bytes, at most {COSIGN_KEY_FILE_LIMIT}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// A block of another type.
    #[error("unsupported PEM block type {found:?}")]
    UnsupportedBlock {
        /// The type.
        found: String,
    },
    /// A cipher other than NaCl's secretbox.
    #[error("unsupported cipher {found:?}")]
    UnsupportedCipher {
        /// Its name.
        found: String,
    },
    /// scrypt parameters other than [`SCRYPT_COSTS`].
    #[error("unsupported scrypt cost N={n}, r={r}, p={p}")]
    UnsupportedCost {
        /// CPU and memory cost.
        n: u64,
        /// Block size.
        r: u64,
        /// Parallelisation.
        p: u64,
    },
    /// A key derivation other than scrypt.
    #[error("unsupported key derivation {found:?}")]
    UnsupportedKdf {
        /// Its name.
        found: String,
    },
}

/// A private key file: cosign's own, or any that [`KeyBlock`] reads.
#[derive(Clone, PartialEq, Eq)]
pub struct CosignKeyFile(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Pem(KeyBlock),
    Sealed { label: &'static str, sealed: Sealed },
}

/// The JSON, its fields in the order in which cosign writes them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: Base64,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Cost,
    salt: Base64,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cost {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: Base64,
}

#[derive(Clone, PartialEq, Eq)]
struct Base64(Vec<u8>);

impl CosignKeyFile {
    /// Reads the first PEM block of a key file, as cosign does; parameters of a curve in front of it are passed over.
    ///
    /// # Errors
    /// Too much text, no PEM, another type of block; for an encrypted key anything but a known derivation at a known
    /// cost and the known cipher.
    pub fn parse(text: &[u8]) -> Result<Self, CosignKeyError> {
        if text.len() > COSIGN_KEY_FILE_LIMIT {
            return Err(CosignKeyError::TooLarge { found: text.len() });
        }
        let block = armor::parse(text)?
            .into_iter()
            .find(|block| block.label != EC_PARAMETERS)
            .ok_or(CosignKeyError::NoPemBlock)?;
        let label = match block.label.as_str() {
            SIGSTORE => SIGSTORE,
            COSIGN => COSIGN,
            _ => {
                let block = KeyBlock::from(block);
                return if block.is_private_key() {
                    Ok(Self(Form::Pem(block)))
                } else {
                    let found = block.label().to_owned();
                    Err(CosignKeyError::UnsupportedBlock { found })
                };
            }
        };
        let sealed = Sealed::parse(&block.contents)?;
        Ok(Self(Form::Sealed { label, sealed }))
    }

    /// Encrypts `key` as cosign 2 and 3 do. Like them it takes an empty passphrase, which protects nothing.
    ///
    /// # Errors
    /// The provider failed.
    pub fn seal(key: &SigningKey, passphrase: &Passphrase) -> Result<Self, ProviderError> {
        let failed = ProviderError {
            operation: "encrypt a private key",
        };
        let (mut salt, mut nonce) = (vec![0; SALT_BYTES], vec![0; NONCE_BYTES]);
        rand::fill(&mut salt).map_err(|_| failed)?;
        rand::fill(&mut nonce).map_err(|_| failed)?;
        let (n, r, p) = SEAL_COST;
        let kdf = Kdf {
            name: KDF.to_owned(),
            params: Cost { n, r, p },
            salt: Base64(salt),
        };
        let mut secret = key.to_pkcs8_der();
        let tag = kdf
            .derive(passphrase)
            .ok_or(failed)?
            .encrypt_in_place_detached(GenericArray::from_slice(&nonce), b"", &mut secret)
            .map_err(|_| failed)?;
        let sealed = Sealed {
            kdf,
            cipher: Cipher {
                name: CIPHER.to_owned(),
                nonce: Base64(nonce),
            },
            ciphertext: Base64([tag.as_slice(), secret.as_slice()].concat()),
        };
        Ok(Self(Form::Sealed {
            label: SIGSTORE,
            sealed,
        }))
    }

    /// Whether [`Self::unlock`] needs a passphrase.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        match &self.0 {
            Form::Pem(block) => block.is_encrypted(),
            Form::Sealed { .. } => true,
        }
    }

    /// Whether it is cosign's own form; `cosign sign` takes no other, `cosign import-key-pair` all others.
    #[must_use]
    pub fn is_cosign_form(&self) -> bool {
        matches!(self.0, Form::Sealed { .. })
    }

    /// Decrypts and reads the key; for cosign's form that takes up to 128 MiB of memory and half a second. A
    /// passphrase for a key that is not encrypted is ignored.
    ///
    /// # Errors
    /// No or a wrong passphrase, an unsupported kind of key or encryption, malformed content.
    pub fn unlock(&self, passphrase: Option<&Passphrase>) -> Result<SigningKey, UnlockError> {
        match &self.0 {
            Form::Pem(block) => block.unlock(passphrase),
            Form::Sealed { sealed, .. } => {
                sealed.unlock(passphrase.ok_or(UnlockError::NeedsPassphrase)?)
            }
        }
    }

    /// The PEM text as cosign writes it.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        match &self.0 {
            Form::Pem(block) => block.to_pem(),
            Form::Sealed { label, sealed } => {
                let json = serde_json::to_vec(sealed).expect("text and numbers are JSON");
                armor::encode(label, &BTreeMap::new(), &json)
            }
        }
    }
}

impl std::fmt::Debug for CosignKeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Form::Pem(block) => block.fmt(f),
            Form::Sealed { label, .. } => f
                .debug_struct("CosignKeyFile")
                .field("label", label)
                .finish_non_exhaustive(),
        }
    }
}

impl Sealed {
    fn parse(json: &[u8]) -> Result<Self, CosignKeyError> {
        let sealed: Self = serde_json::from_slice(json).map_err(|_| CosignKeyError::Malformed {
            what: "encrypted key JSON",
        })?;
        let Cost { n, r, p } = sealed.kdf.params;
        if sealed.kdf.name != KDF {
            let found = sealed.kdf.name;
            return Err(CosignKeyError::UnsupportedKdf { found });
        }
        if !SCRYPT_COSTS.contains(&(n, r, p)) {
            return Err(CosignKeyError::UnsupportedCost { n, r, p });
        }
        if sealed.cipher.name != CIPHER {
            let found = sealed.cipher.name;
            return Err(CosignKeyError::UnsupportedCipher { found });
        }
        if sealed.cipher.nonce.0.len() != NONCE_BYTES {
            return Err(CosignKeyError::Malformed { what: "nonce" });
        }
        if sealed.ciphertext.0.len() < TAG_BYTES {
            return Err(CosignKeyError::Malformed { what: "ciphertext" });
        }
        Ok(sealed)
    }

    fn unlock(&self, passphrase: &Passphrase) -> Result<SigningKey, UnlockError> {
        let (tag, ciphertext) = self
            .ciphertext
            .0
            .split_at_checked(TAG_BYTES)
            .ok_or(UnlockError::Malformed { what: "ciphertext" })?;
        let mut secret = Zeroizing::new(ciphertext.to_vec());
        self.kdf
            .derive(passphrase)
            .ok_or(UnlockError::Malformed {
                what: "scrypt parameters",
            })?
            .decrypt_in_place_detached(
                GenericArray::from_slice(&self.cipher.nonce.0),
                b"",
                &mut secret,
                GenericArray::from_slice(tag),
            )
            .map_err(|_| UnlockError::WrongPassphrase)?;
        // The box is authentic here, so broken content was sealed broken.
        SigningKey::from_der(&secret).map_err(|error| match error {
            SigningKeyError::Malformed { what } => UnlockError::Malformed { what },
            other => UnlockError::Key(other),
        })
    }
}

impl Kdf {
    /// The cipher under the derived key; `None` if the cost is none that scrypt knows.
    fn derive(&self, passphrase: &Passphrase) -> Option<XSalsa20Poly1305> {
        let Cost { n, r, p } = self.params;
        let log_n = u8::try_from(n.checked_ilog2()?).ok()?;
        let params =
            scrypt::Params::new(log_n, u32::try_from(r).ok()?, u32::try_from(p).ok()?).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        scrypt::scrypt(
            passphrase.expose().as_bytes(),
            &self.salt.0,
            &params,
            key.as_mut_slice(),
        )
        .ok()?;
        Some(XSalsa20Poly1305::new(GenericArray::from_slice(
            key.as_slice(),
        )))
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD
            .decode(text.as_bytes())
            .map(Self)
            .map_err(D::Error::custom)
    }
}
