//! One macro for identifiers that are a fixed number of bytes and whose text is lower-case hex.

/// Why bytes or text are no such identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FixedBytesError {
    /// A byte slice of another length.
    #[error("expected {expected} bytes, found {found}")]
    ByteLength {
        /// Bytes in this identifier.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A character that is no lower-case hexadecimal digit.
    #[error("byte {position} of the text is not a lower-case hexadecimal digit")]
    Digit {
        /// Offset of the first such byte in the text.
        position: usize,
    },
    /// Text of another length.
    #[error("expected {expected} hexadecimal digits, found {found}")]
    TextLength {
        /// Digits in this identifier.
        expected: usize,
        /// Bytes of text given.
        found: usize,
    },
}

/// Decodes exactly `N` bytes of lower-case hex.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], FixedBytesError> {
    if text.len() != 2 * N {
        return Err(FixedBytesError::TextLength {
            expected: 2 * N,
            found: text.len(),
        });
    }
    if let Some(position) = text
        .bytes()
        .position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Err(FixedBytesError::Digit { position });
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).expect("length and digits were checked above");
    Ok(bytes)
}

/// Declares a `Copy` newtype over `[u8; N]` with hex text.
macro_rules! fixed_bytes {
    ($(#[$meta:meta])* $name:ident, $length:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// Reads exactly the lower-case hex digits of this identifier.
            ///
            /// # Errors
            /// Another length, or a character that is no lower-case hex digit.
            pub fn parse_hex(text: &str) -> Result<Self, $crate::fixed::FixedBytesError> {
                $crate::fixed::parse_hex(text).map(Self)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = $crate::fixed::FixedBytesError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                bytes.try_into().map(Self).map_err(|_| $crate::fixed::FixedBytesError::ByteLength {
                    expected: $length,
                    found: bytes.len(),
                })
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::fixed::FixedBytesError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse_hex(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}
pub(crate) use fixed_bytes;
