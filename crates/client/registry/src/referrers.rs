//! Writing what others write too: a referrer, and the tags that several clients rewrite without a lock.

use std::time::Duration;

use net::Bytes;
use oci::{Digest, IndexUnion, Manifest, Missing, RepositoryName, Tag};
use tokio::time::{Instant, sleep};

use crate::client::Registry;
use crate::error::Error;
use crate::lists::ReferrersSource;
use crate::manifests::ManifestName;
use crate::uploads::{BlobSource, UploadMode, is_collision};

/// Most writes of one tag before giving up on a quiet moment.
const WRITES_MAX: usize = 50;
/// Most answers of 500 taken for a collision.
const FAULTS_MAX: usize = 20;
/// How long a write is given at least to be overwritten.
const SETTLE_MIN: Duration = Duration::from_millis(40);
/// How much longer than its own exchanges took a writer waits for others, who may be slower.
const SETTLE_FACTOR: u32 = 4;
/// How many times more the tag must be found whole, after none, one and several writes or collisions.
const QUIET: [u32; 3] = [0, 0, 1];

/// What the registry did with a pushed referrer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushedReferrer {
    /// Digest of its manifest.
    pub digest: Digest,
    /// Where it is found from its subject.
    pub listed: ReferrersSource,
}

/// What [`Registry::update_tag`] is to do next.
#[derive(Clone, Debug)]
pub enum TagChange {
    /// The tag has everything it should have.
    Done,
    /// This is to be written.
    Write {
        /// The manifest.
        manifest: Box<Manifest>,
        /// Blobs of it that the repository may not have yet, such as a configuration that lists the layers.
        blobs: Vec<Bytes>,
    },
}

impl Registry {
    /// Pushes a manifest that has a subject, after its blobs, and sees to it that it is found from the subject: by the
    /// referrers API, or in the index under the tag `sha256-<hex>` where the registry has no such API (OCI distribution
    /// spec 1.1, "Pushing Manifests with Subject").
    ///
    /// # Errors
    /// Besides the registry's: that tag is an image other than the subject, which is not overwritten.
    ///
    /// # Panics
    /// Without a subject.
    pub async fn push_referrer(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
    ) -> Result<PushedReferrer, Error> {
        let subject = manifest.subject().expect("a referrer has a subject").digest;
        let pushed = self.push_manifest(repository, None, manifest).await?;
        let listed = |listed| PushedReferrer {
            digest: pushed.digest,
            listed,
        };
        // Some registries list it and do not say so.
        if pushed.subject_listed || self.has_referrers_api(repository, &subject).await? {
            return Ok(listed(ReferrersSource::Api));
        }
        let mut seen = IndexUnion::of(&manifest.referrer_entry());
        self.update_tag(repository, &subject.referrers_tag(), |current| {
            Ok(match current {
                // `cosign copy` leaves the image itself under this tag.
                Some(index) if index.digest() != subject => {
                    match seen.add(index).map_err(|fault| self.malformed(fault))? {
                        Missing::Nothing => TagChange::Done,
                        Missing::Some => self.index(&seen)?,
                    }
                }
                _ => self.index(&seen)?,
            })
        })
        .await?;
        Ok(listed(ReferrersSource::TagSchema))
    }

    /// Rewrites a tag that other clients rewrite at the same time, without losing what any of them wrote: `change` is
    /// called with what the tag is now until it has nothing to add.
    ///
    /// Registries have no conditional write, so the last of several writers wins and the others must notice. Whoever
    /// overwrites a write has read the tag before it, so does so within the time that one read and one write take;
    /// that is awaited, on the scale of our own exchanges, before the tag is looked at again. After a collision it
    /// must be found whole twice. `change` has to remember what it has seen (not only what it adds), because a writer
    /// that has finished does not look again.
    ///
    /// # Errors
    /// Those of `change` and of the registry; [`Error::Contended`] if others never pause.
    pub async fn update_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        mut change: impl FnMut(Option<&Manifest>) -> Result<TagChange, Error>,
    ) -> Result<(), Error> {
        let (mut writes, mut faults, mut quiet) = (0, 0, 0);
        let mut pause = SETTLE_MIN;
        loop {
            let started = Instant::now();
            match self.rewrite(repository, tag, &mut change).await {
                Ok(None) if quiet >= QUIET[(writes + faults).min(2)] => return Ok(()),
                Ok(None) => quiet += 1,
                Ok(Some(written)) => {
                    (writes, quiet) = (writes + 1, 0);
                    if writes == WRITES_MAX {
                        return Err(Error::Contended {
                            host: self.host().to_owned(),
                            tag: tag.clone(),
                            writes,
                        });
                    }
                    let settle = (started.elapsed() * SETTLE_FACTOR).max(SETTLE_MIN);
                    // Writers that go in step would collide for ever; what they write differs.
                    pause = settle + settle * u32::from(written.as_bytes()[0]) / 256;
                }
                Err(error) if is_race(&error) && faults < FAULTS_MAX => {
                    (faults, quiet) = (faults + 1, 0);
                }
                Err(error) => return Err(error),
            }
            sleep(pause).await;
        }
    }

    /// Reads the tag and writes it, unless there is nothing to change.
    async fn rewrite(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        change: &mut impl FnMut(Option<&Manifest>) -> Result<TagChange, Error>,
    ) -> Result<Option<Digest>, Error> {
        let current = self.tagged(repository, tag).await?;
        match change(current.as_ref())? {
            TagChange::Done => Ok(None),
            TagChange::Write { manifest, blobs } => {
                for blob in blobs {
                    self.push_blob(repository, BlobSource::Bytes(blob), UploadMode::Monolithic)
                        .await?;
                }
                self.push_manifest(repository, Some(tag), &manifest).await?;
                Ok(Some(manifest.digest()))
            }
        }
    }

    fn index(&self, union: &IndexUnion) -> Result<TagChange, Error> {
        let manifest = union.write().map_err(|fault| self.malformed(fault))?;
        Ok(TagChange::Write {
            manifest: Box::new(manifest),
            blobs: Vec::new(),
        })
    }

    async fn tagged(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Manifest>, Error> {
        match self
            .manifest(repository, &ManifestName::Tag(tag.clone()))
            .await
        {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// docker-registry 2.8 replaces a tag in two steps, and answers 500 to who reads or writes in between; writers who have
/// seen the same put the same manifest.
fn is_race(error: &Error) -> bool {
    matches!(error, Error::ServerError { status: 500, .. }) || is_collision(error)
}
