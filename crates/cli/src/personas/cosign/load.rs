//! `load`.

use super::flags::{REGISTRY, flags};
use super::registry::RegistryOptions;
use super::save::{DIR, folder};
use super::{Action, Context, copy, images};
use crate::cobra::{Arity, Command, Matches};
use crate::failure::Failure;

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Put an image that 'save' wrote, with everything that is attached to it, into a registry.\n\
           The name becomes this image's; signatures that the registry has already stay.",
    arity: Arity::Exactly(1),
    flags: flags!(&[DIR], REGISTRY),
    run: Some(run),
    ..Command::new(
        "load",
        "Put a saved image and its signatures into a registry",
    )
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let folder = folder(matches)?;
    let image = images::parse(matches.arg(0))?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let carried = ops.load(folder, &image, &|_, _| ())?;
    copy::report(process, &carried);
    Ok(())
}
