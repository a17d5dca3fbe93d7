//! `public-key`.

use std::path::Path;

use super::error::Error;
use super::flags::{KEY, SECURITY_KEY, SLOT, flags};
use super::{Action, Context, files, keys};
use crate::cobra::{Command, Completes, Flag, Matches};
use crate::failure::Failure;

const OUT_FILE: Flag =
    Flag::text("outfile", "", "Write the public key to this file").completing(Completes::File);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS]",
    long: "Print the public key of a private key",
    flags: flags!(&[KEY, OUT_FILE, SECURITY_KEY, SLOT]),
    run: Some(run),
    ..Command::new("public-key", "Print the public key of a private key")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    keys::refuse_security_key(matches)?;
    let Some(reference) = matches.given(&KEY).filter(|key| !key.is_empty()) else {
        return Err(Error::Required {
            flag: KEY.name,
            why: "the private key whose public key to print",
        }
        .into());
    };
    let public = match keys::place(reference)? {
        keys::Place::Readable => keys::private(context, reference)?.verifying_key(),
        keys::Place::Service(service) => keys::services(context)?.service_key(&service)?,
    };
    let public = public.to_pem();
    match matches.given(&OUT_FILE).filter(|path| !path.is_empty()) {
        None => process.out(public)?,
        Some(path) => {
            files::write(process, Path::new(path), public.as_bytes())?;
            process.err(format_args!("Public key written to {path}\n"));
        }
    }
    Ok(())
}
