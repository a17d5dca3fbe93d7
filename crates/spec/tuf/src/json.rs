//! Strict JSON in, canonical JSON out.
//!
//! Reading refuses what two parsers could understand differently: duplicate keys, numbers that float64 would
//! change, lone surrogates, invalid UTF-8, bytes after the end. Writing follows `docker/go:canonical/json`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits::{MAX_INTEGER, MAX_JSON_DEPTH};

/// A JSON value, borrowing its text where that has no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number of integral value; at most 2^53 from zero.
    Integer(i64),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Self>),
    /// An object, sorted by the bytes of its keys, each key once.
    Object(Vec<(Cow<'a, str>, Self)>),
}

/// Why bytes are not acceptable JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Arrays and objects nested too deeply.
    #[error("JSON nested deeper than {limit} levels")]
    Depth {
        /// [`MAX_JSON_DEPTH`].
        limit: usize,
    },
    /// An object has a key twice.
    #[error("duplicate JSON key {key:?}")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A number that is no integer (the text is Go's, which clients print).
    #[error("json: unsupported value: {text}")]
    Fraction {
        /// The number as written.
        text: String,
    },
    /// An integer beyond 2^53, which Go would verify as another value.
    #[error("integer {text} is not exact as a float64")]
    InexactInteger {
        /// The number as written.
        text: String,
    },
    /// More bytes than allowed.
    #[error("{length} bytes of JSON, at most {limit} allowed")]
    Size {
        /// Bytes given.
        length: u64,
        /// The limit that applied.
        limit: u64,
    },
    /// Not JSON.
    #[error("invalid JSON at byte {offset}")]
    Syntax {
        /// Offset of the first byte that does not fit.
        offset: usize,
    },
    /// Not UTF-8.
    #[error("invalid UTF-8 at byte {offset}")]
    Utf8 {
        /// Offset of the first invalid byte.
        offset: usize,
    },
}

impl<'a> Value<'a> {
    /// Parses one JSON value; white space around it is allowed.
    ///
    /// # Errors
    /// Every reason in [`JsonError`] but `Size`, which is for callers that know a limit.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|e| JsonError::Utf8 {
            offset: e.valid_up_to(),
        })?;
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(MAX_JSON_DEPTH)?;
        parser.skip_space();
        if parser.at < bytes.len() {
            Err(parser.syntax())
        } else {
            Ok(value)
        }
    }

    /// The canonical form: what is signed and verified.
    #[must_use]
    pub fn to_canonical(&self) -> Vec<u8> {
        self.to_canonical_of(0)
    }

    /// The same where the length is about known.
    pub(crate) fn to_canonical_of(&self, bytes: usize) -> Vec<u8> {
        let mut writer = Writer::with_capacity(bytes);
        self.write(&mut writer);
        writer.finish()
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Null => writer.null(),
            Self::Bool(value) => writer.bool(*value),
            Self::Integer(value) => writer.integer(*value),
            Self::String(text) => writer.string(text),
            Self::Array(items) => writer.array(|w| items.iter().for_each(|item| item.write(w))),
            Self::Object(members) => writer.object(|w| {
                for (key, value) in members {
                    w.key(key);
                    value.write(w);
                }
            }),
        }
    }

    /// Whether any key or string in the value has a control character, which Go's encoder cannot store.
    pub(crate) fn has_control_characters(&self) -> bool {
        let bad = |text: &str| text.bytes().any(|b| b < 0x20);
        match self {
            Self::Null | Self::Bool(_) | Self::Integer(_) => false,
            Self::String(text) => bad(text),
            Self::Array(items) => items.iter().any(Self::has_control_characters),
            Self::Object(members) => members
                .iter()
                .any(|(k, v)| bad(k) || v.has_control_characters()),
        }
    }
}

/// Rewrites canonical JSON as Go stores it inside an envelope: `<`, `>`, `&`, U+2028 and U+2029 become escapes
/// (`encoding/json` compacting a raw message). None of them can occur outside a string.
#[must_use]
pub fn escape_html(canonical: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(canonical.len() + 16);
    let mut kept = 0;
    let mut at = 0;
    while let Some(&byte) = canonical.get(at) {
        let (escape, width): (&[u8], usize) = match byte {
            b'<' => (b"\\u003c", 1),
            b'>' => (b"\\u003e", 1),
            b'&' => (b"\\u0026", 1),
            0xe2 if canonical[at..].starts_with(b"\xe2\x80\xa8") => (b"\\u2028", 3),
            0xe2 if canonical[at..].starts_with(b"\xe2\x80\xa9") => (b"\\u2029", 3),
            _ => {
                at += 1;
                continue;
            }
        };
        out.extend_from_slice(&canonical[kept..at]);
        out.extend_from_slice(escape);
        at += width;
        kept = at;
    }
    out.extend_from_slice(&canonical[kept..]);
    out
}

/// Writes JSON without white space; the caller keeps keys in canonical order.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
    comma: bool,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
            comma: false,
        }
    }

    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.nested(b'{', b'}', members);
    }

    pub(crate) fn array(&mut self, items: impl FnOnce(&mut Self)) {
        self.nested(b'[', b']', items);
    }

    pub(crate) fn key(&mut self, key: &str) {
        self.string(key);
        self.out.push(b':');
        self.comma = false;
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.start();
        self.out.push(b'"');
        let mut kept = 0;
        for (at, byte) in text.bytes().enumerate() {
            if matches!(byte, b'"' | b'\\') {
                self.out.extend_from_slice(&text.as_bytes()[kept..at]);
                self.out.push(b'\\');
                kept = at;
            }
        }
        self.out.extend_from_slice(&text.as_bytes()[kept..]);
        self.out.push(b'"');
    }

    /// Bytes as Go writes them: a string of padded base64.
    pub(crate) fn base64(&mut self, bytes: &[u8]) {
        self.string(&STANDARD.encode(bytes));
    }

    pub(crate) fn integer(&mut self, value: i64) {
        self.raw(value.to_string().as_bytes());
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    pub(crate) fn null(&mut self) {
        self.raw(b"null");
    }

    /// One value that is JSON already.
    pub(crate) fn raw(&mut self, json: &[u8]) {
        self.start();
        self.out.extend_from_slice(json);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn start(&mut self) {
        if std::mem::replace(&mut self.comma, true) {
            self.out.push(b',');
        }
    }

    fn nested(&mut self, open: u8, close: u8, inside: impl FnOnce(&mut Self)) {
        self.start();
        self.out.push(open);
        self.comma = false;
        inside(self);
        self.out.push(close);
        self.comma = true;
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            _ => Err(self.syntax()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        let depth = deeper(depth)?;
        self.at += 1;
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
        let mut sorted = true;
        self.skip_space();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            sorted = sorted && members.last().is_none_or(|(last, _)| *last < key);
            let value = self.value(depth)?;
            members.push((key, value));
            self.skip_space();
            if self.take(b'}') {
                break;
            }
            self.expect(b',')?;
        }
        if !sorted {
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(JsonError::DuplicateKey {
                    key: pair[0].0.clone().into_owned(),
                });
            }
        }
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        let depth = deeper(depth)?;
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"')?;
        let text = self.text;
        let mut start = self.at;
        let mut unescaped = String::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    let tail = &text[start..self.at];
                    self.at += 1;
                    return Ok(if unescaped.is_empty() {
                        Cow::Borrowed(tail)
                    } else {
                        Cow::Owned(unescaped + tail)
                    });
                }
                Some(b'\\') => {
                    unescaped.push_str(&text[start..self.at]);
                    unescaped.push(self.escape()?);
                    start = self.at;
                }
                Some(0x20..) => self.at += 1,
                _ => return Err(self.syntax()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let plain = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(plain)
    }

    /// After `\u`: four digits, and for a high surrogate the low one too. Go would put U+FFFD for a lone one.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.four_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            self.expect(b'\\')?;
            self.expect(b'u')?;
            let low = self.four_digits()?;
            let low = low
                .checked_sub(0xdc00)
                .filter(|low| *low < 0x400)
                .ok_or_else(|| self.syntax())?;
            0x1_0000 + ((first - 0xd800) << 10) + low
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.syntax())
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let digits = self
            .text
            .as_bytes()
            .get(self.at..self.at + 4)
            .ok_or_else(|| self.syntax())?;
        let mut code = 0;
        for digit in digits {
            code = code * 16
                + char::from(*digit)
                    .to_digit(16)
                    .ok_or_else(|| self.syntax())?;
        }
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut plain = true;
        if self.take(b'.') {
            plain = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            plain = false;
            if !self.take(b'-') {
                self.take(b'+');
            }
            self.digits()?;
        }
        integral(&self.text[start..self.at], plain).map(Value::Integer)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.syntax())
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.syntax())
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn syntax(&self) -> JsonError {
        JsonError::Syntax { offset: self.at }
    }
}

fn deeper(depth: usize) -> Result<usize, JsonError> {
    depth.checked_sub(1).ok_or(JsonError::Depth {
        limit: MAX_JSON_DEPTH,
    })
}

/// The value of a number as Go's float64 sees it, if that is an integer and exact.
fn integral(text: &str, plain: bool) -> Result<i64, JsonError> {
    let inexact = || JsonError::InexactInteger {
        text: text.to_owned(),
    };
    if plain {
        let value: i64 = text.parse().map_err(|_| inexact())?;
        return if value.unsigned_abs() <= MAX_INTEGER.unsigned_abs() {
            Ok(value)
        } else {
            Err(inexact())
        };
    }
    let value: f64 = text.parse().map_err(|_| inexact())?;
    if value.is_finite() && value.fract() != 0.0 {
        return Err(JsonError::Fraction {
            text: text.to_owned(),
        });
    }
    // Going through decimal text avoids a lossy conversion; Display of an integral f64 has no exponent.
    let value: i64 = value.to_string().parse().map_err(|_| inexact())?;
    if value.unsigned_abs() < MAX_INTEGER.unsigned_abs() {
        Ok(value)
    } else {
        Err(inexact())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> Result<String, JsonError> {
        Value::parse(text.as_bytes()).map(|v| String::from_utf8(v.to_canonical()).unwrap())
    }

    #[test]
    fn canonical_form_follows_the_go_library() {
        let cases = [
            (r#" { "b" : 1 , "a" : [ ] } "#, r#"{"a":[],"b":1}"#),
            (r#"{"é":1,"z":2,"A":3}"#, r#"{"A":3,"z":2,"é":1}"#),
            (
                r#""a\u003cb\/\"\\\u00e9\ud83d\ude00""#,
                "\"a<b/\\\"\\\\é😀\"",
            ),
            ("\"\\n\"", "\"\n\""),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("9007199254740992", "9007199254740992"),
            ("[null,true,false]", "[null,true,false]"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        let duplicate = |key: &str| JsonError::DuplicateKey { key: key.into() };
        assert_eq!(canonical(r#"{"a":1,"b":2,"a":3}"#), Err(duplicate("a")));
        assert_eq!(canonical(r#"{"a":1,"\u0061":3}"#), Err(duplicate("a")));
        assert_eq!(
            canonical("1.5"),
            Err(JsonError::Fraction { text: "1.5".into() })
        );
        for text in ["9007199254740993", "1e300", "99999999999999999999", "1e999"] {
            assert_eq!(
                canonical(text),
                Err(JsonError::InexactInteger { text: text.into() })
            );
        }
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "\"\n\"",
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            "nul",
            "1 2",
            "{a:1}",
            "\"",
            r#""\x""#,
            "+1",
            "\u{feff}1",
            r#""\u12g4""#,
        ] {
            assert!(
                matches!(canonical(text), Err(JsonError::Syntax { .. })),
                "{text:?}"
            );
        }
        assert_eq!(
            Value::parse(b"\"\xff\""),
            Err(JsonError::Utf8 { offset: 1 })
        );
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(canonical(&nested(MAX_JSON_DEPTH)).is_ok());
        assert_eq!(
            canonical(&nested(MAX_JSON_DEPTH + 1)),
            Err(JsonError::Depth {
                limit: MAX_JSON_DEPTH
            })
        );
        assert!(Value::parse("[".repeat(1 << 20).as_bytes()).is_err());
    }

    #[test]
    fn stored_form_escapes_as_go_does() {
        assert_eq!(
            escape_html("\"a<b>&\u{2028}\u{2029}\u{2027}é\"".as_bytes()),
            "\"a\\u003cb\\u003e\\u0026\\u2028\\u2029\u{2027}é\"".as_bytes()
        );
    }

    fn values() -> impl Strategy<Value = Value<'static>> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::Integer),
            "[ -~é\u{2028}😀]*".prop_map(|s| Value::String(Cow::Owned(s))),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::btree_map("[ -~é<&]*", inner, 0..6).prop_map(|m| {
                    Value::Object(m.into_iter().map(|(k, v)| (Cow::Owned(k), v)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_round_trips(value in values()) {
            let bytes = value.to_canonical();
            prop_assert_eq!(Value::parse(&bytes).unwrap(), value.clone());
            let stored = escape_html(&bytes);
            prop_assert_eq!(Value::parse(&stored).unwrap(), value);
        }

        #[test]
        fn parsing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64), text in "[\\[\\]{}\":,\\\\u0-9a-eEtrf.+ -]*") {
            drop(Value::parse(&bytes));
            drop(Value::parse(text.as_bytes()));
        }
    }
}
