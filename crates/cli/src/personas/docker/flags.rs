//! Which words of a docker command line are flags, their values, and arguments: pflag's rules.

use std::ffi::{OsStr, OsString};

use thiserror::Error;

use super::tables::Table;

/// The words of one command after its name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The flags in order.
    pub flags: Vec<Given>,
    /// Where the arguments are. Behind the first one everything is an argument where the table says so.
    pub args: Vec<usize>,
    /// Where the words that are not scanned any more begin: those of the container, or the number of words.
    pub end: usize,
    /// Where a `--` ends the flags.
    pub dashes: Option<usize>,
}

/// A flag as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its long name.
    pub name: &'static str,
    /// Its value; `None` for a switch without one.
    pub value: Option<OsString>,
    /// The word that holds it.
    pub at: usize,
    /// Words it takes: two where its value is a word of its own.
    pub words: usize,
}

/// A flag that docker would not understand, or that we do not.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FlagError {
    /// No flag has this name.
    #[error("unknown flag: --{name}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// No flag has this letter.
    #[error("unknown shorthand flag: '{letter}' in {word}")]
    UnknownLetter {
        /// The letter.
        letter: char,
        /// The word it stands in.
        word: String,
    },
    /// The value is missing.
    #[error("flag needs an argument: {flag}")]
    NoValue {
        /// The flag as docker names it.
        flag: String,
    },
    /// A switch is set to something that is neither true nor false.
    #[error(
        "invalid argument \"{value}\" for \"--{name}\" flag: strconv.ParseBool: parsing \"{value}\": invalid syntax"
    )]
    NoBool {
        /// The flag.
        name: &'static str,
        /// The text.
        value: String,
    },
    /// A word that is not UTF-8 where a flag may stand.
    #[error("argument {word:?} is not valid UTF-8")]
    NotText {
        /// The word, made readable.
        word: String,
    },
}

/// Reads `words` by `table`.
///
/// # Errors
/// [`FlagError`]: nothing behind the word in question was understood.
pub fn scan(table: &Table, words: &[OsString]) -> Result<Scan, FlagError> {
    let mut scan = Scan::default();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let text = word.to_str().unwrap_or_default();
        if word == "--" {
            scan.dashes = Some(at);
            scan.args.extend(at + 1..words.len());
            scan.end = words.len();
            if !table.interspersed {
                scan.args.truncate(scan.args.len().min(1));
                scan.end = at + 1;
            }
            return Ok(scan);
        }
        at += if text.len() < 2 || !text.starts_with('-') {
            if word.to_str().is_none() && word.as_encoded_bytes().starts_with(b"-") {
                let word = word.to_string_lossy().into_owned();
                return Err(FlagError::NotText { word });
            }
            scan.args.push(at);
            if !table.interspersed {
                scan.end = at;
                return Ok(scan);
            }
            1
        } else if let Some(long) = text.strip_prefix("--") {
            long_flag(table, long, words, at, &mut scan)?
        } else {
            letters(table, text, words, at, &mut scan)?
        };
    }
    scan.end = words.len();
    Ok(scan)
}

/// `--name`, `--name=value`, `--name value`; the number of words.
fn long_flag(
    table: &Table,
    text: &str,
    words: &[OsString],
    at: usize,
    scan: &mut Scan,
) -> Result<usize, FlagError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(OsString::from(value))),
        None => (text, None),
    };
    let flag = table.named(name).ok_or_else(|| FlagError::Unknown {
        name: name.to_owned(),
    })?;
    let (value, count) = match value {
        None if flag.takes_value => {
            let value = words.get(at + 1).ok_or_else(|| FlagError::NoValue {
                flag: format!("--{name}"),
            })?;
            (Some(value.clone()), 2)
        }
        value => (value, 1),
    };
    scan.flags.push(Given {
        name: flag.name,
        value,
        at,
        words: count,
    });
    Ok(count)
}

/// `-it`, `-p8080:80`, `-p=8080:80`, `-p 8080:80`; the number of words.
fn letters(
    table: &Table,
    text: &str,
    words: &[OsString],
    at: usize,
    scan: &mut Scan,
) -> Result<usize, FlagError> {
    let mut rest = text.get(1..).unwrap_or_default();
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        let flag = table
            .lettered(letter)
            .ok_or_else(|| FlagError::UnknownLetter {
                letter,
                word: text.to_owned(),
            })?;
        let mut given = Given {
            name: flag.name,
            value: None,
            at,
            words: 1,
        };
        if let Some(value) = rest.strip_prefix('=') {
            given.value = Some(value.into());
            rest = "";
        } else if flag.takes_value && !rest.is_empty() {
            given.value = Some(rest.into());
            rest = "";
        } else if flag.takes_value {
            let value = words.get(at + 1).ok_or_else(|| FlagError::NoValue {
                flag: format!("'{letter}' in {text}"),
            })?;
            given.value = Some(value.clone());
            given.words = 2;
        }
        let count = given.words;
        scan.flags.push(given);
        if rest.is_empty() {
            return Ok(count);
        }
    }
    Ok(1)
}

impl Scan {
    /// The last value of a flag.
    pub fn value(&self, name: &str) -> Option<&OsStr> {
        self.last(name)?.value.as_deref()
    }

    /// Every value of a flag.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &OsStr> {
        self.flags
            .iter()
            .filter(move |given| given.name == name)
            .filter_map(|given| given.value.as_deref())
    }

    /// The state of a switch; `None` where it was not given.
    ///
    /// # Errors
    /// [`FlagError::NoBool`].
    pub fn switch(&self, name: &str) -> Result<Option<bool>, FlagError> {
        let Some(given) = self.last(name) else {
            return Ok(None);
        };
        let Some(value) = &given.value else {
            return Ok(Some(true));
        };
        let state = value.to_str().and_then(go_bool);
        state.map(Some).ok_or_else(|| FlagError::NoBool {
            name: given.name,
            value: value.to_string_lossy().into_owned(),
        })
    }

    fn last(&self, name: &str) -> Option<&Given> {
        self.flags.iter().rev().find(|given| given.name == name)
    }
}

/// Go's `strconv.ParseBool`.
pub fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}
