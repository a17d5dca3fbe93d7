//! The `cosign` persona as its users see it: commands, messages and exit codes, against real registries and a private
//! Sigstore.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::print_stdout,
    reason = "a failed test says which of its cases it was"
)]

mod attach;
mod attest;
mod browser;
mod bundle_create;
mod carried;
mod carry;
mod environment;
mod files;
mod findings;
mod flags;
mod golden;
mod initialize;
mod keyless;
mod keys;
mod login;
mod lookups;
mod registries;
mod signing;
mod tree;
mod trusted_root;
mod verdicts;
mod writers;

#[path = "../cosign_interop/scene.rs"]
#[allow(dead_code, reason = "shared with the judges of interoperability")]
mod scene;

#[path = "../cosign_interop/forms.rs"]
#[allow(dead_code, reason = "shared with the judges of interoperability")]
mod forms;
