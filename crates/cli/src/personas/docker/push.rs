//! `docker push [-a] NAME[:TAG]` with content trust: rehearse, push, check, sign.

use std::io;

use oci::Reference;

use super::command::Verb;
use super::error::{Error, Stage};
use super::flags::Scan;
use super::ops::{PushEvent, PushRequest};
use super::{argument, progress, reference};
use crate::failure::Failure;
use crate::session::Session;

pub(super) fn run(session: &Session<'_>, words: &[String], scan: &Scan) -> Result<(), Failure> {
    let name = argument(Verb::Push, words, scan)?;
    if scan.value("platform").is_some() {
        let why = "the manifest that is signed must be the whole image; push it without, or sign the registry's with \
                   docker trust sign";
        return Err(Error::Unsupported {
            flag: "--platform",
            why,
        }
        .into());
    }
    let all = scan.switch("all-tags").map_err(flag)?.unwrap_or(false);
    let quiet = scan.switch("quiet").map_err(flag)?.unwrap_or(false);
    let image = reference(Verb::Push, name)?;
    if image.digest().is_some() {
        return Err(Error::PushDigest.into());
    }
    let image = match (all, image.tag()) {
        (true, Some(_)) => return Err(Error::TagWithAll.into()),
        (false, None) => {
            if !quiet {
                session.process.out("Using default tag: latest\n")?;
            }
            image.or_latest()
        }
        _ => image,
    };
    push(session, &image)
}

fn push(session: &Session<'_>, image: &Reference) -> Result<(), Failure> {
    let name = image.familiar();
    let gun = image.gun();
    let mut stage = Stage::Nothing;
    let mut written: io::Result<()> = Ok(());
    let mut report = |event: PushEvent<'_>| {
        let line = match event {
            PushEvent::Pushing => {
                stage = Stage::Pushing;
                None
            }
            PushEvent::Engine(event) => progress::line(event),
            PushEvent::Pushed => {
                stage = Stage::Pushed;
                Some("Signing and pushing trust metadata\n".to_owned())
            }
            PushEvent::Initialized => Some(format!("Finished initializing \"{gun}\"\n")),
            PushEvent::Signed(tag) => Some(format!("Successfully signed {gun}:{tag}\n")),
        };
        if let (Some(line), Ok(())) = (line, &written) {
            written = session.process.out(line);
        }
    };
    let request = PushRequest {
        repository: image.repository().clone(),
        tag: image.tag().cloned(),
    };
    let outcome = session
        .uses
        .docker(session)
        .map_err(Into::into)
        .and_then(|mut docker| docker.push(&request, &mut report));
    outcome.map_err(|refusal| Error::refused(Verb::Push, &name, stage, refusal))?;
    written?;
    Ok(())
}

fn flag(source: super::flags::FlagError) -> Error {
    Error::Flag {
        verb: Verb::Push,
        source,
    }
}
