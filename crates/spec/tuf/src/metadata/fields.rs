//! Typed reading of JSON objects, with what Go's decoder accepts minus what makes two parsers disagree.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::key::TufKeyId;

use crate::expiry::Expiry;
use crate::json::{JsonError, Value};
use crate::name::RoleError;

/// Why bytes are no metadata file of the type asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A string that should be padded standard base64.
    #[error("{field} is not base64")]
    Base64 {
        /// The field.
        field: &'static str,
    },
    /// A delegation to something that cannot be a delegated role.
    #[error("delegation role {} invalid", .0.text)]
    DelegationName(RoleError),
    /// A key that differs from a known field only in case; Go would take it for that field.
    #[error("JSON key {key:?} differs from {field:?} only in case")]
    FieldCase {
        /// The key found.
        key: String,
        /// The field it resembles.
        field: &'static str,
    },
    /// The bytes are not acceptable JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A listed key whose content has another id (the text is Notary's).
    #[error("key ID is not valid for key content")]
    KeyId {
        /// The id it is listed under.
        listed: TufKeyId,
        /// The id of its content.
        computed: TufKeyId,
    },
    /// A key id that is not 64 lower-case hex digits.
    #[error("invalid key id {text:?}")]
    KeyIdText {
        /// The text found.
        text: String,
    },
    /// `_type` of another kind of metadata.
    #[error("expected type {expected}, not {found}")]
    MetadataType {
        /// The type asked for.
        expected: &'static str,
        /// The type found.
        found: String,
    },
    /// A required field is absent or null.
    #[error("missing {field}")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// Private key bytes in a public file.
    #[error("private key in metadata")]
    PrivateKey,
    /// `expires` is not a time.
    #[error("invalid expires {text:?}")]
    Time {
        /// The text found.
        text: String,
    },
    /// More signatures than allowed.
    #[error("{count} signatures, at most {limit} allowed")]
    TooManySignatures {
        /// Signatures found.
        count: usize,
        /// [`crate::limits::MAX_SIGNATURES`].
        limit: usize,
    },
    /// A value of the wrong JSON type or range.
    #[error("{field} is not {expected}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// The members of a struct-like object.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'v, 'a>(&'v [(Cow<'a, str>, Value<'a>)]);

impl<'v, 'a> Fields<'v, 'a> {
    /// The members of `value`, none of which may resemble a field of `known` without being it.
    pub(crate) fn of(
        value: &'v Value<'a>,
        what: &'static str,
        known: &[&'static str],
    ) -> Result<Self, Malformed> {
        let members = members(value, what)?;
        for (key, _) in members {
            if known.contains(&key.as_ref()) {
                continue;
            }
            if let Some(field) = known.iter().find(|field| folds_to(key, field)) {
                return Err(Malformed::FieldCase {
                    key: key.clone().into_owned(),
                    field,
                });
            }
        }
        Ok(Self(members))
    }

    /// The value of a field; a null is as good as none, as in Go.
    pub(crate) fn optional(&self, field: &str) -> Option<&'v Value<'a>> {
        let at = self
            .0
            .binary_search_by(|(key, _)| key.as_ref().cmp(field))
            .ok()?;
        Some(&self.0[at].1).filter(|value| **value != Value::Null)
    }

    pub(crate) fn required(&self, field: &'static str) -> Result<&'v Value<'a>, Malformed> {
        self.optional(field).ok_or(Malformed::Missing { field })
    }

    pub(crate) fn text(&self, field: &'static str) -> Result<&'v str, Malformed> {
        text(self.required(field)?, field)
    }

    /// An integer; 0 if absent, as in Go.
    pub(crate) fn integer(&self, field: &'static str) -> Result<i64, Malformed> {
        match self.optional(field) {
            None => Ok(0),
            Some(Value::Integer(value)) => Ok(*value),
            Some(_) => Err(Malformed::WrongType {
                field,
                expected: "an integer",
            }),
        }
    }

    pub(crate) fn bytes(&self, field: &'static str) -> Result<Vec<u8>, Malformed> {
        base64(self.required(field)?, field)
    }

    pub(crate) fn version(&self) -> Result<u64, Malformed> {
        u64::try_from(self.integer("version")?).map_err(|_| Malformed::WrongType {
            field: "version",
            expected: "a positive integer",
        })
    }

    pub(crate) fn expires(&self) -> Result<Expiry, Malformed> {
        Expiry::parse(self.text("expires")?).map_err(|e| Malformed::Time { text: e.text })
    }
}

pub(crate) fn members<'v, 'a>(
    value: &'v Value<'a>,
    field: &'static str,
) -> Result<&'v [(Cow<'a, str>, Value<'a>)], Malformed> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Malformed::WrongType {
            field,
            expected: "an object",
        }),
    }
}

pub(crate) fn items<'v, 'a>(
    value: &'v Value<'a>,
    field: &'static str,
) -> Result<&'v [Value<'a>], Malformed> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(Malformed::WrongType {
            field,
            expected: "an array",
        }),
    }
}

pub(crate) fn text<'v>(value: &'v Value<'_>, field: &'static str) -> Result<&'v str, Malformed> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Malformed::WrongType {
            field,
            expected: "a string",
        }),
    }
}

pub(crate) fn base64(value: &Value<'_>, field: &'static str) -> Result<Vec<u8>, Malformed> {
    STANDARD
        .decode(text(value, field)?)
        .map_err(|_| Malformed::Base64 { field })
}

pub(crate) fn key_id(text: &str) -> Result<TufKeyId, Malformed> {
    TufKeyId::parse_hex(text).map_err(|_| Malformed::KeyIdText {
        text: text.to_owned(),
    })
}

/// Go's `equalFoldRight`: ASCII case, and the two other letters that fold into ASCII.
fn folds_to(key: &str, field: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(field.chars().map(fold))
}
