//! Signing: what is made for an image, a predicate or a file, who else attests to it, and where it is put.
//!
//! Everything is made and, with a trusted root at hand, verified before the first byte is written.

mod blob;
mod check;
mod error;
mod image;
mod layers;
mod signer;
mod witness;
mod write;

pub use blob::{
    AttestedBlob, BlobPlan, attest_blob, attest_blob_legacy, sign_blob, sign_blob_legacy,
};
pub use error::SignError;
pub(crate) use image::legacy_layer;
pub use image::{
    AttestPlan, Format, ImagePlan, Made, Said, Signature, Signed, Stored, attest_image, sign_image,
};
pub use layers::LayersError;
pub(crate) use layers::{Layers, Style};
pub(crate) use signer::key_material;
pub use signer::{Certificate, Signer};
pub use witness::{EntryKind, Testimony, Witnesses};
pub use write::Destination;
