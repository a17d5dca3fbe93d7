//! Whom a verifier trusts, and whom a signer asks.

mod assemble;
mod loose;
mod root;
mod signing_config;
mod write;

pub use assemble::{AssembleError, SelectorError};
pub use loose::{LooseError, certificate_authorities, timestamp_authority};
pub use root::{TRUSTED_ROOT, TransparencyLog, TrustError, TrustedRoot};
pub use signing_config::{
    SIGNING_CONFIG, Selector, Service, ServiceList, SigningConfig, SigningConfigError,
};
pub use write::UnnamedKey;
