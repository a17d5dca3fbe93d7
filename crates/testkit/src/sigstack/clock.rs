//! The services live in the real time: the real clients compare with theirs.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Seconds since 1970.
pub(super) fn seconds() -> i64 {
    i64::try_from(milliseconds() / 1000).expect("the year is below 292 billion")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the real clients compare with the real time"
)]
pub(super) fn milliseconds() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    u64::try_from(now.as_millis()).expect("the year is below 584 million")
}

/// As JSON has it: `2026-01-01T00:00:00Z`.
pub(super) fn rfc3339(seconds: i64) -> String {
    timestamp(seconds).to_string()
}

/// UTCTime and GeneralizedTime in DER; certificates take the former until 2049.
pub(super) fn utc_time(seconds: i64) -> Vec<u8> {
    let text = timestamp(seconds).strftime("%y%m%d%H%M%SZ").to_string();
    super::der::tlv(0x17, text.as_bytes())
}

pub(super) fn generalized_time(seconds: i64) -> Vec<u8> {
    let text = timestamp(seconds).strftime("%Y%m%d%H%M%SZ").to_string();
    super::der::tlv(0x18, text.as_bytes())
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("it is a time near now")
}
