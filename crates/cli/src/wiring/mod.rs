//! The real use cases behind the commands, and the real process.

mod cosign;
mod docker;
mod doctor;
mod images;
mod notary;
mod refusals;
mod runtime;
mod sigstore_trust;
mod trust;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chassis::SystemClock;
use tokio::signal::unix::{SignalKind, signal};

use crate::demo;
use crate::dispatch::run;
use crate::failure::Failure;
use crate::personas::cosign::error::Error as CosignError;
use crate::personas::cosign::ops::CosignOps;
use crate::personas::cosign::registry::RegistryOptions;
use crate::personas::cosign::trust_ops::SigstoreTrust;
use crate::personas::docker::ops::DockerOps;
use crate::personas::docker_trust::ops::{Refusal, TrustOps};
use crate::personas::native::doctor::DoctorOps;
use crate::personas::native::error::Error;
use crate::personas::native::image_ops::ImageOps;
use crate::personas::native::serve::{ServeRequest, greeting};
use crate::personas::notary::error::Error as NotaryError;
use crate::personas::notary::ops::NotaryOps;
use crate::personas::notary::settings::Settings;
use crate::process::Process;
use crate::services::{self, DataFolder, Services};
use crate::session::{Session, UseCases};

/// Runs the program as it was called; its exit code.
pub fn main() -> u8 {
    run(&Process::real(), &Wiring)
}

/// A runtime for services, on as many threads as there are cores.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })
}

fn serve(process: &Process, request: &ServeRequest) -> Result<(), Failure> {
    let names: Vec<_> = request
        .names
        .iter()
        .map(|name| services::subject_name(name))
        .collect();
    let folder =
        DataFolder::open(&request.data, &names, process.now()).map_err(Error::DataFolder)?;
    let is_new = folder.is_new();
    runtime()?.block_on(async {
        let services = Services::open(folder, Arc::new(SystemClock))
            .await
            .map_err(Error::Services)?;
        let listener = services
            .listen(&request.listen)
            .await
            .map_err(Error::Services)?;
        let stop = told_to_stop().map_err(|source| Error::Runtime { source })?;
        process.out(greeting(services.folder(), listener.addresses(), is_new))?;
        services.run(listener, stop).await;
        Ok(())
    })
}

/// Ends with the first SIGTERM or SIGINT.
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

struct Wiring;

impl UseCases for Wiring {
    fn trust<'s>(&'s self, session: &'s Session<'_>) -> Result<Box<dyn TrustOps + 's>, Refusal> {
        Ok(Box::new(trust::Client::new(session)?))
    }

    fn cosign<'s>(
        &'s self,
        session: &'s Session<'_>,
        options: &RegistryOptions,
        timeout: Option<Duration>,
    ) -> Result<Box<dyn CosignOps + 's>, CosignError> {
        Ok(Box::new(cosign::Client::new(session, options, timeout)?))
    }

    fn images<'s>(
        &'s self,
        session: &'s Session<'_>,
        options: &RegistryOptions,
    ) -> Result<Box<dyn ImageOps + 's>, CosignError> {
        Ok(Box::new(images::Client::new(session, options)?))
    }

    fn docker<'s>(&'s self, session: &'s Session<'_>) -> Result<Box<dyn DockerOps + 's>, Refusal> {
        Ok(Box::new(trust::Client::new(session)?))
    }

    fn sigstore_trust<'s>(
        &'s self,
        session: &'s Session<'_>,
    ) -> Result<Box<dyn SigstoreTrust + 's>, CosignError> {
        Ok(Box::new(sigstore_trust::Repositories::new(
            session.process,
        )?))
    }

    fn doctor<'s>(&'s self, session: &'s Session<'_>) -> Result<Box<dyn DoctorOps + 's>, Refusal> {
        Ok(Box::new(trust::Client::new(session)?))
    }

    fn notary<'s>(
        &'s self,
        process: &'s Process,
        settings: &Settings,
    ) -> Result<Box<dyn NotaryOps + 's>, NotaryError> {
        Ok(Box::new(notary::Client::new(process, settings)?))
    }

    fn serve(&self, session: &Session<'_>, request: &ServeRequest) -> Result<(), Failure> {
        serve(session.process, request)
    }

    fn demo(&self, session: &Session<'_>) -> Result<(), Failure> {
        runtime()?.block_on(demo::run(session.process))
    }
}
