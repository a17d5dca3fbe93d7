//! `--timeout`: durations as Go writes them.

use std::time::Duration;

use super::error::Error;

/// `1h2m3.5s`, `300ms`, `90s`; `0` is no limit, as there is no sense in none at all.
pub(super) fn parse(text: &str) -> Result<Option<Duration>, Error> {
    let invalid = || Error::Usage {
        problem: format!(
            "invalid argument {text:?} for \"-t, --timeout\" flag: write a duration like 90s, 3m0s or 1h"
        ),
    };
    if text == "0" {
        return Ok(None);
    }
    if text.is_empty() {
        return Err(invalid());
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .ok_or_else(invalid)?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let seconds_each = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(invalid()),
        };
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let part = Duration::try_from_secs_f64(number * seconds_each).map_err(|_| invalid())?;
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = after;
    }
    Ok(Some(total).filter(|total| !total.is_zero()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go() {
        for (text, milliseconds) in [
            ("3m0s", 180_000),
            ("1h2m3.5s", 3_723_500),
            ("300ms", 300),
            (".5s", 500),
        ] {
            assert_eq!(
                parse(text).expect(text),
                Some(Duration::from_millis(milliseconds))
            );
        }
        assert_eq!(parse("0").expect("no limit"), None);
        assert_eq!(parse("0s").expect("no limit"), None);
    }

    #[test]
    fn what_is_none() {
        for text in ["", "3", "3x", "m", "1..2s", "-3s", "999999999999999999999h"] {
            parse(text).expect_err(text);
        }
    }
}
