//! The pages that people follow (`pages/` at the top), line by line through bash, with our `docker` before each of four
//! real ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod azure;
mod docker_automation;
mod ibm;
mod page;
mod site;
mod stand_in;
#[path = "../cli/transcript.rs"]
#[expect(dead_code, reason = "shared with other tests, which use all of it")]
mod transcript;
