//! cosign 2.5, cosign 3.1 and `countersign cosign` sign for each other: each form that two of them have in common, on a
//! registry without the referrers API and on ours with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::print_stdout,
    reason = "a failed test says which of its cases it was"
)]

mod annotations;
mod attestations;
mod blobs;
mod forms;
mod images;
mod kinds;
mod refusals;
#[allow(dead_code, reason = "shared with the tests of the persona")]
mod scene;
mod stock;
