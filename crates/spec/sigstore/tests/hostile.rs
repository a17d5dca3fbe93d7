//! Nothing that somebody else wrote makes a parser or the verification panic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{GITLAB, TRUST, bundle, identity, now, read, strict};
use proptest::prelude::*;
use sigstore::bundle::Bundle;
use sigstore::dsse::Envelope;
use sigstore::entry::{EntryBody, LogEntry};
use sigstore::fulcio::SigningCertificate;
use sigstore::legacy::{self, LegacyBlob, LegacySignature, LogPromise};
use sigstore::simple_signing::SimpleSigning;
use sigstore::statement::Statement;
use sigstore::timestamp::SignedTimestamp;
use sigstore::trust::{SigningConfig, TrustedRoot};
use sigstore::verify::{AcceptedSigner, Artifact, verify_bundle};

fn parse_all(bytes: &[u8]) {
    drop(Bundle::parse(bytes));
    drop(Envelope::parse(bytes));
    drop(EntryBody::parse(bytes));
    drop(LegacyBlob::parse(bytes));
    drop(LogEntry::parse(bytes));
    drop(SigningCertificate::from_der(bytes));
    drop(SimpleSigning::parse(bytes));
    drop(Statement::parse(bytes));
    drop(SignedTimestamp::from_der(bytes));
    drop(TrustedRoot::parse(bytes));
    drop(SigningConfig::parse(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(LogPromise::parse(text));
        for name in [
            legacy::CERTIFICATE,
            legacy::CHAIN,
            legacy::BUNDLE,
            legacy::TIMESTAMP,
        ] {
            let annotations = BTreeMap::from([
                (legacy::SIGNATURE.to_owned(), String::new()),
                (name.to_owned(), text.to_owned()),
            ]);
            drop(LegacySignature::from_annotations(b"", &annotations));
        }
    }
}

fn spoil(good: &[u8], at: prop::sample::Index, with: u8) -> Vec<u8> {
    let mut bytes = good.to_vec();
    bytes[at.index(good.len())] = with;
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse_all(&bytes);
    }

    #[test]
    fn spoilt_files(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
        for path in [
            "cases/c25_blob_v31/keyless-rekor2.sigstore.json",
            "cases/c25_blob_v31/att.sigstore.json",
            "private-sigstore/trusted_root.json",
            "private-sigstore/sc_rekor2.json",
        ] {
            let good = read(path);
            parse_all(&spoilt_or_cut(&good, at, with, cut));
        }
    }

    #[test]
    fn spoilt_parts(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let good = bundle("cases/c25_blob_v31/keyless-rekor2.sigstore.json");
        let sigstore::bundle::SignerMaterial::Certificate { leaf, .. } = &good.signer else {
            panic!("keyless");
        };
        parse_all(&spoil(&good.timestamps[0], at, with));
        parse_all(&spoil(leaf.der(), at, with));
        parse_all(&spoil(&good.log_entries[0].canonicalized_body, at, with));
    }

    /// A changed file is refused, or is the same signature by the same signer: what is not understood is ignored, and
    /// the digest that comes with a message is no more than a hint.
    #[test]
    fn spoilt_bundles_are_not_accepted(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let path = "cases/c25_blob_v31/keyless-rekor2.sigstore.json";
        let good = read(path);
        if let Ok(spoilt) = Bundle::parse(&spoil(&good, at, with)) {
            let identities = identity(GITLAB);
            let policy = strict(AcceptedSigner::Identities(&identities));
            let blob = read("blobs/blob.txt");
            let verdict = verify_bundle(&spoilt, &Artifact::Bytes(&blob), &TRUST, &policy, now());
            let good = bundle(path);
            if verdict.result.is_ok() {
                prop_assert_eq!(spoilt.content.signature(), good.content.signature());
                prop_assert_eq!(spoilt.signer, good.signer);
            }
        }
    }
}

fn spoilt_or_cut(
    good: &[u8],
    at: prop::sample::Index,
    with: u8,
    cut: prop::sample::Index,
) -> Vec<u8> {
    let mut bytes = spoil(good, at, with);
    if with.is_multiple_of(4) {
        bytes.truncate(cut.index(good.len()));
    }
    bytes
}
