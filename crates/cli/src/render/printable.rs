//! Text from a network on a terminal.

use std::borrow::Cow;

/// `text` with control characters spelled out, so that a name or a server's words cannot move the cursor, change
/// colours or fake a line of ours.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_dangerous(letter) {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

/// The same of a text of ours with texts of others in it: its own lines and tabs stay.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if !text
        .chars()
        .any(|letter| is_dangerous(letter) && !is_layout(letter))
    {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_dangerous(letter) && !is_layout(letter) {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

/// The same of JSON, which stays the same document: in texts, the letters that JSON allows as they are become escapes;
/// between them only blanks are possible.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if !json
        .chars()
        .any(|letter| is_dangerous(letter) && !is_layout(letter))
    {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '\r' => safe.push(' '),
            _ if is_dangerous(letter) && !is_layout(letter) => {
                safe.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => safe.push(letter),
        }
    }
    Cow::Owned(safe)
}

/// What our own texts are laid out with.
fn is_layout(letter: char) -> bool {
    matches!(letter, '\n' | '\t')
}

/// Control characters, and those that reverse the direction of writing.
fn is_dangerous(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dangerous_letters_change() {
        assert_eq!(printable("v1.0 größer"), "v1.0 größer");
        assert_eq!(
            printable("a\u{1b}[2J\nb\u{202e}c"),
            "a\\u{1b}[2J\\nb\\u{202e}c"
        );
    }

    #[test]
    fn lines_of_ours_stay() {
        assert_eq!(printable_lines("a:\n\tb\n"), "a:\n\tb\n");
        assert_eq!(
            printable_lines("a:\u{1b}[2J\n\tb\rc\n\nd\u{9b}"),
            "a:\\u{1b}[2J\n\tb\\rc\n\nd\\u{9b}"
        );
    }

    #[test]
    fn json_stays_the_same_document() {
        assert_eq!(printable_json("{\n\t\"a\": \"ü\"}"), "{\n\t\"a\": \"ü\"}");
        let json = "{\r\n\"a\":\"\u{9b}2J\u{7f}\u{202e}\\u001b\"}";
        let safe = printable_json(json);
        assert_eq!(safe, "{ \n\"a\":\"\\u009b2J\\u007f\\u202e\\u001b\"}");
        let read = |json| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(read(&safe), read(json));
    }
}
