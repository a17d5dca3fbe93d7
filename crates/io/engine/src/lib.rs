//! The Docker Engine API: where the engine is, and the few requests that content trust needs.
//!
//! [`Endpoint::choose`] finds the engine from flags, variables and contexts that the caller read; [`Engine::connect`]
//! settles on a version with it. Then [`Engine::push`], [`Engine::pull`], [`Engine::tag`], [`Engine::image`],
//! [`Engine::distribution`], [`Engine::build`], [`Engine::create`] and [`Engine::load`] do what their names say. What
//! the engine reports on the way are typed [`Event`]s; how they look is decided at the edge.
//!
//! Nothing the engine says about digests is proof: whoever signs checks the manifest itself.
//!
//! Source: the Engine API 1.41 to 1.51 (`moby/moby:api/swagger.yaml`), and transcripts of the real engines.

mod auth;
mod build;
mod connect;
mod container;
mod context;
mod endpoint;
mod engine;
mod error;
mod files;
mod image;
mod info;
mod pull;
mod push;
mod request;
mod stream;
mod version;

pub use auth::{RegistryAuth, RegistryAuths};
pub use build::{BuildOptions, Built};
pub use container::{ContainerSpec, Created};
pub use endpoint::{Endpoint, Origin, Sources, TlsMode, TlsSources};
pub use engine::{Config, Engine};
pub use error::{EndpointFault, Error, TlsFault};
pub use image::{Distribution, Image, ImageName};
pub use info::{EngineVersion, ImageStore, Info};
pub use push::{Pushed, ReportedIn};
pub use stream::{Aux, Event, OnEvent, Progress};
pub use version::{ApiVersion, ApiVersionError};
