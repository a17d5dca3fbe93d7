//! `version` and `--version`.

use super::Context;
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::process::Process;

/// The notary whose commands these are, and what they really are.
const VERSION: &str = concat!("0.7.0 (countersign ", env!("CARGO_PKG_VERSION"), ")");

pub(super) fn show(context: &Context<'_>, _: &Matches) -> Result<(), Failure> {
    context.session.process.out(format_args!(
        "notary\n Version:    {VERSION}\n Git commit: none\n Go version: none\n"
    ))?;
    Ok(())
}

/// One line.
pub(super) fn line(process: &Process) -> Result<(), Failure> {
    process.out(format_args!(
        "notary Version: {VERSION}, Git commit: none, Go version: none\n"
    ))?;
    Ok(())
}
