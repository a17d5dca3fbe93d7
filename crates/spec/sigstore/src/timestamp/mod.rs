//! RFC 3161 timestamps: when a signature existed, by an authority's word.

mod asn1;
mod request;

use jiff::Timestamp;
use pki::signature::{VerifyError, VerifyingKey, VerifyingKeyError};

pub use request::TimestampRequest;

use crate::chain::{Authority, Purpose};
use asn1::{Certificate, Token};

/// Why a timestamp proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The signed attributes do not speak of this token.
    #[error("signed attribute {attribute} does not match")]
    Attribute {
        /// Which one.
        attribute: &'static str,
    },
    /// The authority's certificate is not for timestamping, or there is no path at the stamped time.
    #[error("the timestamping certificate does not hold at {at}: {reason}")]
    Chain {
        /// The stamped time.
        at: Timestamp,
        /// The validator's reason.
        reason: webpki::Error,
    },
    /// The authority said no.
    #[error("the authority refused, status {status}")]
    Denied {
        /// RFC 3161, 2.4.2.
        status: u8,
    },
    /// The stamp is over something else.
    #[error("the timestamp is over {found}, expected {expected}")]
    Imprint {
        /// Hex of the digest it must be over.
        expected: String,
        /// Hex of the digest it is over.
        found: String,
    },
    /// The authority's key cannot verify.
    #[error(transparent)]
    Key(#[from] VerifyingKeyError),
    /// Not such a structure, or not DER.
    #[error("malformed timestamp: {what}")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
    /// No timestamping authority is trusted.
    #[error("no timestamping authority is trusted")]
    NoAuthority,
    /// The answer to another request.
    #[error("nonce {found:?}, expected {expected}")]
    Nonce {
        /// Hex of the nonce that was sent.
        expected: String,
        /// Hex of the nonce that came back, if any.
        found: Option<String>,
    },
    /// Outside the time in which the authority is trusted.
    #[error("stamped at {at}, when the authority was not in use")]
    OutsideWindow {
        /// The stamped time.
        at: Timestamp,
    },
    /// Extended key usage other than critical timestamping alone (RFC 3161, 2.3).
    #[error("the certificate is not for timestamping alone")]
    Purpose,
    /// The signature does not hold.
    #[error("signature of the timestamp: {0}")]
    Signature(#[from] VerifyError),
    /// Signed by another certificate than the trusted authority's.
    #[error("the timestamp is not signed by a trusted authority")]
    UnknownSigner,
    /// An algorithm that is not served.
    #[error("unsupported {what} algorithm")]
    Unsupported {
        /// Of what.
        what: &'static str,
    },
}

/// One parsed `TimeStampResp`. Parsed, not verified.
#[derive(Debug, Clone)]
pub struct SignedTimestamp(Token);

/// A token whose signature, imprint, authority and time hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamped {
    pub(crate) at: Timestamp,
    pub(crate) authority: String,
}

impl SignedTimestamp {
    /// Reads a DER `TimeStampResp` with a token in it.
    ///
    /// # Errors
    /// A refusal of the authority, anything malformed or above the limits.
    pub fn from_der(der: &[u8]) -> Result<Self, TimestampError> {
        Token::from_response(der).map(Self)
    }

    /// Verifies that one of the authorities stamped `signature` inside its window.
    pub(crate) fn verify(
        &self,
        signature: &[u8],
        authorities: &[Authority],
    ) -> Result<Stamped, TimestampError> {
        let token = &self.0;
        let expected = token.imprint_algorithm.digest(signature);
        if expected != token.imprint {
            return Err(TimestampError::Imprint {
                expected: hex::encode(expected),
                found: hex::encode(&token.imprint),
            });
        }
        let mut refusal = TimestampError::NoAuthority;
        for authority in authorities {
            match verify_by(token, authority) {
                Ok(()) => {
                    return Ok(Stamped {
                        at: token.time,
                        authority: authority.uri().to_owned(),
                    });
                }
                // What another authority says about a signer that it does not know tells nothing.
                Err(TimestampError::UnknownSigner) if refusal != TimestampError::NoAuthority => {}
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }
}

fn verify_by(token: &Token, authority: &Authority) -> Result<(), TimestampError> {
    let pinned = authority
        .chain()
        .first()
        .ok_or(TimestampError::NoAuthority)?;
    let pinned = Certificate::parse(pinned)?;
    let signer = if pinned.is_ca {
        // A trusted root that names the issuer only: the token brings the signer's certificate.
        token.embedded.iter().find(|embedded| token.is_by(embedded))
    } else {
        Some(&pinned).filter(|pinned| token.is_by(pinned))
    };
    let signer = signer.ok_or(TimestampError::UnknownSigner)?;
    if !signer.timestamping_alone {
        return Err(TimestampError::Purpose);
    }
    let at = token.time;
    if !authority.window().contains(at) {
        return Err(TimestampError::OutsideWindow { at });
    }
    let embedded: Vec<Vec<u8>> = token
        .embedded
        .iter()
        .map(|other| other.der.clone())
        .collect();
    authority
        .path(&signer.der, &embedded, at, Purpose::Timestamping)
        .map_err(|reason| TimestampError::Chain { at, reason })?;
    check_signature(token, signer)
}

/// RFC 5652, 5.4 and 5.6: the signature is over the attributes, and they hold the digest of the content.
fn check_signature(token: &Token, signer: &Certificate) -> Result<(), TimestampError> {
    let attribute = |attribute| Err(TimestampError::Attribute { attribute });
    if token.message_digest != token.digest_algorithm.digest(&token.content) {
        return attribute("messageDigest");
    }
    if let Some((algorithm, expected)) = &token.signing_certificate
        && algorithm.digest(&signer.der) != *expected
    {
        return attribute("signingCertificateV2");
    }
    let key = VerifyingKey::from_spki_der(&signer.spki)?;
    let _proof = key.verify(token.scheme, &token.signed_attributes, &token.signature)?;
    Ok(())
}
