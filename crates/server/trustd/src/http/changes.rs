use std::sync::Arc;

use axum::{body::Body, response::Response};
use chassis::Action;
use serde::Serialize;
use tuf::Gun;

use super::json;
use crate::{Change, ChangeWindow, Refused, TrustServer, TrustStore};

/// Changes in an answer if the client names no number, and at most (`notary:const.go:DefaultPageSize`; Notary has no
/// upper bound).
const DEFAULT: u32 = 100;
const LIMIT: u32 = 10_000;

#[derive(Serialize)]
struct Answer {
    count: usize,
    records: Vec<Record>,
}

/// `notary:server/storage/interface.go:Change`, in Go's order.
#[derive(Serialize)]
#[allow(non_snake_case, reason = "the names of the protocol")]
struct Record {
    ID: String,
    CreatedAt: String,
    GUN: String,
    Version: u64,
    SHA256: String,
    Category: &'static str,
}

/// Changes of a GUN or of all: `?records=<number>&change_id=<id>`.
pub(super) async fn read<S: TrustStore>(
    server: &Arc<TrustServer<S>>,
    gun: Option<&Gun>,
    query: Option<&str>,
) -> Result<Response, Refused> {
    let action = if gun.is_some() {
        Action::Pull
    } else {
        Action::Catalog
    };
    server.check(action, gun)?;
    let window = window(query.unwrap_or_default())?;
    let changes = server.store.changes(gun, window).await;
    let changes = changes.map_err(Refused::Storage)?;
    let answer = Answer {
        count: changes.len(),
        records: changes.into_iter().map(record).collect(),
    };
    let text = serde_json::to_string(&answer).expect("strings and numbers serialise");
    Ok(json(Body::from(text)))
}

fn window(query: &str) -> Result<ChangeWindow, Refused> {
    let invalid = |reason: String| Refused::ParametersInvalid { reason };
    let records = parameter(query, "records");
    let records: i64 = integer(records).map_err(|why| {
        let text = format!("strconv.ParseInt: parsing \"{records}\": {why}");
        invalid(format!("invalid records parameter: {text}"))
    })?;
    let id = parameter(query, "change_id");
    let id: i64 = match id {
        "" => 0,
        id => integer(id).map_err(|_| {
            invalid(format!(
                "change ID expected to be integer, provided ID was: {id}"
            ))
        })?,
    };
    let limit = match u32::try_from(records.unsigned_abs()).unwrap_or(LIMIT) {
        0 => DEFAULT,
        number => number.min(LIMIT),
    };
    // A negative number means backwards, a negative id from the newest.
    Ok(if records < 0 || id < 0 {
        let id = (id > 0).then_some(id);
        ChangeWindow::Before { id, limit }
    } else {
        ChangeWindow::After { id, limit }
    })
}

/// The first value of a parameter, empty if there is none. Numbers need no unescaping.
fn parameter<'a>(query: &'a str, name: &str) -> &'a str {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value)
}

/// As Go reads a number, with Go's reason why not.
fn integer(text: &str) -> Result<i64, &'static str> {
    text.parse()
        .map_err(|error: std::num::ParseIntError| match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                "value out of range"
            }
            _ => "invalid syntax",
        })
}

fn record(change: Change) -> Record {
    let (version, sha256) = change.update.unzip();
    Record {
        ID: change.id.to_string(),
        CreatedAt: change.created.to_string(),
        GUN: change.gun,
        Version: version.unwrap_or(0),
        SHA256: sha256.map(|sha256| sha256.to_string()).unwrap_or_default(),
        Category: if version.is_some() {
            "update"
        } else {
            "deletion"
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangeWindow, Refused, window};

    #[test]
    fn the_query_says_where_and_how_far() {
        let after = |id, limit| ChangeWindow::After { id, limit };
        let before = |id, limit| ChangeWindow::Before { id, limit };
        for (query, expected) in [
            ("records=5", after(0, 5)),
            ("records=0&change_id=", after(0, 100)),
            ("change_id=7&records=2", after(7, 2)),
            ("records=-2&change_id=7", before(Some(7), 2)),
            ("records=-2", before(None, 2)),
            ("records=2&change_id=-1", before(None, 2)),
            ("records=1000000", after(0, 10_000)),
            ("records=-9223372036854775808", before(None, 10_000)),
        ] {
            assert_eq!(window(query).unwrap(), expected, "{query}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_in_go_s_words() {
        for (query, expected) in [
            (
                "",
                "invalid records parameter: strconv.ParseInt: parsing \"\": invalid syntax",
            ),
            (
                "records=x",
                "invalid records parameter: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                "records=9223372036854775808",
                "invalid records parameter: strconv.ParseInt: parsing \"9223372036854775808\": value out of range",
            ),
            (
                "records=1&change_id=a",
                "change ID expected to be integer, provided ID was: a",
            ),
        ] {
            let Err(Refused::ParametersInvalid { reason }) = window(query) else {
                panic!("{query}");
            };
            assert_eq!(reason, expected);
        }
    }
}
