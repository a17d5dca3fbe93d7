//! Why something could not be carried.

use oci::{Digest, ManifestError, Tag};

use super::PlatformError;
use crate::place::PlaceError;

/// An image that was not carried, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// The destination has another image, or other attachments, under a tag; forcing it would replace that image, and
    /// put the attachments together.
    #[error("tag {tag} is {found} there, and should become {expected}")]
    Conflict {
        /// The tag.
        tag: Tag,
        /// What was to be written.
        expected: Box<Digest>,
        /// What is there.
        found: Box<Digest>,
    },
    /// The place of what is read.
    #[error(transparent)]
    From(#[from] PlaceError),
    /// The layout that is written.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// A manifest that was put together cannot be one.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The destination is named by a digest that the image does not have.
    #[error("the image is {found}, not {expected}")]
    OtherDigest {
        /// The digest named.
        expected: Box<Digest>,
        /// The image's.
        found: Box<Digest>,
    },
    /// The platform.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The registry that is written to.
    #[error("destination: {0}")]
    To(registry::Error),
    /// The text before the tags makes them none.
    #[error("the prefix makes no tag of {digest}")]
    TagPrefix {
        /// Of the image.
        digest: Box<Digest>,
    },
    /// More layers under a tag than readers look at.
    #[error("tag {tag} would have {found} layers")]
    TooManyLayers {
        /// The tag.
        tag: Tag,
        /// How many.
        found: usize,
    },
    /// More manifests than are carried in one go.
    #[error("more than {limit} manifests")]
    TooManyManifests {
        /// The most.
        limit: usize,
    },
    /// A place that names an image and does not read it.
    #[error("the image was not read")]
    Unread,
}
