//! What a caller demands, and what a caller gives up.

use std::collections::BTreeMap;

use pki::digest::Sha256;
use pki::signature::{HashAlgorithm, VerifyingKey};

use crate::bundle::MessageDigest;
use crate::identity::IdentityPolicy;

/// What a signature must be to be accepted. There is no default.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// Who must have signed.
    pub signer: AcceptedSigner<'a>,
    /// Whether a transparency log must have the signature.
    pub log: Rule,
    /// Whether a certificate must have a promise of a CT log.
    pub sct: Rule,
    /// Whether an authority must have stamped the signature.
    pub timestamp: TimestampRule,
    /// The predicate type that a statement must have: [`crate::statement::COSIGN_SIGNATURE`] where a signature is
    /// demanded, so that an attestation is not taken for one.
    pub predicate_type: Option<&'a str>,
    /// What the signature must carry.
    pub annotations: &'a BTreeMap<String, String>,
}

/// Who must have signed.
#[derive(Debug, Clone, Copy)]
pub enum AcceptedSigner<'a> {
    /// One of these identities, by a certificate.
    Identities(&'a [IdentityPolicy]),
    /// The holder of this key.
    Key(&'a VerifyingKey),
}

/// Whether a proof is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// It is.
    Required,
    /// It is not; where it is there all the same, it is used.
    Waived(Because),
}

/// Why a proof is not demanded. It goes into the result, so that a verdict never claims what was not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Because {
    /// The caller asked with `--insecure-ignore-sct`.
    FlagInsecureIgnoreSct,
    /// The caller asked with `--insecure-ignore-tlog`.
    FlagInsecureIgnoreTlog,
    /// The caller asked with `--private-infrastructure`.
    FlagPrivateInfrastructure,
    /// The caller trusts a key: there is no certificate to check.
    ManagedKey,
    /// The caller trusts a key and names no log: there is none that could have the signature.
    NoLogNamed,
    /// The caller demands nothing of the kind.
    NotDemanded,
}

/// Whether a timestamp is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampRule {
    /// One is used if it is there.
    IfThere,
    /// At least one of a trusted authority.
    Required,
}

/// What must have been signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Artifact<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// What has this digest; of an image, of its manifest.
    Digest(MessageDigest),
}

impl Artifact<'_> {
    /// The manifest with this digest.
    #[must_use]
    pub fn manifest(manifest: &Sha256) -> Self {
        let digest = MessageDigest::new(HashAlgorithm::Sha256, manifest.as_bytes().to_vec());
        Self::Digest(digest.expect("a SHA-256 digest is as long as one"))
    }

    /// Its digest under an algorithm, unless only another one is known.
    pub(super) fn digest(&self, algorithm: HashAlgorithm) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(algorithm.digest(bytes)),
            Self::Digest(known) => (known.algorithm() == algorithm).then(|| known.bytes().to_vec()),
        }
    }

    /// Its digest by the name that statements use.
    pub(super) fn named_digest(&self, name: &str) -> Option<String> {
        let algorithm = match name {
            "sha256" => HashAlgorithm::Sha256,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            _ => return None,
        };
        self.digest(algorithm).map(hex::encode)
    }
}

impl std::fmt::Display for Artifact<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "sha256:{}", Sha256::of(bytes)),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}
