//! Every verification case of sigstore-conformance, judged by our verification and by `sigstore-verify`
//! (`sigstore/sigstore-conformance:test/assets/bundle-verify/README.md`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod judges;
mod suite;

use std::path::Path;

use judges::{Signer, Subject};
use pki::digest::Sha256;
use sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/\
    workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// Each once with the artifact and once with its digest.
const CASES: usize = 70;

/// One folder of the suite.
struct Case {
    name: String,
    bundle: Vec<u8>,
    artifact: Vec<u8>,
    trusted_root: Vec<u8>,
    signer: Signer,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let file = |name: &str| std::fs::read(folder.join(name)).ok();
        let text = |name: &str, default: &str| {
            let found = file(name).map(|bytes| String::from_utf8(bytes).unwrap());
            found.map_or_else(|| default.to_owned(), |text| text.trim().to_owned())
        };
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            bundle: file("bundle.sigstore.json").unwrap(),
            artifact: file("artifact")
                .unwrap_or_else(|| std::fs::read(folder.with_file_name("a.txt")).unwrap()),
            trusted_root: file("trusted_root.json")
                .unwrap_or_else(|| SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes().to_vec()),
            signer: Signer {
                key: file("key.pub"),
                identity: text("identity", IDENTITY),
                issuer: text("issuer", ISSUER),
            },
        }
    }
}

fn cases(suite: &Path) -> Vec<Case> {
    let folders = std::fs::read_dir(suite.join("test/assets/bundle-verify")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().map(|folder| Case::read(folder)).collect()
}

#[test]
fn all_cases_pass_and_none_is_expected_to_fail() {
    let Some(suite) = suite::locate("sigstore-conformance") else {
        return;
    };
    let cases = cases(&suite);
    assert!(cases.len() >= CASES, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let must_hold = !case.name.ends_with("_fail");
        for (by, of) in [
            ("bytes", Subject::Bytes(&case.artifact)),
            ("digest", Subject::Digest(Sha256::of(&case.artifact))),
        ] {
            let ours = case.signer.ours(&case.bundle, of, &case.trusted_root);
            let theirs = case.signer.theirs(&case.bundle, of, &case.trusted_root);
            if ours.is_ok() != must_hold || theirs.is_ok() != ours.is_ok() {
                let name = &case.name;
                wrong.push(format!("{name}, by {by}: {ours:?} here, {theirs:?} there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
