//! Why a file is not trusted: one variant per offence, with the facts.
//!
//! `Display` is Notary's own text where it has one, as servers send it and clients print it.

use jiff::Timestamp;
use pki::certificate::{BundleError, RootLeafError};
use pki::key::TufKeyId;

use crate::expiry::Expiry;
use crate::metadata::{FileMeta, Malformed, Structure};
use crate::name::{Gun, Role};

/// Why metadata was refused. Nothing of a refused file is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The role's time has passed.
    #[error("{role} expired at {}", .expires.unix_date())]
    Expired {
        /// The role.
        role: Role,
        /// When it expired.
        expires: Expiry,
        /// The time of the check.
        now: Timestamp,
    },
    /// A digest that the parent states does not fit.
    #[error("{algorithm} checksum for {role} did not match: expected {expected}")]
    HashMismatch {
        /// The role.
        role: Role,
        /// `sha256` or `sha512`.
        algorithm: &'static str,
        /// The stated digest in hex.
        expected: String,
    },
    /// The length is not the one that the parent states.
    #[error("{role} has {got} bytes, expected {expected}")]
    LengthMismatch {
        /// The role.
        role: Role,
        /// The stated length.
        expected: i64,
        /// Bytes received.
        got: u64,
    },
    /// Not a metadata file of the type expected.
    #[error("{role} type metadata invalid: {source}")]
    Malformed {
        /// The role expected.
        role: Role,
        /// What is wrong.
        source: Malformed,
    },
    /// The parent states no digest that can be checked.
    #[error("no checksums for supported algorithms were provided for {role}")]
    NoKnownHash {
        /// The role.
        role: Role,
    },
    /// The file carries no signature at all.
    #[error("{}", unsigned_text(.role))]
    NoSignatures {
        /// The role.
        role: Role,
    },
    /// No root certificate is acceptable to the pins for this GUN.
    #[error(
        "could not validate the path to a trusted root: unable to match any certificates to trust_pinning config"
    )]
    PinMismatch {
        /// The GUN.
        gun: Gun,
    },
    /// No root key is a certificate valid for this GUN.
    #[error(
        "could not validate the path to a trusted root: unable to retrieve valid leaf certificates"
    )]
    BadRootCertificate {
        /// The GUN.
        gun: Gun,
        /// Why each root key was refused.
        reasons: Vec<RootKeyRefusal>,
    },
    /// The snapshot describes another root than the one trusted.
    #[error("snapshot describes another root than version {trusted}")]
    RootChanged {
        /// Version of the root trusted so far.
        trusted: u64,
        /// The root described.
        described: Box<FileMeta>,
    },
    /// A new root is not signed by enough keys of the root before it.
    #[error(
        "could not rotate trust to a new trusted root: failed to validate data with current trusted certificates"
    )]
    RootNotSignedByPrevious {
        /// Version of the trusted root.
        trusted: u64,
        /// Version of the refused one.
        got: u64,
        /// Keys of the trusted root that signed.
        have: usize,
        /// Keys needed.
        need: usize,
    },
    /// Other bytes under the version of the root that is trusted already.
    #[error("root version {version} exists with other content")]
    RootReplaced {
        /// The version.
        version: u64,
    },
    /// A root by version number that is another version.
    #[error("asked for root version {expected}, received {got}")]
    RootVersion {
        /// The version asked for.
        expected: u64,
        /// The version received.
        got: u64,
    },
    /// A rule of structure is broken.
    #[error("{role} type metadata invalid: {source}")]
    Structure {
        /// The role.
        role: Role,
        /// The rule.
        source: Structure,
    },
    /// Too few distinct keys of the role signed.
    #[error("{}", threshold_text(.role))]
    ThresholdUnmet {
        /// The role.
        role: Role,
        /// Distinct keys that signed.
        have: usize,
        /// Keys needed.
        need: usize,
    },
    /// The first root seen would be trusted blindly, and the user forbade it.
    #[error("could not validate the path to a trusted root: invalid trust pinning specified")]
    TofuDisabled {
        /// The GUN.
        gun: Gun,
    },
    /// More bytes than the role may have.
    #[error("{role} has {got} bytes, at most {limit} allowed")]
    TooLarge {
        /// The role.
        role: Role,
        /// Bytes received.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// More delegated roles than [`crate::limits::MAX_DELEGATIONS`].
    #[error("more than {limit} delegated roles")]
    TooManyDelegations {
        /// The limit.
        limit: usize,
    },
    /// The newest root is too many versions ahead.
    #[error("root version {got} is more than {limit} ahead of trusted version {trusted}")]
    TooManyRotations {
        /// Version of the trusted root.
        trusted: u64,
        /// Version of the newest one.
        got: u64,
        /// [`crate::limits::MAX_ROOT_ROTATIONS`].
        limit: u64,
    },
    /// Nobody delegates to this role, or the snapshot does not describe it.
    #[error("tuf: invalid role {role}. delegation does not exist")]
    UnknownRole {
        /// The role.
        role: Role,
    },
    /// An older version than one trusted before.
    #[error("version {got} is lower than current version {seen}")]
    VersionRollback {
        /// The role.
        role: Role,
        /// Highest version trusted before.
        seen: u64,
        /// Version received.
        got: u64,
    },
}

/// Why one root key does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("root key {keyid}: {source}")]
#[allow(clippy::exhaustive_structs, reason = "a pair")]
pub struct RootKeyRefusal {
    /// The key's id in the root.
    pub keyid: TufKeyId,
    /// What is wrong with it.
    pub source: RootKeyProblem,
}

/// What is wrong with a root key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RootKeyProblem {
    /// Its certificates do not parse.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Its certificate is not valid for the GUN, or not now.
    #[error(transparent)]
    Leaf(#[from] RootLeafError),
    /// It is a bare key; root keys are certificates.
    #[error("no certificate")]
    NoCertificate,
    /// The valid certificates alone have another id: an intermediate expired, or the text is not in Go's form.
    #[error("the valid certificates have another key id")]
    OtherId,
}

impl Refusal {
    /// Whether a delegated role refused for this reason is skipped, with what it delegates, instead of failing the
    /// whole update (`notary:client/tufclient.go:downloadTargets`).
    #[must_use]
    pub fn skips_delegation(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::ThresholdUnmet { .. })
    }
}

const ROOT_INTEGRITY: &str =
    "could not validate the path to a trusted root: failed to validate integrity of roots";

/// Notary words a root that is not signed by its own keys in its own way (`notary:trustpinning/certs.go`).
fn threshold_text(role: &Role) -> String {
    match role {
        Role::Root => ROOT_INTEGRITY.to_owned(),
        role => format!("valid signatures did not meet threshold for {role}"),
    }
}

fn unsigned_text(role: &Role) -> &'static str {
    match role {
        Role::Root => ROOT_INTEGRITY,
        _ => "tuf: data has no signatures",
    }
}
