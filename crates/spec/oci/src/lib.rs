//! References, digests, manifests and header grammars of OCI registries; pure.
//!
//! Sources: OCI image and distribution specs 1.1, docker image spec v2.2, `distribution/reference`, RFC 9110.
#![deny(missing_docs)]
#![warn(clippy::as_conversions)]

pub mod challenge;
pub mod descriptor;
pub mod digest;
pub mod image;
pub mod manifest;
pub mod media_type;
pub mod name;
pub mod reference;
pub mod transfer;
pub mod union;

pub use challenge::{BearerChallenge, Challenge, ChallengeError};
pub use descriptor::{Descriptor, Platform};
pub use digest::{
    Algorithm, BlobMismatch, BlobVerifier, Digest, DigestError, DigestMismatch, Hasher,
    VerifiedBlob,
};
pub use image::{Format, Image, ImageSpec, Layer};
pub use manifest::{Artifact, Content, MANIFEST_MAX, Manifest, ManifestError};
pub use media_type::{MediaType, MediaTypeError};
pub use name::{NameError, RepositoryName, Tag};
pub use reference::{Reference, ReferenceError, Repository};
pub use transfer::{BlobRange, ByteRange, Page, TransferError, next_link};
pub use union::{IndexUnion, Missing};
