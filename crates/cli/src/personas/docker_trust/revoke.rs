//! `revoke IMAGE[:TAG] [-y]`.

use oci::Reference;

use super::YES;
use super::error::{Context, Error};
use super::names::reference;
use super::ops::{Refusal, Revoke};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::prompt;
use crate::session::Session;

struct Request<'m> {
    name: &'m str,
    image: Reference,
    what: Revoke,
    confirmed: bool,
}

pub(super) fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let request = resolve(matches)?;
    let Request {
        name,
        image,
        what,
        confirmed,
    } = &request;
    if *what == Revoke::All && !confirmed {
        let question = format!("Confirm you would like to delete all signature data for {name}?");
        if !prompt::agrees(session.process, &question)? {
            session.process.out("\n")?;
            return Err(Error::Cancelled.into());
        }
    }
    let refused = |refusal| {
        Error::refused(
            Context::Revoke {
                name: (*name).to_owned(),
            },
            refusal,
        )
    };
    session
        .uses
        .trust(session)
        .and_then(|mut trust| trust.revoke(image.repository(), what))
        .map_err(refused)?;
    session
        .process
        .out(format_args!("Successfully deleted signature for {name}\n"))?;
    Ok(())
}

fn resolve(matches: &Matches) -> Result<Request<'_>, Error> {
    let name = matches.arg(0);
    let refused = |refusal: Refusal| {
        Error::refused(
            Context::Revoke {
                name: name.to_owned(),
            },
            refusal,
        )
    };
    let image = reference(name).map_err(refused)?;
    if image.digest().is_some() {
        return Err(Error::DigestReference);
    }
    let what = image
        .tag()
        .map_or(Revoke::All, |tag| Revoke::Tag(tag.clone()));
    Ok(Request {
        name,
        image,
        what,
        confirmed: matches.on(&YES),
    })
}
