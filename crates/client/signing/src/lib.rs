//! Sigstore as a use case: sign, attach, discover, verify.
#![deny(missing_docs)]

pub mod attach;
pub mod carry;
pub mod convert;
pub mod discover;
pub mod download;
mod names;
mod place;
pub mod policy;
pub mod sign;
pub mod verify;

pub use place::{
    Image, LayoutPlace, Place, PlaceError, RegistryPlace, Remote, TagKind, docker_reference,
};
