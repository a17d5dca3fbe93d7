//! What the docker commands refuse, in docker's words where docker has some.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::build_error::BuildError;
use super::command::Verb;
use super::flags::FlagError;
use super::ops::Refusal;
use super::texts;
use crate::failure::Failure;
use crate::input::InputError;
use crate::personas::docker_trust::ops::Refusal as TrustRefusal;

/// A refused docker command.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Flags that are not understood.
    #[error("flags")]
    Flag {
        /// The command.
        verb: Verb,
        /// What is wrong.
        #[source]
        source: FlagError,
    },
    /// Too few or too many arguments.
    #[error("arguments")]
    Arguments {
        /// The command.
        verb: Verb,
        /// What it requires.
        problem: &'static str,
    },
    /// A word that must be text is not.
    #[error("not UTF-8")]
    NotText {
        /// The word, made readable.
        word: String,
    },
    /// `--platform` is no platform.
    #[error("platform")]
    Platform {
        /// The text.
        found: String,
    },
    /// `--pull` is no policy.
    #[error("pull policy")]
    PullPolicy {
        /// The command.
        verb: Verb,
        /// The text.
        found: String,
    },
    /// A push by digest.
    #[error("digest to push")]
    PushDigest,
    /// An option whose meaning cannot be kept.
    #[error("option not supported")]
    Unsupported {
        /// The option.
        flag: &'static str,
        /// Why not, and what to do.
        why: &'static str,
    },
    /// `--all-tags` with a tag.
    #[error("tag with --all-tags")]
    TagWithAll,
    /// Content trust, the engine or the registry refuse.
    #[error("refused")]
    Refused {
        /// The command.
        verb: Verb,
        /// The image as typed.
        name: String,
        /// How far the command came.
        stage: Stage,
        /// The reason.
        #[source]
        refusal: Box<Refusal>,
    },
    /// A build, or files that describe builds, are refused.
    #[error(transparent)]
    Build(Box<BuildError>),
    /// There is no docker behind this one.
    #[error("no real docker")]
    NoRealDocker,
    /// `COUNTERSIGN_DOCKER` names this program.
    #[error("COUNTERSIGN_DOCKER is this program")]
    OwnDocker {
        /// The file.
        path: PathBuf,
    },
    /// The real docker cannot be started.
    #[error("the real docker cannot be run")]
    NotRun {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        Self::Build(Box::new(error))
    }
}

/// How far a command came before it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was changed anywhere.
    Nothing,
    /// The engine was pushing.
    Pushing,
    /// The image is in the registry.
    Pushed,
    /// Earlier images of the same command were pulled and tagged.
    SomePulled,
}

impl Error {
    /// A refused command; a prompt that was not answered stays one.
    pub(super) fn refused(verb: Verb, name: &str, stage: Stage, refusal: Refusal) -> Failure {
        match refusal {
            Refusal::Trust(TrustRefusal::Input(error @ InputError::Interrupted { .. })) => {
                error.into()
            }
            refusal => Self::Refused {
                verb,
                name: name.to_owned(),
                stage,
                refusal: Box::new(refusal),
            }
            .into(),
        }
    }

    /// The lines for standard error, without a final newline.
    pub fn text(&self) -> String {
        match self {
            Self::Flag { verb, source } => format!(
                "{source}\n\nUsage:  {}\n\nRun '{} --help' for more information",
                verb.usage(),
                verb.path()
            ),
            Self::Arguments { verb, problem } => format!(
                "docker: '{}' requires {problem}\n\nUsage:  {}\n\nRun '{0} --help' for more information",
                verb.path(),
                verb.usage(),
            ),
            Self::NotText { word } => format!("argument {word:?} is not valid UTF-8"),
            Self::Platform { found } => {
                format!("{found:?} is not a platform, such as linux/amd64 or linux/arm/v7")
            }
            Self::PullPolicy { verb, found } => format!(
                "invalid pull option: '{found}': must be one of \"always\", \"missing\" or \"never\"\n\nRun '{} \
                 --help' for more information",
                verb.path()
            ),
            Self::PushDigest => "cannot push a digest reference".to_owned(),
            Self::Unsupported { flag, why } => {
                format!("{flag} cannot be used with content trust: {why}")
            }
            Self::TagWithAll => "tag can't be used with --all-tags/-a".to_owned(),
            Self::Refused {
                verb,
                name,
                stage,
                refusal,
            } => texts::refused(*verb, name, *stage, refusal),
            Self::Build(error) => error.text(),
            Self::NoRealDocker => {
                "countersign: no other docker on PATH behind this one\nInstall the Docker CLI, or \
                                   set COUNTERSIGN_DOCKER to its path."
                    .to_owned()
            }
            Self::OwnDocker { path } => format!(
                "countersign: COUNTERSIGN_DOCKER is {}, which is this program\nSet it to the path of the real docker.",
                path.display()
            ),
            Self::NotRun { path, source } => {
                format!("countersign: cannot run {}: {source}", path.display())
            }
        }
    }

    /// docker's exit code for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Flag { .. } | Self::PullPolicy { .. } => 125,
            Self::Refused {
                verb: Verb::Run, ..
            } => 125,
            // As a shell says of a program that a signal ended.
            Self::Refused { refusal, .. } if matches!(**refusal, Refusal::Interrupted { .. }) => {
                130
            }
            // What a shell says of a program that is not there, and of one that it cannot run.
            Self::NoRealDocker | Self::OwnDocker { .. } => 127,
            Self::NotRun { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Self::NotRun { .. } => 126,
            _ => 1,
        }
    }
}
