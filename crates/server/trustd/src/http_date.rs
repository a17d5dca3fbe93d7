use http::HeaderValue;
use jiff::{Timestamp, tz::TimeZone};

/// The date of `Last-Modified` (RFC 9110 5.6.7, IMF-fixdate), which Notary writes in a form of its own.
pub(crate) fn last_modified(at: Timestamp) -> HeaderValue {
    let utc = at.to_zoned(TimeZone::UTC);
    let text = utc.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::try_from(text).expect("the names of days and months are ASCII")
}

#[cfg(test)]
mod tests {
    use super::last_modified;

    #[test]
    fn dates_are_those_of_http() {
        let at = "1994-11-06T08:49:37.9Z".parse().unwrap();
        assert_eq!(last_modified(at), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
