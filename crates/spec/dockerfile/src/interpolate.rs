//! `$NAME` and `${NAME:-default}` in compose files.
//!
//! Source: the compose specification, "Interpolation"; `compose-spec/compose-go` `template/template.go`.

use std::collections::BTreeMap;

use crate::lex::LexError;

const DEPTH_MAX: usize = 32;
const RESULT_MAX: usize = crate::FILE_MAX;

/// `text` with its variables replaced; one that is not set is empty.
pub(crate) fn interpolate(
    text: &str,
    environment: &BTreeMap<String, String>,
) -> Result<String, LexError> {
    let mut reader = Reader {
        rest: text,
        environment,
    };
    reader.until_end(0)
}

struct Reader<'a> {
    rest: &'a str,
    environment: &'a BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    /// Reads to the end, or inside braces to the closing one, which is eaten.
    fn until_end(&mut self, depth: usize) -> Result<String, LexError> {
        if depth > DEPTH_MAX {
            return Err(LexError::TooDeep);
        }
        let mut result = String::new();
        loop {
            let stop = self.rest.find(|ch| ch == '$' || (depth > 0 && ch == '}'));
            let Some(stop) = stop else {
                result.push_str(self.rest);
                self.rest = "";
                return match depth {
                    0 => Ok(result),
                    _ => Err(LexError::Unterminated { wanted: '}' }),
                };
            };
            let (before, rest) = self.rest.split_at(stop);
            result.push_str(before);
            if let Some(rest) = rest.strip_prefix('}') {
                self.rest = rest;
                return Ok(result);
            }
            self.rest = rest.get(1..).unwrap_or_default();
            result.push_str(&self.dollar(depth)?);
            if result.len() > RESULT_MAX {
                return Err(LexError::TooLong);
            }
        }
    }

    fn dollar(&mut self, depth: usize) -> Result<String, LexError> {
        if let Some(rest) = self.rest.strip_prefix('$') {
            self.rest = rest;
            return Ok("$".to_owned());
        }
        let braced = self.rest.strip_prefix('{');
        self.rest = braced.unwrap_or(self.rest);
        let name = self.name();
        if name.is_empty() {
            return Err(LexError::BadSubstitution);
        }
        let value = self.environment.get(name).cloned();
        if braced.is_none() {
            return Ok(value.unwrap_or_default());
        }
        if let Some(rest) = self.rest.strip_prefix('}') {
            self.rest = rest;
            return Ok(value.unwrap_or_default());
        }
        let colon = self.rest.strip_prefix(':');
        let value = value.filter(|value| colon.is_none() || !value.is_empty());
        self.rest = colon.unwrap_or(self.rest);
        let Some(modifier) = self.rest.chars().next() else {
            return Err(LexError::Unterminated { wanted: '}' });
        };
        if !matches!(modifier, '-' | '+' | '?') {
            return Err(LexError::UnsupportedModifier { modifier });
        }
        self.rest = self.rest.get(1..).unwrap_or_default();
        let word = self.until_end(depth + 1)?;
        match (modifier, value) {
            ('+', None) => Ok(String::new()),
            ('+', Some(_)) | ('-', None) => Ok(word),
            (_, Some(value)) => Ok(value),
            (_, None) => Err(LexError::Required {
                name: name.to_owned(),
            }),
        }
    }

    fn name(&mut self) -> &'a str {
        let fits = |(at, ch): (usize, char)| {
            ch == '_' || ch.is_ascii_alphabetic() || (at > 0 && ch.is_ascii_digit())
        };
        let length = self.rest.char_indices().take_while(|at| fits(*at)).count();
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        name
    }
}
