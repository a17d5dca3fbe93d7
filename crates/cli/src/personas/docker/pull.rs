//! `docker pull [-a] NAME[:TAG|@DIGEST]` with content trust: resolve, pull by digest, tag.

use std::io;

use oci::{Digest, Platform, Reference, Repository, Tag};

use super::command::Verb;
use super::error::{Error, Stage};
use super::flags::{FlagError, Scan};
use super::ops::{DockerOps, Refusal};
use super::{argument, platform, progress, reference};
use crate::failure::Failure;
use crate::process::Process;
use crate::session::Session;

pub(super) fn run(session: &Session<'_>, words: &[String], scan: &Scan) -> Result<(), Failure> {
    let name = argument(Verb::Pull, words, scan)?;
    let all = scan.switch("all-tags").map_err(flag)?.unwrap_or(false);
    let quiet = scan.switch("quiet").map_err(flag)?.unwrap_or(false);
    let platform = platform(session, scan)?;
    let image = reference(Verb::Pull, name)?;
    if all && !image.is_name_only() {
        return Err(Error::TagWithAll.into());
    }
    let mut pull = Pull {
        process: session.process,
        name,
        platform,
        quiet,
        stage: Stage::Nothing,
    };
    let mut docker = session
        .uses
        .docker(session)
        .map_err(|refusal| Error::refused(Verb::Pull, name, Stage::Nothing, refusal.into()))?;
    if let Some(digest) = image.digest() {
        return pull.by_digest(&mut *docker, &image, digest);
    }
    if all {
        return pull.all(&mut *docker, image.repository());
    }
    let image = if image.tag().is_none() {
        if !quiet {
            session.process.out("Using default tag: latest\n")?;
        }
        image.or_latest()
    } else {
        image
    };
    pull.one(&mut *docker, &image)
}

struct Pull<'a> {
    process: &'a Process,
    name: &'a str,
    platform: Option<Platform>,
    quiet: bool,
    stage: Stage,
}

impl Pull<'_> {
    /// Who names a digest has decided already what to trust.
    fn by_digest(
        &mut self,
        docker: &mut dyn DockerOps,
        image: &Reference,
        digest: &Digest,
    ) -> Result<(), Failure> {
        self.process.err(format_args!(
            "{} is named by its digest: no trust data is needed or asked for\n",
            image.familiar()
        ));
        self.fetch(docker, image.repository(), digest)?;
        self.process.out(format_args!("{image}\n"))?;
        Ok(())
    }

    fn one(&mut self, docker: &mut dyn DockerOps, image: &Reference) -> Result<(), Failure> {
        let repository = image.repository();
        let Some(tag) = image.tag() else {
            return Ok(());
        };
        let digest = docker
            .resolve(repository, tag)
            .map_err(|refusal| self.refused(refusal))?;
        self.signed(docker, repository, &[(tag.clone(), digest)])?;
        self.process.out(format_args!("{image}\n"))?;
        Ok(())
    }

    fn all(&mut self, docker: &mut dyn DockerOps, repository: &Repository) -> Result<(), Failure> {
        let tags = docker
            .resolve_all(repository)
            .map_err(|refusal| self.refused(refusal))?;
        if tags.is_empty() {
            let gun = repository.gun();
            return Err(self.refused(Refusal::NothingSigned { gun }));
        }
        self.signed(docker, repository, &tags)?;
        self.process.out(format_args!("{}\n", repository.gun()))?;
        Ok(())
    }

    fn signed(
        &mut self,
        docker: &mut dyn DockerOps,
        repository: &Repository,
        tags: &[(Tag, Digest)],
    ) -> Result<(), Failure> {
        let (name, count) = (repository.familiar(), tags.len());
        for (index, (tag, digest)) in tags.iter().enumerate() {
            self.process.out(format_args!(
                "Pull ({} of {count}): {name}:{tag}@{digest}\n",
                index + 1
            ))?;
            self.fetch(docker, repository, digest)?;
            self.process
                .err(format_args!("Tagging {name}@{digest} as {name}:{tag}\n"));
            docker
                .tag(repository, digest, tag)
                .map_err(|refusal| self.refused(refusal))?;
            self.stage = Stage::SomePulled;
        }
        Ok(())
    }

    fn fetch(
        &mut self,
        docker: &mut dyn DockerOps,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<(), Failure> {
        let mut written: io::Result<()> = Ok(());
        let (process, quiet) = (self.process, self.quiet);
        let mut report = |event: &engine::Event| {
            if let (Some(line), Ok(()), false) = (progress::line(event), &written, quiet) {
                written = process.out(line);
            }
        };
        docker
            .pull(repository, digest, self.platform.as_ref(), &mut report)
            .map_err(|refusal| self.refused(refusal))?;
        written?;
        Ok(())
    }

    fn refused(&self, refusal: Refusal) -> Failure {
        Error::refused(Verb::Pull, self.name, self.stage, refusal)
    }
}

fn flag(source: FlagError) -> Error {
    Error::Flag {
        verb: Verb::Pull,
        source,
    }
}
