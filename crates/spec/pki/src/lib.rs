//! Digests, keys, signatures, certificates and key files of container signing; pure.
