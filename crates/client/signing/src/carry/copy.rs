//! From a registry or a layout into a registry.

use oci::{Digest, Manifest, Tag};
use registry::ManifestName;

use super::survey::{Attached, survey};
use super::target::{Side, Target, Way};
use super::union::LayerUnion;
use super::{Carried, CarryError, Fate, Item, PlatformFilter, Selection, What, choose};
use crate::place::{Place, RegistryPlace, TagKind};

/// How to copy.
#[derive(Clone, Copy)]
pub struct CopyPlan<'a> {
    /// What of it.
    pub what: Selection,
    /// Whether the image gets the destination's name; else what is copied is found by digest alone, as with cosign's
    /// `--only`.
    pub name: bool,
    /// Whether a tag that names something else is no conflict: the image is replaced; layers of the older form are put
    /// together, so that no signature is lost.
    pub force: bool,
    /// Of an index, this platform alone.
    pub platform: Option<&'a PlatformFilter>,
    /// How many requests at once, at least 1.
    pub workers: usize,
    /// Told of each thing before it is carried, for those who watch.
    pub watch: &'a (dyn Fn(&What, &Digest) + Send + Sync),
}

/// Copies an image and what is attached to it, from a registry (`cosign copy`) or a layout (`cosign load`). The name of
/// the image is written last, so that nobody meets it without its signatures.
///
/// # Errors
/// Whatever came first. What was written before stays; a second attempt goes on from there.
pub async fn copy(
    from: &Place,
    to: &RegistryPlace,
    plan: &CopyPlan<'_>,
) -> Result<Carried, CarryError> {
    let image = from.resolve().await?;
    let mut top = image.manifest().cloned().ok_or(CarryError::Unread)?;
    if let Some(filter) = plan.platform {
        top = from.manifest(&choose(&top, filter)?).await?;
    }
    let copy = Copy {
        way: Way {
            from,
            to: Target::Registry(to),
            workers: plan.workers,
        },
        to,
        plan,
    };
    copy.check_name(&top).await?;
    let survey = survey(from, top, plan.what, plan.workers).await?;
    let mut carried = Carried::default();
    if plan.what.image {
        for platform in &survey.platforms {
            copy.way.manifest(Side::Image, platform, None).await?;
        }
        // Without a tag, for now: registries may want the subject of a referrer to be there.
        copy.way.manifest(Side::Image, &survey.image, None).await?;
    }
    for attached in &survey.attached {
        carried.items.push(copy.attached(attached).await?);
    }
    carried.items.extend(survey.missing_items());
    if plan.names() {
        carried.items.push(copy.name(&survey.image).await?);
    }
    Ok(carried)
}

impl CopyPlan<'_> {
    const fn names(&self) -> bool {
        self.what.image && self.name
    }
}

struct Copy<'a> {
    way: Way<'a>,
    to: &'a RegistryPlace,
    plan: &'a CopyPlan<'a>,
}

impl Copy<'_> {
    /// Refuses what would be refused at the end, before anything is written.
    async fn check_name(&self, image: &Manifest) -> Result<(), CarryError> {
        match self.to.name() {
            _ if !self.plan.names() => Ok(()),
            ManifestName::Tag(tag) => self.check_tag(Side::Image, tag, image).await.map(drop),
            ManifestName::Digest(expected) => {
                let is_it = expected.check(image.bytes()).is_ok();
                is_it.then_some(()).ok_or_else(|| CarryError::OtherDigest {
                    expected: Box::new(*expected),
                    found: Box::new(image.digest()),
                })
            }
        }
    }

    /// Whether the tag is this manifest already; an error if it is another one, and that matters.
    async fn check_tag(
        &self,
        side: Side,
        tag: &Tag,
        manifest: &Manifest,
    ) -> Result<bool, CarryError> {
        let at = side.of(self.to);
        let name = ManifestName::Tag(tag.clone());
        let found = match at.registry.manifest(at.repository.path(), &name).await {
            Ok(found) => found.digest(),
            Err(registry::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(CarryError::To(error)),
        };
        match found == manifest.digest() {
            true => Ok(true),
            false if self.plan.force => Ok(false),
            false => Err(CarryError::Conflict {
                tag: tag.clone(),
                expected: Box::new(manifest.digest()),
                found: Box::new(found),
            }),
        }
    }

    async fn attached(&self, attached: &Attached) -> Result<Item, CarryError> {
        let digest = attached.manifest.digest();
        let tag = match attached.tag {
            Some(kind) => Some(self.tag(&attached.subject, kind)?),
            None => None,
        };
        let what = attached.what(tag.clone());
        (self.plan.watch)(&what, &digest);
        let fate = match tag {
            Some(tag) => self.tagged(&tag, &attached.manifest).await?,
            None => {
                self.way.referrer(&attached.manifest).await?;
                Fate::Written
            }
        };
        Ok(Item { what, digest, fate })
    }

    async fn tagged(&self, tag: &Tag, manifest: &Manifest) -> Result<Fate, CarryError> {
        if self.check_tag(Side::Attached, tag, manifest).await? {
            return Ok(Fate::Present);
        }
        self.way.blobs(Side::Attached, manifest).await?;
        let at = self.to.attachments();
        let mut union = LayerUnion::new(manifest);
        at.registry
            .update_tag(at.repository.path(), tag, |current| {
                Ok(union.change(current))
            })
            .await
            .map_err(CarryError::To)?;
        match union {
            LayerUnion {
                too_many: Some(found),
                ..
            } => Err(CarryError::TooManyLayers {
                tag: tag.clone(),
                found,
            }),
            LayerUnion { written: false, .. } => Ok(Fate::Present),
            LayerUnion { merged: true, .. } => Ok(Fate::Merged),
            LayerUnion { .. } => Ok(Fate::Written),
        }
    }

    /// Gives the image its name.
    async fn name(&self, image: &Manifest) -> Result<Item, CarryError> {
        let digest = image.digest();
        (self.plan.watch)(&What::Image, &digest);
        let fate = match self.to.name() {
            ManifestName::Tag(tag) => {
                if self.check_tag(Side::Image, tag, image).await? {
                    Fate::Present
                } else {
                    let at = self.to.image();
                    let named = at
                        .registry
                        .push_manifest(at.repository.path(), Some(tag), image);
                    named.await.map_err(CarryError::To)?;
                    Fate::Written
                }
            }
            ManifestName::Digest(_) => Fate::Written,
        };
        Ok(Item {
            what: What::Image,
            digest,
            fate,
        })
    }

    fn tag(&self, subject: &Digest, kind: TagKind) -> Result<Tag, CarryError> {
        let tag = self.to.tag(subject, kind);
        tag.ok_or_else(|| CarryError::TagPrefix {
            digest: Box::new(*subject),
        })
    }
}
