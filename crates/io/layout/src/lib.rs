//! An OCI image layout on disk: blobs by digest and an index.
#![deny(missing_docs)]
