//! Bounds on what somebody attached to an image. Sizes of single documents are in [`sigstore::limits`].

/// Most signatures in one manifest of the older form; cosign's own limit
/// (`sigstore/cosign:pkg/oci/signature/layer.go`, `pkg/oci/remote/signatures.go`).
pub const LAYERS: usize = 1000;

/// Most documents of one image, over all manifests.
pub const DOCUMENTS: usize = 2 * LAYERS;

/// Most referrers that are opened. Others are counted and named, never silently left out.
pub const REFERRERS: usize = 1000;

/// Most bytes of everything attached to one image, manifests and documents: four documents of the largest size.
pub const TOTAL_BYTES: u64 = 256 << 20;

/// How many of one image's documents are fetched at once, unless the caller says otherwise; cosign's `--max-workers`.
pub const WORKERS: usize = 10;
