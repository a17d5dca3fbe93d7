//! A build as compose and bake files describe it.

use std::collections::BTreeMap;

use oci::ReferenceError;

use crate::lex::LexError;
use crate::options::{Options, Platform};

/// One build: which Dockerfile, and the arguments that decide its images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The compose service or bake target.
    pub name: String,
    /// Folder or address of the context; `.` if the file says nothing.
    pub context: String,
    /// The Dockerfile's path, relative to the context; `Dockerfile` if the file says nothing.
    pub dockerfile: String,
    /// The Dockerfile itself, in place of a path.
    pub inline: Option<String>,
    /// The stage to build.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Named contexts.
    pub contexts: BTreeMap<String, String>,
    /// The platforms to build for; empty: the builder's own. Each is a build of its own.
    pub platforms: Vec<String>,
}

impl Build {
    /// The options of this build for one of its platforms, or `None` if one cannot be read.
    #[must_use]
    pub fn options(&self, builds_on: &Platform) -> Option<Vec<Options>> {
        let options = |platform: Platform| Options {
            build_args: self.args.clone(),
            build_contexts: self.contexts.clone().into_iter().collect(),
            target: self.target.clone(),
            build_platform: Some(builds_on.clone()),
            target_platform: Some(platform),
            ..Options::default()
        };
        if self.platforms.is_empty() {
            return Some(vec![options(builds_on.clone())]);
        }
        let platforms = self.platforms.iter().flat_map(|list| list.split(','));
        platforms
            .map(|platform| Platform::parse(platform.trim()).map(options))
            .collect()
    }
}

/// Why a compose or bake file does not tell its images. Nothing may be built or run from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Groups, `inherits`, `extends` or variables go in a circle, or nest more than 32 levels.
    #[error("{name:?} refers to itself, or is nested too deeply")]
    Circle {
        /// Where it was noticed.
        name: String,
    },
    /// A key stands twice.
    #[error("line {line}: key {key:?} is given twice")]
    DuplicateKey {
        /// The line, from one; zero if not known.
        line: usize,
        /// The key.
        key: String,
    },
    /// A service, target or group that is not there.
    #[error("there is no {name:?}")]
    Missing {
        /// The name.
        name: String,
    },
    /// The file is not UTF-8.
    #[error("the file is not UTF-8")]
    NotUtf8,
    /// An image name is not a reference.
    #[error("{path}: {text:?}: {source}")]
    Reference {
        /// Where it stands: `services.web.image`.
        path: String,
        /// The text, variables replaced.
        text: String,
        /// What is wrong.
        source: ReferenceError,
    },
    /// Something is not of the kind that belongs there.
    #[error("{path}: should be {wanted}")]
    Shape {
        /// Where it stands.
        path: String,
        /// The kind.
        wanted: &'static str,
    },
    /// The file is not YAML, JSON or HCL.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line, from one; zero if not known.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// The file, or what its aliases expand to, is too large.
    #[error("the file is too large")]
    TooLarge,
    /// The value depends on something that is not evaluated here.
    #[error("{path}: cannot be decided: {why}")]
    Undecided {
        /// Where it stands.
        path: String,
        /// On what.
        why: Why,
    },
    /// A `${…}` cannot be replaced.
    #[error("{path}: {source}")]
    Variable {
        /// Where it stands.
        path: String,
        /// What is wrong.
        source: LexError,
    },
}

/// What is not evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// `extends` from another file.
    #[error("it extends a service of another file")]
    ExtendsFile,
    /// An operator, condition or other expression.
    #[error("it is an expression")]
    Expression,
    /// A function.
    #[error("it calls a function")]
    Function,
    /// An attestation generator, which is an image of its own.
    #[error("it names an attestation generator")]
    Generator,
    /// `include`
    #[error("it includes other files")]
    Include,
    /// `matrix`
    #[error("it is a matrix of targets")]
    Matrix,
    /// A pattern with brackets.
    #[error("it is a pattern")]
    Pattern,
    /// A YAML tag such as `!reset`.
    #[error("it has the tag {0:?}")]
    Tag(String),
    /// A variable that the file does not declare.
    #[error("the variable {0:?} is not declared")]
    UnknownVariable(String),
}

/// A document of whatever format: scalars are text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Value {
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(known, _)| known == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, `None` for nothing.
    pub(crate) fn text(&self, path: &str) -> Result<Option<&str>, FileError> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            _ => Err(shape(path, "text")),
        }
    }

    /// The texts of a list, or the one text.
    pub(crate) fn texts(&self, path: &str) -> Result<Vec<String>, FileError> {
        let items = match self {
            Self::Null => &[][..],
            Self::List(items) => items.as_slice(),
            _ => return Err(shape(path, "a list")),
        };
        items
            .iter()
            .map(|item| {
                let text = item.text(path)?.map(str::to_owned);
                text.ok_or_else(|| shape(path, "a list of texts"))
            })
            .collect()
    }

    pub(crate) fn entries(&self, path: &str) -> Result<&[(String, Self)], FileError> {
        match self {
            Self::Null => Ok(&[]),
            Self::Map(entries) => Ok(entries),
            _ => Err(shape(path, "a mapping")),
        }
    }

    /// `name: value` entries, or a list of `name=value`; a name alone has no value.
    pub(crate) fn pairs(&self, path: &str) -> Result<Vec<(String, Option<String>)>, FileError> {
        if let Self::List(_) = self {
            let pair = |text: String| match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (text, None),
            };
            return Ok(self.texts(path)?.into_iter().map(pair).collect());
        }
        self.entries(path)?
            .iter()
            .map(|(name, value)| Ok((name.clone(), value.text(path)?.map(str::to_owned))))
            .collect()
    }
}

pub(crate) fn shape(path: &str, wanted: &'static str) -> FileError {
    FileError::Shape {
        path: path.to_owned(),
        wanted,
    }
}

pub(crate) fn undecided(path: &str, why: Why) -> FileError {
    FileError::Undecided {
        path: path.to_owned(),
        why,
    }
}

/// The bytes as text, within the size limit.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, FileError> {
    if bytes.len() > crate::FILE_MAX {
        return Err(FileError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| FileError::NotUtf8)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
