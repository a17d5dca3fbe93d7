//! `docker create` and `docker run` with content trust: the image is pinned to what is signed, then docker does the
//! rest.

use std::ffi::OsString;

use oci::{Digest, Platform, Reference, Repository};

use super::command::{CommandLine, Verb, edited};
use super::error::{Error, Stage};
use super::flags::Scan;
use super::ops::{DockerOps, Refusal};
use super::real::RealDocker;
use super::tables::DISABLE;
use super::{platform, progress, reference, text};
use crate::failure::Failure;
use crate::process::Process;
use crate::session::Session;

/// `--pull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Always,
    Missing,
    Never,
}

pub(super) fn run(
    session: &Session<'_>,
    words: &[OsString],
    line: &CommandLine,
    scan: &Scan,
) -> Result<(), Failure> {
    let verb = line.verb;
    let Some(&at) = scan.args.first() else {
        let problem = "at least 1 argument";
        return Err(Error::Arguments { verb, problem }.into());
    };
    let at = line.from + at;
    let name = match words.get(at) {
        Some(word) => text(word)?,
        None => "",
    };
    let mut dropped = vec![DISABLE];
    let mut pinned = None;
    if !is_image_id(name) {
        let image = reference(verb, name)?;
        if image.digest().is_none() {
            let policy = policy(verb, scan)?;
            let pin = Pin {
                process: session.process,
                verb,
                typed: name,
                quiet: scan.switch("quiet") == Ok(Some(true)),
                platform: platform(session, scan)?,
            };
            let mut docker = session
                .uses
                .docker(session)
                .map_err(|refusal| pin.refused(refusal.into()))?;
            pinned = Some(pin.pin(&mut *docker, &image.or_latest(), policy)?);
            if policy == Policy::Always {
                // It was pulled just now; the engine is not to ask the registry again.
                dropped.push("pull");
            }
        }
    }
    let mut words = words.to_vec();
    if let (Some(pinned), Some(word)) = (pinned, words.get_mut(at)) {
        *word = pinned.into();
    }
    let words = edited(&words, line, scan, &dropped, Vec::new());
    let real = RealDocker::find(session.process)?;
    Err(real.become_it(real.command(words)).into())
}

/// A container to be made from one image.
struct Pin<'a> {
    process: &'a Process,
    verb: Verb,
    typed: &'a str,
    quiet: bool,
    platform: Option<Platform>,
}

impl Pin<'_> {
    /// The image by the digest that it is signed for, in the engine as `policy` says.
    fn pin(
        &self,
        docker: &mut dyn DockerOps,
        image: &Reference,
        policy: Policy,
    ) -> Result<String, Failure> {
        let repository = image.repository();
        let Some(tag) = image.tag() else {
            return Ok(image.familiar());
        };
        let digest = docker
            .resolve(repository, tag)
            .map_err(|refusal| self.refused(refusal))?;
        let pinned = Reference::new(repository.clone(), None, Some(digest)).familiar();
        let pull = match policy {
            Policy::Always => true,
            Policy::Never => false,
            Policy::Missing => {
                let has = docker.has(repository, &digest);
                let missing = !has.map_err(|refusal| self.refused(refusal))?;
                if missing {
                    self.process.err(format_args!(
                        "Unable to find image '{}' locally\n",
                        image.familiar()
                    ));
                }
                missing
            }
        };
        if pull {
            self.pull(docker, repository, &digest)?;
            self.process
                .err(format_args!("Tagging {pinned} as {}\n", image.familiar()));
            docker
                .tag(repository, &digest, tag)
                .map_err(|refusal| self.refused(refusal))?;
        }
        Ok(pinned)
    }

    fn pull(
        &self,
        docker: &mut dyn DockerOps,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<(), Failure> {
        let mut report = |event: &engine::Event| {
            if let (Some(line), false) = (progress::line(event), self.quiet) {
                self.process.err(line);
            }
        };
        docker
            .pull(repository, digest, self.platform.as_ref(), &mut report)
            .map_err(|refusal| self.refused(refusal))
    }

    fn refused(&self, refusal: Refusal) -> Failure {
        Error::refused(self.verb, self.typed, Stage::Nothing, refusal)
    }
}

fn policy(verb: Verb, scan: &Scan) -> Result<Policy, Error> {
    let Some(value) = scan.value("pull") else {
        return Ok(Policy::Missing);
    };
    match value.to_str() {
        Some("always") => Ok(Policy::Always),
        Some("" | "missing") => Ok(Policy::Missing),
        Some("never") => Ok(Policy::Never),
        _ => Err(Error::PullPolicy {
            verb,
            found: value.to_string_lossy().into_owned(),
        }),
    }
}

/// A full image id names one image for ever; docker never looked it up.
fn is_image_id(name: &str) -> bool {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    hex.len() == 64
        && hex
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
