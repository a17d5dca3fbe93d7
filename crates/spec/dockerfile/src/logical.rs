//! From bytes to logical lines: continuations joined, comments dropped, every byte traceable to where it stood.

use std::ops::Range;

use crate::error::ParseError;

/// Largest file that is read, in bytes.
pub const FILE_MAX: usize = 1024 * 1024;
/// Longest physical line, in bytes: the frontend's scanner gives up above.
const LINE_MAX: usize = 64 * 1024 - 1;
/// Longest instruction after joining its lines, in bytes.
const JOINED_MAX: usize = 256 * 1024;

/// One instruction on one line, with its place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logical {
    /// The text with continuations joined.
    pub(crate) text: String,
    /// The physical line it begins on, counted from one.
    pub(crate) line: usize,
    /// `(offset in text, offset in source)`, ascending: where each joined piece comes from.
    pieces: Vec<(usize, usize)>,
}

impl Logical {
    /// Where `range` of the text stands in the source; joined pieces include what lies between them.
    pub(crate) fn source_span(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.source_offset(range.start);
        if range.is_empty() {
            return start..start;
        }
        start..self.source_offset(range.end - 1) + 1
    }

    fn source_offset(&self, at: usize) -> usize {
        let piece = self.pieces.partition_point(|(offset, _)| *offset <= at);
        match piece
            .checked_sub(1)
            .and_then(|index| self.pieces.get(index))
        {
            Some((offset, source)) => source + (at - offset),
            None => at,
        }
    }
}

/// The file as text.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, ParseError> {
    if bytes.len() > FILE_MAX {
        return Err(ParseError::TooLarge {
            length: bytes.len(),
        });
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        ParseError::NotUtf8 {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        }
    })
}

/// Physical lines with their offsets.
pub(crate) struct Lines<'a> {
    rest: &'a str,
    offset: usize,
    /// The number of the line read last.
    pub(crate) number: usize,
}

/// One physical line, its line end included.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) offset: usize,
}

impl<'a> Line<'a> {
    /// The line without its line end.
    pub(crate) fn content(&self) -> &'a str {
        self.text.trim_end_matches(['\r', '\n'])
    }

    fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with('#')
    }
}

impl<'a> Lines<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let rest = source.strip_prefix('\u{feff}').unwrap_or(source);
        Self {
            rest,
            offset: source.len() - rest.len(),
            number: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Line<'a>>, ParseError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let length = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
        if length > LINE_MAX {
            return Err(ParseError::LineTooLong { line: self.number });
        }
        let (text, rest) = self.rest.split_at(length);
        let offset = self.offset;
        self.rest = rest;
        self.offset += length;
        Ok(Some(Line { text, offset }))
    }

    /// The next instruction with its continuation lines, or `None` at the end.
    pub(crate) fn next_logical(&mut self, escape: char) -> Result<Option<Logical>, ParseError> {
        while let Some(line) = self.next()? {
            let content = line.content().trim_start();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let offset = line.offset + (line.content().len() - content.len());
            return self.join(content, offset, escape).map(Some);
        }
        Ok(None)
    }

    fn join(&mut self, first: &str, offset: usize, escape: char) -> Result<Logical, ParseError> {
        let mut logical = Logical {
            text: String::new(),
            line: self.number,
            pieces: Vec::new(),
        };
        let (mut piece, mut goes_on) = without_continuation(first, escape);
        let mut at = offset;
        loop {
            logical.pieces.push((logical.text.len(), at));
            logical.text.push_str(piece);
            if logical.text.len() > JOINED_MAX {
                return Err(ParseError::LineTooLong { line: logical.line });
            }
            if !goes_on {
                return Ok(logical);
            }
            let Some(line) = self.next_piece()? else {
                return Ok(logical);
            };
            (piece, goes_on) = without_continuation(line.content(), escape);
            at = line.offset;
        }
    }

    /// Comments and blank lines between the pieces of an instruction do not end it.
    fn next_piece(&mut self) -> Result<Option<Line<'a>>, ParseError> {
        while let Some(line) = self.next()? {
            if !line.is_comment() && !line.content().trim_start().is_empty() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}

/// An escape character at the end continues the line, unless another one stands before it.
fn without_continuation(line: &str, escape: char) -> (&str, bool) {
    let trimmed = line.trim_end_matches([' ', '\t']);
    match trimmed.strip_suffix(escape) {
        Some(rest) if !rest.ends_with(escape) => (rest, true),
        _ => (line, false),
    }
}
