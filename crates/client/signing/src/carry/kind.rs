//! What something attached is, by its own word.

use oci::Manifest;
use sigstore::bundle::{Bundle, Content};
use sigstore::statement::{COSIGN_SIGNATURE, Statement};

use crate::names::{BUNDLE, BUNDLE_CONTENT, BUNDLE_PREDICATE};
use crate::place::TagKind;

/// Types of manifests with layers of the older form (`sigstore/cosign:pkg/oci/remote/write.go`).
const COSIGN: &str = "application/vnd.dev.cosign.artifact.";

/// What something attached to an image is, by its own word; nothing vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttachedKind {
    /// A signature of the image.
    Signature,
    /// An attestation about it.
    Attestation,
    /// A bill of materials, unsigned.
    Sbom,
    /// A bundle that is not said to be a signature or an attestation, and cannot be read.
    Bundle,
    /// Anything else.
    Other,
}

/// What is wanted of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The image itself.
    pub image: bool,
    /// Its signatures.
    pub signatures: bool,
    /// Its attestations.
    pub attestations: bool,
    /// Its bills of materials.
    pub sboms: bool,
    /// Whatever else refers to it.
    pub others: bool,
}

impl Selection {
    /// Everything.
    pub const ALL: Self = Self {
        image: true,
        signatures: true,
        attestations: true,
        sboms: true,
        others: true,
    };
    /// Nothing, to add to.
    pub const NONE: Self = Self {
        image: false,
        signatures: false,
        attestations: false,
        sboms: false,
        others: false,
    };

    /// Whether something of this kind is wanted.
    #[must_use]
    pub const fn has(self, kind: AttachedKind) -> bool {
        match kind {
            AttachedKind::Signature => self.signatures,
            AttachedKind::Attestation => self.attestations,
            AttachedKind::Sbom => self.sboms,
            AttachedKind::Bundle => self.signatures || self.attestations,
            AttachedKind::Other => self.others,
        }
    }

    /// Everything but the image.
    pub const ATTACHED: Self = Self {
        image: false,
        ..Self::ALL
    };

    pub(super) const fn has_referrers(self) -> bool {
        self.signatures || self.attestations || self.sboms || self.others
    }

    pub(super) fn tags(self) -> impl Iterator<Item = TagKind> {
        let kinds = [TagKind::Signatures, TagKind::Attestations, TagKind::Sbom];
        kinds
            .into_iter()
            .filter(move |kind| self.has(AttachedKind::under(*kind)))
    }
}

impl AttachedKind {
    /// What a bundle is: none that can be read, or a signature or an attestation with its predicate type.
    pub(super) fn of_bundle(bytes: &[u8]) -> Option<(Self, Option<String>)> {
        let envelope = match Bundle::parse(bytes).ok()?.content {
            Content::Message(_) => return Some((Self::Signature, None)),
            Content::Dsse(envelope) => envelope,
        };
        let predicate = Statement::of_envelope(&envelope).ok()?.predicate_type;
        Some((Self::of_predicate(&predicate), Some(predicate)))
    }

    fn of_predicate(predicate: &str) -> Self {
        match predicate {
            COSIGN_SIGNATURE => Self::Signature,
            _ => Self::Attestation,
        }
    }

    pub(super) const fn under(tag: TagKind) -> Self {
        match tag {
            TagKind::Signatures => Self::Signature,
            TagKind::Attestations => Self::Attestation,
            TagKind::Sbom => Self::Sbom,
        }
    }

    /// What a manifest that refers to an image says that it is, and the type that it states.
    pub(super) fn of(manifest: &Manifest) -> (Self, Option<String>) {
        let artifact_type = manifest.artifact_type().map(ToString::to_string);
        let annotation = |name| manifest.annotations().get(name).map(String::as_str);
        if let Some(predicate) = annotation(BUNDLE_PREDICATE) {
            return (Self::of_predicate(predicate), Some(predicate.to_owned()));
        }
        let text = artifact_type.as_deref().unwrap_or_default();
        let kind = match text.strip_prefix(COSIGN) {
            Some("sig.v1+json") => Self::Signature,
            Some("att.v1+json") => Self::Attestation,
            Some("sbom.v1+json") => Self::Sbom,
            _ if annotation(BUNDLE_CONTENT) == Some("message-signature") => Self::Signature,
            _ if text.starts_with(BUNDLE) => Self::Bundle,
            _ => Self::Other,
        };
        (kind, artifact_type)
    }
}
