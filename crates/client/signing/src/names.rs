//! Media types and annotations by which signatures are told, as both cosigns write them.

/// What the media type of every bundle begins with, whatever its version.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// Annotation of a bundle's manifest: what is in the bundle.
pub(crate) const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";
/// Annotation of a bundle's manifest: the predicate type.
pub(crate) const BUNDLE_PREDICATE: &str = "dev.sigstore.bundle.predicateType";
/// The media type of attestations before bundles.
pub(crate) const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// Annotation of the layer of such an attestation: the predicate type.
pub(crate) const LAYER_PREDICATE: &str = "predicateType";
