//! What a running command has at hand.

use std::path::PathBuf;
use std::time::Duration;

use crate::cobra::Matches;
use crate::failure::Failure;
use crate::personas::cosign::error::Error as CosignError;
use crate::personas::cosign::ops::CosignOps;
use crate::personas::cosign::registry::RegistryOptions;
use crate::personas::cosign::trust_ops::SigstoreTrust;
use crate::personas::docker::ops::DockerOps;
use crate::personas::docker_trust::ops::{Refusal, TrustOps};
use crate::personas::native::doctor::DoctorOps;
use crate::personas::native::image_ops::ImageOps;
use crate::personas::native::serve::ServeRequest;
use crate::personas::notary::error::Error as NotaryError;
use crate::personas::notary::ops::NotaryOps;
use crate::personas::notary::settings::Settings;
use crate::process::Process;

/// What the tables hold for each command.
pub type Run = fn(&Session<'_>, &Matches) -> Result<(), Failure>;

/// One run of the program.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// Arguments, environment, streams, time.
    pub process: &'a Process,
    /// The use cases behind the commands.
    pub uses: &'a dyn UseCases,
    /// Options given before the command's name.
    pub globals: &'a Globals,
}

/// Options that docker passes before a plugin's name; empty outside docker.
#[derive(Clone, Debug, Default)]
pub struct Globals {
    /// `--config`: the folder of `config.json` and `trust/`.
    pub config: Option<PathBuf>,
    /// `-D`: explain on standard error what is being done.
    pub debug: bool,
    /// `-H`, one for each time it was given.
    pub hosts: Vec<String>,
    /// `-c`: the Docker context.
    pub context: Option<String>,
    /// `--tls…`: how to speak to the engine.
    pub tls: DockerTls,
}

/// docker's own TLS options for its engine; what is not given is `None`.
#[derive(Clone, Debug, Default)]
pub struct DockerTls {
    /// `--tls`.
    pub on: Option<bool>,
    /// `--tlsverify`.
    pub verify: Option<bool>,
    /// `--tlscacert`.
    pub ca: Option<PathBuf>,
    /// `--tlscert`.
    pub certificate: Option<PathBuf>,
    /// `--tlskey`.
    pub key: Option<PathBuf>,
}

/// The use cases that live in other crates, made only when a command needs one: `--help` starts no runtime and reads
/// no certificate.
pub trait UseCases {
    /// Content trust for the user of this session.
    ///
    /// # Errors
    /// When the configuration makes it impossible, before anything is contacted.
    fn trust<'s>(&'s self, session: &'s Session<'_>) -> Result<Box<dyn TrustOps + 's>, Refusal>;

    /// The engine, registries and trust servers for docker's own commands.
    ///
    /// # Errors
    /// When the configuration makes it impossible, before anything is contacted.
    fn docker<'s>(&'s self, session: &'s Session<'_>) -> Result<Box<dyn DockerOps + 's>, Refusal>;

    /// Images in registries, for cosign's commands; `timeout` bounds each use case.
    ///
    /// # Errors
    /// When the configuration makes it impossible, before anything is contacted.
    fn cosign<'s>(
        &'s self,
        session: &'s Session<'_>,
        options: &RegistryOptions,
        timeout: Option<Duration>,
    ) -> Result<Box<dyn CosignOps + 's>, CosignError>;

    /// Images in both systems of signatures, for `verify` and `sign`.
    ///
    /// # Errors
    /// When the configuration makes it impossible, before anything is contacted.
    fn images<'s>(
        &'s self,
        session: &'s Session<'_>,
        options: &RegistryOptions,
    ) -> Result<Box<dyn ImageOps + 's>, CosignError>;

    /// Collections on the server of these settings.
    ///
    /// # Errors
    /// When the settings make it impossible, before anything is contacted.
    fn notary<'s>(
        &'s self,
        process: &'s Process,
        settings: &Settings,
    ) -> Result<Box<dyn NotaryOps + 's>, NotaryError>;

    /// Trusted roots, as the environment of this session names them; contacts nobody yet.
    ///
    /// # Errors
    /// When the environment names something that cannot be.
    fn sigstore_trust<'s>(
        &'s self,
        session: &'s Session<'_>,
    ) -> Result<Box<dyn SigstoreTrust + 's>, CosignError>;

    /// What `doctor` cannot see by itself; contacts nobody yet.
    ///
    /// # Errors
    /// As [`UseCases::trust`].
    fn doctor<'s>(&'s self, session: &'s Session<'_>) -> Result<Box<dyn DoctorOps + 's>, Refusal>;

    /// Runs the services until they are told to stop.
    ///
    /// # Errors
    /// When they cannot start or end badly.
    fn serve(&self, session: &Session<'_>, request: &ServeRequest) -> Result<(), Failure>;

    /// Runs the guided tour.
    ///
    /// # Errors
    /// When an expectation did not hold.
    fn demo(&self, session: &Session<'_>) -> Result<(), Failure>;
}
