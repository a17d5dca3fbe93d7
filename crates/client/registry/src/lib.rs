//! OCI distribution client: logins, tokens, blobs, manifests, referrers, uploads.
//!
//! * [`DockerConfig`], [`CredentialSource`], [`HostTls`]: what docker has on disk about a host.
//! * [`Authenticator`]: sends requests and answers challenges, for registries and trust servers.
//! * [`Registry`]: the API of one registry. What it returns was hashed here and matches what was asked for.
//!
//! Siblings: `oci` has the formats, `net` the HTTP client, `trust` signs what this crate resolves.

mod auth;
mod blobs;
mod client;
mod credentials;
mod docker_config;
mod error;
mod helper;
mod lists;
mod login;
mod loopback;
mod manifests;
mod referrers;
mod server_error;
mod tls_dir;
mod token;
mod uploads;

pub use auth::{Authenticator, Scope};
pub use client::{PlainHttp, Registry, RegistryConfig};
pub use credentials::{CredentialSource, Credentials, login_key};
pub use docker_config::{ConfigSources, DockerConfig};
pub use error::{
    ConfigError, Error, Fault, HelperError, HelperFault, Oversize, Resource, ServerMessage,
};
pub use lists::{Referrers, ReferrersSource};
pub use login::config_with_login;
pub use manifests::{ManifestName, PushedManifest, ResolvedImage};
pub use referrers::{PushedReferrer, TagChange};
pub use tls_dir::HostTls;
pub use uploads::{BlobSource, PushedBlob, UploadMode};
