//! `inspect IMAGE[:TAG]…` and the older `view IMAGE[:TAG]`.

use super::PRETTY;
use super::error::{Context, Error};
use super::names::reference;
use super::ops::{Refusal, TrustOps};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::render::inspect::{TrustView, json, pretty};
use crate::session::Session;

pub(super) fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    if matches.on(&PRETTY) {
        show_pretty(session, matches.args())
    } else {
        show_json(session, matches.args())
    }
}

pub(super) fn run_view(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    show_pretty(session, matches.args())
}

/// Shows what can be read; says what cannot.
fn show_json(session: &Session<'_>, names: &[String]) -> Result<(), Failure> {
    let mut views = Vec::new();
    let mut refused = Vec::new();
    match session.uses.trust(session) {
        Ok(mut trust) => {
            for name in names {
                match look(trust.as_mut(), name) {
                    Ok(view) => views.push(view),
                    Err(refusal) => refused.push(error(name, refusal)),
                }
            }
        }
        Err(refusal) => refused.push(error("", refusal)),
    }
    session
        .process
        .out(json(&views).map_err(std::io::Error::from)?)?;
    for error in &refused {
        session.process.err(format_args!("{}\n", error.text()));
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

/// Stops at the first that cannot be read, as docker does.
fn show_pretty(session: &Session<'_>, names: &[String]) -> Result<(), Failure> {
    let mut trust = session
        .uses
        .trust(session)
        .map_err(|refusal| error("", refusal))?;
    for (index, name) in names.iter().enumerate() {
        let view = look(trust.as_mut(), name).map_err(|refusal| error(name, refusal))?;
        session.process.out(pretty(&view))?;
        if index + 1 < names.len() {
            session.process.out("\n\n")?;
        }
    }
    Ok(())
}

fn look(trust: &mut dyn TrustOps, name: &str) -> Result<TrustView, Refusal> {
    let image = reference(name)?;
    let mut known = trust.inspect(image.repository())?;
    // docker drops the tag of `name:tag@digest`, and then the digest too.
    if let (Some(tag), None) = (image.tag(), image.digest()) {
        known.tags.retain(|signed| signed.tag == tag.as_str());
    }
    Ok(TrustView {
        name: name.to_owned(),
        trust: known,
    })
}

fn error(name: &str, refusal: Refusal) -> Error {
    Error::refused(
        Context::Inspect {
            name: name.to_owned(),
        },
        refusal,
    )
}
