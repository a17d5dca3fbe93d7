//! `signer remove [-f] NAME REPOSITORY…`.

use super::FORCE;
use super::error::{Context, Error};
use super::names::reference;
use super::ops::RemoveSigner;
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::input::InputError;
use crate::prompt;
use crate::session::Session;

pub(super) fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = session.process;
    let name = matches.arg(0);
    let repositories = matches.args().get(1..).unwrap_or_default();
    let mut failed = Vec::new();
    for repository in repositories {
        process.out(format_args!(
            "Removing signer \"{name}\" from {repository}...\n"
        ))?;
        match remove(session, name, repository, matches.on(&FORCE)) {
            Ok(()) => {
                process.out(format_args!(
                    "Successfully removed {name} from {repository}\n\n"
                ))?;
            }
            Err(error @ Error::Input(_)) => return Err(error.into()),
            Err(error) => {
                process.err(format_args!("{}\n\n", error.text()));
                failed.push(repository.as_str());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    process.err(format_args!(
        "error removing signer from: {}\n",
        failed.join(", ")
    ));
    Err(Failure::Said)
}

fn remove(session: &Session<'_>, name: &str, typed: &str, force: bool) -> Result<(), Error> {
    if name == "releases" {
        return Err(Error::ReservedSigner { removing: true });
    }
    let refused = |refusal| {
        Error::refused(
            Context::SignerRemove {
                name: typed.to_owned(),
            },
            refusal,
        )
    };
    let image = reference(typed).map_err(refused)?;
    let request = RemoveSigner {
        repository: image.repository().clone(),
        name: name.to_owned(),
        force,
    };
    let mut may_break = || {
        let question = format!(
            "The signer \"{name}\" signed the last released version of {typed}. Removing this signer will make {typed} \
             unpullable. Are you sure you want to continue?"
        );
        let agreed = prompt::agrees(session.process, &question)?;
        if !agreed {
            session.process.out("\n").map_err(InputError::Stream)?;
        }
        Ok(agreed)
    };
    session
        .uses
        .trust(session)
        .and_then(|mut trust| trust.remove_signer(&request, &mut may_break))
        .map_err(refused)
}
