//! `completion bash|fish|zsh`.

use super::{Context, NAME};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::personas::native::completion::{Shell, script};

pub(super) fn bash(context: &Context<'_>, _: &Matches) -> Result<(), Failure> {
    show(context, Shell::Bash)
}

pub(super) fn fish(context: &Context<'_>, _: &Matches) -> Result<(), Failure> {
    show(context, Shell::Fish)
}

pub(super) fn zsh(context: &Context<'_>, _: &Matches) -> Result<(), Failure> {
    show(context, Shell::Zsh)
}

fn show(context: &Context<'_>, shell: Shell) -> Result<(), Failure> {
    context.session.process.out(script(shell, NAME))?;
    Ok(())
}
