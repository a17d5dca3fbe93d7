//! What the roles' files are made of: nullable collections, key lists, hashes, file descriptions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use pki::digest::{Sha256, Sha512};
use pki::key::{KeyType, PublicKey, TufKeyId};

use super::fields::{self, Fields, Malformed};
use crate::json::{JsonError, Value, Writer};
use crate::limits::MAX_INTEGER;

/// A Go slice or map: empty and nil are both legal, mean the same, and are different bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nullable<C> {
    items: C,
    null_if_empty: bool,
}

impl<C: Default> Nullable<C> {
    /// Nothing, written as `null`.
    #[must_use]
    pub fn null() -> Self {
        Self {
            items: C::default(),
            null_if_empty: true,
        }
    }

    /// From now on an empty collection is written as `null`, as Go does for a slice that became empty.
    pub(crate) fn null_if_empty(&mut self) {
        self.null_if_empty = true;
    }

    pub(crate) fn read<'v, 'a>(
        value: Option<&'v Value<'a>>,
        read: impl FnOnce(&'v Value<'a>) -> Result<C, Malformed>,
    ) -> Result<Self, Malformed> {
        value.map_or_else(|| Ok(Self::null()), |value| Ok(read(value)?.into()))
    }
}

impl<C> From<C> for Nullable<C> {
    fn from(items: C) -> Self {
        Self {
            items,
            null_if_empty: false,
        }
    }
}

impl<C: Default> Default for Nullable<C> {
    fn default() -> Self {
        C::default().into()
    }
}

impl<C> Deref for Nullable<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.items
    }
}

impl<C> DerefMut for Nullable<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.items
    }
}

impl<T> Nullable<Vec<T>> {
    pub(crate) fn write(&self, writer: &mut Writer, item: impl Fn(&T, &mut Writer)) {
        if self.items.is_empty() && self.null_if_empty {
            writer.null();
        } else {
            writer.array(|w| self.items.iter().for_each(|value| item(value, w)));
        }
    }
}

impl<K, V> Nullable<BTreeMap<K, V>> {
    pub(crate) fn write(&self, writer: &mut Writer, item: impl Fn(&K, &V, &mut Writer)) {
        if self.items.is_empty() && self.null_if_empty {
            writer.null();
        } else {
            writer.object(|w| {
                self.items
                    .iter()
                    .for_each(|(key, value)| item(key, value, w))
            });
        }
    }
}

/// Public keys by their id; reading checks that each id is that of its key.
pub type KeyMap = Nullable<BTreeMap<TufKeyId, PublicKey>>;

/// The keys that may sign for a role, and how many of them must.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleKeys {
    /// Ids into the key map of the same file, in order.
    pub keyids: Nullable<Vec<TufKeyId>>,
    /// Distinct keys needed; at least 1 in a valid file.
    pub threshold: i64,
}

impl RoleKeys {
    /// Keys and threshold as given.
    #[must_use]
    pub fn new(keyids: Vec<TufKeyId>, threshold: u32) -> Self {
        Self {
            keyids: keyids.into(),
            threshold: threshold.into(),
        }
    }

    pub(crate) fn read(fields: &Fields<'_, '_>) -> Result<Self, Malformed> {
        let keyids = Nullable::read(fields.optional("keyids"), |value| {
            fields::items(value, "keyids")?
                .iter()
                .map(|id| fields::key_id(fields::text(id, "keyids")?))
                .collect()
        })?;
        Ok(Self {
            keyids,
            threshold: fields.integer("threshold")?,
        })
    }

    pub(crate) fn write_keyids(&self, writer: &mut Writer) {
        writer.key("keyids");
        self.keyids.write(writer, |id, w| w.string(&id.to_string()));
    }
}

pub(crate) fn read_keys(value: Option<&Value<'_>>) -> Result<KeyMap, Malformed> {
    Nullable::read(value, |value| {
        let mut keys = BTreeMap::new();
        for (id, key) in fields::members(value, "keys")? {
            let listed = fields::key_id(id)?;
            let key = read_key(key)?;
            let computed = key.tuf_id();
            if listed != computed {
                return Err(Malformed::KeyId { listed, computed });
            }
            keys.insert(listed, key);
        }
        Ok(keys)
    })
}

/// Reads one public key object as metadata and the server's key endpoints hold it.
pub(crate) fn read_key(value: &Value<'_>) -> Result<PublicKey, Malformed> {
    let fields = Fields::of(value, "key", &["keytype", "keyval"])?;
    let keyval = Fields::of(fields.required("keyval")?, "keyval", &["private", "public"])?;
    if keyval.optional("private").is_some() {
        return Err(Malformed::PrivateKey);
    }
    Ok(PublicKey::new(
        KeyType::parse(fields.text("keytype")?),
        keyval.bytes("public")?,
    ))
}

/// Reads a public key as a trust server's key endpoints answer.
///
/// # Errors
/// Not JSON, or not a public key.
pub fn parse_public_key(json: &[u8]) -> Result<PublicKey, Malformed> {
    read_key(&Value::parse(json)?)
}

/// Writes a public key as a trust server's key endpoints answer: in the order of Go's struct, not canonically.
#[must_use]
pub fn public_key_to_json(key: &PublicKey) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.object(|w| {
        w.key("keytype");
        w.string(key.key_type().as_str());
        w.key("keyval");
        w.object(|w| {
            w.key("public");
            w.base64(key.public_bytes());
            w.key("private");
            w.null();
        });
    });
    writer.finish()
}

pub(crate) fn write_keys(keys: &KeyMap, writer: &mut Writer) {
    keys.write(writer, |id, key, w| {
        w.key(&id.to_string());
        w.object(|w| {
            w.key("keytype");
            w.string(key.key_type().as_str());
            w.key("keyval");
            w.object(|w| {
                w.key("private");
                w.null();
                w.key("public");
                w.base64(key.public_bytes());
            });
        });
    });
}

/// Free-form JSON attached to a target, kept in canonical form; other forms cannot be signed (1.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Custom(Box<[u8]>);

/// Why JSON cannot be attached to a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomError {
    /// A control character, which stored metadata cannot hold.
    #[error("control character in custom data")]
    ControlCharacter,
    /// Not acceptable JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
}

impl Custom {
    /// Canonicalises JSON from a user. `null` is no custom data, as Go drops it.
    ///
    /// # Errors
    /// Not JSON, a number that canonical JSON cannot hold, or a control character.
    pub fn parse(json: &[u8]) -> Result<Option<Self>, CustomError> {
        let value = Value::parse(json)?;
        if value.has_control_characters() {
            return Err(CustomError::ControlCharacter);
        }
        Ok((value != Value::Null).then(|| Self(value.to_canonical().into())))
    }

    /// The canonical JSON.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// Digests by the name of their algorithm; unknown algorithms and odd lengths are kept as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hashes {
    entries: Vec<(Cow<'static, str>, Box<[u8]>)>,
    null_if_empty: bool,
}

impl Hashes {
    /// Both digests that Notary writes for role files.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(Some(Sha256::of(bytes)), Some(Sha512::of(bytes)))
    }

    /// The digests given.
    #[must_use]
    pub fn new(sha256: Option<Sha256>, sha512: Option<Sha512>) -> Self {
        let sha256 = sha256.map(|digest| (SHA256.into(), digest.as_bytes()[..].into()));
        let sha512 = sha512.map(|digest| (SHA512.into(), digest.as_bytes()[..].into()));
        Self {
            entries: sha256.into_iter().chain(sha512).collect(),
            null_if_empty: false,
        }
    }

    /// The SHA-256 digest, if there is one of the right length.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        self.raw(SHA256)?.try_into().ok()
    }

    /// The SHA-512 digest, if there is one of the right length.
    #[must_use]
    pub fn sha512(&self) -> Option<Sha512> {
        self.raw(SHA512)?.try_into().ok()
    }

    /// Every entry, sorted by algorithm name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries
            .iter()
            .map(|(name, digest)| (name.as_ref(), digest.as_ref()))
    }

    pub(crate) fn raw(&self, algorithm: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(name, _)| *name == algorithm)
            .map(|(_, digest)| digest)
    }

    fn read(value: Option<&Value<'_>>) -> Result<Self, Malformed> {
        let Some(value) = value else {
            return Ok(Self {
                entries: Vec::new(),
                null_if_empty: true,
            });
        };
        let entries = fields::members(value, "hashes")?
            .iter()
            .map(|(name, digest)| {
                // Every target has the same few names.
                let name = match name.as_ref() {
                    SHA256 => SHA256.into(),
                    SHA512 => SHA512.into(),
                    other => other.to_owned().into(),
                };
                Ok((name, fields::base64(digest, "hashes")?.into()))
            })
            .collect::<Result<_, Malformed>>()?;
        Ok(Self {
            entries,
            null_if_empty: false,
        })
    }

    fn write(&self, writer: &mut Writer) {
        if self.entries.is_empty() && self.null_if_empty {
            return writer.null();
        }
        writer.object(|w| {
            for (name, digest) in self.iter() {
                w.key(name);
                w.base64(digest);
            }
        });
    }
}

/// Name of SHA-256 in `hashes`.
pub(crate) const SHA256: &str = "sha256";
/// Name of SHA-512 in `hashes`.
pub(crate) const SHA512: &str = "sha512";

/// Length and digests of something: a target, or another role's file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileMeta {
    /// Free-form data of a target.
    pub custom: Option<Custom>,
    /// Digests.
    pub hashes: Hashes,
    /// Bytes. Negative lengths occur only in files that nobody can match.
    pub length: i64,
}

impl FileMeta {
    /// Describes a role's file by both digests, as Notary does.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let length = i64::try_from(bytes.len()).unwrap_or(MAX_INTEGER);
        Self {
            custom: None,
            hashes: Hashes::of(bytes),
            length,
        }
    }

    /// Describes a target. None if `length` is beyond 2^53, which the format cannot hold.
    #[must_use]
    pub fn new(length: u64, hashes: Hashes, custom: Option<Custom>) -> Option<Self> {
        let length = i64::try_from(length)
            .ok()
            .filter(|length| *length <= MAX_INTEGER)?;
        Some(Self {
            custom,
            hashes,
            length,
        })
    }

    pub(crate) fn read(value: &Value<'_>) -> Result<Self, Malformed> {
        let fields = Fields::of(value, "file description", &["custom", "hashes", "length"])?;
        Ok(Self {
            custom: fields
                .optional("custom")
                .map(|value| Custom(value.to_canonical().into())),
            hashes: Hashes::read(fields.optional("hashes"))?,
            length: fields.integer("length")?,
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.object(|w| {
            if let Some(custom) = &self.custom {
                w.key("custom");
                w.raw(&custom.0);
            }
            w.key("hashes");
            self.hashes.write(w);
            w.key("length");
            w.integer(self.length);
        });
    }
}

/// Descriptions by name: of targets, or of roles' files.
pub type FileMap = Nullable<BTreeMap<String, FileMeta>>;

pub(crate) fn read_files(
    value: Option<&Value<'_>>,
    field: &'static str,
) -> Result<FileMap, Malformed> {
    Nullable::read(value, |value| {
        fields::members(value, field)?
            .iter()
            .map(|(name, meta)| Ok((name.clone().into_owned(), FileMeta::read(meta)?)))
            .collect()
    })
}

pub(crate) fn write_files(files: &FileMap, writer: &mut Writer) {
    files.write(writer, |name, meta, w| {
        w.key(name);
        meta.write(w);
    });
}
