//! `sigstore-verify` judges: on strict verification of bundles, good and spoilt, both say the same, but for what is named.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{ALICE, GITLAB, TRUST, identity, key, now, read, strict};
use sigstore::bundle::{Bundle, BundleError};
use sigstore::timestamp::TimestampError;
use sigstore::verify::{AcceptedSigner, Artifact, LogError, Refusal, verify_bundle};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Bundle as TheirBundle, DerPublicKey};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

#[derive(Clone, Copy)]
enum Who {
    Key(&'static str),
    Identity((&'static str, &'static str)),
}

const BUNDLES: [(&str, Who); 9] = [
    ("c24_blob_v25/att-new.bundle.json", Who::Key("cosign25")),
    ("c24_blob_v25/new-keyless.bundle.json", Who::Identity(ALICE)),
    (
        "c24_blob_v25/new-keyless-tsa.bundle.json",
        Who::Identity(GITLAB),
    ),
    (
        "c25_blob_v31/key-rekor1.sigstore.json",
        Who::Key("cosign31"),
    ),
    (
        "c25_blob_v31/key-rekor2.sigstore.json",
        Who::Key("cosign31"),
    ),
    (
        "c25_blob_v31/keyless-rekor1.sigstore.json",
        Who::Identity(ALICE),
    ),
    (
        "c25_blob_v31/keyless-rekor2.sigstore.json",
        Who::Identity(GITLAB),
    ),
    ("c25_blob_v31/att.sigstore.json", Who::Identity(GITLAB)),
    (
        "c32_bundle_tools/upgraded.bundle.json",
        Who::Identity(ALICE),
    ),
];

#[derive(Debug, PartialEq)]
enum Ours {
    Accepted,
    Malformed(BundleError),
    Refused(Refusal),
}

fn ours(json: &[u8], blob: &[u8], who: Who) -> Ours {
    let bundle = match Bundle::parse(json) {
        Ok(bundle) => bundle,
        Err(error) => return Ours::Malformed(error),
    };
    let (keyed, identities);
    let signer = match who {
        Who::Key(name) => {
            keyed = key(name);
            AcceptedSigner::Key(&keyed)
        }
        Who::Identity(who) => {
            identities = identity(who);
            AcceptedSigner::Identities(&identities)
        }
    };
    let policy = strict(signer);
    match verify_bundle(&bundle, &Artifact::Bytes(blob), &TRUST, &policy, now()).result {
        Ok(_verified) => Ours::Accepted,
        Err(refusal) => Ours::Refused(refusal),
    }
}

fn theirs(verifier: &Verifier, json: &[u8], blob: &[u8], who: Who) -> Result<(), String> {
    let text = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    let bundle = TheirBundle::from_json(text).map_err(|error| error.to_string())?;
    let result = match who {
        Who::Key(name) => {
            let spki = DerPublicKey::from(key(name).spki_der().to_vec());
            verifier.verify(blob, &bundle, &PublicKeyVerificationPolicy::new(spki))
        }
        Who::Identity((subject, issuer)) => {
            verifier.verify(blob, &bundle, &VerificationPolicy::new(subject, issuer))
        }
    };
    result.map(drop).map_err(|error| error.to_string())
}

fn verifier() -> Verifier {
    let trust = read("private-sigstore/trusted_root.json");
    let trust = TrustedRoot::from_json(std::str::from_utf8(&trust).unwrap()).unwrap();
    Verifier::new(&trust).unwrap()
}

#[test]
fn both_accept_what_cosign_made_and_refuse_another_artifact() {
    let verifier = verifier();
    let blob = read("blobs/blob.txt");
    for (path, who) in BUNDLES {
        let json = read(&format!("cases/{path}"));
        assert_eq!(ours(&json, &blob, who), Ours::Accepted, "{path}");
        assert_eq!(theirs(&verifier, &json, &blob, who), Ok(()), "{path}");
        assert_ne!(ours(&json, b"other", who), Ours::Accepted, "{path}");
        assert!(theirs(&verifier, &json, b"other", who).is_err(), "{path}");
    }
}

/// Where the two differ on purpose, and why; anything else is a fault of one of them.
fn is_known_difference(ours: &Ours, theirs: &Result<(), String>) -> bool {
    match (ours, theirs) {
        // A timestamp of an authority that is not trusted: fatal there, passed over here (as by cosign) where the log
        // tells the time.
        (Ours::Accepted, Err(reason)) => reason.contains("does not match any trusted TSA"),
        // Log id, index and root that the bundle states, but the checkpoint does not depend on: not looked at there.
        (Ours::Refused(Refusal::Log { error, .. }), Ok(())) => matches!(
            error,
            LogError::UnknownLog { .. } | LogError::Tree { .. } | LogError::Inclusion(_)
        ),
        // The signature algorithm that a timestamp names: taken from the key there.
        (Ours::Refused(Refusal::Timestamp { error, .. }), Ok(())) => {
            matches!(error, TimestampError::Unsupported { .. })
        }
        _ => false,
    }
}

/// One character of the file is replaced by another that base64, JSON or a number may have there.
#[test]
fn both_say_the_same_of_spoilt_bundles() {
    let verifier = verifier();
    let blob = read("blobs/blob.txt");
    for (path, who) in BUNDLES {
        let good = read(&format!("cases/{path}"));
        for position in (0..good.len()).step_by(41) {
            let mut json = good.clone();
            json[position] = if json[position] == b'A' { b'B' } else { b'A' };
            let ours = ours(&json, &blob, who);
            let theirs = theirs(&verifier, &json, &blob, who);
            let same = (ours == Ours::Accepted) == theirs.is_ok();
            assert!(
                same || is_known_difference(&ours, &theirs),
                "{path}, byte {position}: {ours:?} here, {theirs:?} there"
            );
        }
    }
}
