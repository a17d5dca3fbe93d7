//! References, digests, media types, manifests and auth challenges of OCI registries; pure.
