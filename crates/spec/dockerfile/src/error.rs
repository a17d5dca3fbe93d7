//! Why a file cannot be read and why an image in it cannot be told.

use oci::ReferenceError;

use crate::lex::LexError;

/// The file is not a Dockerfile that can be read with certainty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Something other than `ARG` stands before the first `FROM`.
    #[error("line {line}: only ARG may stand before the first FROM")]
    BeforeFrom {
        /// The line, from one.
        line: usize,
    },
    /// Here-document and JSON form cannot be told apart.
    #[error("line {line}: cannot tell whether this is a JSON array or opens a here-document")]
    AmbiguousHeredoc {
        /// The line, from one.
        line: usize,
    },
    /// An instruction has the wrong arguments.
    #[error("line {line}: wrong arguments for {instruction}")]
    Arguments {
        /// The line, from one.
        line: usize,
        /// The instruction in capitals.
        instruction: &'static str,
    },
    /// `# escape=` is neither a backslash nor a backtick.
    #[error("line {line}: the escape character must be a backslash or a backtick")]
    Escape {
        /// The line, from one.
        line: usize,
    },
    /// A flag of an instruction cannot be read.
    #[error("line {line}: {source}")]
    Flag {
        /// The line, from one.
        line: usize,
        /// What is wrong.
        source: FlagError,
    },
    /// The file names its frontend in the manner of another format (`//syntax=`, JSON).
    #[error("line {line}: this is the input of another frontend, not a Dockerfile")]
    ForeignFormat {
        /// The line, from one.
        line: usize,
    },
    /// The word after `<<` cannot be read.
    #[error("line {line}: here-document: {source}")]
    HeredocWord {
        /// The line, from one.
        line: usize,
        /// What is wrong.
        source: LexError,
    },
    /// A line has more than 64 KiB, or an instruction more than 256 KiB.
    #[error("line {line} is too long")]
    LineTooLong {
        /// The line, from one.
        line: usize,
    },
    /// There is no `FROM`.
    #[error("there is no FROM instruction")]
    NoStage,
    /// The file is not UTF-8.
    #[error("line {line} is not UTF-8")]
    NotUtf8 {
        /// The line, from one.
        line: usize,
    },
    /// A parser directive stands twice.
    #[error("line {line}: only one {name} directive is allowed")]
    RepeatedDirective {
        /// The line, from one.
        line: usize,
        /// The directive.
        name: String,
    },
    /// The name after `AS` is not allowed.
    #[error("line {line}: {name:?} cannot name a build stage")]
    StageName {
        /// The line, from one.
        line: usize,
        /// The name as written.
        name: String,
    },
    /// The file has more than 1 MiB.
    #[error("the file has {length} bytes, more than 1 MiB")]
    TooLarge {
        /// Bytes in the file.
        length: usize,
    },
    /// More than 1000 stages.
    #[error("line {line}: too many build stages")]
    TooManyStages {
        /// The line, from one.
        line: usize,
    },
    /// `ONBUILD ONBUILD`, `ONBUILD FROM`, `ONBUILD MAINTAINER`, or a trigger whose flags depend on the escape character.
    #[error("line {line}: this trigger is not allowed")]
    Trigger {
        /// The line, from one.
        line: usize,
    },
    /// An instruction that is not in the Dockerfile reference; what it would pull is not known.
    #[error("line {line}: unknown instruction {word:?}")]
    UnknownInstruction {
        /// The line, from one.
        line: usize,
        /// The word.
        word: String,
    },
    /// A here-document does not end.
    #[error("line {line}: here-document {name:?} is not terminated")]
    UnterminatedHeredoc {
        /// The line of the instruction, from one.
        line: usize,
        /// The word that should end it.
        name: String,
    },
}

/// Why a flag cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// The fields of a `--mount` are not comma-separated values.
    #[error("--mount is not a list of comma-separated fields")]
    Csv,
    /// A flag stands twice that may stand once.
    #[error("--{name} is given twice")]
    Duplicate {
        /// The flag.
        name: &'static str,
    },
    /// A flag lacks its value.
    #[error("--{name} lacks its value")]
    MissingValue {
        /// The flag.
        name: &'static str,
    },
    /// A flag has characters beyond ASCII, which builders split at random places.
    #[error("a flag is not plain ASCII")]
    NotAscii,
}

/// An image that the build would use, or may use, but that cannot be told. Nothing may be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Expanding an `ARG` before the first `FROM`, a base or a platform fails.
    #[error("line {line}: {text:?}: {source}")]
    Expansion {
        /// The line, from one.
        line: usize,
        /// The text as written.
        text: String,
        /// What is wrong.
        source: LexError,
    },
    /// The base, expanded, is empty.
    #[error("line {line}: {text:?} is empty after its variables are replaced")]
    Blank {
        /// The line, from one.
        line: usize,
        /// The text as written.
        text: String,
    },
    /// A trigger means a stage in one place and an image in another.
    #[error("line {line}: {text:?} means a stage in one place and an image in another")]
    AmbiguousTrigger {
        /// The line, from one.
        line: usize,
        /// The name as written.
        text: String,
    },
    /// A `--build-context` cannot be read.
    #[error("build context {name:?}: {source}")]
    Context {
        /// The name before `=`.
        name: String,
        /// What is wrong.
        source: ContextError,
    },
    /// The classic builder and here-documents: its versions disagree about what follows.
    #[error("line {line}: here-documents need BuildKit")]
    Heredoc {
        /// The line, from one.
        line: usize,
    },
    /// The text is not an image reference.
    #[error("line {line}: {text:?} (read as {expanded:?}): {source}")]
    Reference {
        /// The line, from one; zero for a build argument.
        line: usize,
        /// The text as written.
        text: String,
        /// The text with its variables replaced.
        expanded: String,
        /// What is wrong.
        source: ReferenceError,
    },
    /// A stage number that no stage has.
    #[error("line {line}: there is no stage {index}")]
    StageIndex {
        /// The line, from one.
        line: usize,
        /// The number.
        index: i64,
    },
    /// `--target` names no stage.
    #[error("there is no stage {name:?} to build")]
    Target {
        /// The name.
        name: String,
    },
    /// A variable in `COPY --from` or `RUN --mount=from`, which no builder replaces.
    #[error("line {line}: {text:?}: variables are not replaced here")]
    Variable {
        /// The line, from one.
        line: usize,
        /// The text as written.
        text: String,
    },
}

/// Why a named build context cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The name is not in the form of an image name.
    #[error("invalid name: {0}")]
    Name(ReferenceError),
    /// The image after `docker-image://` is not a reference.
    #[error("invalid image: {0}")]
    Image(ReferenceError),
    /// A scheme without its `//`.
    #[error("incomplete scheme")]
    Scheme,
}

/// All reasons why the images of a build cannot be told; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} image reference(s) cannot be decided, first: {first}", .rest.len() + 1)]
pub struct Undecided {
    /// The first reason.
    pub first: Refusal,
    /// The others, in the order of the file.
    pub rest: Vec<Refusal>,
}

/// Why a pinned file cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// The file names a digest and another one was offered for it.
    #[error("line {line}: the file says {written}, not {offered}")]
    DigestDiffers {
        /// The line, from one.
        line: usize,
        /// The digest in the file.
        written: Box<oci::Digest>,
        /// The digest that was offered.
        offered: Box<oci::Digest>,
    },
    /// The pinned file does not read back as the same images: never to be built.
    #[error("the pinned file does not read back")]
    DoesNotReadBack,
    /// A context of this name would replace a stage of the same name.
    #[error("line {line}: a build context {name:?} would replace the stage of that name")]
    ShadowsStage {
        /// The line, from one.
        line: usize,
        /// The name.
        name: String,
    },
}
