//! Whether content trust is on for a command line: `DOCKER_CONTENT_TRUST` and `--disable-content-trust`.

use super::command::CommandLine;
use super::flags::{FlagError, go_bool};
use super::tables::DISABLE;

/// What a command line and the environment say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Content trust is on.
    On,
    /// It is off; the flag stands there, and a docker that reads the variable must not find it.
    OffByFlag,
    /// It is off.
    Off,
}

/// Whether the value of `DOCKER_CONTENT_TRUST` turns content trust on: any text but Go's words for false does, an
/// empty one does not.
pub fn is_on(variable: Option<&str>) -> bool {
    variable.is_some_and(|text| !text.is_empty() && go_bool(text) != Some(false))
}

/// Decides. The flag goes before the variable; a command line that is not understood is on if either says so.
///
/// # Errors
/// [`FlagError`] for a command line that cannot be trusted to mean what it says.
pub fn decide(line: &CommandLine, variable: Option<&str>) -> Result<Switch, FlagError> {
    let by_variable = if is_on(variable) {
        Switch::On
    } else {
        Switch::Off
    };
    let scan = match &line.scan {
        Ok(scan) => scan,
        // docker may understand it; with content trust off that is nothing to us.
        Err(_) if by_variable == Switch::Off && !line.may_ask => return Ok(Switch::Off),
        Err(error) => return Err(error.clone()),
    };
    Ok(match scan.switch(DISABLE)? {
        Some(true) => Switch::OffByFlag,
        Some(false) => Switch::On,
        None => by_variable,
    })
}
