//! `TimeStampReq` (RFC 3161, 2.4.1): what an authority is asked, and whether its answer is to that.

use const_oid::ObjectIdentifier;
use der::asn1::{Null, OctetString, Uint};
use der::{Encode as _, Sequence};
use pki::digest::Sha256;
use pki::signature::HashAlgorithm;

use super::{SignedTimestamp, TimestampError};

const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// A question to an authority: the SHA-256 of the stamped bytes, and a nonce that the answer has to repeat. The
/// authority's certificates are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampRequest {
    imprint: Sha256,
    nonce: [u8; 16],
}

impl TimestampRequest {
    /// A question about `stamped`, which for Sigstore is a raw signature.
    #[must_use]
    pub fn new(stamped: &[u8], nonce: [u8; 16]) -> Self {
        Self {
            imprint: Sha256::of(stamped),
            nonce,
        }
    }

    /// The request in DER.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let fits = "16 and 32 bytes are within the limits of DER";
        let request = Request {
            version: 1,
            imprint: Imprint {
                algorithm: Algorithm {
                    oid: SHA256,
                    parameters: Null,
                },
                digest: OctetString::new(self.imprint.as_bytes().as_slice()).expect(fits),
            },
            nonce: Uint::new(&self.nonce).expect(fits),
            certificates: true,
        };
        request.to_der().expect(fits)
    }

    /// Checks that a response stamps what was asked, and was made for this request. It does not verify who made it.
    ///
    /// # Errors
    /// Another digest, or another nonce or none.
    pub fn check(&self, response: &SignedTimestamp) -> Result<(), TimestampError> {
        let token = &response.0;
        if token.imprint_algorithm != HashAlgorithm::Sha256
            || token.imprint != self.imprint.as_bytes()
        {
            return Err(TimestampError::Imprint {
                expected: self.imprint.to_string(),
                found: hex::encode(&token.imprint),
            });
        }
        let expected = Uint::new(&self.nonce).expect("16 bytes are within the limits of DER");
        match &token.nonce {
            Some(found) if found == expected.as_bytes() => Ok(()),
            found => Err(TimestampError::Nonce {
                expected: hex::encode(expected.as_bytes()),
                found: found.as_ref().map(hex::encode),
            }),
        }
    }
}

#[derive(Sequence)]
struct Request {
    version: u8,
    imprint: Imprint,
    nonce: Uint,
    certificates: bool,
}

#[derive(Sequence)]
struct Imprint {
    algorithm: Algorithm,
    digest: OctetString,
}

#[derive(Sequence)]
struct Algorithm {
    oid: ObjectIdentifier,
    parameters: Null,
}

#[cfg(test)]
mod tests {
    use super::*;

    // What cosign 2.5.0 sends, with our digest and nonce in it.
    #[test]
    fn the_request_has_the_bytes_of_other_clients() {
        let mut nonce = [0; 16];
        nonce[0] = 0x80;
        let expected = [
            "304c0201013031300d060960864801650304020105000420",
            &Sha256::of(b"signature").to_string(),
            "02110080000000000000000000000000000000",
            "0101ff",
        ]
        .concat();
        let request = TimestampRequest::new(b"signature", nonce);
        assert_eq!(hex::encode(request.to_der()), expected);
    }
}
