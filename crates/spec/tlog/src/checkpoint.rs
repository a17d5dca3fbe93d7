//! Checkpoints (C2SP tlog-checkpoint): a log's signed statement of its size and root.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::digest::Sha256;

use crate::hash::MAX_TREE_SIZE;
use crate::note::{KeyId, KeyName, Note, NoteError};
use crate::note_key::{NoteKey, NoteKeyType, NoteSignatureError};
use crate::proof::{
    Consistent, Included, ProofError, TreeHead, verify_consistency, verify_inclusion,
};

/// Why a note is no checkpoint, or not one of a trusted log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// A signature that claims a trusted key does not hold; whatever else the note carries, it is refused.
    #[error("signature by {name} ({id}) does not hold: {error}")]
    BadSignature {
        /// Whose key.
        name: KeyName,
        /// Which key.
        id: KeyId,
        /// What is wrong with it.
        error: NoteSignatureError,
    },
    /// An extension line is empty.
    #[error("empty extension line {line}")]
    EmptyExtension {
        /// Its number among the extension lines, from 0.
        line: usize,
    },
    /// No line for the origin, or an empty one.
    #[error("the checkpoint has no origin")]
    MissingOrigin,
    /// No line for the root, or not base64 of 32 bytes.
    #[error("the checkpoint has no root hash of 32 bytes")]
    MissingRoot,
    /// No line for the size, or not a decimal number without leading zeros up to [`MAX_TREE_SIZE`].
    #[error("the checkpoint has no tree size")]
    MissingSize,
    /// The note does not parse.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Fewer witnesses cosigned than the policy demands.
    #[error("{found} witnesses cosigned, {threshold} needed")]
    TooFewWitnesses {
        /// How many the policy demands.
        threshold: usize,
        /// How many of its witnesses cosigned.
        found: usize,
    },
    /// No trusted log has this origin.
    #[error("no trusted log has the origin {origin:?}")]
    UnknownOrigin {
        /// The checkpoint's origin.
        origin: String,
    },
    /// No signature claims a key of a trusted log with this origin.
    #[error("{origin:?} did not sign with a trusted key")]
    Unsigned {
        /// The checkpoint's origin.
        origin: String,
    },
    /// The policy demands more witnesses than it names.
    #[error("{threshold} witnesses demanded, {known} known")]
    UnreachableThreshold {
        /// How many the policy demands.
        threshold: usize,
        /// How many distinct witnesses it names.
        known: usize,
    },
}

/// Why one checkpoint is not shown to have grown out of another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrowthError {
    /// The checkpoints are of different logs; even a tree without leaves is not a prefix of another log's.
    #[error("{old:?} cannot have grown into {new:?}")]
    OtherLog {
        /// The origin of the older checkpoint.
        old: String,
        /// The origin of the newer one.
        new: String,
    },
    /// The proof proves nothing.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// The text of a checkpoint; nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Its size and root.
    pub tree: TreeHead,
    /// What the log adds, one line each.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// Reads the text of a note.
    ///
    /// # Errors
    /// The `Missing…` variants or [`CheckpointError::EmptyExtension`], or [`NoteError::Text`] without the last newline.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::Text)?.split('\n');
        let origin = lines
            .next()
            .filter(|origin| !origin.is_empty())
            .ok_or(CheckpointError::MissingOrigin)?;
        let size = lines
            .next()
            .and_then(parse_size)
            .ok_or(CheckpointError::MissingSize)?;
        let root = lines
            .next()
            .and_then(|line| STANDARD.decode(line).ok())
            .and_then(|bytes| Sha256::try_from(bytes.as_slice()).ok())
            .ok_or(CheckpointError::MissingRoot)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if let Some(line) = extensions.iter().position(String::is_empty) {
            return Err(CheckpointError::EmptyExtension { line });
        }
        Ok(Self {
            origin: origin.to_owned(),
            tree: TreeHead { size, root },
            extensions,
        })
    }
}

/// The text that is signed, with its last newline.
impl std::fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let root = STANDARD.encode(self.tree.root.as_bytes());
        writeln!(f, "{}\n{}\n{root}", self.origin, self.tree.size)?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Which origins a log key speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OriginRule {
    /// This one only, as C2SP has it.
    Exactly(String),
    /// `<anything> - <tree id in decimal>`: a shard of Rekor v1, whose key is shared by its shards.
    RekorShard,
}

impl OriginRule {
    fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Exactly(exact) => exact == origin,
            Self::RekorShard => origin.rsplit_once(" - ").is_some_and(|(host, tree)| {
                !host.is_empty()
                    && !tree.is_empty()
                    && tree.bytes().all(|byte| byte.is_ascii_digit())
            }),
        }
    }
}

/// A log whose checkpoints are believed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrustedLog {
    /// The key.
    pub key: NoteKey,
    /// What it may speak for.
    pub origin: OriginRule,
}

/// Who must have cosigned, besides the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessPolicy {
    /// The witnesses that count. The same public key counts once, whatever its names.
    pub witnesses: Vec<NoteKey>,
    /// How many of them are needed.
    pub threshold: usize,
}

/// A checkpoint and its signatures, parsed and not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    note: Note,
    checkpoint: Checkpoint,
}

impl SignedCheckpoint {
    /// Reads a signed note whose text is a checkpoint.
    ///
    /// # Errors
    /// The note or its text does not parse.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self { note, checkpoint })
    }

    /// The statement, unverified: for choosing which logs to trust, and for messages.
    #[must_use]
    pub fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Checks that a trusted log made the statement. Signatures by unknown keys are passed over.
    ///
    /// # Errors
    /// [`CheckpointError::UnknownOrigin`], [`CheckpointError::Unsigned`] or [`CheckpointError::BadSignature`].
    pub fn verify(&self, logs: &[TrustedLog]) -> Result<VerifiedCheckpoint, CheckpointError> {
        let origin = &self.checkpoint.origin;
        let mut keys = logs
            .iter()
            .filter(|log| log.origin.allows(origin))
            .map(|log| &log.key)
            .peekable();
        if keys.peek().is_none() {
            return Err(CheckpointError::UnknownOrigin {
                origin: origin.clone(),
            });
        }
        let keys: Vec<&NoteKey> = keys.collect();
        let signed = check_claims(&self.note, &keys)?;
        let log_key = signed.first().ok_or_else(|| CheckpointError::Unsigned {
            origin: origin.clone(),
        })?;
        Ok(VerifiedCheckpoint {
            note: self.note.clone(),
            checkpoint: self.checkpoint.clone(),
            log_key: log_key.key.clone(),
        })
    }
}

/// A checkpoint that a trusted log has signed; made by [`SignedCheckpoint::verify`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    note: Note,
    checkpoint: Checkpoint,
    log_key: NoteKey,
}

impl VerifiedCheckpoint {
    /// The statement.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Size and root.
    #[must_use]
    pub fn tree(&self) -> TreeHead {
        self.checkpoint.tree
    }

    /// The key that signed it.
    #[must_use]
    pub fn log_key(&self) -> &NoteKey {
        &self.log_key
    }

    /// Checks that the leaf with hash `leaf` is number `index` of the tree that the log vouches for.
    ///
    /// # Errors
    /// As [`verify_inclusion`].
    pub fn verify_inclusion(
        &self,
        index: u64,
        leaf: Sha256,
        proof: &[Sha256],
    ) -> Result<Included, ProofError> {
        verify_inclusion(index, leaf, self.checkpoint.tree, proof)
    }

    /// Checks that the log has only grown since `old`.
    ///
    /// # Errors
    /// [`GrowthError`].
    pub fn verify_growth(&self, old: &Self, proof: &[Sha256]) -> Result<Consistent, GrowthError> {
        let (old, new) = (&old.checkpoint, &self.checkpoint);
        if old.origin != new.origin {
            return Err(GrowthError::OtherLog {
                old: old.origin.clone(),
                new: new.origin.clone(),
            });
        }
        Ok(verify_consistency(old.tree, new.tree, proof)?)
    }

    /// Checks that enough witnesses have cosigned, each counted once.
    ///
    /// # Errors
    /// [`CheckpointError::UnreachableThreshold`], [`CheckpointError::BadSignature`] or
    /// [`CheckpointError::TooFewWitnesses`].
    pub fn verify_witnesses(&self, policy: &WitnessPolicy) -> Result<Witnessed, CheckpointError> {
        let witnesses: Vec<&NoteKey> = policy
            .witnesses
            .iter()
            .filter(|key| key.key_type() == NoteKeyType::CosignatureV1)
            .collect();
        let mut known: Vec<&[u8]> = witnesses.iter().map(|key| key.key().spki_der()).collect();
        known.sort_unstable();
        known.dedup();
        if policy.threshold > known.len() {
            return Err(CheckpointError::UnreachableThreshold {
                threshold: policy.threshold,
                known: known.len(),
            });
        }
        let mut cosignatures: Vec<Cosignature> = Vec::new();
        for Signed { key, name, time } in check_claims(&self.note, &witnesses)? {
            let again = cosignatures
                .iter()
                .any(|other| other.key.key() == key.key());
            if let (Some(seconds), false) = (time, again) {
                cosignatures.push(Cosignature {
                    key: key.clone(),
                    name,
                    seconds,
                });
            }
        }
        if cosignatures.len() < policy.threshold {
            return Err(CheckpointError::TooFewWitnesses {
                threshold: policy.threshold,
                found: cosignatures.len(),
            });
        }
        Ok(Witnessed { cosignatures })
    }
}

/// One witness's statement: at that time this was the largest tree of the log it had seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The key.
    pub key: NoteKey,
    /// The name in its line.
    pub name: KeyName,
    /// Seconds since 1970, by the witness's clock; not negative. Whether it is too old or ahead is for the caller.
    pub seconds: i64,
}

/// Proof that enough witnesses cosigned; made by [`VerifiedCheckpoint::verify_witnesses`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a proof is for something"]
pub struct Witnessed {
    cosignatures: Vec<Cosignature>,
}

impl Witnessed {
    /// The cosignatures that hold, in the note's order, one per witness.
    #[must_use]
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }
}

/// A line of the note that holds.
struct Signed<'a> {
    key: &'a NoteKey,
    name: KeyName,
    time: Option<i64>,
}

/// Checks every line that claims one of `keys`. Where several keys share a name and an id, one that holds is enough.
fn check_claims<'a>(note: &Note, keys: &[&'a NoteKey]) -> Result<Vec<Signed<'a>>, CheckpointError> {
    let mut signed = Vec::new();
    for line in note.signatures() {
        let mut refusal = None;
        let mut held = None;
        for key in keys.iter().filter(|key| key.claims(line)) {
            match key.check(note.text(), &line.bytes) {
                Ok(time) => {
                    held = Some(Signed {
                        key,
                        name: line.name.clone(),
                        time,
                    });
                    break;
                }
                Err(error) => refusal = Some(error),
            }
        }
        match (held, refusal) {
            (Some(held), _) => signed.push(held),
            (None, Some(error)) => {
                return Err(CheckpointError::BadSignature {
                    name: line.name.clone(),
                    id: line.id,
                    error,
                });
            }
            (None, None) => {}
        }
    }
    Ok(signed)
}

fn parse_size(line: &str) -> Option<u64> {
    let size: u64 = line.parse().ok()?;
    // One spelling per number: no sign, no leading zeros.
    (size <= MAX_TREE_SIZE && size.to_string() == line).then_some(size)
}
