//! OCI distribution client: logins, tokens, blobs, manifests, referrers, uploads.
