//! Private key files: one PEM block with headers per key, encrypted or plain (`notary:trustmanager/keystore.go`,
//! `notary:tuf/utils/x509.go`).

mod cipher;
mod legacy;
mod pbes2;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

pub use pbes2::{PBKDF2_ITERATIONS_LIMIT, SCRYPT_MEMORY_LIMIT, SEAL_ITERATIONS};

use crate::armor::{self, Block};
pub use crate::armor::{PEM_BLOCK_LIMIT, PEM_FILE_LIMIT, PemError as KeyFileError};
use crate::signing::{ProviderError, SigningKey, SigningKeyError};

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PKCS8: &str = "PRIVATE KEY";
const EC: &str = "EC PRIVATE KEY";
const RSA: &str = "RSA PRIVATE KEY";
const ED25519: &str = "ED25519 PRIVATE KEY";

const ROLE: &str = "role";
const GUN: &str = "gun";
const PATH: &str = "path";
const PROC_TYPE: &str = "Proc-Type";
const DEK_INFO: &str = "DEK-Info";

/// Text that unlocks a key; wiped on drop and never shown.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes the text as it was entered.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of characters, for the rule on the shortest passphrase.
    #[must_use]
    pub fn chars(&self) -> usize {
        self.0.chars().count()
    }

    /// The text, for a comparison or for handing it on.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Passphrase {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Why a key block gives no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// The key inside is of a kind that cannot sign here.
    #[error(transparent)]
    Key(SigningKeyError),
    /// The block's content is not what its type says.
    #[error("malformed {what}")]
    Malformed {
        /// The part.
        what: &'static str,
    },
    /// The key is encrypted and no passphrase was given.
    #[error("the key is encrypted")]
    NeedsPassphrase,
    /// A type of block, an encryption or its cost that is not supported.
    #[error("unsupported {what}")]
    Unsupported {
        /// What it is, with the value found.
        what: String,
    },
    /// The passphrase does not open the key.
    #[error("wrong passphrase")]
    WrongPassphrase,
}

/// Why a key could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// An empty passphrase protects nothing.
    #[error("empty passphrase")]
    EmptyPassphrase,
    /// A header value that cannot be written.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The crypto provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// A header value with a line break or blanks at its ends, which would not be read back as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of header {name} has a line break or blanks at its ends")]
pub struct HeaderError {
    /// The header.
    pub name: &'static str,
}

/// One PEM block of a key file, its body as found: reading and writing one back gives the same bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyBlock(Block);

impl KeyBlock {
    /// Reads every block of a key file or an export bundle, of whatever type; none is no error.
    ///
    /// # Errors
    /// A block that does not parse, more than [`PEM_FILE_LIMIT`] bytes or [`PEM_BLOCK_LIMIT`] blocks.
    pub fn parse_file(text: &[u8]) -> Result<Vec<Self>, KeyFileError> {
        Ok(armor::parse(text)?.into_iter().map(Self).collect())
    }

    /// Encrypts `key` in the one form that Notary and Docker read: PBES2 with PBKDF2-HMAC-SHA1 and AES-256-CBC.
    ///
    /// # Errors
    /// An empty passphrase, a role or GUN that is no header value, a failure of the provider.
    pub fn seal(
        key: &SigningKey,
        passphrase: &Passphrase,
        role: Option<&str>,
        gun: Option<&str>,
    ) -> Result<Self, SealError> {
        if passphrase.is_empty() {
            return Err(SealError::EmptyPassphrase);
        }
        let contents = pbes2::encrypt(&key.to_notary_pkcs8_der(), passphrase)?;
        let mut block = Self(Block {
            label: ENCRYPTED.to_owned(),
            headers: BTreeMap::new(),
            contents,
        });
        block.set_role(role)?;
        block.set_gun(gun)?;
        Ok(block)
    }

    /// The unencrypted standard form, without headers.
    #[must_use]
    pub fn plain(key: &SigningKey) -> Self {
        Self(Block {
            label: PKCS8.to_owned(),
            headers: BTreeMap::new(),
            contents: key.to_pkcs8_der(),
        })
    }

    /// Sets or removes the `role` header, leaving the body alone.
    ///
    /// # Errors
    /// A value that would not be read back.
    pub fn set_role(&mut self, role: Option<&str>) -> Result<(), HeaderError> {
        self.set(ROLE, role)
    }

    /// Sets or removes the `gun` header, leaving the body alone.
    ///
    /// # Errors
    /// A value that would not be read back.
    pub fn set_gun(&mut self, gun: Option<&str>) -> Result<(), HeaderError> {
        self.set(GUN, gun)
    }

    /// Sets or removes the `path` header, which export bundles carry, leaving the body alone.
    ///
    /// # Errors
    /// A value that would not be read back.
    pub fn set_path(&mut self, path: Option<&str>) -> Result<(), HeaderError> {
        self.set(PATH, path)
    }

    /// The PEM type, such as `ENCRYPTED PRIVATE KEY`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// Whether the type is one of private keys; a bundle may hold other blocks.
    #[must_use]
    pub fn is_private_key(&self) -> bool {
        [ENCRYPTED, PKCS8, EC, RSA, ED25519].contains(&self.label())
    }

    /// The `role` header: a role, a delegation, or any signer's name; only a label.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.header(ROLE)
    }

    /// The `gun` header of targets, snapshot and timestamp keys; only a label.
    #[must_use]
    pub fn gun(&self) -> Option<&str> {
        self.header(GUN)
    }

    /// The `path` header of an export bundle: a key id, or in old bundles a path.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.header(PATH)
    }

    /// Whether [`Self::unlock`] needs a passphrase.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.label() == ENCRYPTED
            || self.header(DEK_INFO).is_some()
            || self
                .header(PROC_TYPE)
                .is_some_and(|value| value.ends_with("ENCRYPTED"))
    }

    /// The PEM text as Go writes it.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        armor::encode(&self.0.label, &self.0.headers, &self.0.contents)
    }

    /// Decrypts and reads the key. A passphrase for a block that is not encrypted is ignored.
    ///
    /// # Errors
    /// No or a wrong passphrase, an unsupported kind of block, encryption or key, malformed content.
    pub fn unlock(&self, passphrase: Option<&Passphrase>) -> Result<SigningKey, UnlockError> {
        if !self.is_private_key() {
            return Err(UnlockError::Unsupported {
                what: format!("PEM block {:?}", self.label()),
            });
        }
        if !self.is_encrypted() {
            return read_key(self.label(), &self.0.contents);
        }
        let passphrase = passphrase.ok_or(UnlockError::NeedsPassphrase)?;
        let (label, decrypted) = if self.label() == ENCRYPTED {
            (PKCS8, pbes2::decrypt(&self.0.contents, passphrase)?)
        } else {
            let dek_info = self.header(DEK_INFO).ok_or(UnlockError::Malformed {
                what: "DEK-Info header",
            })?;
            (
                self.label(),
                legacy::decrypt(dek_info, &self.0.contents, passphrase)?,
            )
        };
        // One wrong passphrase in 256 leaves valid padding, so content that is no key means the same.
        read_key(label, &decrypted).map_err(|error| match error {
            UnlockError::Malformed { .. } => UnlockError::WrongPassphrase,
            other => other,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name).map(String::as_str)
    }

    fn set(&mut self, name: &'static str, value: Option<&str>) -> Result<(), HeaderError> {
        match value {
            None => self.0.headers.remove(name),
            Some(text) if text.contains(['\n', '\r']) || text.trim() != text => {
                return Err(HeaderError { name });
            }
            Some(text) => self.0.headers.insert(name.to_owned(), text.to_owned()),
        };
        Ok(())
    }
}

impl From<Block> for KeyBlock {
    fn from(block: Block) -> Self {
        Self(block)
    }
}

impl std::fmt::Debug for KeyBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyBlock")
            .field("label", &self.0.label)
            .field("headers", &self.0.headers)
            .finish_non_exhaustive()
    }
}

fn read_key(label: &str, contents: &[u8]) -> Result<SigningKey, UnlockError> {
    let key = match label {
        ED25519 => SigningKey::from_notary_ed25519(contents),
        _ => SigningKey::from_der(contents),
    };
    key.map_err(|error| match error {
        SigningKeyError::Malformed { what } => UnlockError::Malformed { what },
        other => UnlockError::Key(other),
    })
}
