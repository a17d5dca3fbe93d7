//! The services of keyless signing: identity tokens, certificates, transparency logs, timestamps.
#![deny(missing_docs)]
