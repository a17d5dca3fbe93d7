//! Carrying an image with everything attached to it: copied, saved, loaded, listed, cleaned up.
//!
//! Every form travels: the tags of the older form, manifests that refer to the image (found by the referrers API or in
//! the list under a tag), what refers to those in turn, and all of it for each platform of an index. Nothing is
//! verified but digests; nothing that the destination has is lost.

mod clean;
mod copy;
mod error;
mod kind;
mod platform;
mod save;
mod survey;
mod target;
mod tree;
mod union;

use oci::{Digest, Tag};

pub use clean::{CleanPlan, Removed, clean};
pub use copy::{CopyPlan, copy};
pub use error::CarryError;
pub use kind::{AttachedKind, Selection};
pub use platform::{PlatformError, PlatformFilter, choose};
pub use save::save;
pub(crate) use survey::{Attached, around};
pub use tree::{Branch, BranchKind, Tree, tree, triangulate};

use crate::place::TagKind;

/// What was carried, in the order in which it was done; the name of the image comes last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Each thing that was looked at.
    pub items: Vec<Item>,
}

/// One thing that was carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub what: What,
    /// Its digest where it came from.
    pub digest: Digest,
    /// What came of it.
    pub fate: Fate,
}

/// What is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The image itself.
    Image,
    /// What hangs on an image under a tag of the older form.
    Tagged {
        /// Which.
        kind: TagKind,
        /// The image or platform.
        subject: Digest,
        /// The tag, if the place has tags.
        tag: Option<Tag>,
    },
    /// A manifest that refers to an image, or to something attached.
    Referrer {
        /// What it refers to.
        subject: Digest,
        /// What it is.
        kind: AttachedKind,
        /// The predicate type or artifact type that it states.
        label: Option<String>,
    },
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was written.
    Written,
    /// The destination had it.
    Present,
    /// The destination had other layers under the tag; now it has these too.
    Merged,
    /// A list names it, but it is not there.
    Missing,
}
