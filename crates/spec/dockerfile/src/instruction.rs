//! One instruction: its word, its flags, and the images it names.

use std::ops::Range;

use crate::error::{FlagError, ParseError};
use crate::lex::{self, Environment, LexError, Rules};
use crate::logical::{Lines, Logical};
use crate::slot::{self, Flag, Named, Slot};

/// What of an instruction matters to where images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    Add(Vec<String>, bool),
    Arg(Vec<Argument>),
    Copy(Option<Named>),
    From(From),
    Onbuild(Box<Self>),
    Other,
    Run(Vec<Named>),
}

/// `FROM [--platform=…] base [AS name]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct From {
    pub(crate) base: Named,
    /// In lower case, as builders compare it.
    pub(crate) name: Option<String>,
    pub(crate) platform: Option<String>,
}

/// `name[=default]`, the default as written.
pub(crate) type Argument = (String, Option<String>);

/// A here-document that an instruction opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heredoc {
    /// The line that ends it.
    pub(crate) name: String,
    /// Tabs before the ending line are skipped.
    strip_tabs: bool,
}

const OTHERS: &[&str] = &[
    "cmd",
    "entrypoint",
    "env",
    "expose",
    "healthcheck",
    "label",
    "maintainer",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
];

/// Reads the instruction on a logical line, and says whether its arguments may open here-documents.
pub(crate) fn parse(logical: &Logical, escape: char) -> Result<(Instruction, bool), ParseError> {
    parse_at(logical, 0, escape, false)
}

fn parse_at(
    logical: &Logical,
    start: usize,
    escape: char,
    inside_trigger: bool,
) -> Result<(Instruction, bool), ParseError> {
    let words = Words {
        logical,
        end: logical.text.trim_end().len(),
    };
    let line = logical.line;
    let word = words.first(start);
    let name = logical.text.get(word.clone()).unwrap_or_default();
    let (flags, args) = slot::flags(logical, word.end, escape)?;
    if inside_trigger && escape != '\\' && flags.iter().any(Flag::is_quoted) {
        return Err(ParseError::Trigger { line });
    }
    let keyword = name.to_lowercase();
    let heredocs =
        matches!(keyword.as_str(), "add" | "copy" | "run") && words.may_have_heredocs(args)?;
    let instruction = match keyword.as_str() {
        "add" => {
            let pinned = flag_value(line, &flags, "checksum")?.is_some();
            Instruction::Add(words.texts(args), pinned)
        }
        "arg" => Instruction::Arg(arguments(&words, args, escape)?),
        "copy" => {
            let from = flag_value(line, &flags, "from")?;
            let from = from.filter(|(_, value)| !value.is_empty());
            Instruction::Copy(from.map(|(flag, value)| {
                let range = flag.text.len() - value.len()..flag.text.len();
                flag.named(logical, range)
            }))
        }
        "from" if !inside_trigger => Instruction::From(base(&words, args, &flags)?),
        "run" => Instruction::Run(mounts(logical, &flags)?),
        "onbuild" if !inside_trigger => {
            let (trigger, heredocs) = parse_at(logical, args, escape, true)?;
            return Ok((Instruction::Onbuild(Box::new(trigger)), heredocs));
        }
        "from" | "maintainer" | "onbuild" if inside_trigger => {
            return Err(ParseError::Trigger { line });
        }
        other if OTHERS.contains(&other) => Instruction::Other,
        _ => {
            return Err(ParseError::UnknownInstruction {
                line,
                word: name.chars().take(64).collect(),
            });
        }
    };
    Ok((instruction, heredocs))
}

/// The arguments of an instruction, as ranges of its logical line.
struct Words<'a> {
    logical: &'a Logical,
    /// Where trailing blanks begin.
    end: usize,
}

const fn is_separator(ch: char) -> bool {
    matches!(ch, '\t' | '\x0b' | '\x0c' | '\r' | ' ')
}

impl Words<'_> {
    fn text(&self, range: Range<usize>) -> &str {
        self.logical.text.get(range).unwrap_or_default()
    }

    /// The first word at or after `start`.
    fn first(&self, start: usize) -> Range<usize> {
        let rest = self.text(start..self.end);
        let trimmed = rest.trim_start();
        let begin = self.end - trimmed.len();
        let length = trimmed.find(is_separator).unwrap_or(trimmed.len());
        begin..begin + length
    }

    /// Words at and after `start`; between them only these blanks count, round them all that Unicode has.
    fn all(&self, start: usize) -> Vec<Range<usize>> {
        let mut words = Vec::new();
        let mut at = self.first(start).start;
        for word in self.text(at..self.end).split(is_separator) {
            if !word.is_empty() {
                words.push(at..at + word.len());
            }
            at += word.len() + 1;
        }
        words
    }

    fn texts(&self, start: usize) -> Vec<String> {
        let words = self.all(start).into_iter();
        words.map(|word| self.text(word).to_owned()).collect()
    }

    /// An array in JSON form opens no here-documents. What Go's decoder takes and ours does not stays undecided.
    fn may_have_heredocs(&self, start: usize) -> Result<bool, ParseError> {
        let args = self.text(start..self.end).trim_start();
        if !args.starts_with('[') || !args.contains("<<") {
            return Ok(true);
        }
        match serde_json::from_str::<Vec<String>>(args) {
            Ok(_) => Ok(false),
            Err(_) if args.ends_with(']') => Err(ParseError::AmbiguousHeredoc {
                line: self.logical.line,
            }),
            Err(_) => Ok(true),
        }
    }
}

fn base(words: &Words<'_>, args: usize, flags: &[Flag]) -> Result<From, ParseError> {
    let line = words.logical.line;
    let all = words.all(args);
    let wrong = ParseError::Arguments {
        line,
        instruction: "FROM",
    };
    let (base, name) = match all.as_slice() {
        [base] => (base, None),
        [base, by, name] if words.text(by.clone()).eq_ignore_ascii_case("as") => {
            (base, Some(stage_name(line, words.text(name.clone()))?))
        }
        _ => return Err(wrong),
    };
    Ok(From {
        base: Named {
            text: words.text(base.clone()).to_owned(),
            slot: Slot::plain(words.logical.source_span(base)),
        },
        name,
        platform: flag_value(line, flags, "platform")?
            .map(|(_, value)| value.to_owned())
            .filter(|value| !value.is_empty()),
    })
}

fn stage_name(line: usize, written: &str) -> Result<String, ParseError> {
    let name = written.to_lowercase();
    let rest_fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    if name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(rest_fits) {
        return Ok(name);
    }
    Err(ParseError::StageName {
        line,
        name: written.to_owned(),
    })
}

/// The one flag of this name with its value.
fn flag_value<'a>(
    line: usize,
    flags: &'a [Flag],
    name: &'static str,
) -> Result<Option<(&'a Flag, &'a str)>, ParseError> {
    let mut found = None;
    for flag in flags {
        let value = flag
            .value(name)
            .map_err(|source| ParseError::Flag { line, source })?;
        if let Some(value) = value {
            if found.is_some() {
                let source = FlagError::Duplicate { name };
                return Err(ParseError::Flag { line, source });
            }
            found = Some((flag, value));
        }
    }
    Ok(found)
}

/// The `from=` of each `--mount`.
fn mounts(logical: &Logical, flags: &[Flag]) -> Result<Vec<Named>, ParseError> {
    let fail = |source| ParseError::Flag {
        line: logical.line,
        source,
    };
    let mut named = Vec::new();
    for flag in flags {
        let Some(value) = flag.value("mount").map_err(fail)? else {
            continue;
        };
        let start = flag.text.len() - value.len();
        let range = slot::csv_field(&flag.text, start, "from").map_err(fail)?;
        if let Some(range) = range.filter(|range| !range.is_empty()) {
            named.push(flag.named(logical, range));
        }
    }
    Ok(named)
}

/// `ARG name[=default]…`; quotes and escapes stay for the expansion.
fn arguments(words: &Words<'_>, args: usize, escape: char) -> Result<Vec<Argument>, ParseError> {
    let wrong = ParseError::Arguments {
        line: words.logical.line,
        instruction: "ARG",
    };
    let all = quoted_words(words.text(args..words.end), escape);
    if all.is_empty() || all.iter().any(|word| word.starts_with('=')) {
        return Err(wrong);
    }
    Ok(all
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        })
        .collect())
}

/// Splits at blanks outside quotes; quotes and escapes stay, but an escape character at the very end goes.
fn quoted_words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut input = text.chars();
    while let Some(ch) = input.next() {
        match quote {
            None if ch.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if ch == '\'' || ch == '"' => quote = Some(ch),
            Some(end) if ch == end => quote = None,
            _ => {}
        }
        if ch == escape && quote != Some('\'') {
            let Some(escaped) = input.next() else { break };
            word.push(ch);
            word.push(escaped);
        } else {
            word.push(ch);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The here-documents that a line opens.
pub(crate) fn heredocs(logical: &Logical) -> Result<Vec<Heredoc>, ParseError> {
    let fail = |source| ParseError::HeredocWord {
        line: logical.line,
        source,
    };
    if !logical.text.contains("<<") {
        return Ok(Vec::new());
    }
    let raw = Rules {
        escape: '\\',
        raw_quotes: true,
        raw_escapes: true,
        keep_unset: true,
    };
    let words = match lex::split(&logical.text, raw, &Environment::new()) {
        Ok(words) => words,
        // These are limits of ours and doubts; whatever else the frontend cannot split opens no here-document.
        Err(error @ (LexError::TooDeep | LexError::TooLong | LexError::UnclearName)) => {
            return Err(fail(error));
        }
        Err(_) => Vec::new(),
    };
    let mut found = Vec::new();
    for word in words {
        found.extend(heredoc(&word).map_err(fail)?);
    }
    Ok(found)
}

/// `[n]<<[-]word`.
fn heredoc(word: &str) -> Result<Option<Heredoc>, LexError> {
    let rest = word.trim_start_matches(|ch: char| ch.is_ascii_digit());
    let Some(rest) = rest.strip_prefix("<<") else {
        return Ok(None);
    };
    let (strip_tabs, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let rules = Rules {
        keep_unset: true,
        ..Rules::value('\\')
    };
    let mut words = lex::split(rest, rules, &Environment::new())?.into_iter();
    Ok(match (words.next(), words.next()) {
        (Some(name), None) => Some(Heredoc { name, strip_tabs }),
        _ => None,
    })
}

/// Skips the bodies of `heredocs`.
pub(crate) fn skip_bodies(
    lines: &mut Lines<'_>,
    opened: usize,
    heredocs: Vec<Heredoc>,
) -> Result<(), ParseError> {
    for heredoc in heredocs {
        loop {
            let Some(line) = lines.next()? else {
                return Err(ParseError::UnterminatedHeredoc {
                    line: opened,
                    name: heredoc.name,
                });
            };
            let content = line.content();
            let content = if heredoc.strip_tabs {
                content.trim_start_matches('\t')
            } else {
                content
            };
            if content == heredoc.name {
                break;
            }
        }
    }
    Ok(())
}
