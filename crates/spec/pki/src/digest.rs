//! SHA-256, SHA-384 and SHA-512 values and the hashers that make them.

use aws_lc_rs::digest as provider;

pub use crate::fixed::FixedBytesError;
use crate::fixed::fixed_bytes;

fixed_bytes!(
    /// A SHA-256 digest (FIPS 180-4), 32 bytes.
    Sha256,
    32
);

fixed_bytes!(
    /// A SHA-384 digest (FIPS 180-4), 48 bytes.
    Sha384,
    48
);

fixed_bytes!(
    /// A SHA-512 digest (FIPS 180-4), 64 bytes.
    Sha512,
    64
);

macro_rules! hasher {
    ($(#[$meta:meta])* $hasher:ident, $digest:ident, $algorithm:expr) => {
        impl $digest {
            /// Hashes `data` in one go.
            #[must_use]
            pub fn of(data: &[u8]) -> Self {
                let mut hasher = $hasher::new();
                hasher.update(data);
                hasher.finish()
            }
        }

        $(#[$meta])*
        #[derive(Clone)]
        pub struct $hasher(provider::Context);

        impl $hasher {
            /// A hasher that has seen no bytes.
            #[must_use]
            pub fn new() -> Self {
                Self(provider::Context::new(&$algorithm))
            }

            /// Appends `data`.
            pub fn update(&mut self, data: &[u8]) {
                self.0.update(data);
            }

            /// The digest of everything appended.
            #[must_use]
            pub fn finish(self) -> $digest {
                $digest::try_from(self.0.finish().as_ref()).expect("the algorithm fixes the length")
            }
        }

        impl Default for $hasher {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Debug for $hasher {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($hasher)).finish_non_exhaustive()
            }
        }
    };
}

hasher!(
    /// SHA-256 over bytes that arrive in pieces.
    Sha256Hasher,
    Sha256,
    provider::SHA256
);

hasher!(
    /// SHA-384 over bytes that arrive in pieces.
    Sha384Hasher,
    Sha384,
    provider::SHA384
);

hasher!(
    /// SHA-512 over bytes that arrive in pieces.
    Sha512Hasher,
    Sha512,
    provider::SHA512
);

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4 examples for "abc".
    const ABC_256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_512: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                           2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    const ABC_384: &str = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                           8086072ba1e7cc2358baeca134c825a7";

    #[test]
    fn known_answers_in_one_go_and_in_pieces() {
        assert_eq!(Sha384::of(b"abc").to_string(), ABC_384);
        assert_eq!(Sha256::of(b"abc").to_string(), ABC_256);
        assert_eq!(Sha512::of(b"abc").to_string(), ABC_512);
        let mut pieces = Sha512Hasher::new();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.finish(), Sha512::of(b"abc"));
        assert_eq!(Sha256Hasher::default().finish(), Sha256::of(b""));
    }

    #[test]
    fn text_is_exact_lower_case_hex() {
        let digest = Sha256::of(b"abc");
        assert_eq!(Sha256::parse_hex(ABC_256), Ok(digest));
        assert_eq!(format!("{digest:?}"), ABC_256);
        assert_eq!(ABC_256.parse(), Ok(digest));
        assert_eq!(
            Sha256::parse_hex(&ABC_256.to_uppercase()),
            Err(FixedBytesError::Digit { position: 0 })
        );
        assert_eq!(
            Sha256::parse_hex(&ABC_256[1..]),
            Err(FixedBytesError::TextLength {
                expected: 64,
                found: 63
            })
        );
        // 64 bytes of text, but not of ASCII.
        assert_eq!(
            Sha256::parse_hex(&"é".repeat(32)),
            Err(FixedBytesError::Digit { position: 0 })
        );
    }

    #[test]
    fn bytes_are_exact() {
        let digest = Sha256::of(b"abc");
        assert_eq!(Sha256::try_from(&digest.as_bytes()[..]), Ok(digest));
        assert_eq!(Sha256::from_bytes(*digest.as_bytes()), digest);
        assert_eq!(
            Sha256::try_from(&digest.as_bytes()[1..]),
            Err(FixedBytesError::ByteLength {
                expected: 32,
                found: 31
            })
        );
    }
}
