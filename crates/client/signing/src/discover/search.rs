//! The search: lists first, then manifests, then the documents in them; each kind of thing at once.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use oci::{Content, Descriptor, Digest, Manifest};
use registry::{Referrers, ReferrersSource};
use sigstore::bundle::Bundle;
use sigstore::legacy::{self, LegacySignature};
use sigstore::simple_signing;

use super::{
    Candidate, CandidateContent, CandidateError, Claimed, Discovered, Location, Search, Source,
    SourceKind, limits,
};
use crate::names::{BUNDLE, BUNDLE_PREDICATE, ENVELOPE, LAYER_PREDICATE};
use crate::place::{Image, Place, PlaceError};

/// Finds every candidate of an image. What fails is in the result: of a source, or of a candidate.
pub async fn discover(place: &Place, image: Image, search: &Search) -> Discovered {
    let finder = Finder {
        place,
        image: image.digest(),
        search,
        left: &Mutex::new(Left {
            bytes: limits::TOTAL_BYTES,
            documents: limits::DOCUMENTS,
        }),
    };
    let (tagged, referring) = tokio::join!(finder.tagged(), finder.referring());
    let mut sources = Vec::new();
    let mut found = Vec::new();
    for (source, documents) in [tagged, referring].into_iter().flatten() {
        sources.push(source);
        found.extend(documents);
    }
    let candidates = stream::iter(merged(found))
        .map(|found| finder.read(found))
        .buffered(search.workers.max(1))
        .collect()
        .await;
    Discovered {
        image,
        candidates,
        sources,
    }
}

#[derive(Clone, Copy)]
struct Finder<'a> {
    place: &'a Place,
    image: Digest,
    search: &'a Search,
    left: &'a Mutex<Left>,
}

/// What may still be read.
struct Left {
    bytes: u64,
    documents: usize,
}

/// Something that a source has.
enum Found {
    /// A layer that is still to be read.
    Document(Document),
    /// A manifest that is broken, or of another kind than the one looked for.
    Candidate(Candidate),
}

struct Document {
    locations: Vec<Location>,
    layer: Descriptor,
    form: Form,
    stated_type: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Bundle,
    Envelope,
    Simple,
}

/// A source and what it has.
type Sought = Option<(Source, Vec<Found>)>;

impl Finder<'_> {
    async fn tagged(self) -> Sought {
        if !self.search.forms.tags {
            return None;
        }
        let kind = self.search.kind.tag();
        let source = match self.place {
            Place::Registry(place) => SourceKind::Tag(place.tag(&self.image, kind)?),
            Place::Layout(_) => SourceKind::Layout,
        };
        let manifest = match self.place.tagged(&self.image, kind).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => return Some((Source::of(source), Vec::new())),
            Err(error) => return Some((Source::failed(source, error), Vec::new())),
        };
        let at = |layer| match self.place {
            Place::Registry(place) => Location::Tag {
                repository: place.attachments().repository.clone(),
                tag: place.tag(&self.image, kind).expect("it was found under it"),
                manifest: manifest.digest(),
                layer,
            },
            Place::Layout(_) => Location::Layout {
                manifest: manifest.digest(),
                layer,
            },
        };
        let found = self.documents(&manifest, true, at);
        Some((Source::of(source).with(&found), found))
    }

    async fn referring(self) -> Sought {
        if !self.search.forms.referrers() {
            return None;
        }
        let source = match self.place {
            Place::Registry(_) => SourceKind::Referrers,
            Place::Layout(_) => SourceKind::Layout,
        };
        let Referrers {
            mut entries,
            source: listed,
        } = match self.place.referrers(&self.image).await {
            Ok(referrers) => referrers,
            Err(error) => return Some((Source::failed(source, error), Vec::new())),
        };
        // Manifests with signatures have the media types of images.
        entries.retain(|entry| entry.media_type.is_image());
        // Those most likely wanted are opened first: a flood of others must not push them out of sight.
        entries.sort_by_key(|entry| !is_likely(entry));
        let unopened = entries.len().saturating_sub(limits::REFERRERS);
        entries.truncate(limits::REFERRERS);
        let found: Vec<Vec<Found>> = stream::iter(&entries)
            .map(|entry| self.open(entry, listed))
            .buffered(self.search.workers.max(1))
            .collect()
            .await;
        let found: Vec<Found> = found.into_iter().flatten().collect();
        let source = Source {
            unopened,
            ..Source::of(source).with(&found)
        };
        Some((source, found))
    }

    /// Opens one referrer. Its type in the list is not asked: lists that clients keep have wrong ones.
    async fn open(self, entry: &Descriptor, listed: ReferrersSource) -> Vec<Found> {
        let at = |layer| match self.place {
            Place::Registry(place) => Location::Referrer {
                repository: place.attachments().repository.clone(),
                manifest: entry.digest,
                listed,
                layer,
            },
            Place::Layout(_) => Location::Layout {
                manifest: entry.digest,
                layer,
            },
        };
        let stated_type = entry.annotations.get(BUNDLE_PREDICATE).cloned();
        let candidate = |content| {
            vec![Found::Candidate(Candidate {
                locations: vec![at(0)],
                digest: entry.digest,
                stated_type: stated_type.clone(),
                content,
            })]
        };
        if !is_wanted(self.search, stated_type.as_deref()) {
            return candidate(Ok(CandidateContent::OtherKind));
        }
        match self.place.attached_manifest(&entry.digest).await {
            Ok(manifest) => self.documents(&manifest, false, at),
            Err(error) => candidate(Err(Arc::new(CandidateError::Fetch(error)))),
        }
    }

    /// The layers of a manifest that may be what is looked for.
    fn documents(
        self,
        manifest: &Manifest,
        tagged: bool,
        at: impl Fn(usize) -> Location,
    ) -> Vec<Found> {
        let layers = match manifest.content() {
            Content::Image { layers, .. } => layers.as_slice(),
            Content::Index { .. } => &[],
        };
        let forms = layers
            .iter()
            .map(|layer| Form::of(layer, self.search, tagged));
        let found = forms.clone().flatten().count();
        let checked = match manifest.content() {
            Content::Index { .. } if tagged => Err(CandidateError::NoLayers),
            _ => self.take(manifest.bytes().len() as u64, found),
        };
        if let Err(error) = checked {
            return vec![Found::Candidate(Candidate {
                locations: vec![at(0)],
                digest: manifest.digest(),
                stated_type: None,
                content: Err(Arc::new(error)),
            })];
        }
        let document = |(index, form): (usize, Option<Form>)| {
            let (form, layer) = (form?, &layers[index]);
            let stated = match form {
                Form::Bundle => manifest.annotations().get(BUNDLE_PREDICATE),
                Form::Envelope => layer.annotations.get(LAYER_PREDICATE),
                Form::Simple => None,
            };
            Some(Found::Document(Document {
                locations: vec![at(index)],
                layer: layer.clone(),
                form,
                stated_type: stated.cloned(),
            }))
        };
        forms.enumerate().filter_map(document).collect()
    }

    async fn read(self, found: Found) -> Candidate {
        let document = match found {
            Found::Candidate(candidate) => return candidate,
            Found::Document(document) => document,
        };
        let content = if is_wanted(self.search, document.stated_type.as_deref()) {
            self.content(&document).await.map_err(Arc::new)
        } else {
            Ok(CandidateContent::OtherKind)
        };
        Candidate {
            locations: document.locations,
            digest: document.layer.digest,
            stated_type: document.stated_type,
            content,
        }
    }

    async fn content(self, document: &Document) -> Result<CandidateContent, CandidateError> {
        let layer = &document.layer;
        let (size, limit) = (layer.size, document.form.limit(self.search));
        if size > limit {
            return Err(CandidateError::TooLarge { size, limit });
        }
        self.take(size, 0)?;
        let bytes = self
            .place
            .attached_blob(layer, limit)
            .await
            .map_err(CandidateError::Fetch)?;
        Ok(match document.form {
            Form::Bundle => CandidateContent::Bundle(Arc::new(Bundle::parse(&bytes)?)),
            Form::Envelope | Form::Simple => {
                let legacy = LegacySignature::from_annotations(&bytes, &layer.annotations)?;
                CandidateContent::Legacy(Arc::new(legacy))
            }
        })
    }

    fn take(self, bytes: u64, documents: usize) -> Result<(), CandidateError> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let too_many = CandidateError::TooManyLayers {
            found: documents,
            limit: limits::LAYERS.min(left.documents),
        };
        let too_much = CandidateError::TooMuch {
            limit: limits::TOTAL_BYTES,
        };
        if documents > limits::LAYERS {
            return Err(too_many);
        }
        let bytes_left = left.bytes.checked_sub(bytes).ok_or(too_much)?;
        let documents_left = left.documents.checked_sub(documents).ok_or(too_many)?;
        *left = Left {
            bytes: bytes_left,
            documents: documents_left,
        };
        Ok(())
    }
}

impl Form {
    /// None for a layer that is nothing of the kind, or in a form that is not looked at.
    fn of(layer: &Descriptor, search: &Search, tagged: bool) -> Option<Self> {
        let media_type = layer.media_type.as_str();
        let forms = search.forms;
        let layers = if tagged { forms.tags } else { forms.layers };
        if media_type.starts_with(BUNDLE) {
            return forms.bundles.then_some(Self::Bundle);
        }
        if !layers {
            return None;
        }
        match layer.annotations.get(legacy::SIGNATURE) {
            Some(signature) if signature.is_empty() => Some(Self::Envelope),
            _ if media_type == ENVELOPE => Some(Self::Envelope),
            Some(_) => Some(Self::Simple),
            None => (media_type == simple_signing::MEDIA_TYPE).then_some(Self::Simple),
        }
    }

    fn limit(self, search: &Search) -> u64 {
        let limit = match self {
            Self::Bundle | Self::Envelope => sigstore::limits::BUNDLE_BYTES,
            Self::Simple => sigstore::limits::SIMPLE_SIGNING_BYTES,
        };
        u64::try_from(limit)
            .unwrap_or(u64::MAX)
            .min(search.document_bytes)
    }
}

/// One of each: cosign carries the layers of a tag along into manifests that refer to the image.
fn merged(found: Vec<Found>) -> Vec<Found> {
    let mut merged: Vec<Found> = Vec::with_capacity(found.len());
    let mut known: HashMap<(Digest, BTreeMap<String, String>), usize> = HashMap::new();
    for found in found {
        let Found::Document(document) = found else {
            merged.push(found);
            continue;
        };
        // In the older form, the annotations are part of the document.
        let annotations = match document.form {
            Form::Bundle => BTreeMap::new(),
            Form::Envelope | Form::Simple => document.layer.annotations.clone(),
        };
        match known.entry((document.layer.digest, annotations)) {
            Entry::Vacant(entry) => {
                entry.insert(merged.len());
                merged.push(Found::Document(document));
            }
            Entry::Occupied(entry) => {
                if let Found::Document(same) = &mut merged[*entry.get()] {
                    same.locations.extend(document.locations);
                    // Manifests that contradict each other say nothing: the document itself does.
                    if same.stated_type != document.stated_type {
                        same.stated_type = None;
                    }
                }
            }
        }
    }
    merged
}

fn is_wanted(search: &Search, stated_type: Option<&str>) -> bool {
    let claimed = stated_type.map_or(Claimed::Unknown, |stated| {
        Claimed::Statement(stated.to_owned())
    });
    search.kind.wants(&claimed)
}

/// Whether a list names a type of ours, or one that cosign's own lists have for everything.
fn is_likely(entry: &Descriptor) -> bool {
    entry.artifact_type.as_ref().is_none_or(|artifact_type| {
        let text = artifact_type.as_str();
        text.starts_with(BUNDLE)
            || text.starts_with("application/vnd.dev.cosign.")
            || *artifact_type == oci::MediaType::OCI_EMPTY
    })
}

impl Source {
    fn of(kind: SourceKind) -> Self {
        Self {
            kind,
            found: 0,
            unopened: 0,
            fault: None,
        }
    }

    fn failed(kind: SourceKind, error: PlaceError) -> Self {
        Self {
            fault: Some(error),
            ..Self::of(kind)
        }
    }

    fn with(self, found: &[Found]) -> Self {
        Self {
            found: found.len(),
            ..self
        }
    }
}
