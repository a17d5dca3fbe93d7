//! Bounds on everything that somebody else wrote.

/// Most bytes of a bundle. The largest contents are attested bills of materials; cosign's own cap on one attachment is
/// 128 MiB, of which base64 in JSON leaves three quarters.
pub const BUNDLE_BYTES: usize = 64 << 20;

/// Most bytes of a signed payload of the simple signing form; real ones have under 2 KiB.
pub const SIMPLE_SIGNING_BYTES: usize = 1 << 20;

/// Most log entries of a bundle (`sigstore/sigstore-go:pkg/verify/tlog.go`).
pub const LOG_ENTRIES: usize = 32;

/// Most timestamps of a bundle (`sigstore/sigstore-go:pkg/verify/tsa.go`).
pub const TIMESTAMPS: usize = 32;

/// Most certificates of a chain; real ones have three.
pub const CHAIN_CERTIFICATES: usize = 10;

/// Most bytes of one certificate; Fulcio's have under 2 KiB.
pub const CERTIFICATE_BYTES: usize = 64 << 10;

/// Most bytes of one signature; RSA with 8192 bits has 1024.
pub const SIGNATURE_BYTES: usize = 16 << 10;

/// Most signatures of a DSSE envelope outside a bundle.
pub const ENVELOPE_SIGNATURES: usize = 16;

/// Most subjects of an in-toto statement (`sigstore/sigstore-go:pkg/verify/signature.go`).
pub const STATEMENT_SUBJECTS: usize = 1024;

/// Most digests of one subject (`sigstore/sigstore-go:pkg/verify/signature.go`).
pub const SUBJECT_DIGESTS: usize = 32;

/// Most bytes of a logged entry: Rekor v2's own limit, 65535, leaves no room for more; v1 has none, so some air.
pub const ENTRY_BYTES: usize = 1 << 20;

/// Most hashes of an inclusion proof: one per level of a tree with 2^64 leaves.
pub const PROOF_HASHES: usize = 64;

/// Most bytes of a signed checkpoint.
pub const CHECKPOINT_BYTES: usize = 64 << 10;

/// Most bytes of an RFC 3161 response; with a chain of certificates it has about 4 KiB.
pub const TIMESTAMP_BYTES: usize = 64 << 10;

/// Most bytes of a trusted root or a signing configuration; the public one has 7 KiB.
pub const TRUST_BYTES: usize = 4 << 20;

/// Most instances of one service in a trusted root.
pub const INSTANCES: usize = 64;

/// Most bytes of a regular expression of an identity policy, and of the program it compiles to.
pub const PATTERN_BYTES: usize = 64 << 10;

/// Most bytes of a statement that is written: base64 of it fits into a bundle of [`BUNDLE_BYTES`].
pub const STATEMENT_BYTES: usize = 44 << 20;
