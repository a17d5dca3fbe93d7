//! Random bytes, for whoever may not name the provider.

use aws_lc_rs::rand;

use crate::signing::ProviderError;

/// Fills `bytes` from the operating system's randomness: nonces, states, verifiers.
///
/// # Errors
/// The provider gave none.
pub fn fill(bytes: &mut [u8]) -> Result<(), ProviderError> {
    rand::fill(bytes).map_err(|_| ProviderError {
        operation: "give random bytes",
    })
}
