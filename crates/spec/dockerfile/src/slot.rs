//! A place in the source that names an image, and how to write another name there.

use std::ops::Range;

use crate::error::{FlagError, ParseError};
use crate::logical::Logical;

/// A text as the builder reads it, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Quotes and escapes of the flag removed, variables not yet replaced.
    pub(crate) text: String,
    pub(crate) slot: Slot,
}

/// What to overwrite, and what must stand round the new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// In bytes of the source.
    pub(crate) span: Range<usize>,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Slot {
    pub(crate) fn plain(span: Range<usize>) -> Self {
        Self {
            span,
            before: String::new(),
            after: String::new(),
        }
    }
}

/// A flag before an instruction's arguments.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    /// Name and value with quotes and escapes removed; begins with `--`.
    pub(crate) text: String,
    /// The word in the logical line.
    raw: Range<usize>,
    /// The raw word is the text, so that offsets agree.
    verbatim: bool,
    escape: char,
}

impl Flag {
    /// True when its quotes or escapes matter, so that another escape character would read it differently.
    pub(crate) const fn is_quoted(&self) -> bool {
        !self.verbatim
    }

    /// The value of the flag `name`, if this is it.
    pub(crate) fn value(&self, name: &'static str) -> Result<Option<&str>, FlagError> {
        let Some(rest) = self
            .text
            .strip_prefix("--")
            .and_then(|text| text.strip_prefix(name))
        else {
            return Ok(None);
        };
        match rest.strip_prefix('=') {
            Some(value) => Ok(Some(value)),
            None if rest.is_empty() => Err(FlagError::MissingValue { name }),
            None => Ok(None),
        }
    }

    /// The part `range` of the text as a named place.
    pub(crate) fn named(&self, logical: &Logical, range: Range<usize>) -> Named {
        let text = self.text.get(range.clone()).unwrap_or_default().to_owned();
        let slot = if self.verbatim {
            let raw = self.raw.start + range.start..self.raw.start + range.end;
            Slot::plain(logical.source_span(&raw))
        } else {
            let part = |range| self.text.get(range).unwrap_or_default();
            Slot {
                span: logical.source_span(&self.raw),
                before: self.escaped(part(0..range.start)),
                after: self.escaped(part(range.end..self.text.len())),
            }
        };
        Named { text, slot }
    }

    fn escaped(&self, text: &str) -> String {
        let mut result = String::new();
        for ch in text.chars() {
            match ch {
                '\'' | '"' => result.extend([self.escape, ch]),
                // Between quotes, since at the end of a line a blank is cut off and an escape character continues it.
                _ if ch == self.escape => result.extend(['"', ch, ch, '"']),
                _ if ch.is_whitespace() => result.extend(['"', ch, '"']),
                _ => result.push(ch),
            }
        }
        result
    }
}

/// Splits the flags off the front of an instruction's arguments; returns them and where the rest begins.
pub(crate) fn flags(
    logical: &Logical,
    from: usize,
    escape: char,
) -> Result<(Vec<Flag>, usize), ParseError> {
    let mut flags = Vec::new();
    let mut at = from;
    loop {
        let rest = logical.text.get(at..).unwrap_or_default();
        let word = rest.trim_start_matches(|ch: char| ch.is_ascii() && ch.is_whitespace());
        at += rest.len() - word.len();
        if !word.starts_with("--") {
            return Ok((flags, at));
        }
        let (flag, length) = flag(word, at, escape).map_err(|source| ParseError::Flag {
            line: logical.line,
            source,
        })?;
        at += length;
        if flag.text == "--" {
            return Ok((flags, at));
        }
        flags.push(flag);
    }
}

/// Reads one flag at the start of `rest`, which stands at `at`; returns it and its raw length.
fn flag(rest: &str, at: usize, escape: char) -> Result<(Flag, usize), FlagError> {
    let mut text = String::new();
    let mut quote = None;
    let mut length = rest.len();
    let mut input = rest.char_indices();
    while let Some((offset, ch)) = input.next() {
        if !ch.is_ascii() {
            return Err(FlagError::NotAscii);
        }
        match quote {
            None if ch.is_whitespace() => {
                length = offset;
                break;
            }
            None if ch == '\'' || ch == '"' => quote = Some(ch),
            Some(end) if ch == end => quote = None,
            _ if ch == escape => match input.next() {
                Some((_, escaped)) if escaped.is_ascii() => text.push(escaped),
                Some(_) => return Err(FlagError::NotAscii),
                None => {}
            },
            _ => text.push(ch),
        }
    }
    let raw = rest.get(..length).unwrap_or_default();
    let flag = Flag {
        verbatim: raw == text,
        text,
        raw: at..at + length,
        escape,
    };
    Ok((flag, length))
}

/// The field `name=` of a comma-separated list, the last if there are several, as a range of `text`.
pub(crate) fn csv_field(
    text: &str,
    start: usize,
    name: &str,
) -> Result<Option<Range<usize>>, FlagError> {
    let mut found = None;
    let mut at = start;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let (field, next) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let length = quoted_field(quoted)?;
                (at + 1..at + 1 + length, at + 1 + length + 1)
            }
            None => {
                let length = rest.find(',').unwrap_or(rest.len());
                (at..at + length, at + length)
            }
        };
        let content = text.get(field.clone()).unwrap_or_default();
        if !rest.starts_with('"') && content.contains('"') {
            return Err(FlagError::Csv);
        }
        if let Some((key, _)) = content.split_once('=')
            && key.to_lowercase() == name
        {
            found = Some(field.start + key.len() + 1..field.end);
        }
        match text.as_bytes().get(next) {
            None => return Ok(found),
            Some(b',') => at = next + 1,
            Some(_) => return Err(FlagError::Csv),
        }
    }
}

/// Bytes up to the closing quote; a doubled quote stands for one.
fn quoted_field(text: &str) -> Result<usize, FlagError> {
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'"' && bytes.next_if(|(_, next)| *next == b'"').is_none() {
            return Ok(at);
        }
    }
    Err(FlagError::Csv)
}
