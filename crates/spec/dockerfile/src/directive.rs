//! Parser directives: `# syntax=`, `# escape=`, `# check=` at the very top.

use std::ops::Range;

use crate::error::ParseError;
use crate::logical::Lines;

/// What the top of the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directives {
    /// The character that escapes and continues lines.
    pub(crate) escape: char,
    /// The frontend image that builds the file.
    pub(crate) syntax: Option<Syntax>,
}

/// A `# syntax=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// The image; what stands after the first blank are its arguments.
    pub(crate) image: String,
    pub(crate) line: usize,
    pub(crate) span: Range<usize>,
}

/// Reads the directives of `source`.
pub(crate) fn read(source: &str) -> Result<Directives, ParseError> {
    if let Some(line) = foreign_syntax(source) {
        return Err(ParseError::ForeignFormat { line });
    }
    Ok(Directives {
        escape: escape(source)?,
        syntax: syntax(source)?,
    })
}

/// The escape character. Directives end at the first line that is not one of the three.
fn escape(source: &str) -> Result<char, ParseError> {
    let mut lines = Lines::new(source);
    let mut seen = Vec::new();
    let mut escape = '\\';
    while let Some(line) = lines.next()? {
        let content = line.content().trim_start();
        let Some((name, value)) = content.strip_prefix('#').and_then(name_and_value) else {
            break;
        };
        let name = name.to_ascii_lowercase();
        if !matches!(name.as_str(), "syntax" | "escape" | "check") {
            break;
        }
        if seen.contains(&name) {
            return Err(ParseError::RepeatedDirective {
                line: lines.number,
                name,
            });
        }
        if name == "escape" {
            escape = match value {
                "\\" => '\\',
                "`" => '`',
                _ => return Err(ParseError::Escape { line: lines.number }),
            };
        }
        seen.push(name);
    }
    Ok(escape)
}

/// The frontend image. A `#!` line may stand before it, blanks before the `#` may not. Older builders look on below
/// directives they do not know, so this does, too: better one image checked in vain than one missed.
fn syntax(source: &str) -> Result<Option<Syntax>, ParseError> {
    let mut lines = Lines::new(source);
    let mut found = None;
    while let Some(line) = lines.next()? {
        let content = line.content();
        if lines.number == 1 && content.starts_with("#!") {
            continue;
        }
        let Some((name, value)) = content.strip_prefix('#').and_then(name_and_value) else {
            break;
        };
        if !name.eq_ignore_ascii_case("syntax") {
            continue;
        }
        if found.is_some() {
            return Err(ParseError::RepeatedDirective {
                line: lines.number,
                name: "syntax".to_owned(),
            });
        }
        let image = value.split(' ').next().unwrap_or_default();
        let start = line.offset + (value.as_ptr().addr() - line.text.as_ptr().addr());
        found = Some(Syntax {
            image: image.to_owned(),
            line: lines.number,
            span: start..start + image.len(),
        });
    }
    Ok(found)
}

/// `name = value` after the comment sign, blanks round both trimmed.
fn name_and_value(comment: &str) -> Option<(&str, &str)> {
    let (name, value) = comment.split_once('=')?;
    let name = name.trim_start().trim_end_matches(is_blank);
    let value = value.trim_matches(is_blank);
    let mut letters = name.bytes();
    let named = letters
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric());
    (named && !value.is_empty()).then_some((name, value))
}

const fn is_blank(ch: char) -> bool {
    matches!(ch, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

/// The line of a frontend named in another comment style (`//syntax=`, JSON): such a file is not a Dockerfile.
fn foreign_syntax(source: &str) -> Option<usize> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let (skipped, body) = match source.split_once('\n') {
        Some((first, rest)) if first.starts_with("#!") => (1, rest),
        _ => (0, source),
    };
    let slashes = body
        .lines()
        .map_while(|line| line.strip_prefix("//").and_then(name_and_value))
        .position(|(name, _)| name.eq_ignore_ascii_case("syntax"));
    let json = || body.trim_start().starts_with('{').then_some(0);
    slashes.or_else(json).map(|line| skipped + line + 1)
}
