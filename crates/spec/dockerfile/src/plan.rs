//! The images of one build, and what else it would take from elsewhere.

use std::ops::Range;

use oci::Reference;

use crate::slot::Slot;

/// An image that the build would fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageUse {
    /// The image, with `latest` when neither tag nor digest was given.
    pub reference: Reference,
    /// The line that names it or that a build context overrides, from one; zero for a build argument.
    pub line: usize,
    /// By what it is named.
    pub how: How,
    /// The stage: its name in lower case, or its number. `None` for the frontend.
    pub stage: Option<String>,
    /// The `--platform` of its `FROM`, variables replaced; `None`: the build's target platform, or with
    /// [`crate::Options::every_stage`] one that is not known.
    pub platform: Option<String>,
    /// Where the source names it, in bytes. `None` if the build's arguments do.
    pub span: Option<Range<usize>>,
    pub(crate) slot: Option<Slot>,
}

/// What names an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// `--build-context NAME=docker-image://…` in place of a name in the file.
    BuildContext {
        /// The context's name in the form builders compare.
        name: String,
    },
    /// `COPY --from=`.
    CopyFrom,
    /// `FROM`.
    From,
    /// `RUN --mount=…,from=`.
    MountFrom,
    /// `# syntax=`, or the build argument `BUILDKIT_SYNTAX`.
    Syntax,
}

/// Something the build takes that no image reference covers. Not a reason to refuse by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// `ADD` of an address: nobody signed it. `pinned` when `--checksum` holds it.
    RemoteAdd {
        /// The line, from one.
        line: usize,
        /// The address as written; may be a variable.
        address: String,
        /// It has a `--checksum`.
        pinned: bool,
    },
    /// The base may carry `ONBUILD` triggers that name further images; only its configuration tells.
    BaseTriggers {
        /// The line of the `FROM`, from one.
        line: usize,
        /// The base.
        reference: Reference,
    },
    /// A name in the file is replaced by a local folder, a layout, an address or another build.
    OtherContext {
        /// The line that names it, from one.
        line: usize,
        /// The context's name.
        name: String,
        /// What it is.
        context: crate::Context,
    },
    /// The frontend is not Docker's: what it makes of the file is its own affair.
    OtherFrontend {
        /// The line, from one; zero for a build argument.
        line: usize,
        /// The frontend.
        reference: Reference,
    },
    /// A trigger that names an image or a stage of a later build; not used in this one.
    RecordedTrigger {
        /// The line, from one.
        line: usize,
        /// The name as written.
        name: String,
    },
}

/// What a build takes from elsewhere. Complete: what could not be told is an error instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The images, in the order of the file; one entry for each place that names one.
    pub uses: Vec<ImageUse>,
    /// What is worth knowing besides.
    pub notes: Vec<Note>,
    /// What the target starts from, through the stages before it, as the file names it. `None`: nothing.
    pub base: Option<Reference>,
}
