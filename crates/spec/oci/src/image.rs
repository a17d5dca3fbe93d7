//! Building a small image: configuration and manifest around layers that already exist.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::descriptor::{Descriptor, Platform};
use crate::digest::Digest;
use crate::manifest::{Content, Manifest};
use crate::media_type::MediaType;

/// Which of the two image formats to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Docker image manifest, schema 2.
    Docker,
    /// OCI image manifest.
    Oci,
}

/// A layer that is (or will be) in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the gzip-compressed tar.
    pub digest: Digest,
    /// Bytes in the gzip-compressed tar.
    pub size: u64,
    /// Digest of the tar before compression.
    pub diff_id: Digest,
}

/// What goes into the configuration.
#[derive(Clone, Debug)]
pub struct ImageSpec {
    /// Format to write.
    pub format: Format,
    /// Machines the image runs on.
    pub platform: Platform,
    /// Creation time, RFC 3339 text.
    pub created: String,
    /// Command and arguments to run; empty for none.
    pub command: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Layers, lowest first.
    pub layers: Vec<Layer>,
}

/// A finished image: push the configuration blob, then the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Bytes of the configuration blob.
    pub config: Vec<u8>,
    /// The manifest that names it.
    pub manifest: Manifest,
}

#[derive(Serialize)]
struct ConfigDocument<'a> {
    created: &'a str,
    #[serde(flatten)]
    platform: &'a Platform,
    config: RuntimeDocument<'a>,
    rootfs: RootfsDocument,
    history: Vec<HistoryDocument<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeDocument<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    cmd: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct RootfsDocument {
    r#type: &'static str,
    diff_ids: Vec<Digest>,
}

#[derive(Serialize)]
struct HistoryDocument<'a> {
    created: &'a str,
    created_by: &'static str,
}

impl ImageSpec {
    /// Writes configuration and manifest.
    #[must_use]
    pub fn build(&self) -> Image {
        let (manifest_type, config_type, layer_type) = match self.format {
            Format::Docker => (
                MediaType::DOCKER_MANIFEST,
                MediaType::DOCKER_CONFIG,
                MediaType::DOCKER_LAYER,
            ),
            Format::Oci => (
                MediaType::OCI_MANIFEST,
                MediaType::OCI_CONFIG,
                MediaType::OCI_LAYER,
            ),
        };
        let config = self.config();
        let layers = self
            .layers
            .iter()
            .map(|layer| Descriptor::new(layer_type.clone(), layer.digest, layer.size))
            .collect();
        let content = Content::Image {
            config: Box::new(Descriptor::of(config_type, &config)),
            layers,
        };
        Image {
            config,
            manifest: Manifest::write(manifest_type, content),
        }
    }

    fn config(&self) -> Vec<u8> {
        let document = ConfigDocument {
            created: &self.created,
            platform: &self.platform,
            config: RuntimeDocument {
                cmd: &self.command,
                labels: &self.labels,
            },
            rootfs: RootfsDocument {
                r#type: "layers",
                diff_ids: self.layers.iter().map(|layer| layer.diff_id).collect(),
            },
            history: self
                .layers
                .iter()
                .map(|_| HistoryDocument {
                    created: &self.created,
                    created_by: "countersign",
                })
                .collect(),
        };
        serde_json::to_vec(&document).expect("text keys and plain values only")
    }
}
