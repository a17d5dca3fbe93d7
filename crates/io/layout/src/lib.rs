//! An OCI image layout on disk: blobs by digest and an index.
//!
//! * [`Layout`] reads one: whatever it returns was hashed and is what was asked for.
//! * [`Writer`] makes one: its index is written last, so that a layout is whole or none.
//! * [`Kind`] is how cosign (`save`, `load`) says what an entry is; plain layouts of other programs are read too.
//!
//! Sources: OCI image spec 1.1, `image-layout.md`; `sigstore/cosign:pkg/oci/layout`.
#![deny(missing_docs)]

mod error;
mod files;
mod kind;
mod reader;
mod writer;

pub use error::Error;
pub use kind::{Kind, REF_NAME};
pub use reader::Layout;
pub use writer::{StagedBlob, Writer};
