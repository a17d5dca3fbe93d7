//! Transparency logs: Merkle trees and their proofs, tiles, signed notes and checkpoints, and the promises that logs
//! make about certificates and entries; pure.
//!
//! * [`hash`], [`proof`], [`compact`]: the tree of RFC 6962, proofs in it, and its growing edge.
//! * [`tile`]: the tree as immutable files (C2SP tlog-tiles).
//! * [`note`], [`note_key`], [`checkpoint`]: what a log and its witnesses sign (C2SP signed-note, tlog-checkpoint,
//!   tlog-cosignature; Rekor v1's variant).
//! * [`sct`], [`precert`]: a CT log's promise about a certificate (RFC 6962 3).
//! * [`set`]: Rekor v1's promise about an entry.
//! * [`log_id`]: by what id a log is known.
//!
//! Parsed and verified are different types; every verified one is made by a single `verify…` function. Nothing here
//! reads a file, a clock or the environment.
#![deny(missing_docs)]

pub mod checkpoint;
pub mod compact;
mod der;
pub mod hash;
pub mod log_id;
pub mod note;
pub mod note_key;
pub mod precert;
pub mod proof;
pub mod sct;
pub mod set;
pub mod tile;
