//! `docker` in front of the real one, judged by real dockerds and by stock docker on the same repositories.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod bench;
mod build;
mod compose;
mod containerd;
mod install;
mod interrupt;
mod login;
mod pass_on;
mod plugins;
mod proxy;
mod push_pull;
mod run;
mod sign;
mod tables;
