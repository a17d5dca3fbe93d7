//! Where signatures go: layers of a tag, or manifests that refer to the image.

use std::collections::BTreeMap;

use jiff::Timestamp;
use net::Bytes;
use oci::{Artifact, Descriptor, Manifest, MediaType};
use registry::{BlobSource, PushedReferrer, UploadMode};

use super::SignError;
use super::layers::{Layers, Style};
use crate::names::{BUNDLE_CONTENT, BUNDLE_PREDICATE};
use crate::place::{RegistryPlace, TagKind};

/// The image that is signed, and the way to its signatures.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The registry, the image's repository, and the one of what is attached to it.
    pub place: &'a RegistryPlace,
    /// The manifest or index that is signed, as it was read and hashed.
    pub subject: &'a Manifest,
}

/// Type of a bundle's layer and of the manifest around it.
const BUNDLE: &str = sigstore::bundle::MEDIA_TYPE;
/// Type of the configuration of a referrer in cosign's older form.
const LEGACY_ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

impl Destination<'_> {
    /// Adds a layer to a tag; true if an equal signature is there already.
    pub(crate) async fn add_layer(
        &self,
        kind: TagKind,
        payload: &[u8],
        mut layers: Layers,
    ) -> Result<bool, SignError> {
        let digest = self.subject.digest();
        let tag = self
            .place
            .tag(&digest, kind)
            .ok_or(SignError::TagPrefix { digest })?;
        self.push(payload.to_vec()).await?;
        let at = self.place.attachments();
        at.registry
            .update_tag(at.repository.path(), &tag, |current| {
                Ok(layers.change(current))
            })
            .await?;
        match layers.fault {
            Some(fault) => Err(SignError::Layers { tag, fault }),
            None => Ok(layers.already),
        }
    }

    /// Pushes a signature of the older form as a manifest of its own.
    pub(super) async fn refer_legacy(
        &self,
        payload: &[u8],
        layer: Descriptor,
        style: Style,
    ) -> Result<PushedReferrer, SignError> {
        let layers = [layer];
        let config = style.config(&layers);
        let manifest = Manifest::artifact(Artifact {
            config: Descriptor::of(media_type(LEGACY_ARTIFACT), &config),
            layers: layers.to_vec(),
            annotations: BTreeMap::new(),
            subject: Some(self.subject.descriptor()),
            artifact_type: None,
        });
        self.refer(&manifest, [payload.to_vec(), config]).await
    }

    /// Pushes a bundle as a manifest of its own.
    pub(crate) async fn refer_bundle(
        &self,
        bundle: String,
        predicate_type: Option<&str>,
        now: Timestamp,
    ) -> Result<PushedReferrer, SignError> {
        let empty = b"{}".to_vec();
        let content = match predicate_type {
            Some(_) => "dsse-envelope",
            None => "message-signature",
        };
        let annotations = [
            (BUNDLE_CONTENT, Some(content.to_owned())),
            (BUNDLE_PREDICATE, predicate_type.map(str::to_owned)),
            (
                "org.opencontainers.image.created",
                Some(format!("{now:.0}")),
            ),
        ];
        let manifest = Manifest::artifact(Artifact {
            config: Descriptor {
                // As cosign 3.1 writes it.
                artifact_type: Some(media_type(BUNDLE)),
                ..Descriptor::of(MediaType::OCI_EMPTY, &empty)
            },
            layers: vec![Descriptor::of(media_type(BUNDLE), bundle.as_bytes())],
            annotations: annotations
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect(),
            subject: Some(self.subject.descriptor()),
            artifact_type: Some(media_type(BUNDLE)),
        });
        self.refer(&manifest, [bundle.into_bytes(), empty]).await
    }

    /// Puts a manifest under a tag, in the place of what is there.
    pub(crate) async fn replace_tag(
        &self,
        kind: TagKind,
        manifest: &Manifest,
        [content, config]: [Vec<u8>; 2],
    ) -> Result<(), SignError> {
        let digest = self.subject.digest();
        let tag = self
            .place
            .tag(&digest, kind)
            .ok_or(SignError::TagPrefix { digest })?;
        tokio::try_join!(self.push(content), self.push(config))?;
        let at = self.place.attachments();
        at.registry
            .push_manifest(at.repository.path(), Some(&tag), manifest)
            .await?;
        Ok(())
    }

    pub(crate) async fn refer(
        &self,
        manifest: &Manifest,
        [content, config]: [Vec<u8>; 2],
    ) -> Result<PushedReferrer, SignError> {
        tokio::try_join!(self.push(content), self.push(config))?;
        let at = self.place.attachments();
        Ok(at
            .registry
            .push_referrer(at.repository.path(), manifest)
            .await?)
    }

    async fn push(&self, blob: Vec<u8>) -> Result<(), SignError> {
        let at = self.place.attachments();
        let source = BlobSource::Bytes(Bytes::from(blob));
        at.registry
            .push_blob(at.repository.path(), source, UploadMode::Monolithic)
            .await?;
        Ok(())
    }
}

pub(super) fn media_type(text: &'static str) -> MediaType {
    MediaType::parse(text).expect("a constant of this form is a media type")
}
