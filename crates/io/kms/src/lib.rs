//! Signing keys that do not leave their place: PKCS#11 tokens, Vault transit, cloud key services, plugins.
#![deny(missing_docs)]
