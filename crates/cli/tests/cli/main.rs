//! The command line as its users meet it. One binary: transcripts of the real docker, and scenes of our own.

mod help;
mod inspect;
mod keys;
mod plugin;
mod scene;
mod terminal;
mod transcript;
mod trust;
