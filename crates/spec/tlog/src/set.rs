//! Signed entry timestamps of Rekor v1: the log's promise that an entry is, or will be, in it, and when it came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use pki::signature::VerifyError;

use crate::hash::MAX_TREE_SIZE;
use crate::log_id::{LogId, LogKeys};

/// What a signed entry timestamp is about. Nothing about it is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPromise<'a> {
    /// The canonical body, decoded.
    pub body: &'a [u8],
    /// Seconds since 1970, by the log's clock.
    pub integrated_time: i64,
    /// Which log.
    pub log_id: LogId,
    /// The global index: over all shards, not the one of an inclusion proof.
    pub log_index: u64,
}

/// Why a signed entry timestamp does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// An index beyond [`MAX_TREE_SIZE`].
    #[error("log index {log_index} is out of range")]
    Index {
        /// The index.
        log_index: u64,
    },
    /// The signature is not the log's over this entry.
    #[error("signed entry timestamp of log {log_id}: {error}")]
    Signature {
        /// The log.
        log_id: LogId,
        /// What is wrong.
        error: VerifyError,
    },
    /// No time: zero or less (the mark of Rekor v2, which has none), or more than a calendar has.
    #[error("integrated time {seconds} is out of range")]
    Time {
        /// Seconds since 1970.
        seconds: i64,
    },
    /// No trusted log has this id.
    #[error("no trusted transparency log has the id {log_id}")]
    UnknownLog {
        /// The id.
        log_id: LogId,
    },
}

impl EntryPromise<'_> {
    /// What the log signs: RFC 8785 canonical JSON of these four (`sigstore/rekor:pkg/api/entries.go`).
    ///
    /// Base64, hex and whole numbers need no escapes, so the canonical form is this one line.
    #[must_use]
    pub fn payload(&self) -> String {
        format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            STANDARD.encode(self.body),
            self.integrated_time,
            self.log_id,
            self.log_index
        )
    }

    /// Checks that a trusted log signed this promise.
    ///
    /// # Errors
    /// Every way in which it does not hold.
    pub fn verify(&self, signature: &[u8], logs: &LogKeys) -> Result<SetVerified, SetError> {
        let log_id = self.log_id;
        let key = logs.find(&log_id).ok_or(SetError::UnknownLog { log_id })?;
        if self.log_index >= MAX_TREE_SIZE {
            return Err(SetError::Index {
                log_index: self.log_index,
            });
        }
        let seconds = self.integrated_time;
        let integrated_time = match Timestamp::from_second(seconds) {
            Ok(time) if seconds > 0 => time,
            _ => return Err(SetError::Time { seconds }),
        };
        let payload = self.payload();
        let _proof = key
            .verify(key.default_scheme(), payload.as_bytes(), signature)
            .map_err(|error| SetError::Signature { log_id, error })?;
        Ok(SetVerified {
            log_id,
            log_index: self.log_index,
            integrated_time,
        })
    }
}

/// Proof that a trusted log signed the promise; made by [`EntryPromise::verify`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a proof is for something"]
pub struct SetVerified {
    log_id: LogId,
    log_index: u64,
    integrated_time: Timestamp,
}

impl SetVerified {
    /// The log.
    #[must_use]
    pub fn log_id(&self) -> &LogId {
        &self.log_id
    }

    /// The global index.
    #[must_use]
    pub fn log_index(&self) -> u64 {
        self.log_index
    }

    /// When the entry came, to the second. Good for a certificate only after [`IntegratedTimeRules::check`].
    #[must_use]
    pub fn integrated_time(&self) -> Timestamp {
        self.integrated_time
    }
}

/// When an integrated time is believed; every bound is part of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntegratedTimeRules {
    /// Now: no entry comes from the future.
    pub now: Timestamp,
    /// By how much the log's clock may be ahead of ours.
    pub skew: SignedDuration,
    /// When the log's key came into use.
    pub log_start: Option<Timestamp>,
    /// When it went out of use.
    pub log_end: Option<Timestamp>,
    /// The first moment of the signing certificate; none for a bare key.
    pub not_before: Option<Timestamp>,
    /// Its last moment.
    pub not_after: Option<Timestamp>,
}

/// Which rule an integrated time breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntegratedTimeError {
    /// Past the certificate.
    #[error("integrated at {found}, the certificate ended at {not_after}")]
    AfterCertificate {
        /// The integrated time.
        found: Timestamp,
        /// The certificate's last moment.
        not_after: Timestamp,
    },
    /// Past the log's key.
    #[error("integrated at {found}, the log's key ended at {log_end}")]
    AfterLog {
        /// The integrated time.
        found: Timestamp,
        /// When the key went out of use.
        log_end: Timestamp,
    },
    /// Ahead of the certificate.
    #[error("integrated at {found}, the certificate began at {not_before}")]
    BeforeCertificate {
        /// The integrated time.
        found: Timestamp,
        /// The certificate's first moment.
        not_before: Timestamp,
    },
    /// Ahead of the log's key.
    #[error("integrated at {found}, the log's key began at {log_start}")]
    BeforeLog {
        /// The integrated time.
        found: Timestamp,
        /// When the key came into use.
        log_start: Timestamp,
    },
    /// In the future.
    #[error("integrated at {found}, which is after {latest}")]
    Future {
        /// The integrated time.
        found: Timestamp,
        /// Now and the skew.
        latest: Timestamp,
    },
}

impl IntegratedTimeRules {
    /// Checks the time of a proven promise.
    ///
    /// # Errors
    /// The first rule that it breaks: future, log, certificate.
    pub fn check(&self, set: &SetVerified) -> Result<(), IntegratedTimeError> {
        let found = set.integrated_time;
        let latest = self.now.checked_add(self.skew).unwrap_or(Timestamp::MAX);
        if found > latest {
            return Err(IntegratedTimeError::Future { found, latest });
        }
        if let Some(log_start) = self.log_start.filter(|start| found < *start) {
            return Err(IntegratedTimeError::BeforeLog { found, log_start });
        }
        if let Some(log_end) = self.log_end.filter(|end| found > *end) {
            return Err(IntegratedTimeError::AfterLog { found, log_end });
        }
        if let Some(not_before) = self.not_before.filter(|start| found < *start) {
            return Err(IntegratedTimeError::BeforeCertificate { found, not_before });
        }
        if let Some(not_after) = self.not_after.filter(|end| found > *end) {
            return Err(IntegratedTimeError::AfterCertificate { found, not_after });
        }
        Ok(())
    }
}
