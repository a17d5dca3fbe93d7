//! Expiry times: an instant, and the text that Go prints for it.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

/// Calendar months before expiry from which a role is "nearing expiry" (`notary:client/client.go:nearExpiry`).
pub const NEARING_EXPIRY_MONTHS: i64 = 6;

/// When a file stops being valid: compared as an instant, written in the form Go gives `time.Time`.
///
/// Go keeps the signer's UTC offset and up to nine fraction digits without trailing zeros; both are kept here, as
/// another text for the same instant would be another file.
#[derive(Clone)]
pub struct Expiry {
    at: Timestamp,
    text: Box<str>,
}

/// Text that is no time as Go reads it (RFC 3339, years 0 to 9999, capital `T` and `Z`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid time {text:?}")]
pub struct ExpiryError {
    /// The text.
    pub text: String,
}

impl Expiry {
    /// The expiry of something signed now: `at` in UTC.
    #[must_use]
    pub fn utc(at: Timestamp) -> Self {
        Self {
            at,
            text: go_text(at, Offset::UTC),
        }
    }

    /// Reads RFC 3339 as Go does; fraction digits beyond the ninth are dropped, as Go drops them.
    ///
    /// # Errors
    /// Any other text, or a date or time that does not exist.
    pub fn parse(text: &str) -> Result<Self, ExpiryError> {
        parse(text).ok_or_else(|| ExpiryError {
            text: text.to_owned(),
        })
    }

    /// The instant.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The text of metadata, in Go's form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the time has passed: no leeway, and the very instant still counts as valid.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.at < now
    }

    /// Whether less than six calendar months remain.
    #[must_use]
    pub fn is_near(&self, now: Timestamp) -> bool {
        let limit = now
            .to_zoned(TimeZone::UTC)
            .checked_add(Span::new().months(NEARING_EXPIRY_MONTHS));
        limit.map_or(true, |limit| self.at < limit.timestamp())
    }

    /// The time as messages show it, in UTC: `Wed Jan 1 00:00:00 UTC 2020` (Go's UnixDate without padding).
    #[must_use]
    pub fn unix_date(&self) -> String {
        self.at
            .to_zoned(TimeZone::UTC)
            .strftime("%a %b %-d %H:%M:%S UTC %Y")
            .to_string()
    }
}

impl PartialEq for Expiry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Expiry {}

impl PartialOrd for Expiry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Expiry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn parse(text: &str) -> Option<Expiry> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let shape = date_time.bytes().zip(b"0000-00-00T00:00:00".iter());
    if !shape.clone().all(|(c, s)| {
        if *s == b'0' {
            c.is_ascii_digit()
        } else {
            c == *s
        }
    }) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| date_time.get(range)?.parse::<i8>().ok();
    let date = Date::new(
        date_time.get(..4)?.parse().ok()?,
        number(5..7)?,
        number(8..10)?,
    )
    .ok()?;
    let (nanosecond, zone) = fraction(rest)?;
    let time = Time::new(
        number(11..13)?,
        number(14..16)?,
        number(17..19)?,
        nanosecond,
    )
    .ok()?;
    let offset = offset(zone)?;
    let at = offset.to_timestamp(DateTime::from_parts(date, time)).ok()?;
    Some(Expiry {
        at,
        text: go_text(at, offset),
    })
}

/// Splits `.123Z` into nanoseconds and the zone.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let Some(text) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = text.bytes().position(|b| !b.is_ascii_digit())?;
    let (digits, zone) = text
        .split_at_checked(end)
        .filter(|(digits, _)| !digits.is_empty())?;
    let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
    Some((nine.parse().ok()?, zone))
}

fn offset(zone: &str) -> Option<Offset> {
    if zone == "Z" {
        return Some(Offset::UTC);
    }
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    if hours.len() != 2
        || minutes.len() != 2
        || !(hours.bytes().chain(minutes.bytes())).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 24 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 60 + minutes) * 60).ok()
}

/// `2006-01-02T15:04:05.999999999Z07:00` of Go.
fn go_text(at: Timestamp, offset: Offset) -> Box<str> {
    let civil = offset.to_datetime(at);
    let mut text = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    if civil.subsec_nanosecond() != 0 {
        let fraction = format!(".{:09}", civil.subsec_nanosecond());
        text.push_str(fraction.trim_end_matches('0'));
    }
    let minutes = offset.seconds() / 60;
    if minutes == 0 {
        text.push('Z');
    } else {
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.abs();
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn go_form_is_kept_and_other_forms_become_it() {
        for exact in [
            "2029-11-19T22:10:40.359455945Z",
            "2029-11-19T17:10:42.786459398-05:00",
            "2029-11-19T00:00:00Z",
            "2029-11-19T00:00:00.5+05:30",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(Expiry::parse(exact).unwrap().as_str(), exact);
        }
        for (text, go) in [
            ("2029-11-19T00:00:00+00:00", "2029-11-19T00:00:00Z"),
            ("2029-11-19T00:00:00.10Z", "2029-11-19T00:00:00.1Z"),
            ("2029-11-19T00:00:00.000Z", "2029-11-19T00:00:00Z"),
            (
                "2029-11-19T00:00:00.1234567899Z",
                "2029-11-19T00:00:00.123456789Z",
            ),
        ] {
            assert_eq!(Expiry::parse(text).unwrap().as_str(), go);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for bad in [
            "",
            "2029-11-19",
            "2029-11-19t00:00:00Z",
            "2029-11-19T00:00:00z",
            "2029-02-30T00:00:00Z",
            "2029-11-19T24:00:00Z",
            "2029-11-19T00:00:60Z",
            "2029-11-19T00:00:00",
            "2029-11-19T00:00:00.Z",
            "2029-11-19T00:00:00,5Z",
            "2029-11-19T00:00:00+5:00",
            "2029-11-19T00:00:00+00:60",
            "+029-11-19T00:00:00Z",
            "2029-11-19T00:00:00é",
            "2029-11-19T00:00:00+25:00",
        ] {
            assert!(Expiry::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn expiry_has_no_leeway() {
        let expiry = Expiry::parse("2029-11-19T17:10:42-05:00").unwrap();
        assert!(!expiry.is_expired(at("2029-11-19T22:10:42Z")));
        assert!(expiry.is_expired(at("2029-11-19T22:10:42.000000001Z")));
        assert!(!expiry.is_near(at("2029-05-19T22:10:42Z")));
        assert!(expiry.is_near(at("2029-05-19T22:10:42.1Z")));
        assert_eq!(expiry, Expiry::utc(at("2029-11-19T22:10:42Z")));
    }

    #[test]
    fn messages_show_unix_dates() {
        assert_eq!(
            Expiry::utc(at("2020-01-01T00:00:00Z")).unix_date(),
            "Wed Jan 1 00:00:00 UTC 2020"
        );
    }
}
