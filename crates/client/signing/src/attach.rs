//! Putting ready-made things on an image: signatures, attestations, bundles, bills of materials.
//!
//! Nothing is verified: what is attached may be for somebody else to judge.

use jiff::Timestamp;
use oci::{Descriptor, Manifest, MediaType};
use registry::PushedReferrer;
use serde_json::value::RawValue;
use sigstore::bundle::{Bundle, BundleError, BundleVersion, Content};
use sigstore::dsse::{Envelope, EnvelopeError};
use sigstore::legacy::LegacySignature;
use sigstore::limits;
use sigstore::statement::{Statement, StatementError};

use crate::place::TagKind;
use crate::sign::{Destination, Layers, SignError, Style, legacy_layer};

/// Type of the configuration of a bill of materials that refers to its image.
const SBOM_ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sbom.v1+json";
/// Most attestations in one file.
const DOCUMENTS: usize = 1000;

/// Something that was not attached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// A bundle that does not parse.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A bundle of a version that is read from files only.
    #[error("a bundle of version {found:?}, where 0.3 is needed")]
    BundleVersion {
        /// Its version.
        found: BundleVersion,
    },
    /// An envelope that does not parse.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A file that is no sequence of JSON documents.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A file without a document.
    #[error("no attestation")]
    Nothing,
    /// A statement that does not parse.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// More documents, or larger ones, than are read.
    #[error("too much: {found}")]
    TooMuch {
        /// How many documents or bytes.
        found: usize,
    },
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] SignError),
}

/// Something that says something about an image, as it came from a file.
#[derive(Clone, Debug)]
pub enum Attestation {
    /// In the older form.
    Envelope {
        /// The bytes, which stay as they are.
        json: String,
        /// The predicate type of the statement.
        predicate_type: String,
    },
    /// A bundle.
    Bundle(ReadyBundle),
}

/// A bundle as it came from a file.
#[derive(Clone, Debug)]
pub struct ReadyBundle {
    json: String,
    predicate_type: Option<String>,
}

/// Where a bill of materials goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SbomForm {
    /// Under the tag `.sbom`, in the place of another one.
    Tag,
    /// As a manifest that refers to the image.
    Referrer,
}

impl ReadyBundle {
    /// Reads one bundle; its bytes stay as they are.
    ///
    /// # Errors
    /// No bundle, or one of a version before 0.3.
    pub fn parse(json: &str) -> Result<Self, AttachError> {
        let bundle = Bundle::parse(json.as_bytes())?;
        if bundle.version != BundleVersion::V0_3 {
            let found = bundle.version;
            return Err(AttachError::BundleVersion { found });
        }
        let predicate_type = match &bundle.content {
            Content::Dsse(envelope) => Some(Statement::of_envelope(envelope)?.predicate_type),
            Content::Message(_) => None,
        };
        Ok(Self {
            json: json.trim().to_owned(),
            predicate_type,
        })
    }

    /// The predicate type of its statement; none for a signature over the image's bytes.
    #[must_use]
    pub fn predicate_type(&self) -> Option<&str> {
        self.predicate_type.as_deref()
    }
}

impl Attestation {
    /// Reads a file of envelopes and bundles, one after another (`in-toto/attestation:spec/v1/bundle.md`).
    ///
    /// # Errors
    /// Anything in it that is neither, or nothing at all.
    pub fn parse_all(file: &[u8]) -> Result<Vec<Self>, AttachError> {
        let mut found = Vec::new();
        for document in serde_json::Deserializer::from_slice(file).into_iter::<Box<RawValue>>() {
            if found.len() == DOCUMENTS {
                let found = DOCUMENTS + 1;
                return Err(AttachError::TooMuch { found });
            }
            found.push(Self::parse(document?.get())?);
        }
        if found.is_empty() {
            return Err(AttachError::Nothing);
        }
        Ok(found)
    }

    fn parse(json: &str) -> Result<Self, AttachError> {
        if json.len() > limits::BUNDLE_BYTES {
            return Err(AttachError::TooMuch { found: json.len() });
        }
        if Bundle::parse(json.as_bytes()).is_ok() {
            return ReadyBundle::parse(json).map(Self::Bundle);
        }
        let envelope = Envelope::parse(json.as_bytes())?;
        Ok(Self::Envelope {
            json: json.to_owned(),
            predicate_type: Statement::of_envelope(&envelope)?.predicate_type,
        })
    }

    /// What it is about, by its own word.
    #[must_use]
    pub fn predicate_type(&self) -> Option<&str> {
        match self {
            Self::Envelope { predicate_type, .. } => Some(predicate_type),
            Self::Bundle(bundle) => bundle.predicate_type(),
        }
    }
}

/// Attaches a signature of the older form to the tag `.sig`, beside those that are there
/// (`cosign attach signature --payload --signature`).
///
/// # Errors
/// It could not be written.
pub async fn attach_signature(
    to: Destination<'_>,
    signature: &LegacySignature,
) -> Result<(), AttachError> {
    let layer = legacy_layer(signature, "");
    let layers = Layers::new(layer, &signature.payload, Style::default());
    to.add_layer(TagKind::Signatures, &signature.payload, layers)
        .await?;
    Ok(())
}

/// Attaches a bundle as a manifest that refers to the image (`cosign attach signature --bundle`).
///
/// # Errors
/// It could not be written.
pub async fn attach_bundle(
    to: Destination<'_>,
    bundle: &ReadyBundle,
    now: Timestamp,
) -> Result<PushedReferrer, AttachError> {
    let (json, predicate_type) = (bundle.json.clone(), bundle.predicate_type());
    Ok(to.refer_bundle(json, predicate_type, now).await?)
}

/// Attaches an attestation: an envelope to the tag `.att`, beside those that are there, a bundle as a manifest that
/// refers to the image, which is returned (`cosign attach attestation`).
///
/// # Errors
/// It could not be written.
pub async fn attach_attestation(
    to: Destination<'_>,
    attestation: &Attestation,
    now: Timestamp,
) -> Result<Option<PushedReferrer>, AttachError> {
    let (json, predicate_type) = match attestation {
        Attestation::Bundle(bundle) => return attach_bundle(to, bundle, now).await.map(Some),
        Attestation::Envelope {
            json,
            predicate_type,
        } => (json, predicate_type),
    };
    let legacy = LegacySignature {
        payload: json.clone().into_bytes(),
        signature: Vec::new(),
        certificate: None,
        chain: Vec::new(),
        log_promise: None,
        timestamp: None,
    };
    let layer = legacy_layer(&legacy, predicate_type);
    let layers = Layers::new(layer, &legacy.payload, Style::default());
    to.add_layer(TagKind::Attestations, &legacy.payload, layers)
        .await?;
    Ok(None)
}

/// Attaches a bill of materials, unsigned (`cosign attach sbom`); a manifest that refers to the image is returned.
///
/// # Errors
/// It could not be written.
pub async fn attach_sbom(
    to: Destination<'_>,
    media_type: MediaType,
    sbom: Vec<u8>,
    form: SbomForm,
) -> Result<Option<PushedReferrer>, AttachError> {
    let layers = [Descriptor::of(media_type, &sbom)];
    let (plain, config) = Style::default().manifest(&layers);
    let manifest = match form {
        SbomForm::Tag => {
            to.replace_tag(TagKind::Sbom, &plain, [sbom, config.to_vec()])
                .await?;
            return Ok(None);
        }
        SbomForm::Referrer => Manifest::artifact(oci::Artifact {
            config: Descriptor::of(
                MediaType::parse(SBOM_ARTIFACT).expect("a constant media type"),
                &config,
            ),
            layers: layers.to_vec(),
            annotations: std::collections::BTreeMap::new(),
            subject: Some(to.subject.descriptor()),
            artifact_type: None,
        }),
    };
    Ok(Some(to.refer(&manifest, [sbom, config.to_vec()]).await?))
}
