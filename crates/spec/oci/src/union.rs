//! One index out of several versions of it, with everything that others wrote into any of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::manifest::{Content, Manifest, ManifestError};
use crate::media_type::MediaType;

/// The union of the versions of an index that several clients rewrite, such as the list of referrers under a tag.
///
/// Entries are told apart by digest and kept as they were written, with members that this crate does not read; so are
/// the other members of the index, of which the latest is kept.
#[derive(Clone, Debug, Default)]
pub struct IndexUnion {
    entries: BTreeMap<Digest, Box<RawValue>>,
    members: BTreeMap<String, Box<RawValue>>,
}

/// What a version of an index lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It has every entry of the union.
    Nothing,
    /// It has to be written again.
    Some,
}

#[derive(Deserialize)]
struct Entry {
    digest: Digest,
}

/// Entries are sorted by digest, as other clients write them, so that equal sets are equal indexes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u64,
    media_type: MediaType,
    manifests: Vec<&'a RawValue>,
    #[serde(flatten)]
    members: &'a BTreeMap<String, Box<RawValue>>,
}

impl IndexUnion {
    /// The union of one entry.
    #[must_use]
    pub fn of(entry: &Descriptor) -> Self {
        let text = serde_json::value::to_raw_value(entry).expect("text keys and plain values only");
        Self {
            entries: BTreeMap::from([(entry.digest, text)]),
            members: BTreeMap::new(),
        }
    }

    /// Adds a version and says whether it lacks an entry that was seen before.
    ///
    /// # Errors
    /// [`ManifestError::UnsupportedMediaType`] for an image.
    pub fn add(&mut self, index: &Manifest) -> Result<Missing, ManifestError> {
        if !matches!(index.content(), Content::Index { .. }) {
            let found = Some(index.media_type().clone());
            return Err(ManifestError::UnsupportedMediaType { found });
        }
        let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(index.bytes())?;
        let texts: Vec<Box<RawValue>> = match members.remove("manifests") {
            Some(text) => serde_json::from_str(text.get())?,
            None => Vec::new(),
        };
        members.retain(|name, _| name != "schemaVersion" && name != "mediaType");
        self.members.extend(members);
        let mut current = BTreeMap::new();
        for text in texts {
            let Entry { digest } = serde_json::from_str(text.get())?;
            current.insert(digest, text);
        }
        let lacks = self.entries.keys().any(|seen| !current.contains_key(seen));
        for (digest, text) in current {
            self.entries.entry(digest).or_insert(text);
        }
        Ok(if lacks {
            Missing::Some
        } else {
            Missing::Nothing
        })
    }

    /// Takes an entry out.
    pub fn remove(&mut self, digest: &Digest) {
        self.entries.remove(digest);
    }

    /// The OCI index of all entries.
    ///
    /// # Errors
    /// [`ManifestError::TooLarge`].
    pub fn write(&self) -> Result<Manifest, ManifestError> {
        let document = Document {
            schema_version: 2,
            media_type: MediaType::OCI_INDEX,
            manifests: self.entries.values().map(AsRef::as_ref).collect(),
            members: &self.members,
        };
        let bytes = serde_json::to_vec(&document)?;
        Manifest::parse(bytes, None)
    }
}
