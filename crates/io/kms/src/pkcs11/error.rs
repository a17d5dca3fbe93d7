use std::io;
use std::path::PathBuf;

use cryptoki::error::{Error, RvError};

/// Why a token gave no key or signature.
#[derive(Debug, thiserror::Error)]
pub enum Pkcs11Error {
    /// A call that the module or token refused.
    #[error("{function} failed: {code}")]
    Call {
        /// The function of PKCS#11.
        function: String,
        /// The module's answer.
        code: String,
    },
    /// Several keys fit.
    #[error("{found} keys fit the URI")]
    KeyAmbiguous {
        /// How many.
        found: usize,
    },
    /// The file is no PKCS#11 module, or one that does not run here.
    #[error("loading {}: {detail}", path.display())]
    Module {
        /// The file.
        path: PathBuf,
        /// What the loader or the module says.
        detail: String,
    },
    /// The token has too many wrong PINs behind it.
    #[error("the PIN is locked")]
    PinLocked,
    /// The token wants a login and no PIN was given.
    #[error("token {token:?} needs a PIN")]
    PinNeeded {
        /// The token's label.
        token: String,
    },
    /// The file of `pin-source` cannot be read.
    #[error("reading the PIN from {}: {source}", path.display())]
    PinSource {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The token refuses the PIN.
    #[error("wrong PIN")]
    PinWrong,
    /// Several tokens fit.
    #[error("{found} tokens fit the URI")]
    TokenAmbiguous {
        /// How many.
        found: usize,
    },
    /// No token fits.
    #[error("no token fits the URI; there are {}", labels.join(", "))]
    TokenNotFound {
        /// Those that are there, by label.
        labels: Vec<String>,
    },
}

/// What a call's failure means when nothing more is known.
pub(super) fn call(error: Error) -> Pkcs11Error {
    match error {
        Error::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
            _function,
        ) => Pkcs11Error::PinWrong,
        Error::Pkcs11(RvError::PinLocked, _function) => Pkcs11Error::PinLocked,
        Error::Pkcs11(code, function) => Pkcs11Error::Call {
            function: format!("{function:?}"),
            code: format!("{code:?}"),
        },
        other => Pkcs11Error::Call {
            function: "cryptoki".to_owned(),
            code: other.to_string(),
        },
    }
}
