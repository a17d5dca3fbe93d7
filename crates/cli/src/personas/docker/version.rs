//! Which builder the real docker takes for `docker build`.

use std::process::Stdio;

use dockerfile::Builder;

use super::error::Error;
use super::flags::go_bool;
use super::real::RealDocker;
use crate::env;
use crate::process::Process;

/// The first major version whose `docker build` is buildx where that is installed.
const BUILDX_IS_DEFAULT: u32 = 23;

/// Asks the real docker as little as possible; the caller makes sure that it does what is said here.
pub(super) fn builder(process: &Process, real: &RealDocker) -> Result<Builder, Error> {
    let variable = process.var(env::DOCKER_BUILDKIT.name);
    match variable.map(go_bool) {
        Some(Some(true)) => return Ok(Builder::BuildKit),
        Some(Some(false)) => return Ok(Builder::Classic),
        _ => {}
    }
    let (_, said) = real.output(["--version"], Stdio::null())?;
    if major(&said).is_some_and(|major| major < BUILDX_IS_DEFAULT) {
        return Ok(Builder::Classic);
    }
    let (has_buildx, _) = real.output(["buildx", "version"], Stdio::null())?;
    Ok(if has_buildx {
        Builder::BuildKit
    } else {
        Builder::Classic
    })
}

/// From `Docker version 28.2.2, build e6534b4`.
fn major(said: &[u8]) -> Option<u32> {
    let said = std::str::from_utf8(said).ok()?;
    let version = said.strip_prefix("Docker version ")?;
    version.split('.').next()?.parse().ok()
}
