//! Who else attests to a signature: transparency logs, timestamp authorities.

use pki::signature::Scheme;
use sigstore::dsse::Envelope;
use sigstore::entry::LogEntry;

use super::{SignError, Signer};

/// Those that shall attest to a signature.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Witnesses {}

/// The entry that a log of version 1 makes of an envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryKind {
    /// `dsse`.
    #[default]
    Dsse,
    /// `intoto`.
    Intoto,
}

/// What they said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Testimony {
    /// An entry per log.
    pub entries: Vec<LogEntry>,
    /// A DER `TimeStampResp` per authority.
    pub timestamps: Vec<Vec<u8>>,
}

impl Witnesses {
    /// Whether there are none: then nobody but the registry is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.has_logs() && !self.has_authorities()
    }

    /// Whether a log takes the signature down.
    #[must_use]
    pub fn has_logs(&self) -> bool {
        false
    }

    /// Whether an authority stamps it.
    #[must_use]
    pub fn has_authorities(&self) -> bool {
        false
    }

    /// On a signature over `message`.
    pub(super) async fn on_message(
        &self,
        _signer: &Signer,
        _scheme: Scheme,
        _message: &[u8],
        _signature: &[u8],
    ) -> Result<Testimony, SignError> {
        Ok(Testimony::default())
    }

    /// On an envelope. `stamped` is what timestamps are over: the signature in a bundle, the whole blob in a tag.
    pub(super) async fn on_envelope(
        &self,
        _signer: &Signer,
        _scheme: Scheme,
        _envelope: &Envelope,
        _kind: EntryKind,
        _stamped: &[u8],
    ) -> Result<Testimony, SignError> {
        Ok(Testimony::default())
    }
}
