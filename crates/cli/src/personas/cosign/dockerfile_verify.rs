//! `dockerfile verify`.

use super::flags::{REGISTRY, VERIFICATION, flags};
use super::{Action, Context, file_images, verify};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;

const BASE_IMAGE_ONLY: Flag = Flag::switch(
    "base-image-only",
    "Verify only the image that the last stage starts from",
);

/// `dockerfile`.
pub(super) const COMMAND: Command<Action> = Command {
    usage: "COMMAND",
    long: "Verify the images that a Dockerfile uses",
    commands: &[VERIFY],
    ..Command::new("dockerfile", "Verify the images that a Dockerfile uses")
};

const VERIFY: Command<Action> = Command {
    usage: "[OPTIONS] DOCKERFILE",
    long: "Verify the signatures of every image that a Dockerfile names: in FROM, COPY --from and RUN --mount, in \
           every stage, as a build reads them.\n\
           Variables that the file gives no value are taken from the environment. If an image cannot be told, nothing \
           is verified. Exit codes are those of 'verify', of the first image that is not verified.",
    arity: Arity::Exactly(1),
    flags: flags!(&[BASE_IMAGE_ONLY], verify::OWN, VERIFICATION, REGISTRY),
    completes: Completes::File,
    run: Some(run),
    ..Command::new("verify", "Verify the images that a Dockerfile uses")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let base_only = matches.on(&BASE_IMAGE_ONLY);
    let found = file_images::of_dockerfile(process, matches.arg(0), base_only)?;
    file_images::verify(context, matches, &found)
}
