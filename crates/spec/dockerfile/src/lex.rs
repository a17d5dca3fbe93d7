//! Word expansion as the Dockerfile frontend does it: quotes, escapes and `$` substitutions.
//!
//! Source: the Dockerfile reference, "Environment replacement"; where it is silent, `moby/buildkit`
//! `frontend/dockerfile/shell/lex.go`, whose answer is what is built.

use crate::pattern::{Pattern, PatternError};

/// Longest word and longest result, in bytes.
const WORD_MAX: usize = 64 * 1024;
/// How deep `${a:-${b:-…}}` may nest.
const DEPTH_MAX: usize = 32;

/// Why a word cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LexError {
    /// `${}`, `${:…}` or `${{…`.
    #[error("bad substitution")]
    BadSubstitution,
    /// A pattern of `#`, `%` or `/` is malformed.
    #[error("invalid pattern in a substitution: {0}")]
    Pattern(#[from] PatternError),
    /// `${NAME:?…}` of a variable that is not set.
    #[error("{name} must be set")]
    Required {
        /// The variable.
        name: String,
    },
    /// `${…` nested more than 32 levels.
    #[error("substitutions are nested too deeply")]
    TooDeep,
    /// The word or its expansion has more than 64 KiB.
    #[error("the word or its expansion is too long")]
    TooLong,
    /// A variable's name has letters beyond ASCII, on which builders disagree.
    #[error("a variable name is not plain ASCII")]
    UnclearName,
    /// The variable's value depends on the builder and was not given.
    #[error("the value of {name} is not known here")]
    Unknown {
        /// The variable.
        name: String,
    },
    /// A quote or brace is not closed.
    #[error("unexpected end while looking for {wanted:?}")]
    Unterminated {
        /// What was missing.
        wanted: char,
    },
    /// A modifier that does not exist.
    #[error("unsupported modifier {modifier:?} in a substitution")]
    UnsupportedModifier {
        /// The character after the name.
        modifier: char,
    },
}

/// What a variable stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// This text.
    Known(String),
    /// Something only the builder knows.
    Unknown,
}

/// The variables in scope.
pub(crate) type Environment = std::collections::BTreeMap<String, Variable>;

/// How a word is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The escape character of the file.
    pub(crate) escape: char,
    /// Quotes stay in the result.
    pub(crate) raw_quotes: bool,
    /// Escape characters stay in the result.
    pub(crate) raw_escapes: bool,
    /// Unset variables stay as they are written.
    pub(crate) keep_unset: bool,
}

impl Rules {
    /// The rules for expanding a value.
    pub(crate) const fn value(escape: char) -> Self {
        Self {
            escape,
            raw_quotes: false,
            raw_escapes: false,
            keep_unset: false,
        }
    }
}

/// Expands one word; blanks in it stay.
pub(crate) fn expand(
    word: &str,
    rules: Rules,
    variables: &Environment,
) -> Result<String, LexError> {
    let (text, _) = run(word, rules, variables)?;
    Ok(text)
}

/// Expands a line and splits the result at blanks.
pub(crate) fn split(
    line: &str,
    rules: Rules,
    variables: &Environment,
) -> Result<Vec<String>, LexError> {
    let (_, words) = run(line, rules, variables)?;
    Ok(words)
}

fn run(
    text: &str,
    rules: Rules,
    variables: &Environment,
) -> Result<(String, Vec<String>), LexError> {
    if text.len() > WORD_MAX {
        return Err(LexError::TooLong);
    }
    let mut lexer = Lexer {
        input: text.chars().collect(),
        position: 0,
        rules,
        variables,
        word: String::new(),
        depth: 0,
    };
    lexer.until(None, rules.raw_escapes)
}

struct Lexer<'a> {
    input: Vec<char>,
    position: usize,
    rules: Rules,
    variables: &'a Environment,
    /// The word being collected. One for all nesting levels: a nested substitution drops what the outer word has so
    /// far, which decides whether `<<` before it opens a here-document, so the oddity is kept.
    word: String,
    depth: usize,
}

/// The words of one nesting level.
#[derive(Default)]
struct Words {
    done: Vec<String>,
    inside: bool,
}

impl Words {
    fn push(&mut self, word: &mut String, ch: char) {
        if !ch.is_whitespace() {
            self.push_raw(word, ch);
        } else if self.inside && !word.is_empty() {
            self.done.push(std::mem::take(word));
            self.inside = false;
        }
    }

    fn push_raw(&mut self, word: &mut String, ch: char) {
        word.push(ch);
        self.inside = true;
    }

    fn finish(mut self, word: &mut String) -> Vec<String> {
        if !word.is_empty() {
            self.done.push(std::mem::take(word));
        }
        self.done
    }
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.input.get(self.position).copied()
    }

    fn next(&mut self) -> Option<char> {
        let ch = self.peek()?;
        self.position += 1;
        Some(ch)
    }

    /// Reads up to `stop` (eaten) or the end; `stop` inside quotes or substitutions does not count.
    fn until(
        &mut self,
        stop: Option<char>,
        raw_escapes: bool,
    ) -> Result<(String, Vec<String>), LexError> {
        if self.depth > DEPTH_MAX {
            return Err(LexError::TooDeep);
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.rules.raw_escapes, raw_escapes);
        let result = self.until_inner(stop);
        self.rules.raw_escapes = outer;
        self.depth -= 1;
        result
    }

    fn until_inner(&mut self, stop: Option<char>) -> Result<(String, Vec<String>), LexError> {
        self.word.clear();
        let mut result = String::new();
        let mut words = Words::default();
        while let Some(ch) = self.peek() {
            if Some(ch) == stop {
                self.position += 1;
                return Ok((result, words.finish(&mut self.word)));
            }
            match ch {
                '$' => {
                    let text = self.dollar()?;
                    text.chars().for_each(|ch| words.push(&mut self.word, ch));
                    result.push_str(&text);
                }
                '\'' | '"' | '<' => {
                    let text = match ch {
                        '\'' => self.single_quoted()?,
                        '"' => self.double_quoted()?,
                        _ => self.angle(),
                    };
                    self.word.push_str(&text);
                    words.inside = true;
                    result.push_str(&text);
                }
                _ => self.plain(&mut result, &mut words),
            }
            if result.len() > WORD_MAX {
                return Err(LexError::TooLong);
            }
        }
        match stop {
            Some(wanted) => Err(LexError::Unterminated { wanted }),
            None => Ok((result, words.finish(&mut self.word))),
        }
    }

    fn plain(&mut self, result: &mut String, words: &mut Words) {
        let Some(ch) = self.next() else { return };
        if ch != self.rules.escape {
            words.push(&mut self.word, ch);
            result.push(ch);
            return;
        }
        if self.rules.raw_escapes {
            words.push_raw(&mut self.word, ch);
            result.push(ch);
        }
        if let Some(escaped) = self.next() {
            words.push_raw(&mut self.word, escaped);
            result.push(escaped);
        }
    }

    fn single_quoted(&mut self) -> Result<String, LexError> {
        self.position += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(LexError::Unterminated { wanted: '\'' }),
                Some('\'') => return Ok(self.quoted(text, '\'')),
                Some(ch) => text.push(ch),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String, LexError> {
        self.position += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(LexError::Unterminated { wanted: '"' }),
                Some('"') => {
                    self.position += 1;
                    return Ok(self.quoted(text, '"'));
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(ch) => {
                    self.position += 1;
                    self.in_double_quotes(ch, &mut text);
                }
            }
            if text.len() > WORD_MAX {
                return Err(LexError::TooLong);
            }
        }
    }

    /// Only `"`, `$` and the escape character itself can be escaped here; before others it stays.
    fn in_double_quotes(&mut self, ch: char, text: &mut String) {
        if ch != self.rules.escape {
            text.push(ch);
            return;
        }
        if self.rules.raw_escapes {
            text.push(ch);
        }
        match self.peek() {
            None => {}
            Some(escaped) if escaped == '"' || escaped == '$' || escaped == self.rules.escape => {
                self.position += 1;
                text.push(escaped);
            }
            Some(_) => text.push(ch),
        }
    }

    fn quoted(&self, text: String, quote: char) -> String {
        if self.rules.raw_quotes {
            format!("{quote}{text}{quote}")
        } else {
            text
        }
    }

    /// `<`, or `<<` with the blanks after it, which belong to the here-document's word.
    fn angle(&mut self) -> String {
        self.position += 1;
        let mut text = String::from("<");
        if self.peek() == Some('<') {
            self.position += 1;
            text.push('<');
            while let Some(ch @ ('\t' | '\r' | ' ')) = self.peek() {
                self.position += 1;
                text.push(ch);
            }
        }
        text
    }

    fn dollar(&mut self) -> Result<String, LexError> {
        self.position += 1;
        if self.peek() != Some('{') {
            let name = self.name()?;
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.value_of(&name)? {
                None if self.rules.keep_unset => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.position += 1;
        match self.peek() {
            None => return Err(LexError::Unterminated { wanted: '}' }),
            Some('{' | '}' | ':') => return Err(LexError::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name()?;
        match self.next() {
            None => Err(LexError::Unterminated { wanted: '}' }),
            Some('}') => Ok(match self.value_of(&name)? {
                None if self.rules.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some(':') => match self.next() {
                Some(modifier @ ('+' | '-' | '?')) => self.conditional(&name, modifier, true),
                Some(modifier) => Err(LexError::UnsupportedModifier { modifier }),
                None => Err(LexError::Unterminated { wanted: '}' }),
            },
            Some(modifier @ ('+' | '-' | '?')) => self.conditional(&name, modifier, false),
            Some(end @ ('#' | '%')) => self.trimmed(&name, end),
            Some('/') => self.replaced(&name),
            Some(modifier) => Err(LexError::UnsupportedModifier { modifier }),
        }
    }

    fn conditional(
        &mut self,
        name: &str,
        modifier: char,
        empty_is_unset: bool,
    ) -> Result<String, LexError> {
        let (word, _) = self.until(Some('}'), false)?;
        let value = self.value_of(name)?;
        if value.is_none() && self.rules.keep_unset {
            let colon = if empty_is_unset { ":" } else { "" };
            return Ok(format!("${{{name}{colon}{modifier}{word}}}"));
        }
        let value = value.filter(|value| !(empty_is_unset && value.is_empty()));
        match (modifier, value) {
            ('-', None) | ('+', Some(_)) => Ok(word),
            ('+', None) => Ok(String::new()),
            (_, Some(value)) => Ok(value),
            (_, None) => Err(LexError::Required {
                name: name.to_owned(),
            }),
        }
    }

    /// `#` and `%` take the shortest match off the front or the back, doubled the longest.
    fn trimmed(&mut self, name: &str, end: char) -> Result<String, LexError> {
        let (word, _) = self.until(Some('}'), true)?;
        let Some(value) = self.value_of(name)? else {
            return Ok(if self.rules.keep_unset {
                format!("${{{name}{end}{word}}}")
            } else {
                String::new()
            });
        };
        let (pattern, longest) = match word.strip_prefix(end) {
            Some(pattern) => (pattern, true),
            None => (word.as_str(), false),
        };
        let pattern = Pattern::parse(pattern)?;
        let value: Vec<char> = value.chars().collect();
        let rest = if end == '#' {
            pattern.without_prefix(&value, longest)?.to_vec()
        } else {
            pattern.without_suffix(&value, longest)?
        };
        Ok(rest.iter().collect())
    }

    fn replaced(&mut self, name: &str) -> Result<String, LexError> {
        let all = self.peek() == Some('/');
        if all {
            self.position += 1;
        }
        let (pattern, _) = self.until(Some('/'), true)?;
        let (replacement, _) = self.until(Some('}'), true)?;
        let value = match self.value_of(name)? {
            None if self.rules.keep_unset => {
                return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
            }
            value => value.unwrap_or_default(),
        };
        // The frontend hands the replacement to Go's regexp package, where `$` means a group.
        if all && replacement.contains('$') {
            return Err(LexError::UnsupportedModifier { modifier: '$' });
        }
        let value: Vec<char> = value.chars().collect();
        let result = Pattern::parse(&pattern)?.replace(&value, &replacement, all)?;
        if result.len() > WORD_MAX {
            return Err(LexError::TooLong);
        }
        Ok(result)
    }

    fn name(&mut self) -> Result<String, LexError> {
        let mut name = String::new();
        match self.peek() {
            Some(ch) if ch.is_ascii_digit() => {
                while let Some(ch) = self.peek().filter(char::is_ascii_digit) {
                    self.position += 1;
                    name.push(ch);
                }
                return Ok(name);
            }
            Some(ch @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                self.position += 1;
                return Ok(ch.to_string());
            }
            _ => {}
        }
        while let Some(ch) = self.peek() {
            if !ch.is_ascii() && ch.is_alphanumeric() {
                return Err(LexError::UnclearName);
            }
            if !ch.is_ascii_alphanumeric() && ch != '_' {
                break;
            }
            self.position += 1;
            name.push(ch);
        }
        Ok(name)
    }

    fn value_of(&self, name: &str) -> Result<Option<String>, LexError> {
        match self.variables.get(name) {
            None => Ok(None),
            Some(Variable::Known(value)) => Ok(Some(value.clone())),
            Some(Variable::Unknown) => Err(LexError::Unknown {
                name: name.to_owned(),
            }),
        }
    }
}
