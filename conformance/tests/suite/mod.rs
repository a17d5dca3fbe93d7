//! Where the suites are that `scripts/conformance` brings.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of a suite, or `None` and a word about it: unlike the programs of `scripts/peers`, the suites are in no
/// package registry, so that a machine without a way to their repositories has to do without them. With
/// `COUNTERSIGN_STRICT_CONFORMANCE=1` that is a failure.
pub(crate) fn locate(name: &str) -> Option<PathBuf> {
    let folder = cache().join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let reason = format!("{name} is not there; run scripts/conformance");
    let strict = environment("COUNTERSIGN_STRICT_CONFORMANCE").as_deref() == Some("1");
    assert!(!strict, "{reason}");
    testkit::report_skipped(&reason);
    None
}

/// The same rule as in `scripts/conformance`.
fn cache() -> PathBuf {
    if let Some(folder) = environment("COUNTERSIGN_CONFORMANCE") {
        return folder.into();
    }
    let home = environment("HOME").unwrap_or_default();
    Path::new(&home).join(".cache/countersign/conformance")
}

#[allow(clippy::disallowed_methods, reason = "how a test run is configured")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// pytest in the folder of a suite, which it leaves as it is.
pub(crate) fn pytest(suite: &Path) -> Command {
    let cache = cache();
    let path = environment("PATH").unwrap_or_default();
    let mut command = Command::new(cache.join("python/bin/python"));
    command
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .env("PATH", format!("{}:{path}", cache.join("bin").display()))
        .current_dir(suite);
    command
}

/// Runs it. Its last line must tell of so many passed cases and of nothing else.
pub(crate) fn assert_all_pass(mut pytest: Command, cases: usize) {
    let output = pytest.output().expect("scripts/conformance brought Python");
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    let passed = last.strip_prefix(&format!("{cases} passed in "));
    assert!(
        output.status.success() && passed.is_some(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
