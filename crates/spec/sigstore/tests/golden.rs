//! What cosign 2.5.0 and 3.1.1 accept of each other, this accepts; and what it says about it is what was checked.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{
    ALICE, Found, GITLAB, TRUST, WAIVED, bundle, identity, key, now, read, registry, strict,
};
use pki::digest::Sha256;
use sigstore::bundle::{Bundle, BundleVersion, SignerMaterial};
use sigstore::legacy::{LegacyBlob, LegacySignature, LogPromise};
use sigstore::statement::{COSIGN_SIGNATURE, Statement};
use sigstore::trust::TrustedRoot;
use sigstore::verify::{
    AcceptedSigner, Artifact, Because, Check, LogError, Outcome, Policy, Refusal, TimeSource,
    TimestampRule, Verdict, VerifiedSignature, VerifiedSigner, verify_bundle, verify_legacy,
    verify_legacy_blob,
};

fn judge(found: &Found, policy: &Policy<'_>, trust: &TrustedRoot) -> Verdict {
    match found {
        Found::Bundle(bundle, image) => {
            verify_bundle(bundle, &Artifact::manifest(image), trust, policy, now())
        }
        Found::Legacy(legacy, image) => {
            verify_legacy(legacy, &Artifact::manifest(image), trust, policy, now())
        }
    }
}

fn accepted(what: &str, verdict: Verdict) -> VerifiedSignature {
    let Verdict { trace, result } = verdict;
    result.unwrap_or_else(|refusal| panic!("{what}: {refusal}\n{trace:#?}"))
}

#[test]
fn images_signed_with_keys() {
    for (case, name, count) in [
        // One of the three is somebody else's.
        ("c01_v25_key_notlog/registry", "cosign25", 2),
        ("c10_v25_docker_types_tag/registry", "cosign25", 1),
        ("c08_v25_attest/registry", "cosign25", 3),
        ("c11_v31_key_empty/registry", "cosign31", 2),
        ("c12_v31_key_empty_api/registry", "cosign31", 1),
        ("c26_key_types/registry-bundle-rsa2048", "rsa2048", 1),
        // cosign 3.1 does not accept what it made itself here: it signs under SHA-384 and verifies under SHA-256.
        ("c26_key_types/registry-bundle-p384", "p384", 1),
    ] {
        let key = key(name);
        let mut policy = strict(AcceptedSigner::Key(&key));
        policy.log = WAIVED;
        let mut good = 0;
        for found in registry(&format!("cases/{case}")) {
            let verified = match judge(&found, &policy, &TrustedRoot::default()).result {
                Ok(verified) => verified,
                Err(Refusal::Signature(_)) => continue,
                Err(other) => panic!("{case}: {other:?}"),
            };
            assert!(matches!(verified.signer(), VerifiedSigner::Key(_)));
            let asserted = verified.logged()[0].asserted();
            assert_eq!(asserted, Some(Because::FlagInsecureIgnoreTlog), "{case}");
            assert!(verified.times().is_empty());
            good += 1;
        }
        assert_eq!(good, count, "{case}");
    }
}

#[test]
fn images_signed_with_keys_and_logged() {
    for (case, name, promised, included) in [
        ("c02_v25_key_tlog/registry", "cosign25", true, false),
        ("c13_v31_key_rekor1/registry", "cosign31", true, true),
        ("c14_v31_key_rekor2/registry", "cosign31", false, true),
    ] {
        let key = key(name);
        let policy = strict(AcceptedSigner::Key(&key));
        for found in registry(&format!("cases/{case}")) {
            let verified = accepted(case, judge(&found, &policy, &TRUST));
            let logged = &verified.logged()[0];
            assert_eq!(
                (logged.is_promised(), logged.is_included()),
                (promised, included),
                "{case}"
            );
        }
    }
}

#[test]
fn images_signed_with_identities() {
    for (case, who) in [
        ("c03_v25_keyless_gitlab", GITLAB),
        ("c06_v25_oci11_api", GITLAB),
        ("c15_v31_keyless_rekor1", GITLAB),
        ("c16_v31_keyless_rekor2_tsa", GITLAB),
    ] {
        let identities = identity(who);
        let policy = strict(AcceptedSigner::Identities(&identities));
        let mut good = 0;
        for found in registry(&format!("cases/{case}/registry")) {
            let verified = accepted(case, judge(&found, &policy, &TRUST));
            let VerifiedSigner::Certified { identity, sct, .. } = verified.signer() else {
                panic!("{case}: a certificate was demanded");
            };
            assert_eq!(
                (identity.subject(), identity.issuer()),
                (who.0, Some(who.1))
            );
            assert!(sct.proof().is_ok());
            assert!(
                verified
                    .logged()
                    .iter()
                    .all(|logged| logged.asserted().is_none())
            );
            good += 1;
        }
        assert!(good > 0, "{case}");
    }
}

#[test]
fn timestamps_take_the_place_of_a_log() {
    let identities = [identity(GITLAB), identity(ALICE)].concat();
    let mut policy = strict(AcceptedSigner::Identities(&identities));
    policy.log = WAIVED;
    policy.timestamp = TimestampRule::Required;
    let cases = ["c04_v25_keyless_tsa", "c17_v31_keyless_other"];
    let found: Vec<Found> = cases
        .iter()
        .flat_map(|case| registry(&format!("cases/{case}/registry")))
        .collect();
    assert_eq!(found.len(), 4);
    for found in &found {
        let verified = accepted("timestamps", judge(found, &policy, &TRUST));
        let source = verified.times()[0].source();
        assert!(matches!(source, TimeSource::Authority { uri } if uri.contains("21213")));
    }
}

#[test]
fn attestations() {
    let key = key("cosign31");
    let identities = identity(GITLAB);
    let mut by_key = strict(AcceptedSigner::Key(&key));
    by_key.log = WAIVED;
    let by_identity = strict(AcceptedSigner::Identities(&identities));
    let found = registry("cases/c18_v31_attest/registry");
    let verifies = |policy: &Policy<'_>| {
        let verdicts = found.iter().map(|found| judge(found, policy, &TRUST));
        verdicts.filter(|verdict| verdict.result.is_ok()).count()
    };
    let (keys, all) = (verifies(&by_key), verifies(&by_identity));
    assert!(
        keys > 0 && all > 0 && keys + all == found.len(),
        "{keys} {all}"
    );
    // An attestation by the right key is no signature.
    by_key.predicate_type = Some(COSIGN_SIGNATURE);
    assert_eq!(verifies(&by_key), 0);
}

#[test]
fn blobs() {
    let blob = read("blobs/blob.txt");
    let hex = "f6c86cc63456486821db6f682733eae7437b7c984550a53b93d1f801865507d8";
    let by_digest = Artifact::manifest(&Sha256::parse_hex(hex).unwrap());
    let keys = [
        key("cosign25"),
        key("cosign31"),
        key("p256"),
        key("rsa2048"),
        key("p384"),
    ];
    let identities = [identity(ALICE), identity(GITLAB)].concat();
    for (path, by_key, logged) in [
        ("c24_blob_v25/new-key-notlog.bundle.json", Some(0), false),
        ("c24_blob_v25/att-new.bundle.json", Some(0), true),
        ("c24_blob_v25/new-keyless.bundle.json", None, true),
        ("c24_blob_v25/new-keyless-tsa.bundle.json", None, true),
        ("c25_blob_v31/key-empty.sigstore.json", Some(1), false),
        ("c25_blob_v31/key-rekor1.sigstore.json", Some(1), true),
        ("c25_blob_v31/key-rekor2.sigstore.json", Some(1), true),
        ("c25_blob_v31/keyless-rekor1.sigstore.json", None, true),
        ("c25_blob_v31/keyless-rekor2.sigstore.json", None, true),
        ("c25_blob_v31/keyless-tsa.sigstore.json", None, false),
        ("c25_blob_v31/att.sigstore.json", None, true),
        ("c26_key_types/p256.sigstore.json", Some(2), false),
        ("c26_key_types/rsa2048.sigstore.json", Some(3), false),
        ("c26_key_types/p384.sigstore.json", Some(4), false),
        ("c32_bundle_tools/keyless.bundle.json", None, true),
        ("c32_bundle_tools/key-tlog.bundle.json", Some(0), true),
        ("c32_bundle_tools/key-notlog.bundle.json", Some(0), false),
        ("c32_bundle_tools/upgraded.bundle.json", None, true),
    ] {
        let bundle = bundle(&format!("cases/{path}"));
        let mut policy = strict(match by_key {
            Some(index) => AcceptedSigner::Key(&keys[index]),
            None => AcceptedSigner::Identities(&identities),
        });
        if !logged {
            policy.log = WAIVED;
        }
        let by_bytes = Artifact::Bytes(&blob);
        let verified = accepted(
            path,
            verify_bundle(&bundle, &by_bytes, &TRUST, &policy, now()),
        );
        assert_eq!(verified.logged()[0].asserted().is_none(), logged, "{path}");
        // A digest is enough, unless the signature is over the bytes under another hash.
        let by_digest = verify_bundle(&bundle, &by_digest, &TRUST, &policy, now());
        let p384 = path.contains("p384");
        assert_eq!(by_digest.result.is_ok(), !p384, "{path}");
    }
}

#[test]
fn blobs_in_the_older_form() {
    let blob = read("blobs/blob.txt");
    let key = key("cosign25");
    let identities = identity(ALICE);
    let by_key = strict(AcceptedSigner::Key(&key));
    let by_identity = strict(AcceptedSigner::Identities(&identities));
    let mut unlogged = by_key;
    unlogged.log = WAIVED;
    for (name, policy) in [
        ("old-key-notlog", &unlogged),
        ("old-key-tlog", &by_key),
        ("old-keyless", &by_identity),
    ] {
        let json = read(&format!("cases/c24_blob_v25/{name}.bundle.json"));
        let signature = LegacyBlob::parse(&json).unwrap();
        assert_eq!(signature.to_json().as_bytes(), json.as_slice());
        let judge = |bytes: &[u8]| {
            verify_legacy_blob(&signature, &Artifact::Bytes(bytes), &TRUST, policy, now())
        };
        let _verified = accepted(name, judge(&blob));
        let refusal = judge(b"other").result.unwrap_err();
        assert!(
            match refusal {
                Refusal::Signature(_) => name == "old-key-notlog",
                Refusal::Log { error, .. } => error == LogError::OtherThan { what: "artifact" },
                _ => false,
            },
            "{name}"
        );
    }
}

#[test]
fn a_key_in_the_place_of_a_certificate_is_none() {
    let blob = read("blobs/blob.txt");
    let artifact = Artifact::Bytes(&blob);
    let signer = key("cosign31");
    let mut policy = strict(AcceptedSigner::Key(&signer));
    policy.log = WAIVED;
    let json = read("cases/c36_bundle_with_key/v31.bundle.json");
    let signature = LegacyBlob::parse(&json).unwrap();
    assert_eq!(signature.certificate, None);
    let _verified = accepted(
        "v31",
        verify_legacy_blob(&signature, &artifact, &TRUST, &policy, now()),
    );
    let json = read("cases/c36_bundle_with_key/v25-att.bundle.json");
    let attestation = LegacySignature::from_attestation_bundle(&json).unwrap();
    let verdict = verify_legacy(&attestation, &artifact, &TRUST, &policy, now());
    assert!(
        matches!(verdict.result, Err(Refusal::Signature(_))),
        "signed with another key"
    );
    let signer = key("cosign25");
    policy.signer = AcceptedSigner::Key(&signer);
    policy.predicate_type = Some("https://slsa.dev/provenance/v1");
    let _verified = accepted(
        "v25-att",
        verify_legacy(&attestation, &artifact, &TRUST, &policy, now()),
    );
}

#[test]
fn annotations_are_found_in_both_forms() {
    let identities = identity(GITLAB);
    let demanded = |value: &str| [("tag".to_owned(), value.to_owned())].into();
    for case in ["c03_v25_keyless_gitlab", "c15_v31_keyless_rekor1"] {
        let good = demanded("714a629c");
        let bad = demanded("wrong");
        for found in registry(&format!("cases/{case}/registry")) {
            let mut policy = strict(AcceptedSigner::Identities(&identities));
            policy.annotations = &good;
            let _verified = accepted(case, judge(&found, &policy, &TRUST));
            policy.annotations = &bad;
            let verdict = judge(&found, &policy, &TRUST);
            let outcome = verdict.trace.outcome(Check::Annotations);
            assert!(matches!(outcome, Some(Outcome::Refused(_))), "{case}");
        }
    }
}

#[test]
fn certificates_say_what_the_token_said() {
    let bundle = bundle("cases/c25_blob_v31/keyless-rekor2.sigstore.json");
    let SignerMaterial::Certificate { leaf, .. } = &bundle.signer else {
        panic!("keyless");
    };
    assert_eq!(leaf.issuer(), Some(GITLAB.1));
    assert_eq!(leaf.names()[0].as_str(), GITLAB.0);
    let extensions: Vec<(u8, &str)> = leaf
        .extensions()
        .present()
        .map(|(arc, _, text)| (arc, text))
        .collect();
    for expected in [
        (1, "https://gitlab.golden.test"),
        (8, "https://gitlab.golden.test"),
        (9, GITLAB.0),
        (12, "https://gitlab.golden.test/acme/app"),
        (14, "refs/heads/main"),
        (16, "https://gitlab.golden.test/acme"),
        (18, GITLAB.0),
    ] {
        assert!(
            extensions.contains(&expected),
            "{expected:?}: {extensions:?}"
        );
    }
}

#[test]
fn an_older_version_is_written_as_the_newest() {
    let path = "cases/c25_blob_v31/key-rekor1.sigstore.json";
    let mut json: serde_json::Value = serde_json::from_slice(&read(path)).unwrap();
    json["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    let older = Bundle::parse(json.to_string().as_bytes()).unwrap();
    assert_eq!(older.version, BundleVersion::V0_2);
    let written = older.to_json();
    assert_eq!(Bundle::parse(written.as_bytes()).unwrap(), bundle(path));
}

#[test]
fn what_is_written_is_what_cosign_wrote() {
    for path in [
        "cases/c25_blob_v31/keyless-rekor1.sigstore.json",
        "cases/c25_blob_v31/keyless-rekor2.sigstore.json",
        "cases/c25_blob_v31/key-rekor1.sigstore.json",
        "cases/c25_blob_v31/key-empty.sigstore.json",
        "cases/c25_blob_v31/att.sigstore.json",
    ] {
        let written = bundle(path).to_json();
        // protojson puts spaces at random; order and members must be the same.
        let squeeze = |text: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(text).unwrap();
            value
        };
        assert_eq!(squeeze(written.as_bytes()), squeeze(&read(path)), "{path}");
        assert_eq!(Bundle::parse(written.as_bytes()).unwrap(), bundle(path));
    }
    for found in registry("cases/c04_v25_keyless_tsa/registry") {
        let Found::Legacy(legacy, _) = found else {
            panic!("the older form");
        };
        let annotations = legacy.to_annotations();
        let again = LegacySignature::from_annotations(&legacy.payload, &annotations).unwrap();
        assert_eq!(again, *legacy);
        if let Some(promise) = &legacy.log_promise {
            assert_eq!(LogPromise::parse(&promise.to_json()).as_ref(), Ok(promise));
        }
    }
}

#[test]
fn the_signed_statement_is_written_byte_for_byte() {
    let mut seen = 0;
    for found in registry("cases/c15_v31_keyless_rekor1/registry") {
        let Found::Bundle(bundle, image) = found else {
            panic!("the new form");
        };
        let sigstore::bundle::Content::Dsse(envelope) = &bundle.content else {
            panic!("an envelope");
        };
        let statement = Statement::of_envelope(envelope).unwrap();
        let annotations = &statement.subjects[0].annotations;
        let written = Statement::cosign_signature(&image, annotations);
        assert_eq!(written.as_bytes(), envelope.payload());
        seen += annotations.len();
    }
    assert!(seen > 5, "the GitLab page puts eleven annotations");
}

#[test]
fn the_payload_is_written_byte_for_byte() {
    for case in ["c01_v25_key_notlog", "c03_v25_keyless_gitlab"] {
        for found in registry(&format!("cases/{case}/registry")) {
            let Found::Legacy(legacy, _) = found else {
                panic!("the older form");
            };
            let read = sigstore::simple_signing::SimpleSigning::parse(&legacy.payload).unwrap();
            let annotations = read
                .optional()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()));
            let written = sigstore::simple_signing::SimpleSigning::new(
                read.reference(),
                read.manifest(),
                &annotations.collect(),
            );
            assert_eq!(written.raw(), legacy.payload, "{case}");
        }
    }
}
