//! `sign IMAGE:TAG… [--local | --digest DIGEST]`.

use std::collections::BTreeMap;
use std::io;

use oci::{Digest, Repository, Tag};

use super::error::{Context, Error};
use super::names::reference;
use super::ops::{Refusal, SignEvent, SignRequest, SignSource};
use super::{DIGEST, LOCAL};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::progress;
use crate::render::natural;
use crate::session::Session;

/// The images of one repository, with the names the user typed.
struct Batch {
    request: SignRequest,
    names: BTreeMap<Tag, String>,
}

pub(super) fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let source = source(matches)?;
    let batches = resolve(matches.args(), source)?;
    let mut failed = false;
    for batch in &batches {
        match sign(session, batch) {
            Err(Failure::DockerTrust(error @ Error::Refused { .. })) if batches.len() > 1 => {
                session.process.err(format_args!("{}\n", error.text()));
                failed = true;
            }
            other => other?,
        }
    }
    if failed { Err(Failure::Said) } else { Ok(()) }
}

/// What to sign; a digest is for one image.
fn source(matches: &Matches) -> Result<SignSource, Error> {
    let wrong = |problem: String| Error::DigestFlag { problem };
    let local = matches.on(&LOCAL);
    // Only our own table has this flag.
    match matches.given(&DIGEST) {
        None if local => Ok(SignSource::Local),
        None => Ok(SignSource::Usual),
        Some(_) if local => Err(wrong(
            "not together with --local: the one signs what the registry has, the other what the engine has".to_owned(),
        )),
        Some(_) if matches.args().len() > 1 => Err(wrong("one image at a time".to_owned())),
        Some(text) => match Digest::parse(text) {
            Ok(digest @ Digest::Sha256(_)) => Ok(SignSource::Digest(digest)),
            Ok(_) => Err(wrong(format!("content trust signs sha256 only, found {text}"))),
            Err(error) => Err(wrong(format!("expected sha256: and 64 hexadecimal digits, found {text:?}: {error}"))),
        },
    }
}

/// One batch for each repository, in the order of its first image.
fn resolve(names: &[String], source: SignSource) -> Result<Vec<Batch>, Error> {
    let mut batches: Vec<Batch> = Vec::new();
    for name in names {
        let refused = |refusal| Error::refused(Context::Sign { name: name.clone() }, refusal);
        let image = reference(name).map_err(refused)?;
        if image.digest().is_some() {
            return Err(Error::DigestReference);
        }
        let Some(tag) = image.tag() else {
            return Err(Error::NoTag {
                name: image.familiar(),
            });
        };
        let batch = match batches
            .iter()
            .position(|batch| &batch.request.repository == image.repository())
        {
            Some(index) => batches.get_mut(index),
            None => {
                batches.push(Batch::new(image.repository(), source));
                batches.last_mut()
            }
        };
        if let Some(batch) = batch
            && batch.names.insert(tag.clone(), name.clone()).is_none()
        {
            batch.request.tags.push(tag.clone());
        }
    }
    Ok(batches)
}

impl Batch {
    fn new(repository: &Repository, source: SignSource) -> Self {
        Self {
            request: SignRequest {
                repository: repository.clone(),
                tags: Vec::new(),
                source,
            },
            names: BTreeMap::new(),
        }
    }

    /// The name of the batch in messages: the image, or the repository where there are several.
    fn name(&self) -> String {
        match self.names.values().next() {
            Some(name) if self.names.len() == 1 => name.clone(),
            _ => self.request.repository.gun(),
        }
    }

    fn name_of(&self, tag: &Tag) -> String {
        self.names
            .get(tag)
            .cloned()
            .unwrap_or_else(|| format!("{}:{tag}", self.request.repository.gun()))
    }
}

fn sign(session: &Session<'_>, batch: &Batch) -> Result<(), Failure> {
    let refused = |refusal: Refusal| Error::refused(Context::Sign { name: batch.name() }, refusal);
    let steps = u64::try_from(batch.request.tags.len()).unwrap_or(u64::MAX);
    let bar = progress::bar(session.process, steps, "Reading tags");
    let mut written = Ok(());
    {
        let mut trust = session.uses.trust(session).map_err(refused)?;
        let mut report = |event: SignEvent| {
            if let SignEvent::Local { tag } = &event {
                let name = batch.name_of(tag);
                bar.suspend(|| {
                    session.process.err(format_args!(
                        "Signing and pushing trust data for local image {name}, may overwrite remote trust data\n"
                    ));
                });
                return;
            }
            let line = describe(batch, &event);
            let show = || session.process.out(line);
            written = bar.suspend(|| std::mem::replace(&mut written, Ok(())).and_then(|()| show()));
            if matches!(
                event,
                SignEvent::Existing { .. } | SignEvent::Resolved { .. } | SignEvent::Pushed { .. }
            ) {
                bar.inc(1);
            }
        };
        let outcome = trust.sign(&batch.request, &mut report);
        bar.finish_and_clear();
        outcome.map_err(refused)?;
    }
    written?;
    announce(session, batch)?;
    Ok(())
}

fn announce(session: &Session<'_>, batch: &Batch) -> io::Result<()> {
    let mut lines = String::new();
    for tag in &batch.request.tags {
        lines.push_str(&format!("Successfully signed {}\n", batch.name_of(tag)));
    }
    session.process.out(lines)
}

fn describe(batch: &Batch, event: &SignEvent) -> String {
    match event {
        SignEvent::SignerCreated { name } => format!("Created signer: {name}\n"),
        SignEvent::Initialized => {
            format!(
                "Finished initializing signed repository for {}\n",
                batch.name()
            )
        }
        SignEvent::Local { .. } => String::new(),
        SignEvent::Pushing { line } => line.clone(),
        SignEvent::Pushed { .. } => "Signing and pushing trust metadata\n".to_owned(),
        // docker prints this line while it pushes; scripts take the digest from it.
        SignEvent::Resolved { tag, digest, size } => {
            format!("{tag}: digest: {digest} size: {size}\nSigning and pushing trust metadata\n")
        }
        SignEvent::Existing {
            tag,
            digest,
            signers,
        } => {
            let mut signers = signers.clone();
            signers.sort_by(|a, b| natural::compare(a, b));
            let name = batch.name_of(tag);
            let by = if signers.is_empty() {
                "Repo Admin".to_owned()
            } else {
                signers.join(", ")
            };
            format!(
                "Signing and pushing trust metadata for {name}\nExisting signatures for tag {tag} digest {} from:\n\
                 {by}\n",
                digest.hex()
            )
        }
    }
}
