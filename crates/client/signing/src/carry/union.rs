//! A tag of the older form that has layers already, and gets those of another manifest too.

use net::Bytes;
use oci::{Content, Descriptor, Manifest};
use registry::TagChange;

use crate::discover::limits::LAYERS;
use crate::sign::Style;

/// All layers that were seen under the tag in any version of it, and those that it shall have.
pub(super) struct LayerUnion<'a> {
    wanted: &'a Manifest,
    seen: Vec<Descriptor>,
    /// How many layers there would be, if too many.
    pub(super) too_many: Option<usize>,
    /// Whether others were there.
    pub(super) merged: bool,
    /// Whether anything was written.
    pub(super) written: bool,
}

impl<'a> LayerUnion<'a> {
    pub(super) fn new(wanted: &'a Manifest) -> Self {
        Self {
            wanted,
            seen: layers(wanted).to_vec(),
            too_many: None,
            merged: false,
            written: false,
        }
    }

    /// What has to be done with the tag as it is now: nothing, if [`Self::too_many`].
    pub(super) fn change(&mut self, current: Option<&Manifest>) -> TagChange {
        let there = match current {
            Some(manifest) if manifest.digest() == self.wanted.digest() => return TagChange::Done,
            Some(manifest) => layers(manifest),
            None => &[],
        };
        let new = there.iter().filter(|layer| !self.seen.contains(layer));
        let new: Vec<Descriptor> = new.cloned().collect();
        self.seen.extend(new);
        let others = self.seen.len() > layers(self.wanted).len();
        if !others && current.is_none() {
            self.written = true;
            return TagChange::Write {
                manifest: Box::new(self.wanted.clone()),
                blobs: Vec::new(),
            };
        }
        self.merged = others;
        if self.seen.iter().all(|layer| there.contains(layer)) {
            return TagChange::Done;
        }
        if self.seen.len() > LAYERS {
            self.too_many = Some(self.seen.len());
            return TagChange::Done;
        }
        self.written = true;
        let (manifest, config): (Manifest, Bytes) = Style::default().manifest(&self.seen);
        TagChange::Write {
            manifest: Box::new(manifest),
            blobs: vec![config],
        }
    }
}

fn layers(manifest: &Manifest) -> &[Descriptor] {
    match manifest.content() {
        Content::Image { layers, .. } => layers,
        Content::Index { .. } => &[],
    }
}
