//! The golden data made by cosign 2.5.0 and 3.1.1, and the demands that its steps made of them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use jiff::Timestamp;
use pki::digest::Sha256;
use pki::signature::VerifyingKey;
use sigstore::bundle::Bundle;
use sigstore::identity::{IdentityPolicy, TextRule};
use sigstore::legacy::LegacySignature;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{AcceptedSigner, Because, Policy, Rule, TimestampRule};

pub(crate) const GITLAB: (&str, &str) = (
    "https://gitlab.golden.test/acme/app//.gitlab-ci.yml@refs/heads/main",
    "https://gitlab.golden.test",
);
pub(crate) const ALICE: (&str, &str) = ("alice@golden.test", "https://oidc.golden.test");
pub(crate) const WAIVED: Rule = Rule::Waived(Because::FlagInsecureIgnoreTlog);

static NO_ANNOTATIONS: BTreeMap<String, String> = BTreeMap::new();
pub(crate) static TRUST: LazyLock<TrustedRoot> = LazyLock::new(|| {
    TrustedRoot::parse(&read("private-sigstore/trusted_root.json")).expect("cosign wrote it")
});

/// Long after all the certificates have expired.
pub(crate) fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

pub(crate) fn golden(path: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../testdata/golden/cosign"
    ))
    .join(path)
}

#[allow(clippy::disallowed_methods, reason = "the data is in files")]
pub(crate) fn read(path: &str) -> Vec<u8> {
    std::fs::read(golden(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn key(name: &str) -> VerifyingKey {
    let pem = pem::parse(read(&format!("keys/{name}.pub"))).unwrap();
    VerifyingKey::from_spki_der(pem.contents()).unwrap()
}

pub(crate) fn identity((subject, issuer): (&str, &str)) -> Vec<IdentityPolicy> {
    vec![IdentityPolicy::new(
        TextRule::Exact(subject.to_owned()),
        TextRule::Exact(issuer.to_owned()),
    )]
}

pub(crate) fn strict(signer: AcceptedSigner<'_>) -> Policy<'_> {
    Policy {
        signer,
        log: Rule::Required,
        sct: Rule::Required,
        timestamp: TimestampRule::IfThere,
        predicate_type: None,
        annotations: &NO_ANNOTATIONS,
    }
}

pub(crate) fn bundle(path: &str) -> Bundle {
    Bundle::parse(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A signature in a registry, and the digest of the image that it hangs on.
pub(crate) enum Found {
    Bundle(Box<Bundle>, Sha256),
    Legacy(Box<LegacySignature>, Sha256),
}

/// All signatures and attestations in a registry of a case.
#[allow(clippy::disallowed_methods, reason = "the data is in files")]
pub(crate) fn registry(path: &str) -> Vec<Found> {
    let index: serde_json::Value =
        serde_json::from_slice(&read(&format!("{path}/index.json"))).unwrap();
    let mut tags = BTreeMap::new();
    for (tag, digest) in index["tags"].as_object().unwrap() {
        tags.insert(digest.as_str().unwrap().to_owned(), tag.clone());
    }
    let mut found = Vec::new();
    for digest in index["manifests"].as_object().unwrap().keys() {
        let file = digest.replace(':', "-");
        let manifest: serde_json::Value =
            serde_json::from_slice(&read(&format!("{path}/manifests/{file}.json"))).unwrap();
        let image = manifest["subject"]["digest"]
            .as_str()
            .map(str::to_owned)
            .or_else(|| Some(tags.get(digest)?.split('.').next()?.replacen('-', ":", 1)));
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let media_type = layer["mediaType"].as_str().unwrap();
            let blob = || {
                let digest = layer["digest"].as_str().unwrap().replace(':', "-");
                read(&format!("{path}/blobs/{digest}"))
            };
            let image = || {
                let hex = image
                    .as_deref()
                    .and_then(|image| image.strip_prefix("sha256:"));
                Sha256::parse_hex(hex.expect("a signature hangs on an image")).unwrap()
            };
            if media_type.starts_with("application/vnd.dev.sigstore.bundle") {
                let bundle = Bundle::parse(&blob()).unwrap();
                found.push(Found::Bundle(Box::new(bundle), image()));
            } else if media_type == sigstore::simple_signing::MEDIA_TYPE
                || media_type == "application/vnd.dsse.envelope.v1+json"
            {
                let annotations: BTreeMap<String, String> =
                    serde_json::from_value(layer["annotations"].clone()).unwrap();
                let legacy = LegacySignature::from_annotations(&blob(), &annotations).unwrap();
                found.push(Found::Legacy(Box::new(legacy), image()));
            }
        }
    }
    assert!(!found.is_empty(), "{path} holds no signatures");
    found
}
