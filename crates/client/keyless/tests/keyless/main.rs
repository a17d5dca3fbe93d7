//! Every service in earnest, by the test kit's private Sigstore, and every answer that none of them would give.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authorities;
mod end_to_end;
mod logins;
mod logs;
mod services;
mod stamps;
mod support;
mod tokens;
