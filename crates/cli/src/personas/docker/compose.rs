//! `docker compose up|build|pull|run|create` and `docker buildx bake` with content trust: every image is signed and is
//! what the registry has, or nothing is started; then the real docker does it.
//!
//! What is in the files is told by the real docker (`compose config`, `bake --print`), which knows its variables,
//! profiles, includes and functions.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dockerfile::bake::{self, Language};
use dockerfile::{Build, FileError, Heredocs, ImageUse, Platform, compose};
use oci::Reference;

use super::build::{Images, Source, is_remote, plans};
use super::build_error::{BuildError, Unsigned};
use super::command::{CommandLine, Verb};
use super::error::{Error, Stage};
use super::flags::Scan;
use super::ops::{DockerOps, EngineBuilder, Moved, Refusal};
use super::real::RealDocker;
use crate::failure::Failure;
use crate::process::Process;
use crate::session::Session;

/// The commands of compose that use images.
const USES_IMAGES: [&str; 9] = [
    "build", "create", "pull", "restart", "run", "scale", "start", "up", "watch",
];

/// `docker compose …`.
pub(super) fn run_compose(
    session: &Session<'_>,
    words: &[OsString],
    line: &CommandLine,
    scan: &Scan,
) -> Result<(), Failure> {
    let real = RealDocker::find(session.process)?;
    let command = words
        .get(line.from + scan.end)
        .and_then(|word| word.to_str());
    if command.is_some_and(|command| USES_IMAGES.contains(&command)) {
        let leading = words.get(..line.from + scan.end).unwrap_or_default();
        let mut asked = leading.to_vec();
        asked.extend(["--profile", "*", "config", "--format", "json"].map(OsString::from));
        let told = tell(&real, asked, "docker compose config")?;
        let services = compose::services(&[&told], &BTreeMap::new())
            .map_err(|source| plan("docker compose config", source))?;
        let mut check = Check::new(session, line.verb)?;
        for service in services {
            let place = format!("service {}", service.name);
            if service.build.is_none()
                && let Some(image) = &service.image
            {
                check.image(&place, image);
            }
            for image in &service.volumes {
                check.image(&place, image);
            }
            if let Some(build) = &service.build {
                check.build(build)?;
                if let Some(image) = &service.image
                    && command != Some("build")
                {
                    check.named(&place, image);
                }
            }
        }
        check.finish()?;
    }
    Err(real.become_it(real.command(words)).into())
}

/// `docker buildx bake …`.
pub(super) fn run_bake(
    session: &Session<'_>,
    words: &[OsString],
    line: &CommandLine,
    scan: &Scan,
) -> Result<(), Failure> {
    let real = RealDocker::find(session.process)?;
    let mut names = Vec::new();
    for at in &scan.args {
        if let Some(word) = words.get(line.from + at) {
            let name = super::text(word)?;
            if is_remote(name) {
                let address = name.to_owned();
                let what = "bake file";
                return Err(Error::from(BuildError::Remote { what, address }).into());
            }
            names.push(name.to_owned());
        }
    }
    let mut asked = words.get(..line.from).unwrap_or_default().to_vec();
    asked.push("--print".into());
    asked.extend_from_slice(words.get(line.from..).unwrap_or_default());
    let told = tell(&real, asked, "docker buildx bake --print")?;
    let builds = bake::builds(&[(Language::Json, &told)], &names, &BTreeMap::new(), &[])
        .map_err(|source| plan("docker buildx bake --print", source))?;
    let mut check = Check::new(session, line.verb)?;
    for build in &builds {
        check.build(build)?;
    }
    check.finish()?;
    Err(real.become_it(real.command(words)).into())
}

/// What the real docker says is in the files.
fn tell(real: &RealDocker, words: Vec<OsString>, command: &'static str) -> Result<Vec<u8>, Error> {
    match real.output(words, Stdio::inherit())? {
        (true, told) => Ok(told),
        (false, _) => Err(BuildError::NoPlan { command }.into()),
    }
}

fn plan(command: &'static str, source: FileError) -> Error {
    Error::from(BuildError::Plan { command, source })
}

/// All images of all builds and services.
struct Check<'s> {
    process: &'s Process,
    docker: Box<dyn DockerOps + 's>,
    builder: EngineBuilder,
    images: Images,
    looked_at: BTreeSet<String>,
}

impl<'s> Check<'s> {
    fn new(session: &'s Session<'_>, verb: Verb) -> Result<Self, Failure> {
        let mut docker = session
            .uses
            .docker(session)
            .map_err(|refusal| Error::refused(verb, "", Stage::Nothing, refusal.into()))?;
        let builder = docker.builder().unwrap_or(EngineBuilder {
            platform: Platform {
                os: "linux".to_owned(),
                architecture: "amd64".to_owned(),
                variant: String::new(),
            },
            heredocs: Heredocs::Known,
        });
        Ok(Self {
            process: session.process,
            docker,
            builder,
            images: Images::new(),
            looked_at: BTreeSet::new(),
        })
    }

    fn image(&mut self, place: &str, image: &Reference) {
        self.images
            .check_reference(&mut *self.docker, place, image, 0, None);
        self.is_current(place, image, None);
    }

    /// The name that a built image gets. Compose looks for it in the registry before it builds, and takes what it finds.
    fn named(&mut self, place: &str, image: &Reference) {
        if self.docker.current(image).is_ok() {
            self.image(place, image);
        }
    }

    /// These tools name the tag again when they pull: it must stand for what is signed.
    fn is_current(&mut self, place: &str, image: &Reference, found: Option<&ImageUse>) {
        let Some(signed) = self.images.digest(image) else {
            return;
        };
        if !self.looked_at.insert(image.to_string()) {
            return;
        }
        let refusal = match self.docker.current(image) {
            Ok(current) if current == signed => return,
            Ok(current) => Refusal::Moved(Box::new(Moved { signed, current })),
            Err(refusal) => refusal,
        };
        self.images.refuse(Unsigned {
            place: place.to_owned(),
            line: found.map_or(0, |found| found.line),
            how: found.map(|found| found.how.clone()),
            image: image.clone(),
            refusal,
        });
    }

    fn build(&mut self, build: &Build) -> Result<(), Error> {
        let source = self.source(build)?;
        let options = build
            .options(&self.builder.platform)
            .ok_or_else(|| Error::Platform {
                found: build.platforms.join(","),
            })?;
        let (_, plans) = plans(&source, self.builder.heredocs, &options)?;
        for found in plans.iter().flat_map(|plan| &plan.uses) {
            self.images.check(&mut *self.docker, &source.shown, found);
            self.is_current(&source.shown, &found.reference, Some(found));
        }
        Ok(())
    }

    fn source(&self, build: &Build) -> Result<Source, Error> {
        if let Some(text) = &build.inline {
            return Ok(Source::inline(
                format!("Dockerfile of {}", build.name),
                text,
            ));
        }
        if is_remote(&build.context) {
            return Err(Error::from(BuildError::Remote {
                what: "build context",
                address: build.context.clone(),
            }));
        }
        if is_remote(&build.dockerfile) {
            return Err(Error::from(BuildError::Remote {
                what: "Dockerfile",
                address: build.dockerfile.clone(),
            }));
        }
        let path: PathBuf = Path::new(&build.context).join(&build.dockerfile);
        Source::file(self.process, &path)
    }

    fn finish(self) -> Result<(), Error> {
        self.images.finish().map(drop)
    }
}
