//! The judges: this program against the real ones, in both directions, and against an attacker between them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attacks;
mod bad_folder;
mod bad_input;
mod faults;
mod registry;
mod signed;
mod support;
mod trust_client;
mod trust_server;
