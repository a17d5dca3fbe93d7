//! Sigstore as a use case: sign, attach, discover, verify.
#![deny(missing_docs)]

pub mod carry;
pub mod discover;
mod place;
pub mod sign;
pub mod verify;

pub use place::{
    Image, LayoutPlace, Place, PlaceError, RegistryPlace, Remote, TagKind, docker_reference,
};
