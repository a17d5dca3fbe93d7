//! Sigstore as a use case: sign, attach, discover, verify.
#![deny(missing_docs)]
