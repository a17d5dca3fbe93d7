//! `inspect IMAGE[:TAG]…` and the older `view IMAGE[:TAG]`.

use std::io;

use oci::Reference;

use super::PRETTY;
use super::error::{Context, Error};
use super::names::reference;
use super::ops::Refusal;
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
    for answer in look(session, names) {
        match answer {
            Ok(view) => views.push(view),
            Err(error) => refused.push(error),
        }
    }
    session
        .process
        .out(json(&views).map_err(io::Error::from)?)?;
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
    let answers = look(session, names);
    let last = answers.len().saturating_sub(1);
    for (index, answer) in answers.into_iter().enumerate() {
        session.process.out(pretty(&answer?))?;
        if index < last {
            session.process.out("\n\n")?;
        }
    }
    Ok(())
}

/// Asks for all images at once; one answer for each name, or one refusal when nothing can be asked at all.
fn look(session: &Session<'_>, names: &[String]) -> Vec<Result<TrustView, Error>> {
    let parsed: Vec<Result<Reference, Refusal>> =
        names.iter().map(|name| reference(name)).collect();
    let images: Vec<Reference> = parsed.iter().flatten().map(shown_part).collect();
    let answers = match session.uses.trust(session) {
        Ok(mut trust) => trust.inspect(&images),
        Err(refusal) => return vec![Err(error("", refusal))],
    };
    let mut answers = answers.into_iter();
    let mut views = Vec::with_capacity(names.len());
    for (name, parsed) in names.iter().zip(parsed) {
        let answer = match parsed {
            Err(refusal) => Err(refusal),
            // One answer for each image is the contract of `TrustOps::inspect`.
            Ok(_) => match answers.next() {
                Some(answer) => answer,
                None => break,
            },
        };
        views.push(
            answer
                .map(|trust| TrustView {
                    name: name.clone(),
                    trust,
                })
                .map_err(|refusal| error(name, refusal)),
        );
    }
    views
}

/// docker drops the tag of `name:tag@digest`, and then shows everything.
fn shown_part(image: &Reference) -> Reference {
    if image.digest().is_some() {
        image.name_only()
    } else {
        image.clone()
    }
}

fn error(name: &str, refusal: Refusal) -> Error {
    Error::refused(
        Context::Inspect {
            name: name.to_owned(),
        },
        refusal,
    )
}
