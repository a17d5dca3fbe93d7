//! A Dockerfile as stages and the images they name.

use crate::directive::{self, Directives};
use crate::error::ParseError;
use crate::instruction::{self, Argument, From, Instruction};
use crate::logical::{self, Lines};

/// Most stages in a file.
const STAGES_MAX: usize = 1000;

/// A Dockerfile that was read; which images it uses depends on the build's arguments: [`Self::resolve`].
///
/// Source: the Dockerfile reference; where it is silent, `moby/buildkit` `frontend/dockerfile/parser`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    pub(crate) source: String,
    pub(crate) directives: Directives,
    pub(crate) global_args: Vec<Numbered<Vec<Argument>>>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) heredoc: Option<usize>,
    pub(crate) heredocs: Heredocs,
}

/// Whether the builder knows here-documents. All current ones do; the one inside Docker 20.10 reads their lines as
/// instructions unless `# syntax=` names a newer frontend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heredocs {
    /// `RUN <<EOF` swallows the lines up to `EOF`.
    #[default]
    Known,
    /// Every line is an instruction.
    Unknown,
}

/// Something on a line, counted from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbered<T> {
    pub(crate) line: usize,
    pub(crate) what: T,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) line: usize,
    pub(crate) from: From,
    /// Only what names images: `COPY`, `RUN`, `ADD`, `ONBUILD`.
    pub(crate) instructions: Vec<Numbered<Instruction>>,
}

impl Dockerfile {
    /// Reads a Dockerfile of at most 1 MiB.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::parse_with(bytes, Heredocs::Known)
    }

    /// Reads a Dockerfile as a builder that knows here-documents or does not.
    pub fn parse_with(bytes: &[u8], heredocs: Heredocs) -> Result<Self, ParseError> {
        let source = logical::text_of(bytes)?;
        let mut file = Self {
            source: source.to_owned(),
            directives: directive::read(source)?,
            global_args: Vec::new(),
            stages: Vec::new(),
            heredoc: None,
            heredocs,
        };
        let escape = file.directives.escape;
        let mut lines = Lines::new(source);
        while let Some(logical) = lines.next_logical(escape)? {
            let line = logical.line;
            let (what, may_open) = instruction::parse(&logical, escape)?;
            if may_open && heredocs == Heredocs::Known {
                let opened = instruction::heredocs(&logical)?;
                if !opened.is_empty() {
                    file.heredoc.get_or_insert(line);
                }
                instruction::skip_bodies(&mut lines, line, opened)?;
            }
            file.push(Numbered { line, what })?;
        }
        if file.stages.is_empty() {
            return Err(ParseError::NoStage);
        }
        Ok(file)
    }

    /// The file as it was read.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names of the stages that have one, in lower case, in order.
    pub fn stage_names(&self) -> impl Iterator<Item = &str> {
        self.stages
            .iter()
            .filter_map(|stage| stage.from.name.as_deref())
    }

    fn push(&mut self, instruction: Numbered<Instruction>) -> Result<(), ParseError> {
        let Numbered { line, what } = instruction;
        match (what, self.stages.last_mut()) {
            (Instruction::From(from), _) => {
                if self.stages.len() == STAGES_MAX {
                    return Err(ParseError::TooManyStages { line });
                }
                self.stages.push(Stage {
                    line,
                    from,
                    instructions: Vec::new(),
                });
            }
            (Instruction::Arg(args), None) => {
                self.global_args.push(Numbered { line, what: args });
            }
            (_, None) => return Err(ParseError::BeforeFrom { line }),
            (Instruction::Arg(_) | Instruction::Other, Some(_)) => {}
            (what, Some(stage)) => stage.instructions.push(Numbered { line, what }),
        }
        Ok(())
    }
}
