//! The OCI registry: blobs, uploads, manifests, tags, referrers.
