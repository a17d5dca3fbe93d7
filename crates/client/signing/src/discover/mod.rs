//! Every candidate signature of an image, in every form, wherever it is. Nothing here is verified, and nothing that is
//! broken ends the search: it becomes a candidate that says what is wrong with it.

pub mod limits;
mod search;

use std::fmt;
use std::sync::Arc;

use oci::{Digest, Repository, Tag};
use registry::ReferrersSource;
use sigstore::bundle::{Bundle, BundleError, Content};
use sigstore::dsse::Envelope;
use sigstore::legacy::{LegacyError, LegacySignature};
use sigstore::statement::{COSIGN_SIGNATURE, Statement};

use crate::place::{Image, PlaceError, TagKind};

pub use search::discover;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signature of the image. An attestation about it is none, whoever made it.
    Signature,
    /// An attestation about the image.
    Attestation {
        /// Of this predicate type; of any without.
        predicate_type: Option<String>,
    },
}

/// The forms that are looked at. All of them, unless the caller restricts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms {
    /// Layers under the tags `sha256-<hex>.sig` and `.att`: what cosign 2 writes.
    pub tags: bool,
    /// The same layers in manifests that refer to the image: `--registry-referrers-mode oci-1-1`.
    pub layers: bool,
    /// Bundles in manifests that refer to the image: what cosign 3 writes.
    pub bundles: bool,
}

/// How to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What for. Documents of another kind are counted; they are not read if their manifest says what they are.
    pub kind: Kind,
    /// Where.
    pub forms: Forms,
    /// How many documents are fetched at once, at least 1.
    pub workers: usize,
    /// Most bytes of one document, if less than [`sigstore::limits`] allow (`COSIGN_MAX_ATTACHMENT_SIZE`).
    pub document_bytes: u64,
}

/// What was found.
#[derive(Debug)]
pub struct Discovered {
    /// The image.
    pub image: Image,
    /// In the order of the sources, and in each in the order of its list. The same document in several places is one.
    pub candidates: Vec<Candidate>,
    /// Where was looked.
    pub sources: Vec<Source>,
}

/// One place where candidates can be.
#[derive(Debug)]
pub struct Source {
    /// Which.
    pub kind: SourceKind,
    /// How many documents of the forms looked for it has, of whatever kind.
    pub found: usize,
    /// How many manifests were not opened because there are too many.
    pub unopened: usize,
    /// Why nothing is known about it: not that it is absent, which is no fault.
    pub fault: Option<PlaceError>,
}

/// Which place it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A tag made of the image's digest.
    Tag(Tag),
    /// The list of what refers to the image.
    Referrers,
    /// An OCI layout.
    Layout,
    /// Files that the caller named.
    Files,
}

/// Something that may be a signature or an attestation.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where it is, at least one place.
    pub locations: Vec<Location>,
    /// The digest of the document, or of the manifest if that could not be read.
    pub digest: Digest,
    /// The predicate type by the word of the manifest, which nothing vouches for.
    pub stated_type: Option<String>,
    /// What it is, as far as it could be read.
    pub content: Result<CandidateContent, Arc<CandidateError>>,
}

/// Where a candidate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A layer under a tag made of the image's digest.
    Tag {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// The manifest that the tag named.
        manifest: Digest,
        /// The layer, from 0.
        layer: usize,
    },
    /// A layer of a manifest that refers to the image.
    Referrer {
        /// The repository.
        repository: Repository,
        /// The manifest.
        manifest: Digest,
        /// Which list it is in.
        listed: ReferrersSource,
        /// The layer, from 0.
        layer: usize,
    },
    /// A layer of a manifest in an OCI layout.
    Layout {
        /// The manifest.
        manifest: Digest,
        /// The layer, from 0.
        layer: usize,
    },
    /// Files that the caller named.
    Files,
}

/// A document that was read, or needed not be.
#[derive(Clone, Debug)]
pub enum CandidateContent {
    /// cosign's older form.
    Legacy(Arc<LegacySignature>),
    /// A bundle.
    Bundle(Arc<Bundle>),
    /// Not read: by its manifest it is of another kind than the one looked for.
    OtherKind,
}

/// Why a candidate cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// Something that calls itself a bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It is listed but could not be had.
    #[error(transparent)]
    Fetch(PlaceError),
    /// A layer of cosign's older form.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// Its manifest is an index where only layers make sense.
    #[error("an index in the place of signatures")]
    NoLayers,
    /// A document above the limit; not read.
    #[error("{size} bytes, at most {limit}")]
    TooLarge {
        /// By the manifest.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
    /// More layers than are read; none is.
    #[error("{found} layers, at most {limit}")]
    TooManyLayers {
        /// How many.
        found: usize,
        /// The most.
        limit: usize,
    },
    /// Together with what was read before it is too much.
    #[error("more than {limit} bytes attached")]
    TooMuch {
        /// The most that is kept, in bytes.
        limit: u64,
    },
}

/// What a document says of itself, before anything is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// A signature over a simple signing payload, or over the manifest's own bytes.
    Payload,
    /// A statement of this predicate type; [`COSIGN_SIGNATURE`] for a signature.
    Statement(String),
    /// Neither: it is broken, or about something else.
    Unknown,
}

impl Forms {
    /// All forms.
    pub const ALL: Self = Self {
        tags: true,
        layers: true,
        bundles: true,
    };

    pub(crate) const fn referrers(self) -> bool {
        self.layers || self.bundles
    }
}

impl Search {
    /// Everywhere, with the usual limits.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            forms: Forms::ALL,
            workers: limits::WORKERS,
            document_bytes: sigstore::limits::BUNDLE_BYTES as u64,
        }
    }
}

impl Kind {
    /// Whether a document is of this kind. One that does not say what it is has to be judged.
    #[must_use]
    pub fn wants(&self, claimed: &Claimed) -> bool {
        match (self, claimed) {
            (_, Claimed::Unknown) | (Self::Signature, Claimed::Payload) => true,
            (Self::Attestation { .. }, Claimed::Payload) => false,
            (Self::Signature, Claimed::Statement(found)) => found == COSIGN_SIGNATURE,
            (Self::Attestation { predicate_type }, Claimed::Statement(found)) => {
                match predicate_type {
                    Some(wanted) => wanted == found,
                    None => found != COSIGN_SIGNATURE,
                }
            }
        }
    }

    /// The predicate type that a statement must have.
    #[must_use]
    pub fn predicate_type(&self) -> Option<&str> {
        match self {
            Self::Signature => Some(COSIGN_SIGNATURE),
            Self::Attestation { predicate_type } => predicate_type.as_deref(),
        }
    }

    pub(crate) const fn tag(&self) -> TagKind {
        match self {
            Self::Signature => TagKind::Signatures,
            Self::Attestation { .. } => TagKind::Attestations,
        }
    }
}

impl Claimed {
    fn by_envelope(envelope: &Envelope) -> Self {
        Statement::of_envelope(envelope).map_or(Self::Unknown, |statement| {
            Self::Statement(statement.predicate_type)
        })
    }
}

impl Candidate {
    /// What it says of itself; nothing vouches for it.
    #[must_use]
    pub fn claimed(&self) -> Claimed {
        match (&self.content, &self.stated_type) {
            (Ok(CandidateContent::Bundle(bundle)), _) => match &bundle.content {
                Content::Dsse(envelope) => Claimed::by_envelope(envelope),
                Content::Message(_) => Claimed::Payload,
            },
            (Ok(CandidateContent::Legacy(legacy)), _) if legacy.signature.is_empty() => {
                Envelope::parse(&legacy.payload)
                    .map_or(Claimed::Unknown, |envelope| Claimed::by_envelope(&envelope))
            }
            (Ok(CandidateContent::Legacy(_)), _) => Claimed::Payload,
            (Ok(CandidateContent::OtherKind) | Err(_), Some(stated)) => {
                Claimed::Statement(stated.clone())
            }
            (Ok(CandidateContent::OtherKind) | Err(_), None) => Claimed::Unknown,
        }
    }
}

impl CandidateError {
    /// Whether another attempt may succeed: the place failed, not the document.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Fetch(error) if !error.is_absent())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag {
                repository,
                tag,
                layer,
                ..
            } => write!(f, "{}:{tag} layer {layer}", repository.familiar()),
            Self::Referrer {
                repository,
                manifest,
                layer,
                ..
            } => write!(f, "{}@{manifest} layer {layer}", repository.familiar()),
            Self::Layout { manifest, layer } => write!(f, "{manifest} layer {layer}"),
            Self::Files => f.write_str("files"),
        }
    }
}
