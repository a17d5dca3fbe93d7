//! The manifest of a `.sig` or `.att` tag: a layer per signature.

use net::Bytes;
use oci::{Artifact, Content, Descriptor, Digest, Manifest, MediaType};
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey};
use registry::TagChange;
use serde::Serialize;

use crate::discover::limits::LAYERS;

/// Why a tag's manifest cannot take another layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayersError {
    /// Readers look at no more.
    #[error("{LAYERS} layers are there already")]
    Full,
    /// An index, where layers are expected.
    #[error("{digest} is an index")]
    Index {
        /// Of the tag's manifest.
        digest: Digest,
    },
}

/// How the manifest is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// In Docker's media types, for registries that know no others (`COSIGN_DOCKER_MEDIA_TYPES`).
    pub(crate) docker: bool,
    /// The creation time to record, if any.
    pub(crate) created: Option<jiff::Timestamp>,
}

/// The layers that the tag shall have: all that were seen in any version of it, and the new one.
pub(crate) struct Layers {
    new: Descriptor,
    seen: Vec<Descriptor>,
    style: Style,
    /// Of the layers that are there, those that go.
    dropped: Box<dyn Fn(&Descriptor) -> bool + Send>,
    /// With which a layer of the same payload is as good as the new one.
    equal_by: Option<VerifyingKey>,
    payload: Vec<u8>,
    /// Whether nothing was written yet.
    untouched: bool,
    /// What came of it.
    pub(crate) fault: Option<LayersError>,
    /// Whether an equal signature was there.
    pub(crate) already: bool,
}

impl Layers {
    pub(crate) fn new(new: Descriptor, payload: &[u8], style: Style) -> Self {
        Self {
            new,
            seen: Vec::new(),
            style,
            dropped: Box::new(|_| false),
            equal_by: None,
            payload: payload.to_vec(),
            untouched: true,
            fault: None,
            already: false,
        }
    }

    /// Without the layers for which `dropped` holds.
    pub(crate) fn replacing(
        mut self,
        dropped: impl Fn(&Descriptor) -> bool + Send + 'static,
    ) -> Self {
        self.dropped = Box::new(dropped);
        self
    }

    /// Content with a layer that has the same payload and a signature by the same key.
    pub(crate) fn unless_signed_by(mut self, key: VerifyingKey) -> Self {
        self.equal_by = Some(key);
        self
    }

    /// What has to be done with the tag as it is now. With [`Self::fault`], nothing.
    pub(crate) fn change(&mut self, current: Option<&Manifest>) -> TagChange {
        match self.merge(current) {
            Ok(change) => change,
            Err(fault) => {
                self.fault = Some(fault);
                TagChange::Done
            }
        }
    }

    fn merge(&mut self, current: Option<&Manifest>) -> Result<TagChange, LayersError> {
        let there = match current.map(|manifest| (manifest.digest(), manifest.content())) {
            None => &[][..],
            Some((_, Content::Image { layers, .. })) => layers,
            Some((digest, Content::Index { .. })) => return Err(LayersError::Index { digest }),
        };
        if self.untouched && there.iter().any(|layer| self.is_equal(layer)) {
            self.already = true;
            return Ok(TagChange::Done);
        }
        for layer in there {
            if !self.seen.contains(layer) && *layer != self.new && !(self.dropped)(layer) {
                self.seen.push(layer.clone());
            }
        }
        let wanted: Vec<Descriptor> = self.seen.iter().chain([&self.new]).cloned().collect();
        if wanted.len() > LAYERS {
            return Err(LayersError::Full);
        }
        let complete = wanted.iter().all(|layer| there.contains(layer));
        if complete && there.len() == wanted.len() {
            return Ok(TagChange::Done);
        }
        self.untouched = false;
        let (manifest, config) = self.style.manifest(&wanted);
        Ok(TagChange::Write {
            manifest: Box::new(manifest),
            blobs: vec![config],
        })
    }

    fn is_equal(&self, layer: &Descriptor) -> bool {
        use base64::Engine as _;
        let (Some(key), true) = (&self.equal_by, layer.digest == self.new.digest) else {
            return false;
        };
        let Some(signature) = layer
            .annotations
            .get(sigstore::legacy::SIGNATURE)
            .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok())
        else {
            return false;
        };
        // Both hashes were in use with larger curves.
        [key.default_scheme(), Scheme::Ecdsa(HashAlgorithm::Sha256)]
            .into_iter()
            .any(|scheme| key.verify(scheme, &self.payload, &signature).is_ok())
    }
}

impl Style {
    /// The manifest over these layers, and its configuration's bytes (`google/go-containerregistry:pkg/v1/mutate`).
    pub(crate) fn manifest(self, layers: &[Descriptor]) -> (Manifest, Bytes) {
        let config = Bytes::from(self.config(layers));
        let manifest = if self.docker {
            Manifest::docker_image(
                Descriptor::of(MediaType::DOCKER_CONFIG, &config),
                layers.to_vec(),
            )
        } else {
            Manifest::artifact(Artifact {
                config: Descriptor::of(MediaType::OCI_CONFIG, &config),
                layers: layers.to_vec(),
                annotations: std::collections::BTreeMap::new(),
                subject: None,
                artifact_type: None,
            })
        };
        (manifest, config)
    }

    /// The configuration blob, one line of history and one diff id per layer.
    pub(crate) fn config(self, layers: &[Descriptor]) -> Vec<u8> {
        const NEVER: &str = "0001-01-01T00:00:00Z";
        let config = Config {
            architecture: "",
            created: self
                .created
                .map_or_else(|| NEVER.to_owned(), |time| format!("{time:.0}")),
            history: layers.iter().map(|_| History { created: NEVER }).collect(),
            os: "",
            rootfs: RootFs {
                kind: "layers",
                diff_ids: layers
                    .iter()
                    .map(|layer| layer.digest.to_string())
                    .collect(),
            },
            config: Empty {},
        };
        serde_json::to_vec(&config).expect("text cannot fail to be written")
    }
}

#[derive(Serialize)]
struct Config {
    architecture: &'static str,
    created: String,
    history: Vec<History>,
    os: &'static str,
    rootfs: RootFs,
    config: Empty,
}

#[derive(Serialize)]
struct History {
    created: &'static str,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<String>,
}

#[derive(Serialize)]
struct Empty {}
