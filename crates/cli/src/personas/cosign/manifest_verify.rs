//! `manifest verify`.

use super::flags::{REGISTRY, VERIFICATION, flags};
use super::{Action, Context, file_images, verify};
use crate::cobra::{Arity, Command, Completes, Matches};
use crate::failure::Failure;

/// `manifest`.
pub(super) const COMMAND: Command<Action> = Command {
    usage: "COMMAND",
    long: "Verify the images that a manifest for Kubernetes runs",
    commands: &[VERIFY],
    ..Command::new(
        "manifest",
        "Verify the images that a manifest for Kubernetes runs",
    )
};

const VERIFY: Command<Action> = Command {
    usage: "[OPTIONS] MANIFEST",
    long: "Verify the signatures of every image that pods of a .yaml or .yml file run or mount, wherever the pods are: \
           in templates, lists and resources of any kind.\n\
           If an image cannot be told, nothing is verified. Exit codes are those of 'verify', of the first image that \
           is not verified.",
    arity: Arity::Exactly(1),
    flags: flags!(verify::OWN, VERIFICATION, REGISTRY),
    completes: Completes::File,
    run: Some(run),
    ..Command::new("verify", "Verify the images that a manifest runs")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let found = file_images::of_manifest(process, matches.arg(0))?;
    file_images::verify(context, matches, &found)
}
