//! The verification cases of sigstore-conformance, by its own runner, against `countersign cosign verify-blob`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../conformance/tests/suite/mod.rs"]
mod suite;

use std::path::Path;

use sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

/// 70 folders, each by file and by digest.
const CASES: usize = 140;

#[test]
fn all_verification_cases_pass_and_none_is_expected_to_fail() {
    let Some(suite) = suite::locate("sigstore-conformance") else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("trusted_root.json");
    std::fs::write(&root, SIGSTORE_PRODUCTION_TRUSTED_ROOT).unwrap();
    let drivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance");
    let mut pytest = suite::pytest(&suite);
    pytest
        .args(["-p", "offline_token", "test/test_bundle.py::test_verify"])
        .arg("--entrypoint")
        .arg(drivers.join("sigstore-client"))
        .env("PYTHONPATH", &drivers)
        .env("COUNTERSIGN", env!("CARGO_BIN_EXE_countersign"))
        .env("COUNTERSIGN_PUBLIC_ROOT", &root)
        .env("HOME", home.path());
    suite::assert_all_pass(pytest, CASES);
}
