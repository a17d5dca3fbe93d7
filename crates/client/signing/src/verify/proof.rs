//! What verification proves, and why it may prove nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use oci::{Digest, Repository};
use sigstore::bundle::{Bundle, Content};
use sigstore::dsse::Envelope;
use sigstore::legacy::LegacySignature;
use sigstore::simple_signing::SimpleSigning;
use sigstore::statement::Statement;
use sigstore::verify::{Artifact, Trace, VerifiedSignature, subject_of};

use super::Claims;
use crate::discover::{Location, Source};
use crate::place::{Image, PlaceError};

pub use super::judge::{Judged, Judgement};

/// One signature or attestation of an image that is all that was demanded; made by `Candidate::judge` only, which
/// [`super::verify_image`] calls.
#[derive(Debug)]
#[must_use = "a proof is for something"]
pub struct VerifiedImage {
    pub(super) image: Digest,
    pub(super) repository: Option<Repository>,
    pub(super) claims: Claims,
    pub(super) locations: Vec<Location>,
    pub(super) signature: VerifiedSignature,
    pub(super) trace: Trace,
    pub(super) document: Document,
    pub(super) signed: Signed,
}

/// The document that was verified, with what the signature does not cover.
#[derive(Clone, Debug)]
pub enum Document {
    /// In cosign's older form.
    Legacy(Arc<LegacySignature>),
    /// A bundle.
    Bundle(Arc<Bundle>),
}

/// What is signed.
#[derive(Clone, Debug)]
pub enum Signed {
    /// A payload of the older form.
    SimpleSigning(SimpleSigning),
    /// A statement.
    Statement {
        /// The statement.
        statement: Statement,
        /// The envelope that it is in.
        envelope: Envelope,
    },
    /// The bytes of the manifest, or of the file.
    Bytes,
}

/// What came out for an image: every candidate with its verdict, and whether one of them is enough.
#[derive(Debug)]
#[must_use = "it says whether the image is verified"]
pub struct ImageOutcome {
    pub(super) image: Image,
    pub(super) sources: Arc<Vec<Source>>,
    pub(super) complete: bool,
    pub(super) judged: Vec<Judged>,
    pub(super) failure: Option<VerifyFailure>,
    pub(super) log_answered: bool,
}

/// Why an image is not verified although its place could be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyFailure {
    /// None matched among those that could be read, and something could not be read: that there is no good signature is
    /// not known.
    #[error("a part of what is attached to the image could not be read, and nothing else matches")]
    Incomplete,
    /// There are signatures, of keys only, and an identity is demanded.
    #[error("signed with keys only, an identity is demanded")]
    NoCertificate,
    /// There are some of the demanded kind, and none is as demanded; their verdicts say why.
    #[error("none of {candidates} matches")]
    NoneMatched {
        /// How many.
        candidates: usize,
    },
    /// Nothing of the demanded kind is attached.
    #[error("nothing of the kind is attached to the image")]
    NoSignature {
        /// Predicate types of what is attached instead, by its own account, sorted, each once.
        others: Vec<String>,
        /// Whether there is no such image either. Only images named by their digest get so far.
        image_absent: bool,
    },
}

/// Why nothing is known about an image.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log that was to be asked for entries cannot be.
    #[error(transparent)]
    Log(Box<keyless::Error>),
    /// No such tag or repository.
    #[error("no such image: {0}")]
    NoSuchImage(PlaceError),
    /// Its place cannot be looked at; see [`PlaceError::is_refused`] and [`PlaceError::is_unreachable`].
    #[error(transparent)]
    Place(PlaceError),
}

impl ImageOutcome {
    /// The image.
    #[must_use]
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// Every candidate with its verdict, in the order in which they were found.
    #[must_use]
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }

    /// Whether all that is attached to the image could be read.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Where was looked.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Whether a log was asked for entries that the signatures came without, and had some.
    #[must_use]
    pub const fn log_answered(&self) -> bool {
        self.log_answered
    }

    /// All that are as demanded: at least one.
    ///
    /// # Errors
    /// There is none.
    pub fn verified(&self) -> Result<Vec<&VerifiedImage>, &VerifyFailure> {
        match &self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.judged.iter().filter_map(Judged::verified).collect()),
        }
    }
}

impl VerifiedImage {
    /// The digest of the image.
    #[must_use]
    pub const fn image(&self) -> Digest {
        self.image
    }

    /// The repository that was asked, which need not be what was signed; none for a layout.
    #[must_use]
    pub const fn repository(&self) -> Option<&Repository> {
        self.repository.as_ref()
    }

    /// Whether what is signed was bound to the image.
    #[must_use]
    pub const fn claims(&self) -> Claims {
        self.claims
    }

    /// Where it was found, at least one place.
    #[must_use]
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// Who signed, what logs have it and when it existed.
    pub const fn signature(&self) -> &VerifiedSignature {
        &self.signature
    }

    /// Every check in order.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What is signed.
    #[must_use]
    pub const fn signed(&self) -> &Signed {
        &self.signed
    }

    /// The document that it is from, with what is not signed.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// What was signed with it: texts only. In the older form, any signer's free part of the payload.
    #[must_use]
    pub fn annotations(&self) -> BTreeMap<String, String> {
        match &self.signed {
            Signed::SimpleSigning(payload) => payload
                .optional()
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
            Signed::Statement { statement, .. } => {
                subject_of(statement, &Image::of_digest(self.image).artifact())
                    .map(|subject| subject.annotations.clone())
                    .unwrap_or_default()
            }
            Signed::Bytes => BTreeMap::new(),
        }
    }

    /// The repository that the signature covers; none in forms that have no place for it.
    #[must_use]
    pub fn signed_reference(&self) -> Option<&str> {
        match &self.signed {
            Signed::SimpleSigning(payload) => Some(payload.reference()),
            Signed::Statement { statement, .. } => {
                subject_of(statement, &Image::of_digest(self.image).artifact())?
                    .name
                    .as_deref()
            }
            Signed::Bytes => None,
        }
    }
}

impl Document {
    /// What is signed, as it stands in the document. A document that was verified parses.
    pub(super) fn signed(&self) -> Option<Signed> {
        let envelope = match self {
            Self::Legacy(legacy) if !legacy.signature.is_empty() => {
                return SimpleSigning::parse(&legacy.payload)
                    .ok()
                    .map(Signed::SimpleSigning);
            }
            Self::Legacy(legacy) => Envelope::parse(&legacy.payload).ok()?,
            Self::Bundle(bundle) => match &bundle.content {
                Content::Message(_) => return Some(Signed::Bytes),
                Content::Dsse(envelope) => envelope.clone(),
            },
        };
        let statement = Statement::of_envelope(&envelope).ok()?;
        Some(Signed::Statement {
            statement,
            envelope,
        })
    }

    /// What it must be about when claims are not checked: whatever it says it is about.
    pub(super) fn own_artifact(&self) -> Option<Artifact<'static>> {
        match self.signed()? {
            Signed::SimpleSigning(payload) => Some(Artifact::manifest(payload.manifest())),
            Signed::Statement { statement, .. } => {
                let subjects = statement.subjects.iter();
                let mut digests = subjects.filter_map(|subject| subject.digests.get("sha256"));
                let hex = digests.next()?.to_ascii_lowercase();
                let digest = pki::digest::Sha256::parse_hex(&hex).ok()?;
                Some(Artifact::manifest(&digest))
            }
            Signed::Bytes => None,
        }
    }
}
