//! The trust server: Notary's HTTP API over SQLite, with server-held keys.
