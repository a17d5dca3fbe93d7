//! Entries of a transparency log: that the log has them, and that they are about this signature.

use jiff::{SignedDuration, Timestamp};
use pki::digest::Sha256;
use tlog::checkpoint::{CheckpointError, SignedCheckpoint, TrustedLog};
use tlog::hash::leaf_hash;
use tlog::log_id::{LogId, LogKeys};
use tlog::proof::{ProofError, TreeHead};
use tlog::set::{EntryPromise, IntegratedTimeError, IntegratedTimeRules, SetError};

use super::{Judge, Logged, Refusal, TimeProven, Whose};
use crate::entry::{EntryBody, EntryVerifier, InclusionProof, LogEntry};
use crate::legacy::LogPromise;
use crate::trust::TransparencyLog;

/// By how much a log's clock may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Why an entry proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The checkpoint does not hold.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The same entry twice.
    #[error("the same entry twice")]
    Duplicate,
    /// The proof is not in the checkpoint's tree.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
    /// The integrated time cannot be right.
    #[error(transparent)]
    IntegratedTime(#[from] IntegratedTimeError),
    /// The entry is of a kind that cannot be about such a signature.
    #[error("an entry of kind {found} is not about such a signature")]
    Kind {
        /// Kind and version.
        found: String,
    },
    /// Neither a promise nor a proof.
    #[error("the entry has neither a promise nor a proof")]
    NotProven,
    /// The entry is about something else.
    #[error("the entry is about another {what}")]
    OtherThan {
        /// What of it is another.
        what: &'static str,
    },
    /// The log was not in use at any proven time.
    #[error("the log was not in use then")]
    OutsideWindow,
    /// A promise without a time.
    #[error("a promise without a time")]
    PromiseWithoutTime,
    /// The promise does not hold.
    #[error(transparent)]
    Promise(#[from] SetError),
    /// Root or size of the proof are not those of the checkpoint.
    #[error("the proof is for the tree {proof:?}, the checkpoint for {checkpoint:?}")]
    Tree {
        /// Of the proof.
        proof: TreeHead,
        /// Of the checkpoint.
        checkpoint: TreeHead,
    },
    /// No trusted log has this id.
    #[error("log {log_id} is not trusted")]
    UnknownLog {
        /// The id.
        log_id: LogId,
    },
}

/// The entry of cosign's older form, which has a promise and never a proof.
pub(super) fn entry_of_promise(promise: &LogPromise) -> LogEntry {
    LogEntry {
        log_index: promise.log_index,
        log_id: *promise.log_id.as_bytes(),
        integrated_time: Some(promise.integrated_time),
        promise: Some(promise.signed_entry_timestamp.clone()),
        proof: None,
        canonicalized_body: promise.canonicalized_body.clone(),
        body: promise.body.clone(),
    }
}

/// Verifies all entries; those of logs that are not trusted are passed over, any other fault is fatal.
pub(super) fn verify(
    judge: &Judge<'_>,
    whose: Whose<'_>,
    stamps: &[TimeProven],
) -> Result<Vec<(Logged, Option<TimeProven>)>, Refusal> {
    let mut found = Vec::new();
    let mut passed_over = None;
    let mut seen = Vec::new();
    for (index, entry) in judge.candidate.entries.iter().enumerate() {
        let place = (entry.log_id, entry.log_index);
        if seen.contains(&place) {
            let error = LogError::Duplicate;
            return Err(Refusal::Log { index, error });
        }
        seen.push(place);
        match verify_entry(entry, judge, whose, stamps) {
            Ok(logged) => found.push(logged),
            Err(error @ LogError::UnknownLog { .. }) => {
                passed_over = Some(Refusal::Log { index, error });
            }
            Err(error) => return Err(Refusal::Log { index, error }),
        }
    }
    if found.is_empty() {
        return Err(passed_over.unwrap_or(Refusal::LogAbsent));
    }
    Ok(found)
}

fn verify_entry(
    entry: &LogEntry,
    judge: &Judge<'_>,
    whose: Whose<'_>,
    stamps: &[TimeProven],
) -> Result<(Logged, Option<TimeProven>), LogError> {
    let log_id = LogId::from_bytes(entry.log_id);
    let logs: Vec<&TransparencyLog> = judge
        .trust
        .logs
        .iter()
        .filter(|log| log.log_id == log_id)
        .collect();
    if logs.is_empty() {
        return Err(LogError::UnknownLog { log_id });
    }
    check_body(entry, judge, whose)?;
    let promised = entry
        .promise
        .as_deref()
        .map(|promise| verify_promise(entry, promise, &logs, whose, judge.now))
        .transpose()?;
    if promised.is_none()
        && !stamps.is_empty()
        && !logs
            .iter()
            .any(|log| stamps.iter().any(|stamp| log.window.contains(stamp.at())))
    {
        return Err(LogError::OutsideWindow);
    }
    let included = match &entry.proof {
        Some(
            proof @ InclusionProof {
                checkpoint: Some(checkpoint),
                ..
            },
        ) => Some(verify_inclusion(entry, proof, checkpoint, &logs)?),
        _ => None,
    };
    // Only what the promise or the proof covers is told: without a promise the entry's own index is anybody's word.
    let index = match (&promised, included) {
        (Some(_), _) => entry.log_index,
        (None, Some(index)) => index,
        (None, None) => return Err(LogError::NotProven),
    };
    let logged = Logged::proven(log_id, index, promised.is_some(), included.is_some());
    Ok((logged, promised))
}

/// Rekor v1's promise, and the time in it.
fn verify_promise(
    entry: &LogEntry,
    promise: &[u8],
    logs: &[&TransparencyLog],
    whose: Whose<'_>,
    now: Timestamp,
) -> Result<TimeProven, LogError> {
    let time = entry.integrated_time.ok_or(LogError::PromiseWithoutTime)?;
    let log_id = LogId::from_bytes(entry.log_id);
    let in_use: Vec<&&TransparencyLog> = logs
        .iter()
        .filter(|log| log.window.contains(time))
        .collect();
    if in_use.is_empty() {
        return Err(LogError::OutsideWindow);
    }
    let keys: LogKeys = in_use.iter().map(|log| log.key.clone()).collect();
    let verified = EntryPromise {
        body: &entry.canonicalized_body,
        integrated_time: time.as_second(),
        log_id,
        log_index: entry.log_index,
    }
    .verify(promise, &keys)?;
    let (not_before, not_after) = match whose {
        Whose::Certified(certificate) => (
            Some(certificate.not_before()),
            Some(certificate.not_after()),
        ),
        Whose::Key(_) => (None, None),
    };
    IntegratedTimeRules {
        now,
        skew: CLOCK_SKEW,
        log_start: None,
        log_end: None,
        not_before,
        not_after,
    }
    .check(&verified)?;
    Ok(TimeProven::by_log(verified.integrated_time(), log_id))
}

/// The index in the log's tree that is proven.
fn verify_inclusion(
    entry: &LogEntry,
    proof: &InclusionProof,
    checkpoint: &str,
    logs: &[&TransparencyLog],
) -> Result<u64, LogError> {
    let keys: Vec<TrustedLog> = logs.iter().flat_map(|log| log.note_keys()).collect();
    let verified = SignedCheckpoint::parse(checkpoint.as_bytes())?.verify(&keys)?;
    let tree = TreeHead {
        size: proof.tree_size,
        root: Sha256::from_bytes(proof.root_hash),
    };
    if tree != verified.tree() {
        return Err(LogError::Tree {
            proof: tree,
            checkpoint: verified.tree(),
        });
    }
    let hashes: Vec<Sha256> = proof
        .hashes
        .iter()
        .copied()
        .map(Sha256::from_bytes)
        .collect();
    let leaf = leaf_hash(&entry.canonicalized_body);
    let included = verified.verify_inclusion(proof.log_index, leaf, &hashes)?;
    Ok(included.index())
}

/// That the logged entry is about this very signature, by this very certificate or key, over these very bytes.
fn check_body(entry: &LogEntry, judge: &Judge<'_>, whose: Whose<'_>) -> Result<(), LogError> {
    let signed = &judge.candidate.signed;
    let other = |what| Err(LogError::OtherThan { what });
    match (&entry.body, entry.body.signatures()) {
        (EntryBody::IntotoV1 { verifier, .. }, _) => check_verifier(verifier, whose)?,
        (_, [logged]) if logged.signature == signed.signature() => {
            check_verifier(&logged.verifier, whose)?;
        }
        _ => return other("signature"),
    }
    let kind = || LogError::Kind {
        found: format!("{} {}", entry.body.kind(), entry.body.version()),
    };
    match &entry.body {
        EntryBody::HashedRekordV1 { digest, .. } | EntryBody::HashedRekordV2 { digest, .. } => {
            let expected = signed.digest(digest.algorithm(), judge.artifact);
            if expected.as_deref() != Some(digest.bytes()) {
                return other("artifact");
            }
        }
        EntryBody::DsseV1 { payload_hash, .. } => {
            let envelope = signed.as_envelope().ok_or_else(kind)?;
            if *payload_hash != Sha256::of(envelope.payload()) {
                return other("payload");
            }
        }
        EntryBody::DsseV2 { payload_hash, .. } => {
            let envelope = signed.as_envelope().ok_or_else(kind)?;
            let expected = payload_hash.algorithm().digest(envelope.payload());
            if expected != payload_hash.bytes() {
                return other("payload");
            }
        }
        EntryBody::IntotoV1 {
            envelope_hash,
            payload_hash,
            ..
        } => {
            let envelope = signed.as_envelope().ok_or_else(kind)?;
            // In the older form the whole envelope is stamped. Bundles hold no bytes that could be hashed.
            if *envelope_hash != Sha256::of(judge.candidate.stamped) {
                return other("envelope");
            }
            if payload_hash.is_some_and(|hash| hash != Sha256::of(envelope.payload())) {
                return other("payload");
            }
        }
        EntryBody::IntotoV2 {
            payload_type,
            payload_hash,
            ..
        } => {
            let envelope = signed.as_envelope().ok_or_else(kind)?;
            if *payload_hash != Sha256::of(envelope.payload())
                || payload_type != envelope.payload_type()
            {
                return other("payload");
            }
        }
    }
    Ok(())
}

fn check_verifier(logged: &EntryVerifier, whose: Whose<'_>) -> Result<(), LogError> {
    let other = |what| Err(LogError::OtherThan { what });
    match (logged, whose) {
        (EntryVerifier::Certificate(der), Whose::Certified(certificate)) => {
            if der != certificate.der() {
                return other("certificate");
            }
        }
        (EntryVerifier::PublicKey(spki), Whose::Key(key)) => {
            if spki != key.spki_der() {
                return other("key");
            }
        }
        (EntryVerifier::PublicKey(_), Whose::Certified(_)) => return other("certificate"),
        (EntryVerifier::Certificate(_), Whose::Key(_)) => return other("key"),
    }
    Ok(())
}
