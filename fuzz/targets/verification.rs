//! A spoilt bundle is refused, or is still the same signature by the same signer.
//!
//! The input is a whole bundle, or a good one's number and changes to it: two bytes where, one byte what.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use pki::signature::VerifyingKey;
use sigstore::bundle::{Bundle, SignerMaterial};
use sigstore::identity::IdentityPolicy;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{AcceptedSigner, Artifact, Policy, Rule, TimestampRule, verify_bundle};

macro_rules! golden {
    ($path:literal) => {
        include_bytes!(concat!("../../testdata/golden/cosign/", $path))
    };
}

static GOOD: [&[u8]; 5] = [
    golden!("cases/c25_blob_v31/key-rekor1.sigstore.json"),
    golden!("cases/c25_blob_v31/key-rekor2.sigstore.json"),
    golden!("cases/c25_blob_v31/keyless-rekor1.sigstore.json"),
    golden!("cases/c25_blob_v31/keyless-rekor2.sigstore.json"),
    golden!("cases/c25_blob_v31/att.sigstore.json"),
];
static BLOB: &[u8] = golden!("blobs/blob.txt");
static KNOWN: LazyLock<Vec<Bundle>> = LazyLock::new(|| {
    let known: Vec<_> = GOOD.iter().map(|json| Bundle::parse(json).expect("cosign wrote it")).collect();
    assert!(known.iter().all(accepted), "what is spoilt here was good");
    known
});
static TRUST: LazyLock<TrustedRoot> = LazyLock::new(|| {
    TrustedRoot::parse(golden!("private-sigstore/trusted_root.json")).expect("cosign wrote it")
});
static KEY: LazyLock<VerifyingKey> =
    LazyLock::new(|| VerifyingKey::from_pem(golden!("keys/cosign31.pub")).expect("cosign wrote it"));

fn accepted(bundle: &Bundle) -> bool {
    let annotations = BTreeMap::new();
    let anybody = [IdentityPolicy::dangerous_any_identity()];
    let policy = Policy {
        signer: match bundle.signer {
            SignerMaterial::PublicKey { .. } => AcceptedSigner::Key(&KEY),
            SignerMaterial::Certificate { .. } => AcceptedSigner::Identities(&anybody),
        },
        log: Rule::Required,
        sct: Rule::Required,
        timestamp: TimestampRule::IfThere,
        predicate_type: None,
        annotations: &annotations,
    };
    let now = "2026-11-21T00:00:00Z".parse().expect("a time");
    verify_bundle(bundle, &Artifact::Bytes(BLOB), &TRUST, &policy, now).result.is_ok()
}

fn spoilt(data: &[u8]) -> Option<Vec<u8>> {
    if data.first() == Some(&b'{') {
        return Some(data.to_vec());
    }
    let (number, changes) = data.split_first()?;
    let mut json = GOOD[usize::from(*number) % GOOD.len()].to_vec();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % json.len();
        json[at] = change[2];
    }
    Some(json)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(bundle) = spoilt(data).and_then(|json| Bundle::parse(&json).ok()) else {
        return;
    };
    if accepted(&bundle) {
        let same = |good: &Bundle| {
            good.content.signature() == bundle.content.signature()
                && match (&good.signer, &bundle.signer) {
                    // A hint is not signed.
                    (SignerMaterial::PublicKey { .. }, SignerMaterial::PublicKey { .. }) => true,
                    (good, found) => good == found,
                }
        };
        assert!(KNOWN.iter().any(same), "a signature that nobody made is accepted");
    }
});
