//! Small header grammars of blob transfer: byte ranges, and pages of a list.

use std::fmt;

/// An inclusive range of byte offsets, the text of `Content-Range` on upload and of `Range` in its answers: `0-1023`.
///
/// OCI distribution spec, "Pushing a blob in chunks".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// Last byte; not below `start`.
    pub end: u64,
}

/// The part of a blob asked for with `Range: bytes=…` (RFC 9110 section 14.1.2), one range only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobRange {
    /// `bytes=5-` or `bytes=5-9`.
    From {
        /// First byte.
        start: u64,
        /// Last byte, or the end of the blob.
        end: Option<u64>,
    },
    /// `bytes=-5`: the last bytes.
    Last {
        /// How many.
        length: u64,
    },
}

/// One page of a list: `?n=100&last=v1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Most entries wanted.
    pub n: Option<u32>,
    /// Entries after this one, in the list's order.
    pub last: Option<String>,
}

/// Why a header or query cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// It does not follow the grammar.
    #[error("malformed")]
    Malformed,
    /// A well-formed range that lies outside the blob.
    #[error("range lies outside the blob")]
    Unsatisfiable,
}

impl ByteRange {
    /// Reads `start-end`, with or without the unit `bytes` before and `/total` behind (some clients send them).
    pub fn parse(text: &str) -> Result<Self, TransferError> {
        let bare = text.trim();
        let bare = bare
            .strip_prefix("bytes")
            .map_or(bare, |rest| rest.trim_start_matches(['=', ' ']));
        let bare = bare.split_once('/').map_or(bare, |(range, _total)| range);
        let (start, end) = bare.split_once('-').ok_or(TransferError::Malformed)?;
        let range = Self {
            start: number(start)?,
            end: number(end)?,
        };
        if range.start > range.end {
            Err(TransferError::Malformed)
        } else {
            Ok(range)
        }
    }

    /// The range of the first `size` bytes. Zero bytes are `0-0`, as the reference registry writes it.
    #[must_use]
    pub const fn received(size: u64) -> Self {
        Self {
            start: 0,
            end: size.saturating_sub(1),
        }
    }

    /// Bytes in the range.
    #[must_use]
    pub const fn length(&self) -> u64 {
        (self.end - self.start).saturating_add(1)
    }
}

impl BlobRange {
    /// Reads a `Range` request header; several ranges in one are refused.
    pub fn parse(text: &str) -> Result<Self, TransferError> {
        let range = text
            .trim()
            .strip_prefix("bytes=")
            .ok_or(TransferError::Malformed)?;
        match range.split_once('-').ok_or(TransferError::Malformed)? {
            ("", length) => Ok(Self::Last {
                length: number(length)?,
            }),
            (start, "") => Ok(Self::From {
                start: number(start)?,
                end: None,
            }),
            (start, end) => {
                let range = ByteRange {
                    start: number(start)?,
                    end: number(end)?,
                };
                if range.start > range.end {
                    return Err(TransferError::Malformed);
                }
                Ok(Self::From {
                    start: range.start,
                    end: Some(range.end),
                })
            }
        }
    }

    /// The bytes meant in a blob of `size` bytes.
    pub fn resolve(self, size: u64) -> Result<ByteRange, TransferError> {
        let last = size.checked_sub(1).ok_or(TransferError::Unsatisfiable)?;
        match self {
            Self::From { start, .. } if start > last => Err(TransferError::Unsatisfiable),
            Self::From { start, end } => Ok(ByteRange {
                start,
                end: end.map_or(last, |end| end.min(last)),
            }),
            Self::Last { length: 0 } => Err(TransferError::Unsatisfiable),
            Self::Last { length } => Ok(ByteRange {
                start: size.saturating_sub(length),
                end: last,
            }),
        }
    }
}

impl Page {
    /// Reads `n` and `last` from a query; other parameters are ignored, an `n` that is no number is refused.
    pub fn parse_query(query: &str) -> Result<Self, TransferError> {
        let mut page = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "n" => {
                    page.n =
                        Some(u32::try_from(number(value)?).map_err(|_| TransferError::Malformed)?)
                }
                "last" => page.last = Some(decode(value)?),
                _ => {}
            }
        }
        Ok(page)
    }

    /// The `Link` header that points to this page of the list at `path`: `</v2/a/tags/list?n=2&last=b>; rel="next"`.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        let n = self.n.map(|n| format!("n={n}"));
        let last = self
            .last
            .as_ref()
            .map(|last| format!("last={}", encode(last)));
        let query = [n, last]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("&");
        format!("<{path}?{query}>; rel=\"next\"")
    }
}

/// The target of the link with relation `next` (RFC 8288), as written: absolute or relative.
pub fn next_link(header: &str) -> Result<Option<&str>, TransferError> {
    let between = [' ', '\t', ','];
    let mut rest = header.trim_start_matches(between);
    while !rest.is_empty() {
        let after = rest.strip_prefix('<').ok_or(TransferError::Malformed)?;
        let (target, after) = after.split_once('>').ok_or(TransferError::Malformed)?;
        let (parameters, next) = after.split_at(end_of_link(after));
        if parameters.split(';').any(is_relation_next) {
            return Ok(Some(target));
        }
        rest = next.trim_start_matches(between);
    }
    Ok(None)
}

/// Offset of the comma that ends the parameters of one link; commas in quoted strings do not count.
fn end_of_link(parameters: &str) -> usize {
    let mut quoted = false;
    let end = parameters.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    end.unwrap_or(parameters.len())
}

fn is_relation_next(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let mut relations = value.trim().trim_matches('"').split(' ');
    name.trim().eq_ignore_ascii_case("rel")
        && relations.any(|word| word.eq_ignore_ascii_case("next"))
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

/// Decimal digits only: Rust's own parser would take a sign.
fn number(text: &str) -> Result<u64, TransferError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TransferError::Malformed);
    }
    text.parse().map_err(|_| TransferError::Malformed)
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn decode(text: &str) -> Result<String, TransferError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let pair = [
                    bytes.next().ok_or(TransferError::Malformed)?,
                    bytes.next().ok_or(TransferError::Malformed)?,
                ];
                let decoded = hex::decode(pair).map_err(|_| TransferError::Malformed)?;
                out.extend(decoded);
            }
            b'+' => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).map_err(|_| TransferError::Malformed)
}
