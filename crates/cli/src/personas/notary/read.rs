//! `list` and `lookup`.

use tuf::{Gun, Role};

use super::Context;
use super::error::Error;
use super::ops::Target;
use super::settings::Settings;
use super::table::LIST_ROLES;
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::render::printable::printable;
use crate::render::table::columns;

pub(super) fn list(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    if matches.args().is_empty() {
        return Err(context.misused(&["list"], "Must specify a GUN")?);
    }
    let session = context.session;
    let settings = Settings::read(session.process, matches)?;
    let gun = gun(matches.arg(0))?;
    let asked = matches.values(&LIST_ROLES);
    let asked: Vec<&str> = asked.iter().flat_map(|roles| roles.split(',')).collect();
    // A role that cannot exist has signed nothing.
    let roles: Vec<Role> = asked
        .iter()
        .filter_map(|role| Role::parse(role).ok())
        .collect();
    let mut targets = session
        .uses
        .notary(session.process, &settings)?
        .list(&gun, &roles)?;
    if !asked.is_empty() && roles.is_empty() {
        targets.clear();
    }
    session.process.out(table(targets))?;
    Ok(())
}

pub(super) fn lookup(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    if matches.args().len() < 2 {
        return Err(context.misused(&["lookup"], "Must specify a GUN and target")?);
    }
    let session = context.session;
    let settings = Settings::read(session.process, matches)?;
    let (gun, name) = (gun(matches.arg(0))?, matches.arg(1));
    let found = session
        .uses
        .notary(session.process, &settings)?
        .lookup(&gun, name)?;
    let target = found.ok_or_else(|| Error::NotSigned {
        name: name.to_owned(),
    })?;
    session.process.out(format_args!(
        "{} sha256:{} {}\n",
        printable(&target.name),
        target.sha256,
        target.length
    ))?;
    Ok(())
}

fn gun(text: &str) -> Result<Gun, Error> {
    Gun::parse(text).map_err(|source| Error::Gun {
        text: text.to_owned(),
        source,
    })
}

fn table(targets: Vec<Target>) -> String {
    if targets.is_empty() {
        return "\nNo targets present in this repository.\n\n".to_owned();
    }
    let heading = ["NAME", "DIGEST", "SIZE (BYTES)", "ROLE"];
    let rows = targets.into_iter().map(|target| {
        [
            target.name,
            target.sha256,
            target.length.to_string(),
            target.role,
        ]
    });
    columns(heading, rows)
}
