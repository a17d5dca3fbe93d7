//! The same build with every image pinned to a digest: as a rewritten file, or as build contexts beside the file.

use oci::{Digest, Reference};

use crate::dockerfile::Dockerfile;
use crate::error::PinError;
use crate::options::{self, Builder, Options};
use crate::plan::{How, ImageUse, Plan};

impl Dockerfile {
    /// The file with each image in `plan` for which there is a digest written as `name:tag@digest` (for the classic
    /// builder as `name@digest`, which is how docker wrote it); every other byte stays. Variables in a `FROM` give
    /// way to what they stood for, their `ARG` stays. An image with a digest in the file stays as it is.
    ///
    /// The result is read again and must name the same images with these digests, else nothing is returned.
    pub fn pin(
        &self,
        options: &Options,
        plan: &Plan,
        digest_of: &dyn Fn(&ImageUse) -> Option<Digest>,
    ) -> Result<String, PinError> {
        let mut expected = plan.uses.clone();
        let mut pinned = String::with_capacity(self.source.len());
        let mut copied = 0;
        let mut places: Vec<&mut ImageUse> = expected.iter_mut().collect();
        places.sort_by_key(|found| found.span.as_ref().map(|span| span.start));
        for found in places {
            let Some(digest) = self.digest_to_write(found, digest_of)? else {
                continue;
            };
            let Some(slot) = &found.slot else { continue };
            let reference = with_digest(&found.reference, digest, options.builder);
            let between = self.source.get(copied..slot.span.start);
            pinned.push_str(between.ok_or(PinError::DoesNotReadBack)?);
            for text in [&slot.before, &reference.familiar(), &slot.after] {
                pinned.push_str(text);
            }
            copied = slot.span.end;
            found.reference = reference;
        }
        let rest = self.source.get(copied..);
        pinned.push_str(rest.ok_or(PinError::DoesNotReadBack)?);
        let again = Self::parse_with(pinned.as_bytes(), self.heredocs)
            .ok()
            .and_then(|file| file.resolve(options).ok());
        match again {
            Some(again) if same_images(&again.uses, &expected) => Ok(pinned),
            _ => Err(PinError::DoesNotReadBack),
        }
    }

    /// The same as arguments for buildx beside the unchanged file: `(name, docker-image://…@digest)` for each
    /// `--build-context name=value`. For BuildKit only; an image with a digest in the file needs none.
    pub fn pinning_contexts(
        &self,
        plan: &Plan,
        digest_of: &dyn Fn(&ImageUse) -> Option<Digest>,
    ) -> Result<Vec<(String, String)>, PinError> {
        let mut contexts: Vec<(String, String)> = Vec::new();
        for found in &plan.uses {
            let Some(digest) = self.digest_to_write(found, digest_of)? else {
                continue;
            };
            let name = match &found.how {
                How::BuildContext { name } => name.clone(),
                _ => options::context_name(&found.reference),
            };
            let overrides_stage = !matches!(found.how, How::BuildContext { .. })
                && self.stage_names().any(|stage| stage == name);
            if overrides_stage {
                return Err(PinError::ShadowsStage {
                    line: found.line,
                    name,
                });
            }
            let pinned = with_digest(&found.reference, digest, Builder::BuildKit);
            let value = format!("docker-image://{pinned}");
            if !contexts.iter().any(|(known, _)| *known == name) {
                contexts.push((name, value));
            }
        }
        Ok(contexts)
    }

    /// The digest for an image that has none yet.
    fn digest_to_write(
        &self,
        found: &ImageUse,
        digest_of: &dyn Fn(&ImageUse) -> Option<Digest>,
    ) -> Result<Option<Digest>, PinError> {
        let Some(offered) = digest_of(found) else {
            return Ok(None);
        };
        match found.reference.digest() {
            None => Ok(Some(offered)),
            Some(written) if *written == offered => Ok(None),
            Some(written) => Err(PinError::DigestDiffers {
                line: found.line,
                written: Box::new(*written),
                offered: Box::new(offered),
            }),
        }
    }
}

fn with_digest(reference: &Reference, digest: Digest, builder: Builder) -> Reference {
    let tag = match builder {
        Builder::BuildKit => reference.tag().cloned(),
        Builder::Classic => None,
    };
    Reference::new(reference.repository().clone(), tag, Some(digest))
}

/// The same images at the same places; lines and offsets may have moved.
fn same_images(left: &[ImageUse], right: &[ImageUse]) -> bool {
    let identity = |found: &ImageUse| {
        (
            found.reference.clone(),
            found.how.clone(),
            found.stage.clone(),
            found.platform.clone(),
        )
    };
    left.iter().map(identity).eq(right.iter().map(identity))
}
