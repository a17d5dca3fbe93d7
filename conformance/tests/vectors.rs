//! The bundles that come with `sigstore-verify`, each under every trusted root that comes with it: made by many programs
//! at many times, and had wherever its sources are. Both verifiers say the same, but for what COMPATIBILITY.md names.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod judges;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use judges::{Signer, Subject};
use pki::digest::Sha256;
use sigstore::bundle::{Bundle, Content, SignerMaterial};
use sigstore::statement::Statement;
use sigstore::trust::TrustedRoot;
use sigstore_verify::trust_root::{
    SIGSTORE_PRODUCTION_TRUSTED_ROOT, SIGSTORE_STAGING_TRUSTED_ROOT,
};
use sigstore_verify::types::Bundle as TheirBundle;

/// Pairs of a bundle and a root that both accept, in the version that the lock file names.
const ACCEPTED: usize = 20;

/// Read there and refused when they are verified; refused when they are read here.
const REFUSED_EARLIER: [(&str, &str); 3] = [
    (
        "bundle_no_cert_v1.txt.sigstore",
        "no x509CertificateChain.certificates",
    ),
    (
        "bundle_no_checkpoint.txt.sigstore",
        "log entry 0: no inclusionProof.checkpoint",
    ),
    ("dsse.sigstore.json", "certificate 2 of the chain is a root"),
];

/// With no SHA-256 digest, or no issuer, to judge by.
const UNCLAIMED: [&str; 3] = [
    "github-private-attestation.sigstore.json",
    "sigstore.js@2.0.0-provenance.sigstore.json",
    "github_sha384_bundle.json",
];

/// The sources of `sigstore-verify`, where cargo keeps them.
#[allow(clippy::disallowed_methods, reason = "cargo tells")]
fn sources() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"] == "sigstore-verify");
    let manifest = package.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).with_file_name("test_data")
}

/// Every file below, by its path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// What was signed and by whom, by the bundle's own words: judged is whether that holds.
fn claim(bundle: &Bundle, key: &[u8]) -> Option<(Sha256, Signer)> {
    let digest = match &bundle.content {
        Content::Message(message) => Sha256::try_from(message.digest.as_ref()?.bytes()).ok()?,
        Content::Dsse(envelope) => {
            let statement = Statement::of_envelope(envelope).ok()?;
            Sha256::parse_hex(statement.subjects[0].digests.get("sha256")?).ok()?
        }
    };
    let (key, identity, issuer) = match &bundle.signer {
        SignerMaterial::PublicKey { .. } => (Some(key.to_owned()), "", ""),
        SignerMaterial::Certificate { leaf, .. } => {
            (None, leaf.names().first()?.as_str(), leaf.issuer()?)
        }
    };
    let signer = Signer {
        key,
        identity: identity.to_owned(),
        issuer: issuer.to_owned(),
    };
    Some((digest, signer))
}

/// Where the two differ on purpose (COMPATIBILITY.md).
fn is_known_difference(ours: &Result<(), String>, theirs: &Result<(), String>) -> bool {
    match (ours, theirs) {
        // A timestamp of an authority that is not trusted, where a log tells the time.
        (Ok(()), Err(reason)) if reason.contains("does not match any trusted TSA") => true,
        // A name of the form otherName, which is not read there.
        (Ok(()), Err(reason)) => reason.starts_with("identity mismatch: expected foo!oidc.local"),
        _ => false,
    }
}

#[test]
fn both_say_the_same_of_every_bundle_under_every_root() {
    let files = files(&sources());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut roots: Vec<(String, &[u8])> = vec![
        (
            "production".to_owned(),
            SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes(),
        ),
        (
            "staging".to_owned(),
            SIGSTORE_STAGING_TRUSTED_ROOT.as_bytes(),
        ),
    ];
    let is_root = |json: &[u8]| TrustedRoot::parse(json).is_ok();
    let found = files.iter().filter(|(_, json)| is_root(json));
    roots.extend(found.map(|(path, json)| (path.display().to_string(), json.as_slice())));
    let key = files.iter().find(|(path, _)| name(path) == "key.pub");
    let (_, key) = key.unwrap();

    let (mut accepted, mut different) = (0, Vec::new());
    let (mut refused_earlier, mut unclaimed) = (Vec::new(), Vec::new());
    for (path, json) in &files {
        let text = String::from_utf8_lossy(json);
        let bundle = match Bundle::parse(json) {
            Ok(bundle) => bundle,
            Err(error) => {
                if text.contains("vnd.dev.sigstore.bundle") && TheirBundle::from_json(&text).is_ok()
                {
                    refused_earlier.push((name(path), error.to_string()));
                }
                continue;
            }
        };
        let Some((digest, signer)) = claim(&bundle, key) else {
            unclaimed.push(name(path));
            continue;
        };
        for (root, trust) in &roots {
            let ours = signer.ours(json, Subject::Digest(digest), trust);
            let theirs = signer.theirs(json, Subject::Digest(digest), trust);
            if ours.is_ok() != theirs.is_ok() && !is_known_difference(&ours, &theirs) {
                let path = path.display();
                different.push(format!(
                    "{path} under {root}:\n  {ours:?} here\n  {theirs:?} there"
                ));
            }
            accepted += usize::from(ours.is_ok() && theirs.is_ok());
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(accepted, ACCEPTED);
    let refused = REFUSED_EARLIER.map(|(name, why)| (name.to_owned(), why.to_owned()));
    assert_eq!(refused_earlier, refused);
    assert_eq!(unclaimed, UNCLAIMED);
}
