//! `completion bash|fish|zsh`.

use super::error::Error;
use super::flags::flags;
use super::{Action, Context, NAME};
use crate::cobra::{Arity, Command, Completes, Matches};
use crate::failure::Failure;
use crate::personas::native::completion::{Shell, script};

pub(super) const COMMAND: Command<Action> = Command {
    usage: "bash|fish|zsh",
    long: "Print the completion script for a shell, for example:\n\n  source <(cosign completion bash)",
    arity: Arity::Exactly(1),
    completes: Completes::Words(&["bash", "fish", "zsh"]),
    flags: flags!(),
    run: Some(run),
    ..Command::new("completion", "Print the completion script for a shell")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let shell = match matches.arg(0) {
        "bash" => Shell::Bash,
        "fish" => Shell::Fish,
        "zsh" => Shell::Zsh,
        other => {
            return Err(Error::Usage {
                problem: format!(
                    "invalid argument {other:?} for \"cosign completion\": bash, fish or zsh"
                ),
            }
            .into());
        }
    };
    context.session.process.out(script(shell, NAME))?;
    Ok(())
}
