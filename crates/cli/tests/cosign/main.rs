//! The `cosign` persona as its users see it: commands, messages and exit codes, against real registries and a private
//! Sigstore.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attest;
mod bundle_create;
mod findings;
mod flags;
mod initialize;
mod keyless;
mod keys;
mod login;
mod lookups;
mod registries;
#[path = "../cosign_interop/scene.rs"]
#[allow(dead_code, reason = "shared with the judges of interoperability")]
mod scene;
mod server;
mod trusted_root;
mod verdicts;
mod writers;
