//! Which images a build uses, exactly as the builder would find them, and the same build pinned to digests; pure.
//!
//! [`Dockerfile::parse`] reads a file, [`Dockerfile::resolve`] says for given build arguments which images it names
//! ([`ImageUse`]), [`Dockerfile::pin`] writes the file with digests. What cannot be told with certainty is an error:
//! a build that would be checked in part is not checked. [`compose`] and [`bake`] find the builds and images of
//! compose and bake files, [`kubernetes`] the images of manifests.
//!
//! Sources: the Dockerfile reference, the compose specification and the bake file reference of Docker's
//! documentation; where builders differ from them, the builders (`moby/buildkit`, `docker/buildx`, `moby/moby`).
#![deny(missing_docs)]
#![warn(clippy::as_conversions)]

pub mod bake;
pub mod compose;
pub mod kubernetes;

mod build;
mod directive;
mod dockerfile;
mod error;
mod hcl;
mod instruction;
mod interpolate;
mod lex;
mod logical;
mod options;
mod pattern;
mod pin;
mod plan;
mod resolve;
mod slot;
mod yaml;

pub use build::{Build, FileError, Why};
pub use dockerfile::{Dockerfile, Heredocs};
pub use error::{ContextError, FlagError, ParseError, PinError, Refusal, Undecided};
pub use lex::LexError;
pub use logical::FILE_MAX;
pub use options::{Builder, Context, Options, Platform};
pub use pattern::PatternError;
pub use plan::{How, ImageUse, Note, Plan};
