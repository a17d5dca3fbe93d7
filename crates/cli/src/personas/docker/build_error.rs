//! Why a build, or the files of several builds, are refused.

use std::io;
use std::path::PathBuf;

use dockerfile::{How, ParseError, PinError, Undecided};
use oci::Reference;
use thiserror::Error;

use super::command::Verb;
use super::ops::Refusal;
use super::texts;
use crate::render::printable::printable;

/// A refused build; nothing was built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The context is an archive on standard input.
    #[error("archive on standard input")]
    Archive,
    /// A file cannot be read.
    #[error("file")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A Dockerfile is larger than builders take.
    #[error("Dockerfile too large")]
    TooLarge {
        /// The file as shown.
        file: String,
    },
    /// The Dockerfile cannot be read with certainty.
    #[error("Dockerfile")]
    Parse {
        /// The file as shown.
        file: String,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// The images cannot be told.
    #[error("images undecided")]
    Undecided {
        /// The file as shown.
        file: String,
        /// Why.
        #[source]
        source: Undecided,
    },
    /// The pinned file cannot be written.
    #[error("pinning")]
    Pin {
        /// The file as shown.
        file: String,
        /// Why.
        #[source]
        source: PinError,
    },
    /// The context, the Dockerfile or a named context is fetched by the builder: what it is cannot be known before.
    #[error("remote")]
    Remote {
        /// What it is: `build context`.
        what: &'static str,
        /// The address.
        address: String,
    },
    /// Dockerfile and context are both to come from standard input.
    #[error("standard input twice")]
    StdinTwice,
    /// Images that are not signed, or whose trust data cannot be had.
    #[error("{} images refused", .0.len())]
    Unsigned(Vec<Unsigned>),
    /// The real docker cannot tell what is in a compose or bake file.
    #[error("no plan")]
    NoPlan {
        /// The command asked: `docker compose config`.
        command: &'static str,
    },
    /// What the real docker told of a compose or bake file cannot be read.
    #[error("plan")]
    Plan {
        /// The command asked.
        command: &'static str,
        /// Why.
        #[source]
        source: dockerfile::FileError,
    },
}

/// One image that is refused.
#[derive(Debug)]
pub struct Unsigned {
    /// Where it is named: a file, a service or a target.
    pub place: String,
    /// The line there; zero if there is none.
    pub line: usize,
    /// By what it is named; `None` outside Dockerfiles.
    pub how: Option<How>,
    /// The image.
    pub image: Reference,
    /// Why.
    pub refusal: Refusal,
}

impl BuildError {
    /// The lines for standard error, without a final newline.
    pub(super) fn text(&self) -> String {
        let unable = |file: &str, why: String| {
            format!(
                "unable to process Dockerfile: {file}: {}\nNothing was built.",
                printable(&why)
            )
        };
        match self {
            Self::Archive => "unable to process Dockerfile: a context in an archive on standard input is not looked \
                              into\nUnpack it and name the folder."
                .to_owned(),
            Self::File { path, source } => {
                format!("unable to process Dockerfile: {}: {source}", path.display())
            }
            Self::TooLarge { file } => unable(file, "it is larger than 1 MiB".to_owned()),
            Self::Parse { file, source } => unable(file, source.to_string()),
            Self::Undecided { file, source } => {
                let all: Vec<_> = std::iter::once(&source.first)
                    .chain(&source.rest)
                    .map(|reason| printable(&reason.to_string()).into_owned())
                    .collect();
                format!(
                    "unable to process Dockerfile: {file}: which image is used cannot be told: {}\nNothing was built.",
                    all.join("; ")
                )
            }
            Self::Pin { file, source } => unable(file, source.to_string()),
            Self::Remote { what, address } => format!(
                "unable to process Dockerfile: the {what} {} is fetched by the builder, and what it names cannot be \
                 checked before\nFetch it yourself and name the folder.",
                printable(address)
            ),
            Self::StdinTwice => {
                "invalid argument: can't use stdin for both build context and dockerfile".to_owned()
            }
            Self::Unsigned(images) => {
                let lines: Vec<_> = images.iter().map(Unsigned::text).collect();
                format!("{}\nNothing was built or started.", lines.join("\n"))
            }
            Self::NoPlan { command } => {
                format!("{command} failed, so that the images cannot be checked; nothing was built or started")
            }
            Self::Plan { command, source } => format!(
                "which images are used cannot be told from {command}: {}\nNothing was built or started.",
                printable(&source.to_string())
            ),
        }
    }
}

impl Unsigned {
    fn text(&self) -> String {
        let name = self.image.familiar();
        let place = match (&self.how, self.line) {
            (None, _) => self.place.clone(),
            (Some(how), 0) => format!(
                "unable to process Dockerfile: {}: {}",
                self.place,
                keyword(how)
            ),
            (Some(how), line) => format!(
                "unable to process Dockerfile: {}:{line}: {}",
                self.place,
                keyword(how)
            ),
        };
        let reason = texts::reason(Verb::Build, &name, &self.refusal);
        let remedy = match self.how {
            Some(How::Syntax) => {
                "\nRemove the syntax line to use the builder's own frontend, or name a frontend that is signed."
            }
            _ => "",
        };
        format!("{place} {name}: {reason}{remedy}")
    }
}

fn keyword(how: &How) -> &'static str {
    match how {
        How::BuildContext { .. } => "--build-context",
        How::CopyFrom => "COPY --from",
        How::MountFrom => "RUN --mount from",
        How::Syntax => "syntax",
        _ => "FROM",
    }
}
