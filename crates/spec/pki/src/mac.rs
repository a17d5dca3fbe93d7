//! HMAC-SHA256 (RFC 2104, FIPS 198-1).

use aws_lc_rs::hmac;

use crate::digest::Sha256;

/// The code of `message` under `key`, which may have any length.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Sha256 {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    Sha256::try_from(tag.as_ref()).expect("the algorithm fixes the length")
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4231 4.3 and 4.7: a key shorter than the block, and one longer.
    #[test]
    fn known_answers() {
        assert_eq!(
            hmac_sha256(b"Jefe", b"what do ya want for nothing?").to_string(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hmac_sha256(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )
            .to_string(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
