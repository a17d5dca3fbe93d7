//! Notary's dialect of TUF: names, files, trust decisions, editing and upload rules; pure.

#![deny(missing_docs)]

pub mod edit;
pub mod expiry;
pub mod json;
pub mod limits;
pub mod metadata;
pub mod name;
pub mod pins;
pub mod refusal;
pub mod server;
pub mod trusted;
pub mod verify;

pub use expiry::Expiry;
pub use name::{DelegationName, Gun, Role};
pub use refusal::Refusal;
