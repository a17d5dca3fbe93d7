//! Every verification case of sigstore-conformance, judged by our verification and by `sigstore-verify`
//! (`sigstore/sigstore-conformance:test/assets/bundle-verify/README.md`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod suite;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use pki::digest::Sha256;
use pki::signature::VerifyingKey;
use sigstore::bundle::Bundle;
use sigstore::identity::{IdentityPolicy, TextRule};
use sigstore::trust::TrustedRoot;
use sigstore::verify::{AcceptedSigner, Artifact, Policy, Rule, TimestampRule, verify_bundle};
use sigstore_verify::trust_root::{
    SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot as TheirTrustedRoot,
};
use sigstore_verify::types::{Bundle as TheirBundle, DerPublicKey, Sha256Hash};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

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
    key: Option<Vec<u8>>,
    identity: String,
    issuer: String,
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
            key: file("key.pub"),
            identity: text("identity", IDENTITY),
            issuer: text("issuer", ISSUER),
        }
    }

    fn key(&self) -> Result<Option<VerifyingKey>, String> {
        let key = self.key.as_deref().map(VerifyingKey::from_pem);
        key.transpose().map_err(|error| error.to_string())
    }

    fn ours(&self, by_digest: bool) -> Result<(), String> {
        let trust = TrustedRoot::parse(&self.trusted_root).map_err(|error| error.to_string())?;
        let bundle = Bundle::parse(&self.bundle).map_err(|error| error.to_string())?;
        let key = self.key()?;
        let identities = [IdentityPolicy::new(
            TextRule::Exact(self.identity.clone()),
            TextRule::Exact(self.issuer.clone()),
        )];
        let annotations = BTreeMap::new();
        let policy = Policy {
            signer: match &key {
                Some(key) => AcceptedSigner::Key(key),
                None => AcceptedSigner::Identities(&identities),
            },
            log: Rule::Required,
            sct: Rule::Required,
            timestamp: TimestampRule::IfThere,
            predicate_type: None,
            annotations: &annotations,
        };
        let digest = Sha256::of(&self.artifact);
        let artifact = match by_digest {
            true => Artifact::manifest(&digest),
            false => Artifact::Bytes(&self.artifact),
        };
        verify_bundle(&bundle, &artifact, &trust, &policy, now())
            .result
            .map(drop)
            .map_err(|refusal| refusal.to_string())
    }

    fn theirs(&self, by_digest: bool) -> Result<(), String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string());
        let trust = TheirTrustedRoot::from_json(&text(&self.trusted_root)?)
            .map_err(|error| error.to_string())?;
        let verifier = Verifier::new(&trust).map_err(|error| error.to_string())?;
        let bundle =
            TheirBundle::from_json(&text(&self.bundle)?).map_err(|error| error.to_string())?;
        let digest = Sha256Hash::new(*Sha256::of(&self.artifact).as_bytes());
        let result = match self.key()? {
            Some(key) => {
                let policy =
                    PublicKeyVerificationPolicy::new(DerPublicKey::from(key.spki_der().to_vec()));
                match by_digest {
                    true => verifier.verify(digest, &bundle, &policy),
                    false => verifier.verify(self.artifact.as_slice(), &bundle, &policy),
                }
            }
            None => {
                let policy = VerificationPolicy::new(self.identity.as_str(), self.issuer.as_str());
                match by_digest {
                    true => verifier.verify(digest, &bundle, &policy),
                    false => verifier.verify(self.artifact.as_slice(), &bundle, &policy),
                }
            }
        };
        result.map(drop).map_err(|error| error.to_string())
    }
}

/// After the suite was made.
fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
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
        for by_digest in [false, true] {
            let (ours, theirs) = (case.ours(by_digest), case.theirs(by_digest));
            if ours.is_ok() != must_hold || theirs.is_ok() != ours.is_ok() {
                wrong.push(format!(
                    "{}, by {}: {ours:?} here, {theirs:?} there",
                    case.name,
                    if by_digest { "digest" } else { "bytes" }
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
