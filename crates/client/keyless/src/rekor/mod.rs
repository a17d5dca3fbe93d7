//! Rekor, the transparency log, in both versions of its interface.

mod proposal;
mod v1;
mod v2;

use std::fmt;

use sigstore::entry::LogEntry;

pub use proposal::{Content, Proposal, Verifier};
pub use v1::RekorV1;
pub use v2::RekorV2;

use crate::error::{Error, Fault};
use crate::http::{Http, shown};

/// The version of a log's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogVersion {
    /// `sigstore/rekor`.
    V1,
    /// `sigstore/rekor-tiles`.
    V2,
}

/// One log.
#[derive(Debug, Clone)]
pub enum Log {
    /// Of version 1.
    V1(RekorV1),
    /// Of version 2.
    V2(RekorV2),
}

impl Log {
    /// A log at `url`, to which the path of the interface is added.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(http: Http, url: &str, version: LogVersion) -> Result<Self, Error> {
        Ok(match version {
            LogVersion::V1 => Self::V1(RekorV1::new(http, url)?),
            LogVersion::V2 => Self::V2(RekorV2::new(http, url)?),
        })
    }

    /// Records a signature. An entry that is there already is as good as a new one.
    ///
    /// # Errors
    /// A refusal, no answer, an entry about something else, or something that this version does not take.
    pub async fn record(&self, proposal: &Proposal<'_>) -> Result<LogEntry, Error> {
        match self {
            Self::V1(log) => Ok(log.record(proposal).await?.entry),
            Self::V2(log) => log.record(proposal).await,
        }
    }
}

/// An entry of a log of version 1, with the name it has there. Proof and promise are not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its name.
    pub id: EntryId,
    /// The entry.
    pub entry: LogEntry,
}

/// The name of an entry in a log of version 1: the hash of its body, with or without the tree it is in; 64 or 80
/// hexadecimal digits, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntryId(String);

impl EntryId {
    /// Reads a name.
    ///
    /// # Errors
    /// Other characters, or another length.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let right = matches!(text.len(), 64 | 80) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if right {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(Fault::Uuid { found: shown(text) })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Hex of the hash of the entry's body.
    #[must_use]
    pub fn leaf_hash(&self) -> &str {
        &self.0[self.0.len() - 64..]
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
