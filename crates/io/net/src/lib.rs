//! The one HTTP client: TLS roots, proxies, timeouts, size limits, redaction.
