//! The manifests below an index.

use std::collections::{HashSet, VecDeque};

use oci::{Content, Digest, Manifest, Platform};

use crate::place::{Image, Place, PlaceError};

/// Most manifests of one image.
const MANIFESTS: usize = 1000;

/// A manifest below an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformImage {
    /// Its digest.
    pub digest: Digest,
    /// Which machines it runs on, by the index; not every index says so.
    pub platform: Option<Platform>,
    /// Whether it is no image but what BuildKit attests about one
    /// (`moby/buildkit:docs/attestations/attestation-storage.md`).
    pub is_attestation: bool,
}

/// Every manifest below an index, those of indexes in it too, each once and in their order: what is signed with
/// `--recursive` besides the index itself, and from what the verification of one platform chooses. Nothing for a single
/// image.
///
/// # Errors
/// A manifest cannot be read, or there are too many ([`PlaceError::TooManyManifests`]).
pub async fn platforms(place: &Place, image: &Image) -> Result<Vec<PlatformImage>, PlaceError> {
    let top = match image.manifest() {
        Some(manifest) => manifest.clone(),
        None => place.manifest(&image.digest()).await?,
    };
    let mut seen = HashSet::from([image.digest()]);
    let mut found = Vec::new();
    let mut indexes = VecDeque::new();
    add(&top, &mut seen, &mut found, &mut indexes)?;
    while let Some(digest) = indexes.pop_front() {
        let index = place.manifest(&digest).await?;
        add(&index, &mut seen, &mut found, &mut indexes)?;
    }
    Ok(found)
}

fn add(
    manifest: &Manifest,
    seen: &mut HashSet<Digest>,
    found: &mut Vec<PlatformImage>,
    indexes: &mut VecDeque<Digest>,
) -> Result<(), PlaceError> {
    let Content::Index { manifests } = manifest.content() else {
        return Ok(());
    };
    for entry in manifests {
        if !seen.insert(entry.digest) {
            continue;
        }
        if found.len() == MANIFESTS {
            return Err(PlaceError::TooManyManifests { limit: MANIFESTS });
        }
        if entry.media_type.is_index() {
            indexes.push_back(entry.digest);
        }
        let is_unknown =
            |platform: &Platform| platform.os == "unknown" && platform.architecture == "unknown";
        found.push(PlatformImage {
            digest: entry.digest,
            platform: entry.platform.clone(),
            is_attestation: entry.annotations.contains_key("vnd.docker.reference.type")
                || entry.platform.as_ref().is_some_and(is_unknown),
        });
    }
    Ok(())
}

impl PlatformImage {
    /// Whether it is an image for what `os[/architecture[/variant]]` names, as in docker's `--platform`.
    #[must_use]
    pub fn is_for(&self, wanted: &str) -> bool {
        let Some(platform) = &self.platform else {
            return false;
        };
        let found = [
            Some(platform.os.as_str()),
            Some(platform.architecture.as_str()),
            platform.variant.as_deref(),
        ];
        let wanted: Vec<&str> = wanted.split('/').collect();
        wanted.len() <= found.len()
            && wanted
                .iter()
                .zip(found)
                .all(|(wanted, found)| found == Some(*wanted))
    }
}
