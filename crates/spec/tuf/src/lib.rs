//! Notary's dialect of TUF: names, files, trust decisions, editing and upload rules; pure.

pub mod expiry;
pub mod json;
pub mod limits;
pub mod metadata;
pub mod name;

pub use expiry::Expiry;
pub use name::{DelegationName, Gun, Role};
