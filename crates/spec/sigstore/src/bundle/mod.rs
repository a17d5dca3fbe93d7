//! Sigstore bundles: one signature with all that is needed to verify it (`sigstore/protobuf-specs:protos/sigstore_bundle.proto`,
//! `sigstore/architecture-docs:client-spec.md`). Parsed, not verified: see [`crate::verify`].

mod read;
pub(crate) mod wire;
mod write;

use pki::signature::HashAlgorithm;

use crate::dsse::{Envelope, EnvelopeError};
use crate::entry::{EntryError, LogEntry};
use crate::fulcio::{CertificateError, SigningCertificate};

/// The media type that bundles are written with.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The version of a bundle's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleVersion {
    /// 0.1: a certificate chain, and of the log at least a promise.
    V0_1,
    /// 0.2: as 0.1, and of the log always a proof.
    V0_2,
    /// 0.3: a single certificate.
    V0_3,
}

impl BundleVersion {
    /// Reads a media type in the old spelling (`…bundle+json;version=0.3`) or the new one (`…bundle.v0.3+json`).
    #[must_use]
    pub fn from_media_type(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("application/vnd.dev.sigstore.bundle")?;
        let version = match rest.strip_prefix("+json;version=") {
            Some(version) => version,
            None => rest.strip_prefix(".v")?.strip_suffix("+json")?,
        };
        Some(match version {
            "0.1" => Self::V0_1,
            "0.2" => Self::V0_2,
            "0.3" => Self::V0_3,
            _ => return None,
        })
    }
}

/// One parsed bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The version that its media type names.
    pub version: BundleVersion,
    /// Who signed, by their own account.
    pub signer: SignerMaterial,
    /// What logs said, at most [`crate::limits::LOG_ENTRIES`].
    pub log_entries: Vec<LogEntry>,
    /// DER `TimeStampResp`s (RFC 3161), at most [`crate::limits::TIMESTAMPS`].
    pub timestamps: Vec<Vec<u8>>,
    /// The signature and what it is over.
    pub content: Content,
}

/// What a bundle says about its signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerMaterial {
    /// A certificate, and (before 0.3) the intermediates that came with it.
    Certificate {
        /// The signer's own certificate.
        leaf: Box<SigningCertificate>,
        /// DER, issuer of the leaf first; never a root.
        intermediates: Vec<Vec<u8>>,
    },
    /// A key that the verifier has to know.
    PublicKey {
        /// Which one: from cosign the base64 of the SHA-256 of the SubjectPublicKeyInfo, from others any text.
        hint: String,
    },
}

/// A bundle's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Over the pre-authentication encoding of an envelope, with exactly one signature in it.
    Dsse(Envelope),
    /// Over the artifact itself.
    Message(MessageSignature),
}

impl Content {
    /// The raw signature: what logs record and timestamps are over.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        match self {
            Self::Dsse(envelope) => &envelope.signatures()[0].signature,
            Self::Message(message) => &message.signature,
        }
    }
}

/// A signature over an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSignature {
    /// What the signer says the artifact's digest is.
    pub digest: Option<MessageDigest>,
    /// The raw signature; ECDSA in DER.
    pub signature: Vec<u8>,
}

/// A digest with its algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageDigest {
    algorithm: HashAlgorithm,
    bytes: Vec<u8>,
}

impl MessageDigest {
    /// Takes a digest; `None` if it is not as long as the algorithm's are.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == algorithm.digest_bytes()).then_some(Self { algorithm, bytes })
    }

    /// The digest of `message`.
    #[must_use]
    pub fn of(algorithm: HashAlgorithm, message: &[u8]) -> Self {
        Self {
            algorithm,
            bytes: algorithm.digest(message),
        }
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The digest.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Display for MessageDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = crate::entry::hash_name(self.algorithm);
        write!(f, "{name}:{}", hex::encode(&self.bytes))
    }
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A certificate does not parse.
    #[error("certificate {index}: {source}")]
    Certificate {
        /// Its place in the chain, from 0.
        index: usize,
        /// What is wrong.
        source: CertificateError,
    },
    /// A chain of certificates where the version allows a single one only.
    #[error("a certificate chain in a bundle of version 0.3")]
    ChainNotAllowed,
    /// An envelope that does not parse.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A log entry that does not parse.
    #[error("log entry {index}: {source}")]
    LogEntry {
        /// Its place in the bundle, from 0.
        index: usize,
        /// What is wrong.
        source: EntryError,
    },
    /// No JSON, or JSON of another shape.
    #[error("no bundle: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// A member that must be there.
    #[error("no {member}")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// More than one of members that exclude each other.
    #[error("more than one of {members}")]
    MoreThanOne {
        /// Their names.
        members: &'static str,
    },
    /// A root certificate in the chain: a trust anchor must not come with the signature.
    #[error("certificate {index} of the chain is a root")]
    RootInChain {
        /// Its place in the chain, from 0.
        index: usize,
    },
    /// More than one signature in the envelope.
    #[error("{found} signatures in the envelope, exactly one needed")]
    SignatureCount {
        /// How many.
        found: usize,
    },
    /// More of something than the limit.
    #[error("{found} {what}, at most {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much there may be.
        limit: usize,
    },
    /// A media type of another version or of something else.
    #[error("media type {found:?} is no known version of a bundle")]
    UnknownMediaType {
        /// The media type.
        found: String,
    },
    /// A digest algorithm that is not served, or a digest of another length.
    #[error("message digest: {algorithm:?} of {bytes} bytes")]
    UnsupportedDigest {
        /// Its name.
        algorithm: String,
        /// The digest's length.
        bytes: usize,
    },
}
