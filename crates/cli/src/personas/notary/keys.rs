//! `key list`.

use std::time::Duration;

use keystore::{Error as KeyError, Listing, StoredKey, TrustDir};

use super::error::Error;
use super::settings::Settings;
use super::{Context, log};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::process::Process;
use crate::render::table::columns;

/// The widest GUN and location shown whole, in bytes.
const GUN_WIDTH: usize = 25;
const LOCATION_WIDTH: usize = 40;
/// How long to wait for another process that writes in the trust folder.
const LOCK_WAIT: Duration = Duration::from_secs(10);

pub(super) fn list(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    if !matches.args().is_empty() {
        return Err(context.misused(&["key", "list"], "")?);
    }
    let process = context.session.process;
    let settings = Settings::read(process, matches)?;
    let folder = TrustDir::new(process.resolve(&settings.trust_dir));
    let listing = read(process, &folder)?;
    for (path, reason) in &listing.unusable {
        log::error(process, format_args!("{}: {reason}", path.display()));
    }
    let location = settings.trust_dir.join("private").display().to_string();
    process.out(rows(listing.keys, &location))?;
    Ok(())
}

/// Everything in the folder. Keys in the oldest layout are moved first, as notary does whenever it opens a folder.
fn read(process: &Process, folder: &TrustDir) -> Result<Listing, Error> {
    let listing = folder.list().map_err(Error::Keys)?;
    if listing.legacy.is_empty() {
        return Ok(listing);
    }
    let migrated = folder
        .lock(LOCK_WAIT)
        .and_then(|lock| folder.migrate_legacy(&lock));
    match migrated {
        Ok(migration) => {
            for (path, reason) in &migration.left {
                log::error(process, format_args!("{}: {reason}", path.display()));
            }
        }
        Err(error @ (KeyError::ReadOnly { .. } | KeyError::Permission { .. })) => {
            log::error(
                process,
                format_args!("old key files stay where they are: {error}"),
            );
        }
        Err(error) => return Err(Error::Keys(error)),
    }
    folder.list().map_err(Error::Keys)
}

/// Root keys first, then by GUN, role and id; each id once.
fn rows(mut keys: Vec<StoredKey>, location: &str) -> String {
    keys.sort_by(|one, other| {
        let order = |key: &StoredKey| {
            (
                key.role != "root",
                key.gun.clone(),
                key.role.clone(),
                key.id,
            )
        };
        order(one)
            .cmp(&order(other))
            .then(other.in_place.cmp(&one.in_place))
    });
    keys.dedup_by_key(|key| key.id);
    if keys.is_empty() {
        return "\nNo signing keys found.\n\n".to_owned();
    }
    let heading = ["ROLE", "GUN", "KEY ID", "LOCATION"];
    let keys = keys.into_iter().map(|key| {
        [
            key.role,
            shortened(&key.gun.unwrap_or_default(), GUN_WIDTH),
            key.id.to_string(),
            shortened(location, LOCATION_WIDTH),
        ]
    });
    format!("\n{}\n", columns(heading, keys))
}

/// The end of `text`, at most `width` bytes with the leading dots.
fn shortened(text: &str, width: usize) -> String {
    if text.len() <= width {
        return text.to_owned();
    }
    let mut from = text.len() + 3 - width;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    format!("...{}", text.get(from..).unwrap_or_default())
}
