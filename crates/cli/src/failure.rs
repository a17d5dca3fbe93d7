//! How a command ends badly, and the one place where that becomes text and an exit code.

use std::io;

use thiserror::Error;

use crate::cobra::UsageError;
use crate::input::InputError;
use crate::personas::cosign::error::Error as CosignError;
use crate::personas::docker::error::Error as DockerError;
use crate::personas::docker_trust::error::Error as DockerTrustError;
use crate::personas::native::error::Error as NativeError;
use crate::personas::notary::error::Error as NotaryError;
use crate::process::Process;

/// Exit code of a process that writes to a closed pipe, as a shell reports it for docker (128 + SIGPIPE).
const BROKEN_PIPE: u8 = 141;
/// Exit code after a signal is this plus the signal's number.
const SIGNAL_BASE: u8 = 128;

/// A command that did not succeed.
#[derive(Debug, Error)]
pub enum Failure {
    /// Everything was already said on standard error.
    #[error("the command failed")]
    Said,
    /// The program that ran in our place ended with this exit code, and said what it had to.
    #[error("exit code {0}")]
    Ended(u8),
    /// `cosign` refuses.
    #[error(transparent)]
    Cosign(CosignError),
    /// A docker command refuses.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// `docker trust` refuses.
    #[error(transparent)]
    DockerTrust(DockerTrustError),
    /// A native command refuses.
    #[error(transparent)]
    Native(#[from] NativeError),
    /// `notary` refuses.
    #[error(transparent)]
    Notary(#[from] NotaryError),
    /// The command line does not fit.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// A prompt was not answered.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Standard output cannot be written.
    #[error("standard output cannot be written")]
    Output(#[from] io::Error),
}

impl From<CosignError> for Failure {
    fn from(error: CosignError) -> Self {
        match error {
            CosignError::Input(error) => Self::Input(error),
            error => Self::Cosign(error),
        }
    }
}

impl From<DockerTrustError> for Failure {
    fn from(error: DockerTrustError) -> Self {
        match error {
            DockerTrustError::Input(error) => Self::Input(error),
            error => Self::DockerTrust(error),
        }
    }
}

impl Failure {
    /// Says on standard error what is not said yet; the exit code.
    pub(crate) fn report(&self, process: &Process) -> u8 {
        match self {
            Self::Said => 1,
            Self::Ended(code) => *code,
            Self::Input(InputError::Interrupted { signal }) => SIGNAL_BASE.saturating_add(*signal),
            Self::Cosign(error) => {
                process.err(format_args!("Error: {}\n", error.text()));
                1
            }
            Self::Docker(error) => {
                process.err(format_args!("{}\n", error.text()));
                error.exit_code()
            }
            Self::DockerTrust(error) => {
                process.err(format_args!("{}\n", error.text()));
                1
            }
            Self::Native(error) => {
                process.err(format_args!("{}\n", error.text()));
                1
            }
            // Where notary's users look for it: on standard output.
            Self::Notary(error) => {
                let _unwritable = process.out(format_args!("\n* fatal: {}\n", error.text()));
                error.exit_code()
            }
            Self::Usage(error) => {
                process.err(format_args!("{error}\n"));
                error.exit_code()
            }
            Self::Input(InputError::Stream(source)) | Self::Output(source)
                if source.kind() == io::ErrorKind::BrokenPipe =>
            {
                BROKEN_PIPE
            }
            Self::Input(error) => {
                process.err(format_args!("{error}\n"));
                1
            }
            Self::Output(source) => {
                process.err(format_args!("write /dev/stdout: {source}\n"));
                1
            }
        }
    }
}
