//! `version`.

use crate::cobra::{Command, Matches};
use crate::failure::Failure;
use crate::process::Process;
use crate::session::{Run, Session};

pub(super) const TABLE: Command<Run> = Command {
    run: Some(run),
    ..Command::new("version", "Show the version")
};

fn run(session: &Session<'_>, _: &Matches) -> Result<(), Failure> {
    show(session.process)
}

/// One line.
pub(crate) fn show(process: &Process) -> Result<(), Failure> {
    process.out(concat!("countersign ", env!("CARGO_PKG_VERSION"), "\n"))?;
    Ok(())
}
