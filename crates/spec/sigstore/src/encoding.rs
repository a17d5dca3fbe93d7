//! The protobuf JSON mapping, as far as Sigstore's messages need it: bytes are base64, 64-bit integers are strings or
//! numbers, and `null` stands for an absent field (protobuf "JSON Mapping"; `google.golang.org/protobuf/encoding/protojson`).

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const EITHER_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, EITHER_PADDING);
const URL_ENGINE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, EITHER_PADDING);

/// Standard base64 with padding, the only form that is written.
pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Standard base64 with padding, nothing else.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// A `bytes` field: read in the standard or the URL alphabet with or without padding, written in the standard one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("base64 text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
                let engine = if text.contains(['-', '_']) {
                    &URL_ENGINE
                } else {
                    &STANDARD_ENGINE
                };
                engine
                    .decode(text)
                    .map(Bytes)
                    .map_err(|_| E::custom("not base64"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// An `int64` field: a string of digits or an integer number, written as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Int64(pub(crate) i64);

impl Serialize for Int64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(i64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) => {
                // `parse` alone takes a leading plus sign, which no producer writes.
                let digits = text.strip_prefix('-').unwrap_or(&text);
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(D::Error::custom("not a 64-bit integer"));
                }
                text.parse()
                    .map(Self)
                    .map_err(|_| D::Error::custom("not a 64-bit integer"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_in_every_form_that_the_mapping_allows() {
        for text in ["\"+/8=\"", "\"-_8=\"", "\"-_8\"", "\"+/8\""] {
            let bytes: Bytes = serde_json::from_str(text).unwrap();
            assert_eq!(bytes.0, [0xfb, 0xff], "{text}");
        }
        assert_eq!(
            serde_json::to_string(&Bytes(vec![0xfb, 0xff])).unwrap(),
            "\"+/8=\""
        );
        for text in ["\"+_8=\"", "\"a\"", "\"a b=\"", "5", "\"====\""] {
            assert!(serde_json::from_str::<Bytes>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn integers_are_strings_or_numbers() {
        for (text, value) in [
            ("5", 5),
            ("\"5\"", 5),
            ("\"-7\"", -7),
            ("\"9223372036854775807\"", i64::MAX),
        ] {
            assert_eq!(serde_json::from_str::<Int64>(text).unwrap(), Int64(value));
        }
        for text in [
            "\"\"",
            "\"+5\"",
            "5.5",
            "\"9223372036854775808\"",
            "\"-\"",
            "true",
        ] {
            assert!(serde_json::from_str::<Int64>(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::to_string(&Int64(3)).unwrap(), "\"3\"");
    }
}
