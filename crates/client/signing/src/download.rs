//! Fetching what is attached to an image, as it is. Digests are checked, signatures are not.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use net::Bytes;
use oci::{Content, Descriptor};

use crate::carry::{Attached, AttachedKind, CarryError, PlatformFilter, Selection, around, choose};
use crate::names::{BUNDLE, LAYER_PREDICATE};
use crate::place::{Image, Place, TagKind};

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Signatures of the image.
    Signatures,
    /// Attestations about it.
    Attestations {
        /// Of this predicate type; of any without.
        predicate_type: Option<&'a str>,
    },
    /// Bills of materials that nobody signed.
    Sboms,
}

/// How to fetch.
#[derive(Clone, Copy, Debug)]
pub struct DownloadPlan<'a> {
    /// What.
    pub wanted: Wanted<'a>,
    /// Of an index, what is attached to this platform instead.
    pub platform: Option<&'a PlatformFilter>,
    /// Most bytes of one document (`COSIGN_MAX_ATTACHMENT_SIZE`).
    pub document_bytes: u64,
    /// How many requests at once, at least 1.
    pub workers: usize,
}

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub form: DocumentForm,
    /// Its bytes.
    pub bytes: Bytes,
    /// The layer: its type, and in the older form what belongs to the signature.
    pub layer: Descriptor,
    /// The predicate type by the word of its manifest, which nothing vouches for.
    pub predicate_type: Option<String>,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentForm {
    /// A payload; its signature is in the layer's annotations.
    Payload,
    /// A DSSE envelope; certificates and the like are in the layer's annotations.
    Envelope,
    /// A bundle.
    Bundle,
    /// A bill of materials, or anything else that is not signed.
    Plain,
}

/// Fetches what is attached to an image, under tags first (`cosign download`).
///
/// # Errors
/// Those of the place, and of the platform.
pub async fn download(
    place: &Place,
    plan: DownloadPlan<'_>,
) -> Result<(Image, Vec<Document>), CarryError> {
    let mut place = place.clone();
    if let Some(filter) = plan.platform {
        let index = place.resolve().await?;
        let index = index.manifest().ok_or(CarryError::Unread)?;
        place = place.at(choose(index, filter)?);
    }
    let image = place.locate().await?;
    let what = plan.wanted.selection();
    let around = around(&place, &image.digest(), what, what, plan.workers).await?;
    let layers = around.attached.iter().flat_map(layers);
    let wanted = layers.filter(|(_, layer, stated)| plan.wanted.has(layer, stated.as_deref()));
    let documents = stream::iter(wanted)
        .map(|(form, layer, predicate_type)| {
            let place = &place;
            async move {
                let bytes = place.attached_blob(layer, plan.document_bytes).await?;
                Ok::<_, CarryError>(Document {
                    form,
                    bytes,
                    layer: layer.clone(),
                    predicate_type,
                })
            }
        })
        .buffered(plan.workers.max(1))
        .try_collect()
        .await?;
    Ok((image, documents))
}

impl Wanted<'_> {
    const fn selection(self) -> Selection {
        let mut selection = Selection::NONE;
        match self {
            Self::Signatures => selection.signatures = true,
            Self::Attestations { .. } => selection.attestations = true,
            Self::Sboms => selection.sboms = true,
        }
        selection
    }

    fn has(self, layer: &Descriptor, stated: Option<&str>) -> bool {
        match self {
            Self::Attestations {
                predicate_type: Some(wanted),
            } => {
                stated.or(layer.annotations.get(LAYER_PREDICATE).map(String::as_str))
                    == Some(wanted)
            }
            _ => true,
        }
    }
}

/// The documents of a manifest.
fn layers(attached: &Attached) -> Vec<(DocumentForm, &Descriptor, Option<String>)> {
    let layers = match attached.manifest.content() {
        Content::Image { layers, .. } => layers.as_slice(),
        Content::Index { .. } => &[],
    };
    let document = |layer| {
        let form = form(attached, layer);
        let stated = match form {
            DocumentForm::Envelope => layer.annotations.get(LAYER_PREDICATE).cloned(),
            DocumentForm::Bundle => attached.label.clone(),
            DocumentForm::Payload | DocumentForm::Plain => None,
        };
        (form, layer, stated)
    };
    layers.iter().map(document).collect()
}

fn form(attached: &Attached, layer: &Descriptor) -> DocumentForm {
    if layer.media_type.as_str().starts_with(BUNDLE) {
        return DocumentForm::Bundle;
    }
    match (attached.tag, attached.kind) {
        (Some(TagKind::Signatures), _) | (None, AttachedKind::Signature) => DocumentForm::Payload,
        (Some(TagKind::Attestations), _) | (None, AttachedKind::Attestation) => {
            DocumentForm::Envelope
        }
        _ => DocumentForm::Plain,
    }
}
