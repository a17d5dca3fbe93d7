//! Image manifests and indexes (docker schema 2, OCI image spec), read without losing their bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::descriptor::{Descriptor, null_as_empty};
use crate::digest::Digest;
use crate::media_type::MediaType;

/// Largest manifest read or written, bytes (OCI distribution spec: registries should accept 4 MiB).
pub const MANIFEST_MAX: usize = 4 * 1024 * 1024;

/// A manifest or index as read, together with the exact bytes that its digest covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    media_type: MediaType,
    content: Content,
    subject: Option<Descriptor>,
    artifact_type: Option<MediaType>,
    annotations: BTreeMap<String, String>,
    bytes: Vec<u8>,
    digest: Digest,
}

/// What a manifest points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// One image or artifact.
    Image {
        /// Configuration blob.
        config: Box<Descriptor>,
        /// Layer blobs, lowest first.
        layers: Vec<Descriptor>,
    },
    /// A list of manifests, one for each platform or referrer.
    Index {
        /// Manifests in the order of the document.
        manifests: Vec<Descriptor>,
    },
}

/// Why bytes are not a manifest this product handles.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The document has the fields of an image and of an index, or one in other letter case, so that two readers could
    /// see two images.
    #[error("can be read in two ways")]
    Ambiguous,
    /// Not JSON of the right shape.
    #[error("malformed manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// `Content-Type` and the document's own `mediaType` differ.
    #[error("sent as {sent}, but calls itself {stated}")]
    MediaTypeMismatch {
        /// From the HTTP header.
        sent: MediaType,
        /// From the document.
        stated: MediaType,
    },
    /// A field that this kind of manifest must have is absent.
    #[error("{field:?} is missing")]
    MissingField {
        /// JSON name of the field.
        field: &'static str,
    },
    /// More than [`MANIFEST_MAX`] bytes.
    #[error("has {size} bytes")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Neither schema 2 nor OCI (schema 1, a plug-in, something else), or no type given at all.
    #[error("unsupported media type {found:?}")]
    UnsupportedMediaType {
        /// The type found, if any.
        found: Option<MediaType>,
    },
    /// `schemaVersion` is not 2.
    #[error("schema version {found}")]
    SchemaVersion {
        /// The version found.
        found: u64,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    media_type: Option<MediaType>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<serde::de::IgnoredAny>,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    #[serde(default, deserialize_with = "null_as_empty")]
    annotations: BTreeMap<String, String>,
}

/// What a new manifest of an artifact says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Configuration blob; [`MediaType::OCI_EMPTY`] where the artifact has none.
    pub config: Descriptor,
    /// Layer blobs.
    pub layers: Vec<Descriptor>,
    /// Free key-value pairs.
    pub annotations: BTreeMap<String, String>,
    /// The manifest it refers to.
    pub subject: Option<Descriptor>,
    /// What kind of artifact it is, if the configuration's type does not say it.
    pub artifact_type: Option<MediaType>,
}

/// Field order is the one docker and buildkit write, for artifacts the one of cosign.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewDocument<'a> {
    schema_version: u64,
    media_type: &'a MediaType,
    #[serde(flatten)]
    content: &'a Content,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a MediaType>,
}

/// Fields that decide what a manifest is and points at.
const FIELDS: [&str; 6] = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "fsLayers",
];

impl Manifest {
    /// Reads a manifest. `content_type` is the HTTP header's; without it the document must name its own type.
    pub fn parse(bytes: Vec<u8>, content_type: Option<&MediaType>) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_MAX {
            return Err(ManifestError::TooLarge { size: bytes.len() });
        }
        check_keys(&bytes)?;
        let mut document: Document = serde_json::from_slice(&bytes)?;
        if document.schema_version != 2 {
            return Err(ManifestError::SchemaVersion {
                found: document.schema_version,
            });
        }
        let media_type = agreed_type(content_type, document.media_type.take())?;
        let content = document.take_content(&media_type)?;
        Ok(Self {
            media_type,
            content,
            subject: document.subject,
            // Some writers leave an empty or odd text here; it labels the artifact and decides nothing.
            artifact_type: document
                .artifact_type
                .and_then(|text| MediaType::parse(&text).ok()),
            annotations: document.annotations,
            digest: Digest::sha256(&bytes),
            bytes,
        })
    }

    /// A new OCI index of `manifests`; this is also the answer of the referrers API.
    #[must_use]
    pub fn index(manifests: Vec<Descriptor>) -> Self {
        Self::write(MediaType::OCI_INDEX, Content::Index { manifests })
    }

    /// A new OCI manifest of an artifact.
    #[must_use]
    pub fn artifact(artifact: Artifact) -> Self {
        let content = Content::Image {
            config: Box::new(artifact.config),
            layers: artifact.layers,
        };
        Self {
            subject: artifact.subject,
            artifact_type: artifact.artifact_type,
            annotations: artifact.annotations,
            ..Self::write(MediaType::OCI_MANIFEST, content)
        }
        .written()
    }

    /// A new manifest in Docker's media types, for registries that take no others.
    #[must_use]
    pub fn docker_image(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        let content = Content::Image {
            config: Box::new(config),
            layers,
        };
        Self::write(MediaType::DOCKER_MANIFEST, content)
    }

    /// Writes a new document; the caller pairs the type with the right content.
    pub(crate) fn write(media_type: MediaType, content: Content) -> Self {
        Self {
            media_type,
            content,
            subject: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
            bytes: Vec::new(),
            digest: Digest::sha256(b""),
        }
        .written()
    }

    /// With the bytes of everything else in it.
    fn written(mut self) -> Self {
        let document = NewDocument {
            schema_version: 2,
            media_type: &self.media_type,
            content: &self.content,
            annotations: &self.annotations,
            subject: self.subject.as_ref(),
            artifact_type: self.artifact_type.as_ref(),
        };
        self.bytes = serde_json::to_vec(&document).expect("text keys and plain values only");
        self.digest = Digest::sha256(&self.bytes);
        self
    }

    /// Type of the document.
    #[must_use]
    pub const fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// What it points at.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// The manifest this one refers to (signature, SBOM, attestation).
    #[must_use]
    pub const fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// What kind of artifact this is: `artifactType`, or else the type of the configuration blob.
    #[must_use]
    pub const fn artifact_type(&self) -> Option<&MediaType> {
        match (&self.artifact_type, &self.content) {
            (Some(stated), _) => Some(stated),
            (None, Content::Image { config, .. }) => Some(&config.media_type),
            (None, Content::Index { .. }) => None,
        }
    }

    /// Free key-value pairs.
    #[must_use]
    pub const fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The exact bytes read.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 digest of [`bytes`](Self::bytes).
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// A descriptor of this manifest, as a parent index points at it.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::of(self.media_type.clone(), &self.bytes)
    }

    /// The entry of this manifest in the referrers list of its subject (OCI distribution spec, "Listing Referrers").
    #[must_use]
    pub fn referrer_entry(&self) -> Descriptor {
        Descriptor {
            artifact_type: self.artifact_type().cloned(),
            annotations: self.annotations.clone(),
            ..self.descriptor()
        }
    }

    /// Everything that must be in the registry before this manifest: configuration and layers, or manifests.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, rest) = match &self.content {
            Content::Image { config, layers } => (Some(&**config), layers),
            Content::Index { manifests } => (None, manifests),
        };
        config.into_iter().chain(rest)
    }
}

impl Document {
    fn take_content(&mut self, media_type: &MediaType) -> Result<Content, ManifestError> {
        let is_image = self.config.is_some() || self.layers.is_some() || self.fs_layers.is_some();
        if is_image && self.manifests.is_some() {
            return Err(ManifestError::Ambiguous);
        }
        let missing = |field| ManifestError::MissingField { field };
        if media_type.is_image() {
            let config = self.config.take().map(Box::new);
            Ok(Content::Image {
                config: config.ok_or(missing("config"))?,
                layers: self.layers.take().ok_or(missing("layers"))?,
            })
        } else if media_type.is_index() {
            let manifests = self.manifests.take().ok_or(missing("manifests"))?;
            Ok(Content::Index { manifests })
        } else {
            let found = Some(media_type.clone());
            Err(ManifestError::UnsupportedMediaType { found })
        }
    }
}

/// Go's JSON reader takes `Layers` for `layers`; what two readers could read differently is refused.
fn check_keys(bytes: &[u8]) -> Result<(), ManifestError> {
    let keys: BTreeMap<String, serde::de::IgnoredAny> = serde_json::from_slice(bytes)?;
    let misspelt = |key: &String| {
        let same = |field: &&str| field.eq_ignore_ascii_case(key);
        FIELDS
            .iter()
            .find(|field| same(field))
            .is_some_and(|field| field != key)
    };
    if keys.keys().any(misspelt) {
        return Err(ManifestError::Ambiguous);
    }
    Ok(())
}

fn agreed_type(
    sent: Option<&MediaType>,
    stated: Option<MediaType>,
) -> Result<MediaType, ManifestError> {
    match (sent, stated) {
        (Some(sent), Some(stated)) if *sent != stated => {
            let sent = sent.clone();
            Err(ManifestError::MediaTypeMismatch { sent, stated })
        }
        (_, Some(stated)) => Ok(stated),
        (Some(sent), None) => Ok(sent.clone()),
        (None, None) => Err(ManifestError::UnsupportedMediaType { found: None }),
    }
}
