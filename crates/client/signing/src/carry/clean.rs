//! Taking attachments away.

use oci::{Digest, IndexUnion, Manifest, Tag};
use registry::{ManifestName, ReferrersSource, TagChange};

use super::survey::{Attached, around};
use super::{AttachedKind, CarryError, Selection};
use crate::place::{Place, RegistryPlace, Remote, TagKind};

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanPlan {
    /// Of what is under tags of the older form.
    pub tags: Selection,
    /// Of what refers to the image.
    pub referrers: Selection,
    /// How many requests at once, at least 1.
    pub workers: usize,
}

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A tag of the older form.
    Tag {
        /// Which.
        kind: TagKind,
        /// The tag.
        tag: Tag,
    },
    /// A manifest that referred to the image.
    Referrer {
        /// Its digest.
        digest: Digest,
        /// What it said that it was.
        kind: AttachedKind,
    },
    /// The list of what refers to the image, which has no more entries.
    List {
        /// The tag where it was kept.
        tag: Tag,
    },
}

/// Takes away what is attached to an image, never the image (`cosign clean`). Signatures of the single platforms of an
/// index stay.
///
/// # Errors
/// Whatever came first; what was taken away before is gone. Some registries take nothing away: 405.
pub async fn clean(place: &RegistryPlace, plan: CleanPlan) -> Result<Vec<Removed>, CarryError> {
    let whole = Place::Registry(place.clone());
    let image = whole.resolve().await?.digest();
    let CleanPlan {
        tags,
        referrers,
        workers,
    } = plan;
    let around = around(&whole, &image, tags, referrers, workers).await?;
    let mut removed = Vec::new();
    for (kind, tag) in tagged(place, &around.attached)? {
        let Remote {
            registry,
            repository,
        } = place.attachments();
        match registry.delete_tag(repository.path(), &tag).await {
            // On registries where the manifest goes with the tag, equal ones go together.
            Ok(()) | Err(registry::Error::NotFound { .. }) => {}
            Err(error) => return Err(CarryError::To(error)),
        }
        removed.push(Removed::Tag { kind, tag });
    }
    // An unreadable bundle may be what is to stay.
    let all = referrers.signatures && referrers.attestations;
    let gone: Vec<(Digest, AttachedKind)> = around
        .attached
        .iter()
        .filter(|attached| attached.tag.is_none())
        .filter(|attached| attached.kind != AttachedKind::Bundle || all)
        .map(|attached| (attached.manifest.digest(), attached.kind))
        .collect();
    if gone.is_empty() {
        return Ok(removed);
    }
    // The list first: nobody shall be led to what is gone.
    let missing = around.missing.iter().map(|(_, digest)| *digest);
    let unlisted: Vec<Digest> = gone
        .iter()
        .map(|(digest, _)| *digest)
        .chain(missing)
        .collect();
    let list = unlist(place, &image, &unlisted).await?;
    for (digest, kind) in gone {
        delete(place.attachments(), &digest).await?;
        removed.push(Removed::Referrer { digest, kind });
    }
    removed.extend(list.map(|tag| Removed::List { tag }));
    Ok(removed)
}

fn tagged(place: &RegistryPlace, attached: &[Attached]) -> Result<Vec<(TagKind, Tag)>, CarryError> {
    let named = attached.iter().filter_map(|attached| {
        let kind = attached.tag?;
        let tag = place.tag(&attached.subject, kind);
        Some(tag.map(|tag| (kind, tag)).ok_or(CarryError::TagPrefix {
            digest: Box::new(attached.subject),
        }))
    });
    named.collect()
}

async fn delete(at: &Remote, digest: &Digest) -> Result<(), CarryError> {
    let deleted = at.registry.delete_manifest(at.repository.path(), digest);
    match deleted.await {
        Ok(()) | Err(registry::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(CarryError::To(error)),
    }
}

/// Takes entries out of the list under a tag, if there is one; the tag goes with the last entry and is returned then.
async fn unlist(
    place: &RegistryPlace,
    image: &Digest,
    gone: &[Digest],
) -> Result<Option<Tag>, CarryError> {
    let at = place.attachments();
    let path = at.repository.path();
    let found = at.registry.referrers(path, image, None).await;
    if found.map_err(CarryError::To)?.source == ReferrersSource::Api {
        return Ok(None);
    }
    let tag = image.referrers_tag();
    let mut fault = None;
    let changed = at.registry.update_tag(path, &tag, |current| {
        Ok(match current.map(|index| without(index, gone)) {
            None | Some(Ok(None)) => TagChange::Done,
            Some(Ok(Some(index))) => TagChange::Write {
                manifest: Box::new(index),
                blobs: Vec::new(),
            },
            Some(Err(error)) => {
                fault = Some(error);
                TagChange::Done
            }
        })
    });
    changed.await.map_err(CarryError::To)?;
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    let name = ManifestName::Tag(tag.clone());
    match at.registry.manifest(path, &name).await {
        Ok(index) if index.children().next().is_none() => {
            at.registry
                .delete_tag(path, &tag)
                .await
                .map_err(CarryError::To)?;
            Ok(Some(tag))
        }
        Ok(_) | Err(registry::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(CarryError::To(error)),
    }
}

/// The index without these entries; none if it has none of them.
fn without(index: &Manifest, gone: &[Digest]) -> Result<Option<Manifest>, oci::ManifestError> {
    if !index.children().any(|entry| gone.contains(&entry.digest)) {
        return Ok(None);
    }
    let mut union = IndexUnion::default();
    union.add(index)?;
    for digest in gone {
        union.remove(digest);
    }
    union.write().map(Some)
}
