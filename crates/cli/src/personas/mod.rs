//! Each persona owns its wording; the text is its contract.

pub mod cosign;
pub mod docker;
pub mod docker_trust;
pub mod native;
pub mod notary;
pub mod plugin;
