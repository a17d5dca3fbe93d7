//! Whom a verifier trusts, and whom a signer asks.

mod root;
mod signing_config;

pub use root::{TRUSTED_ROOT, TransparencyLog, TrustError, TrustedRoot};
pub use signing_config::{
    SIGNING_CONFIG, Selector, Service, ServiceList, SigningConfig, SigningConfigError,
};
