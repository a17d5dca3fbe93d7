//! The images that a file names, for the commands that verify them all.

use std::path::Path;

use dockerfile::{
    Dockerfile, FileError, How, LexError, Options, ParseError, Refusal, Undecided, kubernetes,
};
use thiserror::Error;

use super::error::Error;
use super::ops::Target;
use super::verify::{self, LOCAL_IMAGE};
use super::{Context, files, images};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::process::Process;
use crate::render::printable::printable;

/// Most bytes of a manifest for Kubernetes.
const MANIFEST_LIMIT: u64 = 16 << 20;

/// A file that does not tell its images: then none of them is verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImagesError {
    /// A Dockerfile that cannot be read with certainty.
    #[error("failed extracting images from Dockerfile: {file}: {source}")]
    Dockerfile {
        /// As the user named it.
        file: String,
        /// Why.
        source: ParseError,
    },
    /// Not the name of a manifest.
    #[error("check if extension is valid: only [.yaml .yml] manifests are supported at this time")]
    Extension,
    /// A manifest that cannot be read with certainty.
    #[error("unable to extract the container image references in the manifest: {file}: {source}")]
    Manifest {
        /// As the user named it.
        file: String,
        /// Why.
        source: FileError,
    },
    /// No image at all.
    #[error("no images found in {what}: {file}")]
    None {
        /// What the file is.
        what: &'static str,
        /// As the user named it.
        file: String,
    },
    /// Images that depend on something that is not known.
    #[error(
        "failed extracting images from Dockerfile: {file}: {}",
        reasons(source)
    )]
    Undecided {
        /// As the user named it.
        file: String,
        /// Why.
        source: Undecided,
    },
}

fn reasons(undecided: &Undecided) -> String {
    let all = std::iter::once(&undecided.first).chain(&undecided.rest);
    let all: Vec<String> = all.map(ToString::to_string).collect();
    all.join("; ")
}

/// Whether a variable without a value is a reason.
fn is_open(undecided: &Undecided) -> bool {
    let mut all = std::iter::once(&undecided.first).chain(&undecided.rest);
    all.any(|refusal| match refusal {
        Refusal::Blank { .. } => true,
        Refusal::Expansion { source, .. } => {
            matches!(source, LexError::Required { .. } | LexError::Unknown { .. })
        }
        _ => false,
    })
}

impl ImagesError {
    /// The sentence, and what can be done.
    pub(super) fn text(&self) -> String {
        let text = printable(&self.to_string()).into_owned();
        match self {
            Self::Undecided { source, .. } if is_open(source) => format!(
                "{text}\nVariables that the file gives no value are taken from the environment: set them there."
            ),
            _ => text,
        }
    }
}

/// Images of a Dockerfile: of every stage, or what the last one starts from.
///
/// # Errors
/// [`ImagesError`]; the file cannot be read.
pub(super) fn of_dockerfile(
    process: &Process,
    path: &str,
    base_only: bool,
) -> Result<Vec<Target>, Error> {
    let limit = files::most(dockerfile::FILE_MAX);
    let bytes = files::read(process, Path::new(path), limit)?;
    let file = path.to_owned();
    let none = |file| ImagesError::None {
        what: "Dockerfile",
        file,
    };
    let parsed = match Dockerfile::parse(&bytes) {
        Ok(parsed) => parsed,
        Err(ParseError::NoStage | ParseError::BeforeFrom { .. }) => return Err(none(file).into()),
        Err(source) => return Err(ImagesError::Dockerfile { file, source }.into()),
    };
    let options = Options {
        environment: process
            .vars_starting_with("")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        every_stage: true,
        ..Options::default()
    };
    let plan = parsed
        .resolve(&options)
        .map_err(|source| ImagesError::Undecided {
            file: file.clone(),
            source,
        })?;
    let found: Vec<Target> = if base_only {
        plan.base.into_iter().map(Target::Registry).collect()
    } else {
        let (frontends, images): (Vec<_>, Vec<_>) = plan
            .uses
            .into_iter()
            .partition(|found| found.how == How::Syntax);
        for frontend in frontends {
            process.err(format_args!(
                "- frontend {} ignored: it builds, and is not in the image\n",
                frontend.reference
            ));
        }
        let targets = images.into_iter().map(|found| found.reference);
        targets.map(Target::Registry).collect()
    };
    if found.is_empty() {
        return Err(none(file).into());
    }
    Ok(found)
}

/// Images of a manifest for Kubernetes.
///
/// # Errors
/// As [`of_dockerfile`].
pub(super) fn of_manifest(process: &Process, path: &str) -> Result<Vec<Target>, Error> {
    let extension = Path::new(path).extension().and_then(|text| text.to_str());
    if !matches!(extension, Some("yaml" | "yml")) {
        return Err(ImagesError::Extension.into());
    }
    let bytes = files::read(process, Path::new(path), MANIFEST_LIMIT)?;
    let file = path.to_owned();
    let found = match kubernetes::images(&bytes) {
        Ok(found) => found,
        Err(source) => return Err(ImagesError::Manifest { file, source }.into()),
    };
    if found.is_empty() {
        let what = "manifest";
        return Err(ImagesError::None { what, file }.into());
    }
    found
        .iter()
        .map(|image| images::parse(&image.text).map(Target::Registry))
        .collect()
}

/// Verifies them all, as the flags of `verify` demand.
///
/// # Errors
/// As `verify`; the exit code is that of the first image that is not verified.
pub(super) fn verify(
    context: &Context<'_>,
    matches: &Matches,
    found: &[Target],
) -> Result<(), Failure> {
    if matches.on(&LOCAL_IMAGE) {
        return Err(Error::Unsupported {
            what: "--local-image for the images of a file",
            instead: "Verify each saved image with 'cosign verify --local-image'.",
        }
        .into());
    }
    let names: Vec<String> = found.iter().map(ToString::to_string).collect();
    context
        .session
        .process
        .err(format_args!("Extracted image(s): {}\n", names.join(", ")));
    verify::verify(context, matches, found)
}
