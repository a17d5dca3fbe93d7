//! The files of the dialect as types, read strictly and written as Go writes them.

mod envelope;
mod fields;
mod parts;
mod roles;

pub use envelope::{Parsed, Signature};
pub use fields::Malformed;
pub use parts::{
    Custom, CustomError, FileMap, FileMeta, Hashes, KeyMap, Nullable, RoleKeys, parse_public_key,
    public_key_to_json,
};
pub use roles::{Delegation, Delegations, Metadata, Root, Snapshot, Structure, Targets, Timestamp};

pub(crate) use envelope::seal;
pub(crate) use parts::{SHA256, SHA512};
