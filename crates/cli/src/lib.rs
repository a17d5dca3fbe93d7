//! One binary, several personas: `countersign …`, `countersign trust …`, and `docker trust …` as a Docker CLI plugin.
//!
//! A command goes through five steps: typed words ([`cobra`]) → a resolved request ([`process`], configuration) →
//! a use case ([`UseCases`]) → an outcome → text ([`render`]). Only the last step knows docker's wording.

pub mod cobra;
pub mod demo;
mod dispatch;
pub mod docker_config;
pub mod env;
mod explain;
mod failure;
pub mod input;
pub mod personas;
pub mod process;
pub mod progress;
pub mod prompt;
pub mod render;
pub mod services;
mod session;
mod wiring;

pub use dispatch::run;
pub use failure::Failure;
pub use session::{DockerTls, Globals, Run, Session, UseCases};
pub use wiring::main;
