//! What is attached to an image, as a list.

use oci::{Content, Digest, Reference, Tag};

use super::survey::{Attached, around};
use super::{AttachedKind, CarryError, Selection};
use crate::place::{Place, RegistryPlace, TagKind};

/// What is attached to an image, one level deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The image.
    pub image: Digest,
    /// By tags first, then what refers to it in the order of the list.
    pub branches: Vec<Branch>,
}

/// One manifest that is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// How it is attached.
    pub kind: BranchKind,
    /// Its digest.
    pub manifest: Digest,
    /// Digests of its layers: the signatures, attestations, documents. None if the list names it and it is not there.
    pub leaves: Option<Vec<Digest>>,
}

/// How something is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchKind {
    /// Under a tag of the older form.
    Tag {
        /// Which.
        kind: TagKind,
        /// The tag; a layout has none.
        tag: Option<Tag>,
    },
    /// It refers to the image.
    Referrer {
        /// What it says that it is.
        kind: AttachedKind,
        /// The predicate type or artifact type that it states.
        label: Option<String>,
    },
}

/// Lists what is attached to an image (`cosign tree`).
///
/// # Errors
/// Those of the place.
pub async fn tree(place: &Place, workers: usize) -> Result<Tree, CarryError> {
    let image = place.resolve().await?.digest();
    let everything = Selection::ATTACHED;
    let around = around(place, &image, everything, everything, workers).await?;
    let mut branches: Vec<Branch> = around
        .attached
        .iter()
        .map(|attached| branch(place, attached))
        .collect();
    branches.extend(around.missing.iter().map(|(_, digest)| Branch {
        kind: BranchKind::Referrer {
            kind: AttachedKind::Other,
            label: None,
        },
        manifest: *digest,
        leaves: None,
    }));
    Ok(Tree { image, branches })
}

fn branch(place: &Place, attached: &Attached) -> Branch {
    let kind = match (attached.tag, place) {
        (Some(kind), Place::Registry(place)) => BranchKind::Tag {
            kind,
            tag: place.tag(&attached.subject, kind),
        },
        (Some(kind), Place::Layout(_)) => BranchKind::Tag { kind, tag: None },
        (None, _) => BranchKind::Referrer {
            kind: attached.kind,
            label: attached.label.clone(),
        },
    };
    let layers = match attached.manifest.content() {
        Content::Image { layers, .. } => layers.as_slice(),
        Content::Index { .. } => &[],
    };
    Branch {
        kind,
        manifest: attached.manifest.digest(),
        leaves: Some(layers.iter().map(|layer| layer.digest).collect()),
    }
}

/// Where the older form keeps something of an image, whether it is there or not (`cosign triangulate`).
///
/// # Errors
/// The image cannot be looked up, or the prefix makes no tag.
pub async fn triangulate(place: &RegistryPlace, kind: TagKind) -> Result<Reference, CarryError> {
    let image = Place::Registry(place.clone()).locate().await?.digest();
    let tag = place.tag(&image, kind).ok_or(CarryError::TagPrefix {
        digest: Box::new(image),
    })?;
    let repository = place.attachments().repository.clone();
    Ok(Reference::new(repository, Some(tag), None))
}
