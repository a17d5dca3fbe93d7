//! Where trusted roots and signing configurations come from: TUF repositories and their cache.
#![deny(missing_docs)]
