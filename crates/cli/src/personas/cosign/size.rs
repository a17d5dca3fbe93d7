//! `COSIGN_MAX_ATTACHMENT_SIZE`.

use super::error::Error;
use super::variables;
use crate::process::Process;

/// cosign's own.
const DEFAULT: u64 = 128 << 20;

/// The largest attachment to read, in bytes.
///
/// # Errors
/// A value that is no size.
pub(super) fn largest_attachment(process: &Process) -> Result<u64, Error> {
    let Some(text) = process.var(variables::MAX_ATTACHMENT_SIZE) else {
        return Ok(DEFAULT);
    };
    parse(text).ok_or_else(|| Error::Usage {
        problem: format!(
            "{} is {text:?}: write a size like 5120, 20K, 3M, 45MiB or 1GB",
            variables::MAX_ATTACHMENT_SIZE
        ),
    })
}

/// A whole number with a unit: decimal ones, and binary ones with an `i`.
fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let each: u64 = match unit.strip_suffix('b').unwrap_or(&unit) {
        "" => 1,
        "k" => 1000,
        "m" => 1000 * 1000,
        "g" => 1000 * 1000 * 1000,
        "ki" => 1 << 10,
        "mi" => 1 << 20,
        "gi" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("5120", 5120),
            ("20K", 20_000),
            ("3M", 3_000_000),
            ("45MiB", 45 << 20),
            ("1GB", 1_000_000_000),
            ("7 kib", 7 << 10),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in ["", "x", "-1", "1.5M", "3Q", "99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
