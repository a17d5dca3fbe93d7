//! JSON as Go's encoder writes it with an indent of four blanks.

use serde::Serialize;
use serde_json::ser::PrettyFormatter;

/// Go's `json.MarshalIndent(value, "", "    ")`: also escapes `<`, `>`, `&`, U+2028 and U+2029 inside texts.
///
/// # Errors
/// When `value` cannot be JSON at all (a map with keys that are not texts).
pub fn indented(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    value.serialize(&mut serializer)?;
    // serde_json writes UTF-8 only, and hardly ever one of these letters: long lists are not copied for nothing.
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let rare = |byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2);
    Ok(if text.bytes().any(rare) {
        escape_for_html(&text)
    } else {
        text
    })
}

/// These letters occur in JSON only inside texts, so that they can be replaced afterwards.
fn escape_for_html(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_go_does() {
        assert_eq!(
            indented(&["<a&b>\u{2028}\n"]).unwrap(),
            "[\n    \"\\u003ca\\u0026b\\u003e\\u2028\\n\"\n]"
        );
        assert_eq!(indented(&Vec::<u8>::new()).unwrap(), "[]");
    }
}
