//! PEM as Go writes it (`encoding/pem`): headers as in RFC 1421, 64 columns, `\n`.
//!
//! Key files carry headers, which RFC 7468 parsers refuse, and key ids are hashes of this text, so the exact form
//! matters. A block that does not parse is an error here and not skipped as Go skips it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Most bytes of a PEM file.
pub const PEM_FILE_LIMIT: usize = 1 << 20;

/// Most blocks in a PEM file.
pub const PEM_BLOCK_LIMIT: usize = 4096;

/// The header that Go writes before all others (RFC 1421 4.6.1.1).
const PROC_TYPE: &str = "Proc-Type";

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const COLUMNS: usize = 64;

/// Why text is no sequence of PEM blocks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A header name occurs twice in a block.
    #[error("line {line}: header occurs twice")]
    DuplicateHeader {
        /// Line of the second one, from 1.
        line: usize,
    },
    /// The body is no base64.
    #[error("line {line}: the block's body is no base64")]
    Body {
        /// Line of the block's first line, from 1.
        line: usize,
    },
    /// A block without its end line, or with that of another type.
    #[error("line {line}: the block has no matching end line")]
    NoEnd {
        /// Line of the block's first line, from 1.
        line: usize,
    },
    /// Text that is not UTF-8 within a block.
    #[error("line {line}: not UTF-8")]
    NotText {
        /// Line, from 1.
        line: usize,
    },
    /// More than [`PEM_FILE_LIMIT`] bytes.
    #[error("{found} bytes, at most {PEM_FILE_LIMIT}")]
    TooLarge {
        /// Bytes given.
        found: usize,
    },
    /// More than [`PEM_BLOCK_LIMIT`] blocks.
    #[error("more than {PEM_BLOCK_LIMIT} blocks")]
    TooManyBlocks,
}

/// One block.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) contents: Zeroizing<Vec<u8>>,
}

/// Reads every block; text outside of blocks is ignored, as `openssl` and Go ignore it.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Block>, PemError> {
    if text.len() > PEM_FILE_LIMIT {
        return Err(PemError::TooLarge { found: text.len() });
    }
    let mut lines = text.split(|byte| *byte == b'\n').enumerate();
    let mut blocks = Vec::new();
    while let Some((index, line)) = lines.next() {
        let Some(label) = std::str::from_utf8(line).ok().and_then(begin_label) else {
            continue;
        };
        if blocks.len() == PEM_BLOCK_LIMIT {
            return Err(PemError::TooManyBlocks);
        }
        blocks.push(parse_block(label, index + 1, &mut lines)?);
    }
    Ok(blocks)
}

fn parse_block<'a>(
    label: &str,
    first_line: usize,
    lines: &mut impl Iterator<Item = (usize, &'a [u8])>,
) -> Result<Block, PemError> {
    let mut headers = BTreeMap::new();
    let mut body = Vec::new();
    for (index, line) in lines {
        let line = std::str::from_utf8(line)
            .map_err(|_| PemError::NotText { line: index + 1 })?
            .trim();
        if line.starts_with(DASHES) {
            if end_label(line) != Some(label) {
                return Err(PemError::NoEnd { line: first_line });
            }
            let contents = decode(&body).ok_or(PemError::Body { line: first_line })?;
            return Ok(Block {
                label: label.to_owned(),
                headers,
                contents,
            });
        }
        match line.split_once(':') {
            Some((name, value)) if body.is_empty() => {
                if headers
                    .insert(name.trim().to_owned(), value.trim().to_owned())
                    .is_some()
                {
                    return Err(PemError::DuplicateHeader { line: index + 1 });
                }
            }
            _ if line.is_empty() => {}
            _ => body.push(line),
        }
    }
    Err(PemError::NoEnd { line: first_line })
}

/// Joins and decodes base64 lines; the text is allocated once, so no copy of a secret stays behind.
fn decode(lines: &[&str]) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(String::with_capacity(
        lines.iter().map(|line| line.len()).sum(),
    ));
    text.extend(lines.iter().flat_map(|line| line.split_ascii_whitespace()));
    STANDARD.decode(text.as_bytes()).ok().map(Zeroizing::new)
}

fn begin_label(line: &str) -> Option<&str> {
    line.trim_end().strip_prefix(BEGIN)?.strip_suffix(DASHES)
}

fn end_label(line: &str) -> Option<&str> {
    line.strip_prefix(END)?.strip_suffix(DASHES)
}

/// Writes one block.
pub(crate) fn encode(
    label: &str,
    headers: &BTreeMap<String, String>,
    contents: &[u8],
) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(contents));
    let header_bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 3)
        .sum();
    // Reserved in full, so that growing leaves no copy of a secret behind.
    let frame_bytes = 2 * (BEGIN.len() + label.len() + DASHES.len() + 1);
    let mut text = Zeroizing::new(String::with_capacity(
        frame_bytes + header_bytes + 1 + body.len() + body.len() / COLUMNS + 1,
    ));
    text.extend([BEGIN, label, DASHES, "\n"]);
    let first = headers.get_key_value(PROC_TYPE);
    let rest = headers.iter().filter(|(name, _)| *name != PROC_TYPE);
    for (name, value) in first.into_iter().chain(rest) {
        text.extend([name, ": ", value, "\n"]);
    }
    if !headers.is_empty() {
        text.push('\n');
    }
    for line in body.as_bytes().chunks(COLUMNS) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.extend([END, label, DASHES, "\n"]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_are_sorted_with_proc_type_first() {
        let headers = [
            ("role", "a"),
            ("Proc-Type", "4,ENCRYPTED"),
            ("DEK-Info", "X,00"),
            ("gun", "h:5000/i"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let text = encode("X", &headers, &[0; 49]);
        assert_eq!(
            *text,
            format!(
                "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\ngun: h:5000/i\nrole: a\n\n{}\nAA==\n-----END X-----\n",
                "A".repeat(64)
            )
        );
        let blocks = parse(text.as_bytes()).unwrap();
        assert_eq!(blocks.len(), 1);
        assert!(blocks[0].headers == headers && blocks[0].contents.as_slice() == [0; 49]);
    }

    #[test]
    fn text_between_blocks_carriage_returns_and_empty_bodies_are_accepted() {
        let text = b"Bag \xff Attributes\r\n-----BEGIN A-----\r\n\r\nAAAA\r\n-----END A-----\r\nx\n-----BEGIN B-----\n-----END B-----";
        let blocks = parse(text).unwrap();
        assert_eq!(
            blocks
                .iter()
                .map(|block| block.label.as_str())
                .collect::<Vec<_>>(),
            ["A", "B"]
        );
        assert_eq!(blocks[0].contents.as_slice(), [0; 3]);
        assert!(blocks[1].contents.is_empty());
        assert!(parse(b"").unwrap().is_empty());
    }

    #[test]
    fn broken_blocks_are_named_by_line() {
        let cases: [(&[u8], PemError); 6] = [
            (b"-----BEGIN A-----\nAAAA\n", PemError::NoEnd { line: 1 }),
            (
                b"\n-----BEGIN A-----\nAAAA\n-----END B-----\n",
                PemError::NoEnd { line: 2 },
            ),
            (
                b"-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----\n",
                PemError::NoEnd { line: 1 },
            ),
            (
                b"-----BEGIN A-----\nA\n-----END A-----\n",
                PemError::Body { line: 1 },
            ),
            (
                b"-----BEGIN A-----\na: 1\na: 2\n\n-----END A-----\n",
                PemError::DuplicateHeader { line: 3 },
            ),
            (
                b"-----BEGIN A-----\n\xff\n-----END A-----\n",
                PemError::NotText { line: 2 },
            ),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text).err(), Some(error));
        }
    }

    #[test]
    fn limits_hold() {
        let found = PEM_FILE_LIMIT + 1;
        assert_eq!(
            parse(&vec![b'\n'; found]).err(),
            Some(PemError::TooLarge { found })
        );
        let block = "-----BEGIN A-----\n-----END A-----\n";
        assert_eq!(
            parse(block.repeat(PEM_BLOCK_LIMIT).as_bytes())
                .unwrap()
                .len(),
            PEM_BLOCK_LIMIT
        );
        assert_eq!(
            parse(block.repeat(PEM_BLOCK_LIMIT + 1).as_bytes()).err(),
            Some(PemError::TooManyBlocks)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes: Vec<u8>) {
            let framed = [b"-----BEGIN A-----\n".as_slice(), &bytes, b"\n-----END A-----\n"].concat();
            drop(parse(&bytes));
            drop(parse(&framed));
        }

        #[test]
        fn contents_round_trip(contents: Vec<u8>, role in "[a-z:/]{1,20}") {
            let headers = BTreeMap::from([("role".to_owned(), role)]);
            let text = encode("A B", &headers, &contents);
            let blocks = parse(text.as_bytes()).unwrap();
            prop_assert!(blocks.len() == 1 && blocks[0].headers == headers);
            prop_assert_eq!(blocks[0].contents.as_slice(), contents.as_slice());
        }
    }
}
