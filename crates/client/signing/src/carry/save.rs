//! From a registry into an OCI image layout.

use std::path::Path;

use layout::{Kind, Layout, REF_NAME, Writer};
use oci::{Content, Descriptor, Digest, Manifest};

use super::survey::{Attached, survey};
use super::target::{Side, Target, Way};
use super::{Carried, CarryError, Fate, Item, Selection, What};
use crate::place::{Place, TagKind};

/// Saves an image and everything attached to it as an OCI image layout (`cosign save`). Cosign's `load` finds what its
/// own `save` would have written; what it does not know has the names that other programs give it.
///
/// # Errors
/// Whatever came first; then the folder holds no layout, or the one that it held before.
pub async fn save(
    from: &Place,
    folder: &Path,
    workers: usize,
    watch: &(dyn Fn(&What, &Digest) + Send + Sync),
) -> Result<(Layout, Carried), CarryError> {
    let image = from.resolve().await?;
    let top = image.manifest().cloned().ok_or(CarryError::Unread)?;
    let writer = Writer::create(folder).await?;
    let survey = survey(from, top, Selection::ALL, workers).await?;
    let way = Way {
        from,
        to: Target::Layout(&writer),
        workers,
    };
    let mut carried = Carried::default();
    let mut done = |what: What, digest| {
        let fate = Fate::Written;
        carried.items.push(Item { what, digest, fate });
    };
    for manifest in survey.platforms.iter().chain([&survey.image]) {
        way.manifest(Side::Image, manifest, None).await?;
    }
    let mut entries = vec![image_entry(&survey.image)];
    for attached in &survey.attached {
        let (what, digest) = (attached.what(None), attached.manifest.digest());
        watch(&what, &digest);
        way.manifest(Side::Attached, &attached.manifest, None)
            .await?;
        entries.push(entry(attached, &survey.image.digest()));
        done(what, digest);
    }
    watch(&What::Image, &survey.image.digest());
    done(What::Image, survey.image.digest());
    carried.items.splice(0..0, survey.missing_items());
    Ok((writer.finish(entries).await?, carried))
}

fn image_entry(image: &Manifest) -> Descriptor {
    let kind = match image.content() {
        Content::Image { .. } => Kind::Image,
        Content::Index { .. } => Kind::ImageIndex,
    };
    kind.entry(image.descriptor())
}

/// Cosign takes the first entry of its kind for the image's, so that no other may say that it is of that kind.
fn entry(attached: &Attached, image: &Digest) -> Descriptor {
    let Some(tag) = attached.tag else {
        return attached.manifest.referrer_entry();
    };
    let mut entry = attached.manifest.descriptor();
    if attached.subject == *image {
        entry = tag.in_layout().entry(entry);
    }
    entry
        .annotations
        .insert(REF_NAME.to_owned(), name(&attached.subject, tag));
    entry
}

fn name(subject: &Digest, kind: TagKind) -> String {
    format!("{}.{}", subject.referrers_tag(), kind.suffix())
}
