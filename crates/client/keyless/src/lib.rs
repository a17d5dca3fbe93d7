//! The services of keyless signing: identity tokens, certificates, transparency logs, timestamps.
//!
//! * [`token`]: identity tokens, and the places where a machine finds one.
//! * [`oauth`]: identity tokens that a person fetches with a browser.
//! * [`fulcio`], [`certified`]: a certificate for a key that lives as long as one signing.
//! * [`rekor`]: transparency logs.
//! * [`tsa`]: timestamping authorities.
//! * [`services`]: which of them a signer uses.
//!
//! Everything that comes back is checked to be about what was sent. Whether it is to be trusted is decided elsewhere,
//! by `sigstore::verify` with a trusted root. Nobody is contacted whom the caller did not name.
#![deny(missing_docs)]

pub mod certified;
mod error;
pub mod fulcio;
mod http;
pub mod oauth;
pub mod rekor;
pub mod services;
pub mod token;
pub mod tsa;

pub use error::{Error, Fault, Service};
pub use http::{Http, Patience};
