//! The `notary` persona, judged by notary 0.7.0: same command line, same folder, same server, same bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
#[path = "../cli/no_sigstore.rs"]
mod no_sigstore;

mod golden;
mod help;
mod keys;
mod read;
mod settings;
mod support;
