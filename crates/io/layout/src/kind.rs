//! What an entry of the index is.

use oci::Descriptor;

/// Annotation with cosign's word for the kind of an entry.
const KIND: &str = "kind";
/// Annotation with the name of an entry (OCI image spec, `annotations.md`): for what is attached, its tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What an entry is, in cosign's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The image that was saved.
    Image,
    /// The image that was saved, for several platforms.
    ImageIndex,
    /// Its signatures, what a registry has under `sha256-<hex>.sig`.
    Signatures,
    /// Its attestations: `.att`.
    Attestations,
    /// Its bill of materials: `.sbom`. Cosign does not save it.
    Sbom,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Image,
        Self::ImageIndex,
        Self::Signatures,
        Self::Attestations,
        Self::Sbom,
    ];

    /// The text of the annotation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "dev.cosignproject.cosign/image",
            Self::ImageIndex => "dev.cosignproject.cosign/imageIndex",
            Self::Signatures => "dev.cosignproject.cosign/sigs",
            Self::Attestations => "dev.cosignproject.cosign/atts",
            Self::Sbom => "dev.cosignproject.cosign/sboms",
        }
    }

    /// What an entry says that it is.
    #[must_use]
    pub fn of(entry: &Descriptor) -> Option<Self> {
        let text = entry.annotations.get(KIND)?;
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// An entry of this kind.
    #[must_use]
    pub fn entry(self, mut descriptor: Descriptor) -> Descriptor {
        descriptor
            .annotations
            .insert(KIND.to_owned(), self.as_str().to_owned());
        descriptor
    }

    /// True for the image that was saved.
    #[must_use]
    pub const fn is_image(self) -> bool {
        matches!(self, Self::Image | Self::ImageIndex)
    }
}
