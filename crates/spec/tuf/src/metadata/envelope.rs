//! The envelope around every file: `{"signed":...,"signatures":[...]}`.

use std::sync::Arc;

use pki::key::{Method, TufKeyId};

use super::fields::{self, Fields, Malformed};
use super::roles::Metadata;
use crate::json::{Value, Writer, escape_html};
use crate::limits::MAX_SIGNATURES;

/// One signature as a file carries it; nothing is known about its validity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the three fields of the format")]
pub struct Signature {
    /// The signing key's id.
    pub keyid: TufKeyId,
    /// The scheme.
    pub method: Method,
    /// The signature bytes.
    pub sig: Vec<u8>,
}

/// A file as received: well-formed, but its signatures are not checked.
#[derive(Debug, Clone)]
pub struct Parsed<T> {
    signed: T,
    message: Vec<u8>,
    signatures: Vec<Signature>,
    bytes: Arc<[u8]>,
}

impl<T: Metadata> Parsed<T> {
    /// Reads a file. Unknown fields are allowed and covered by the signatures; see [`Malformed`] for what is not.
    ///
    /// # Errors
    /// The first reason found.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let value = Value::parse(bytes)?;
        let fields = Fields::of(&value, "file", &["signed", "signatures"])?;
        let signed = fields.required("signed")?;
        let signatures = fields
            .optional("signatures")
            .map_or(Ok(Vec::new()), read_signatures)?;
        Ok(Self {
            signed: T::read(signed)?,
            message: signed.to_canonical_of(bytes.len()),
            signatures,
            bytes: bytes.into(),
        })
    }

    /// The content, which anybody may have made up.
    #[must_use]
    pub fn unverified(&self) -> &T {
        &self.signed
    }

    /// The message that the signatures should be over: the canonical form of all that was received in `signed`.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The signatures, in order.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The bytes received.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether an original Notary server, which hashes its own re-serialisation, would hash these very bytes (1.3).
    #[must_use]
    pub fn is_exact_go_form(&self) -> bool {
        *self.bytes == *self.to_go_form()
    }

    /// The file as Go would write it again after reading.
    #[must_use]
    pub fn to_go_form(&self) -> Vec<u8> {
        seal(&self.signed.write(), &self.signatures)
    }

    pub(crate) fn into_parts(self) -> (T, Vec<Signature>, Arc<[u8]>) {
        (self.signed, self.signatures, self.bytes)
    }
}

/// The file of a canonical message and its signatures, exactly as Go stores it.
pub(crate) fn seal(message: &[u8], signatures: &[Signature]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(message.len() + 256 * (signatures.len() + 1));
    writer.object(|w| {
        w.key("signed");
        w.raw(&escape_html(message));
        w.key("signatures");
        w.array(|w| {
            for signature in signatures {
                w.object(|w| {
                    w.key("keyid");
                    w.string(&signature.keyid.to_string());
                    w.key("method");
                    w.string(signature.method.as_str());
                    w.key("sig");
                    w.base64(&signature.sig);
                });
            }
        });
    });
    writer.finish()
}

fn read_signatures(value: &Value<'_>) -> Result<Vec<Signature>, Malformed> {
    let items = fields::items(value, "signatures")?;
    if items.len() > MAX_SIGNATURES {
        return Err(Malformed::TooManySignatures {
            count: items.len(),
            limit: MAX_SIGNATURES,
        });
    }
    items
        .iter()
        .map(|item| {
            let fields = Fields::of(item, "signature", &["keyid", "method", "sig"])?;
            let keyid = fields::key_id(fields.text("keyid")?)?;
            Ok(Signature {
                keyid,
                method: Method::parse(fields.text("method")?),
                sig: fields.bytes("sig")?,
            })
        })
        .collect()
}
