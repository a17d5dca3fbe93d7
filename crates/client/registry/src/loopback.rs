//! Which addresses are on this machine.

use std::net::IpAddr;

use net::Url;

/// True for `localhost`, `127.0.0.0/8` and `::1` as written; names are not resolved, whoever answers for them could
/// choose.
#[must_use]
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}
