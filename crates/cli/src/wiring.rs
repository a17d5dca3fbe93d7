//! The real use cases behind the commands, and the real process.

use crate::dispatch::run;
use crate::failure::Failure;
use crate::personas::docker_trust::ops::{Refusal, TrustOps};
use crate::personas::native::error::Error;
use crate::personas::native::serve::ServeRequest;
use crate::process::Process;
use crate::session::{Session, UseCases};

/// Runs the program as it was called; its exit code.
pub fn main() -> u8 {
    run(&Process::real(), &Wiring)
}

struct Wiring;

impl UseCases for Wiring {
    fn trust<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn TrustOps + 's>, Refusal> {
        Err(Refusal::NotInThisBuild)
    }

    fn serve(&self, _: &Session<'_>, _: &ServeRequest) -> Result<(), Failure> {
        Err(Error::NotInThisBuild { what: "serve" }.into())
    }

    fn demo(&self, _: &Session<'_>) -> Result<(), Failure> {
        Err(Error::NotInThisBuild { what: "demo" }.into())
    }
}
