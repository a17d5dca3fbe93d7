//! The flags of `trusted-root create` before cosign 3.1: lists that belong together by their order.

use jiff::Timestamp;
use sigstore::chain::{Authority, Window};
use sigstore::trust::{TransparencyLog, TrustedRoot};

use super::Context;
use super::error::Error;
use super::trusted_root::{CTFE, FULCIO, MakeAuthority, REKOR, TSA, add_log, read, unfit};
use crate::cobra::{Flag, Matches};

const CERTIFICATE_CHAIN: Flag = list("certificate-chain");
const CTFE_END: Flag = list("ctfe-end-time");
const CTFE_KEY: Flag = list("ctfe-key");
const CTFE_START: Flag = list("ctfe-start-time");
const CTFE_URL: Flag = list("ctfe-url");
const FULCIO_URI: Flag = list("fulcio-uri");
const REKOR_END: Flag = list("rekor-end-time");
const REKOR_KEY: Flag = list("rekor-key");
const REKOR_START: Flag = list("rekor-start-time");
const REKOR_URL: Flag = list("rekor-url");
const TIMESTAMP_CHAIN: Flag = list("timestamp-certificate-chain");
const TIMESTAMP_URI: Flag = list("timestamp-uri");

const fn list(name: &'static str) -> Flag {
    Flag::list(
        name,
        "As in cosign 2; see --fulcio, --rekor, --ctfe and --tsa",
    )
    .hidden()
}

pub(super) const FLAGS: &[Flag] = &[
    CERTIFICATE_CHAIN,
    CTFE_END,
    CTFE_KEY,
    CTFE_START,
    CTFE_URL,
    FULCIO_URI,
    REKOR_END,
    REKOR_KEY,
    REKOR_START,
    REKOR_URL,
    TIMESTAMP_CHAIN,
    TIMESTAMP_URI,
];

/// The flags of a kind of log: keys, addresses, beginnings and ends.
type LogFlags = [&'static Flag; 4];
const CTFE_FLAGS: LogFlags = [&CTFE_KEY, &CTFE_URL, &CTFE_START, &CTFE_END];
const REKOR_FLAGS: LogFlags = [&REKOR_KEY, &REKOR_URL, &REKOR_START, &REKOR_END];

/// The flags of a kind of authority: chains and addresses.
type AuthorityFlags = [&'static Flag; 2];
const FULCIO_FLAGS: AuthorityFlags = [&CERTIFICATE_CHAIN, &FULCIO_URI];
const TSA_FLAGS: AuthorityFlags = [&TIMESTAMP_CHAIN, &TIMESTAMP_URI];

/// Refuses both ways of naming one kind of service, and members of no service.
///
/// # Errors
/// See above.
pub(super) fn check(matches: &Matches) -> Result<(), Error> {
    let kinds: [(&'static Flag, &[&'static Flag]); 4] = [
        (&CTFE, &CTFE_FLAGS),
        (&FULCIO, &FULCIO_FLAGS),
        (&REKOR, &REKOR_FLAGS),
        (&TSA, &TSA_FLAGS),
    ];
    for (newer, older) in kinds {
        let used = older.iter().find(|flag| !matches.values(flag).is_empty());
        if let (Some(used), false) = (used, matches.values(newer).is_empty()) {
            return Err(Error::Conflict {
                drop: used.name,
                because: newer.name,
                why: "it is the older way to say the same",
            });
        }
        let (first, others) = older.split_first().expect("each kind has its flags");
        let services = matches.values(first).len();
        if let Some(other) = others
            .iter()
            .find(|flag| matches.values(flag).len() > services)
        {
            return Err(Error::Usage {
                problem: format!(
                    "more --{} than --{}: they belong together by their order",
                    other.name, first.name
                ),
            });
        }
    }
    Ok(())
}

/// Adds what the flags name.
///
/// # Errors
/// Files that cannot be read or used, times that are none.
pub(super) fn add(
    context: &Context<'_>,
    matches: &Matches,
    root: &mut TrustedRoot,
) -> Result<(), Error> {
    let authorities = |flags, make| authorities(context, matches, flags, make);
    root.certificate_authorities
        .extend(authorities(FULCIO_FLAGS, Authority::issuing)?);
    root.timestamp_authorities
        .extend(authorities(TSA_FLAGS, Authority::timestamping)?);
    for log in logs(context, matches, REKOR_FLAGS)? {
        add_log(&mut root.logs, log);
    }
    for log in logs(context, matches, CTFE_FLAGS)? {
        add_log(&mut root.ct_logs, log);
    }
    Ok(())
}

fn authorities(
    context: &Context<'_>,
    matches: &Matches,
    [chains, uris]: AuthorityFlags,
    make: MakeAuthority,
) -> Result<Vec<Authority>, Error> {
    let uris = matches.values(uris);
    let paths = matches.values(chains).iter().enumerate();
    paths
        .map(|(index, path)| {
            let uri = uris.get(index).cloned().unwrap_or_default();
            make(uri, &read(context, path)?, None, None).map_err(|source| unfit(path, source))
        })
        .collect()
}

/// A key may be `FILE,ORIGIN`, for logs of Rekor v2.
fn logs(
    context: &Context<'_>,
    matches: &Matches,
    [keys, urls, starts, ends]: LogFlags,
) -> Result<Vec<TransparencyLog>, Error> {
    let urls = matches.values(urls);
    let keys = matches.values(keys).iter().enumerate();
    keys.map(|(index, key)| {
        let (path, origin) = match key.split_once(',') {
            Some((path, origin)) => (path, Some(origin)),
            None => (key.as_str(), None),
        };
        let url = urls.get(index).cloned().unwrap_or_default();
        let start = time(matches, starts, index)?.unwrap_or(Timestamp::UNIX_EPOCH);
        let window = Window {
            start: Some(start),
            end: time(matches, ends, index)?,
        };
        TransparencyLog::of_pem(url, &read(context, path)?, origin, window)
            .map_err(|source| unfit(path, source))
    })
    .collect()
}

fn time(matches: &Matches, flag: &'static Flag, index: usize) -> Result<Option<Timestamp>, Error> {
    let text = matches.values(flag).get(index);
    text.filter(|text| !text.is_empty())
        .map(|text| {
            text.parse().map_err(|_| Error::Usage {
                problem: format!(
                    "--{} {text:?} is not a time such as 2024-01-31T00:00:00Z",
                    flag.name
                ),
            })
        })
        .transpose()
}
