//! `countersign verify` and `countersign sign` as their users see them: tables, JSON, messages and exit codes, against
//! real registries, trust servers and a private Sigstore.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod content_trust;
mod input;
mod keyless;
mod policy;
mod round_trip;
mod scene;
mod sign;
mod verify;
