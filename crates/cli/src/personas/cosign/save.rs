//! `save`.

use std::path::Path;

use super::error::Error;
use super::flags::{REGISTRY, flags};
use super::registry::RegistryOptions;
use super::{Action, Context, copy, given, images};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;

/// The folder on disk.
pub(super) const DIR: Flag =
    Flag::text("dir", "", "Folder of the image on disk").completing(Completes::Folder);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Save an image with everything that is attached to it, in every form, as an OCI image layout.\n\
           'verify --local-image' verifies it there without a registry; 'load' puts it into another one.",
    arity: Arity::Exactly(1),
    flags: flags!(&[DIR], REGISTRY),
    run: Some(run),
    ..Command::new("save", "Save an image and its signatures to a folder")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let folder = folder(matches)?;
    let image = images::parse(matches.arg(0))?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let carried = ops.save(&image, folder, &|_, _| ())?;
    copy::report(process, &carried);
    Ok(())
}

/// `--dir`.
///
/// # Errors
/// Not given.
pub(super) fn folder(matches: &Matches) -> Result<&Path, Error> {
    given(matches, &DIR).map(Path::new).ok_or(Error::Usage {
        problem: "required flag(s) \"dir\" not set".to_owned(),
    })
}
