//! tuf-conformance against `tuf-client`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod suite;

/// What the suite has at the commit that `scripts/conformance` fixes.
const CASES: usize = 113;

#[test]
fn all_cases_pass_and_none_is_expected_to_fail() {
    let Some(suite) = suite::locate("tuf-conformance") else {
        return;
    };
    let mut pytest = suite::pytest(&suite);
    pytest
        .arg("tuf_conformance")
        .args(["--entrypoint", env!("CARGO_BIN_EXE_tuf-client")]);
    suite::assert_all_pass(pytest, CASES);
}
