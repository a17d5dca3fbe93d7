//! Signed notes (C2SP signed-note): a text, an empty line, and one line per signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most bytes of a note.
pub const NOTE_LIMIT: usize = 256 * 1024;

/// Most signature lines of a note; the specification asks for at least 16.
pub const SIGNATURES_LIMIT: usize = 64;

/// Most bytes of a key name.
pub const KEY_NAME_LIMIT: usize = 1024;

const DASH: &str = "\u{2014} ";

/// Why text is no signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not UTF-8, or an ASCII control character other than newline.
    #[error("the note holds bytes that no note may hold")]
    Characters,
    /// A key name that is empty, holds a space or a plus sign, or is longer than [`KEY_NAME_LIMIT`].
    #[error("malformed key name {name:?}")]
    KeyName {
        /// The name, cut to a few characters.
        name: String,
    },
    /// No signature line, or no empty line before the first.
    #[error("the note has no signatures")]
    NoSignatures,
    /// A line after the empty line is no signature line.
    #[error("signature line {line} is malformed")]
    SignatureLine {
        /// Its number among the signature lines, from 0.
        line: usize,
    },
    /// The text is empty or does not end in a newline.
    #[error("the text of the note is not made of lines")]
    Text,
    /// More than [`NOTE_LIMIT`] bytes.
    #[error("note of {found} bytes, at most {NOTE_LIMIT}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// More than [`SIGNATURES_LIMIT`] signature lines.
    #[error("note with more than {SIGNATURES_LIMIT} signatures")]
    TooManySignatures,
}

/// The name of a key: no spaces, no plus sign; by convention a URL without a scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`NoteError::KeyName`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let fits = !text.is_empty()
            && text.len() <= KEY_NAME_LIMIT
            && !text
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || c == '+');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoteError::KeyName {
                name: text.chars().take(80).collect(),
            })
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The four bytes in front of a signature that, with the name, tell its key. A hint, not an identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// One signature line. Nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Whose key.
    pub name: KeyName,
    /// Which of the name's keys.
    pub id: KeyId,
    /// The signature; its form is the key's affair.
    pub bytes: Vec<u8>,
}

/// A note whose signatures are not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Puts a note together from a text that ends in a newline and its signatures.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        check_text(&text)?;
        check_number(signatures.len())?;
        if let Some(line) = signatures
            .iter()
            .position(|signature| signature.bytes.is_empty())
        {
            return Err(NoteError::SignatureLine { line });
        }
        let note = Self { text, signatures };
        check_size(note.to_string().len())?;
        Ok(note)
    }

    /// Reads a note.
    ///
    /// # Errors
    /// Every way of not being one.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        check_size(bytes.len())?;
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Characters)?;
        if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(NoteError::Characters);
        }
        // The text may hold empty lines: the last one separates.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let text = format!("{text}\n");
        check_text(&text)?;
        let lines: Vec<&str> = lines.split('\n').take(SIGNATURES_LIMIT + 1).collect();
        check_number(lines.len())?;
        let signatures = lines
            .iter()
            .enumerate()
            .map(|(number, line)| parse_line(line, number))
            .collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }

    /// The text that is signed, with its last newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

/// The note as it is sent.
impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        for NoteSignature { name, id, bytes } in &self.signatures {
            let bytes = STANDARD.encode([id.0.as_slice(), bytes].concat());
            writeln!(f, "{DASH}{name} {bytes}")?;
        }
        Ok(())
    }
}

fn parse_line(line: &str, number: usize) -> Result<NoteSignature, NoteError> {
    let malformed = || NoteError::SignatureLine { line: number };
    let (name, signature) = line
        .strip_prefix(DASH)
        .and_then(|rest| rest.split_once(' '))
        .ok_or_else(malformed)?;
    let name = KeyName::parse(name)?;
    let signature = STANDARD.decode(signature).map_err(|_| malformed())?;
    match signature.split_first_chunk::<4>() {
        Some((id, bytes)) if !bytes.is_empty() => Ok(NoteSignature {
            name,
            id: KeyId(*id),
            bytes: bytes.to_vec(),
        }),
        _ => Err(malformed()),
    }
}

fn check_size(found: usize) -> Result<(), NoteError> {
    if found > NOTE_LIMIT {
        return Err(NoteError::TooLarge { found });
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() < 2 || !text.ends_with('\n') {
        return Err(NoteError::Text);
    }
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(NoteError::Characters);
    }
    Ok(())
}

fn check_number(signatures: usize) -> Result<(), NoteError> {
    match signatures {
        0 => Err(NoteError::NoSignatures),
        1..=SIGNATURES_LIMIT => Ok(()),
        _ => Err(NoteError::TooManySignatures),
    }
}
