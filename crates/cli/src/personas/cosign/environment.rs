//! `env`.

use std::fmt::Write as _;

use super::flags::flags;
use super::variables::{ALL, Variable};
use super::{Action, Context};
use crate::cobra::{Command, Flag, Matches};
use crate::failure::Failure;

const DESCRIPTIONS: Flag =
    Flag::switch("show-descriptions", "Say what each variable is for").on_by_default();
const SENSITIVE: Flag = Flag::switch("show-sensitive-values", "Show the values of secrets too");

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS]",
    long: "Print the environment variables that change what cosign does, with their values",
    flags: flags!(&[DESCRIPTIONS, SENSITIVE]),
    run: Some(run),
    ..Command::new("env", "Print the environment variables")
};

const MASK: &str = "******";

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let (described, sensitive) = (matches.on(&DESCRIPTIONS), matches.on(&SENSITIVE));
    let mut text = String::new();
    for Variable {
        name,
        meaning,
        expects,
        secret,
    } in ALL
    {
        let value = process.raw_var(name).unwrap_or_default();
        let value = if *secret && !value.is_empty() && !sensitive {
            MASK
        } else {
            value
        };
        let _infallible = if described {
            write!(
                text,
                "# {name} {meaning}\n# Expects: {expects}\n{name}={value}\n"
            )
        } else {
            writeln!(text, "{name}={value}")
        };
    }
    let others: Vec<(&str, &str)> = ["COSIGN_", "SIGSTORE_", "TUF_"]
        .into_iter()
        .flat_map(|prefix| process.vars_starting_with(prefix))
        .filter(|(name, _)| ALL.iter().all(|variable| variable.name != *name))
        .collect();
    if !others.is_empty() && described {
        text.push_str(
            "# Other variables that may change what is done; COSIGN_<FLAG> stands for a flag, as COSIGN_YES for --yes:\n",
        );
    }
    for (name, value) in others {
        let value = if sensitive { value } else { MASK };
        let _infallible = writeln!(text, "{name}={value}");
    }
    Ok(process.out(text)?)
}
