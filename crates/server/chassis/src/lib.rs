//! What every server role shares: listener, TLS, clock, health, metrics, graceful stop, errors.
