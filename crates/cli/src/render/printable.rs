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
}
