//! The command line as its users meet it. One binary: transcripts of the real docker, and scenes of our own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
mod no_sigstore;

mod help;
mod inspect;
mod keys;
mod plugin;
mod scene;
mod terminal;
mod transcript;
mod trust;
