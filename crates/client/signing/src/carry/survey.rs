//! Everything that belongs to an image, before any of it is carried.

use std::collections::{HashSet, VecDeque};

use futures_util::{StreamExt as _, stream};
use oci::{Content, Digest, Manifest, Tag};

use super::{AttachedKind, CarryError, Fate, Item, Selection, What};
use crate::place::{Place, TagKind};

/// Most manifests carried in one go.
const MANIFESTS: usize = 10_000;

/// What belongs to an image.
pub(super) struct Survey {
    /// The image.
    pub(super) image: Manifest,
    /// What an index lists, those that are listed first first, each after all that it lists itself.
    pub(super) platforms: Vec<Manifest>,
    /// What is attached to any of these or to each other, each after what it is attached to.
    pub(super) attached: Vec<Attached>,
    /// What a list names and is not there: the list's subject, and the digest.
    pub(super) missing: Vec<(Digest, Digest)>,
}

/// Something attached.
pub(crate) struct Attached {
    pub(crate) subject: Digest,
    pub(crate) tag: Option<TagKind>,
    pub(crate) kind: AttachedKind,
    pub(crate) label: Option<String>,
    pub(crate) manifest: Manifest,
}

struct Surveyor<'a> {
    place: &'a Place,
    tags: Selection,
    referrers: Selection,
    workers: usize,
    seen: HashSet<Digest>,
}

/// What is attached to one manifest.
#[derive(Default)]
pub(crate) struct Around {
    pub(crate) attached: Vec<Attached>,
    /// As in [`Survey::missing`].
    pub(crate) missing: Vec<(Digest, Digest)>,
}

/// Finds everything.
pub(super) async fn survey(
    place: &Place,
    image: Manifest,
    what: Selection,
    workers: usize,
) -> Result<Survey, CarryError> {
    let mut surveyor = Surveyor::new(place, what, what, workers);
    surveyor.is_new(image.digest())?;
    let platforms = surveyor.platforms(&image).await?;
    let mut survey = Survey {
        image,
        platforms,
        attached: Vec::new(),
        missing: Vec::new(),
    };
    let mut subjects: VecDeque<Digest> = [survey.image.digest()]
        .into_iter()
        .chain(survey.platforms.iter().map(Manifest::digest))
        .collect();
    while let Some(subject) = subjects.pop_front() {
        let around = surveyor.attached(&subject).await?;
        let new = around.attached.iter();
        subjects.extend(new.map(|attached| attached.manifest.digest()));
        survey.attached.extend(around.attached);
        survey.missing.extend(around.missing);
    }
    Ok(survey)
}

/// Finds what is attached to one manifest, and nothing beyond.
pub(crate) async fn around(
    place: &Place,
    subject: &Digest,
    tags: Selection,
    referrers: Selection,
    workers: usize,
) -> Result<Around, CarryError> {
    Surveyor::new(place, tags, referrers, workers)
        .attached(subject)
        .await
}

impl<'a> Surveyor<'a> {
    fn new(place: &'a Place, tags: Selection, referrers: Selection, workers: usize) -> Self {
        Self {
            place,
            tags,
            referrers,
            workers,
            seen: HashSet::new(),
        }
    }

    async fn platforms(&mut self, image: &Manifest) -> Result<Vec<Manifest>, CarryError> {
        let mut found: Vec<Manifest> = Vec::new();
        let mut indexes = VecDeque::from([image.clone()]);
        while let Some(index) = indexes.pop_front() {
            let Content::Index { manifests } = index.content() else {
                continue;
            };
            for entry in manifests {
                if self.is_new(entry.digest)? {
                    let manifest = self.place.manifest(&entry.digest).await?;
                    indexes.push_back(manifest.clone());
                    found.push(manifest);
                }
            }
        }
        // An index was found before what it lists.
        found.reverse();
        Ok(found)
    }

    async fn attached(&mut self, subject: &Digest) -> Result<Around, CarryError> {
        let mut around = Around::default();
        for tag in self.tags.tags() {
            let Some(manifest) = self.place.tagged(subject, tag).await? else {
                continue;
            };
            if self.is_new(manifest.digest())? {
                around.attached.push(Attached {
                    subject: *subject,
                    tag: Some(tag),
                    kind: AttachedKind::under(tag),
                    label: None,
                    manifest,
                });
            }
        }
        if !self.referrers.has_referrers() {
            return Ok(around);
        }
        let place = self.place;
        let listed = place.referrers(subject).await?.entries;
        // One after another, so that no more are held than are carried.
        let mut listed = stream::iter(listed.iter().map(|entry| entry.digest))
            .map(|digest| async move { (digest, place.attached_manifest(&digest).await) })
            .buffered(self.workers.max(1));
        while let Some((digest, manifest)) = listed.next().await {
            let manifest = match manifest {
                Ok(manifest) => manifest,
                Err(error) if error.is_absent() => {
                    around.missing.push((*subject, digest));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            // A list may name what refers to something else, which no other registry would list.
            let refers = manifest.subject();
            if refers.is_none_or(|refers| refers.digest != *subject) {
                continue;
            }
            let (kind, label) = AttachedKind::of(&manifest);
            let (kind, label) = match kind {
                AttachedKind::Bundle => self.opened(&manifest).await?.unwrap_or((kind, label)),
                _ => (kind, label),
            };
            if self.referrers.has(kind) && self.is_new(manifest.digest())? {
                around.attached.push(Attached {
                    subject: *subject,
                    tag: None,
                    kind,
                    label,
                    manifest,
                });
            }
        }
        Ok(around)
    }

    /// What a bundle is whose manifest does not say it.
    async fn opened(
        &self,
        manifest: &Manifest,
    ) -> Result<Option<(AttachedKind, Option<String>)>, CarryError> {
        let limit = u64::try_from(sigstore::limits::BUNDLE_BYTES).unwrap_or(u64::MAX);
        let layer = match manifest.content() {
            Content::Image { layers, .. } => match layers.as_slice() {
                [layer] if layer.size <= limit => layer,
                _ => return Ok(None),
            },
            Content::Index { .. } => return Ok(None),
        };
        let bytes = self.place.attached_blob(layer, limit).await?;
        Ok(AttachedKind::of_bundle(&bytes))
    }

    fn is_new(&mut self, digest: Digest) -> Result<bool, CarryError> {
        if self.seen.len() >= MANIFESTS {
            return Err(CarryError::TooManyManifests { limit: MANIFESTS });
        }
        Ok(self.seen.insert(digest))
    }
}

impl Survey {
    /// What is not there, as it is told to whoever asked for it.
    pub(super) fn missing_items(&self) -> impl Iterator<Item = Item> {
        self.missing.iter().map(|(subject, digest)| Item {
            what: What::Referrer {
                subject: *subject,
                kind: AttachedKind::Other,
                label: None,
            },
            digest: *digest,
            fate: Fate::Missing,
        })
    }
}

impl Attached {
    pub(super) fn what(&self, tag: Option<Tag>) -> What {
        match self.tag {
            Some(kind) => What::Tagged {
                kind,
                subject: self.subject,
                tag,
            },
            None => What::Referrer {
                subject: self.subject,
                kind: self.kind,
                label: self.label.clone(),
            },
        }
    }
}
