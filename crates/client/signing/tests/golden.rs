//! Registries as cosign 2.5.0 and 3.1.1 left them: what they verify there, this verifies, and it finds more.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use signing::discover::{Claimed, Kind, Location};
use signing::verify::{
    Document, ImageOutcome, Judgement, Request, Signed, VerifyFailure, Whose, payload_json,
};
use sigstore::statement::COSIGN_SIGNATURE;
use sigstore::verify::{Refusal, TimestampRule, VerifiedSigner};
use support::{
    ALICE, GITLAB, Server, Shelf, WAIVED, annotated, attested, by_key, identity, key, place, read,
    verify,
};

const IMAGE: &str = "sha256:10f459750488104c1d9d52459f36338c5424eb93bd3e8a54223f3f35b62bcee9";

/// By its tag and by its digest, which must come to the same.
async fn judged(case: &str, request: &Request) -> ImageOutcome {
    let server = Server::start(Shelf::golden(case)).await;
    let tagged = verify(&place(&server.host, "golden/app:v1"), request)
        .await
        .unwrap();
    let name = format!("golden/app@{IMAGE}");
    let outcome = verify(&place(&server.host, &name), request).await.unwrap();
    assert_eq!(tagged.image().digest(), outcome.image().digest());
    assert_eq!(
        tagged.verified().map(|verified| verified.len()),
        outcome.verified().map(|verified| verified.len()),
        "{case}"
    );
    outcome
}

async fn accepts(case: &str, request: &Request, count: usize) {
    drop(verified(case, request, count).await);
}

async fn verified(case: &str, request: &Request, count: usize) -> ImageOutcome {
    let outcome = judged(case, request).await;
    let verified = outcome.verified();
    assert_eq!(
        verified.map(|verified| verified.len()),
        Ok(count),
        "{case}: {:#?}",
        outcome.judged()
    );
    outcome
}

fn strict(whose: Whose) -> Request {
    Request::new(whose, Kind::Signature)
}

#[tokio::test]
async fn signatures_of_keys_in_no_log() {
    for (case, name, count) in [
        // A third is of another key.
        ("c01_v25_key_notlog/registry", "cosign25", 2),
        ("c10_v25_docker_types_tag/registry", "cosign25", 1),
        ("c11_v31_key_empty/registry", "cosign31", 2),
        ("c12_v31_key_empty_api/registry", "cosign31", 1),
        ("c20_v31_legacy_format/registry", "cosign31", 1),
        ("c26_key_types/registry-bundle-rsa2048", "rsa2048", 1),
        ("c26_key_types/registry-legacy-rsa2048", "rsa2048", 1),
        // What cosign 3.1 refuses although it made it: it signs under SHA-384 and verifies under SHA-256.
        ("c26_key_types/registry-bundle-p384", "p384", 1),
        ("c26_key_types/registry-legacy-p384", "p384", 1),
    ] {
        let outcome = verified(case, &by_key(&key(name)), count).await;
        for verified in outcome.verified().unwrap() {
            assert!(matches!(
                verified.signature().signer(),
                VerifiedSigner::Key(_)
            ));
            assert_eq!(verified.image().to_string(), IMAGE);
        }
    }
}

#[tokio::test]
async fn signatures_of_keys_in_a_log() {
    for (case, name, count) in [
        ("c02_v25_key_tlog/registry", "cosign25", 2),
        ("c13_v31_key_rekor1/registry", "cosign31", 1),
        ("c14_v31_key_rekor2/registry", "cosign31", 2),
    ] {
        let request = strict(Whose::Keys(vec![key(name)]));
        accepts(case, &request, count).await;
        // The wrong key among others does no harm; alone, it is refused and said to be.
        let request = strict(Whose::Keys(vec![key("rsa2048"), key(name)]));
        accepts(case, &request, count).await;
        let outcome = judged(case, &strict(Whose::Keys(vec![key("rsa2048")]))).await;
        let candidates = count;
        assert_eq!(
            outcome.verified().unwrap_err(),
            &VerifyFailure::NoneMatched { candidates }
        );
    }
}

#[tokio::test]
async fn signatures_of_identities() {
    for (case, who) in [
        ("c03_v25_keyless_gitlab/registry", GITLAB),
        ("c06_v25_oci11_api/registry", GITLAB),
        ("c15_v31_keyless_rekor1/registry", GITLAB),
        ("c16_v31_keyless_rekor2_tsa/registry", GITLAB),
        ("c20_v31_legacy_format/registry", GITLAB),
    ] {
        let request = annotated(strict(identity(who)), &[("tag", "714a629c")]);
        let outcome = verified(case, &request, 1).await;
        let verified = outcome.verified().unwrap()[0];
        assert_eq!(
            verified.annotations()["com.gitlab.ci.user.name"],
            "Alice Golden"
        );
        let refused = judged(case, &annotated(strict(identity(who)), &[("tag", "wrong")])).await;
        let reasons: Vec<_> = refusals(&refused).collect();
        assert!(
            matches!(reasons[0], Refusal::Annotation(_)),
            "{case}: {reasons:?}"
        );
        let refused = judged(case, &strict(identity(ALICE))).await;
        assert!(
            refusals(&refused).any(|refusal| matches!(refusal, Refusal::Identity(_))),
            "{case}"
        );
    }
}

fn refusals(outcome: &ImageOutcome) -> impl Iterator<Item = &Refusal> {
    outcome
        .judged()
        .iter()
        .filter_map(|judged| match &judged.judgement {
            Judgement::Refused { refusal, .. } => Some(refusal),
            _ => None,
        })
}

#[tokio::test]
async fn timestamps_instead_of_a_log() {
    let mut request = annotated(strict(identity(ALICE)), &[("only", "tsa")]);
    request.proofs.log = WAIVED;
    request.proofs.legacy_timestamp = TimestampRule::Required;
    accepts("c04_v25_keyless_tsa/registry", &request, 1).await;
    let mut request = strict(identity(ALICE));
    request.proofs.log = WAIVED;
    request.proofs.timestamp = TimestampRule::Required;
    accepts("c17_v31_keyless_other/registry", &request, 2).await;
    accepts(
        "c17_v31_keyless_other/registry",
        &strict(identity(ALICE)),
        1,
    )
    .await;
}

#[tokio::test]
async fn a_signature_of_a_key_has_no_identity() {
    let mut request = strict(identity(GITLAB));
    request.proofs.log = WAIVED;
    for case in [
        "c01_v25_key_notlog/registry",
        "c12_v31_key_empty_api/registry",
    ] {
        let outcome = judged(case, &request).await;
        assert_eq!(
            outcome.verified().unwrap_err(),
            &VerifyFailure::NoCertificate
        );
    }
}

#[tokio::test]
async fn attestations_of_both_forms() {
    let custom = "https://cosign.sigstore.dev/attestation/v1";
    let slsa02 = "https://slsa.dev/provenance/v0.2";
    for (case, name, predicate_type) in [
        ("c08_v25_attest/registry", "cosign25", custom),
        ("c08_v25_attest/registry", "cosign25", slsa02),
        (
            "c09_v25_attest_newbundle/registry",
            "cosign25",
            "https://slsa.dev/provenance/v1",
        ),
        ("c18_v31_attest/registry", "cosign31", slsa02),
        (
            "c18_v31_attest/registry",
            "cosign31",
            "https://spdx.dev/Document",
        ),
    ] {
        let request = attested(by_key(&key(name)), Some(predicate_type));
        let outcome = verified(case, &request, 1).await;
        let Signed::Statement { statement, .. } = outcome.verified().unwrap()[0].signed() else {
            panic!("an attestation is a statement");
        };
        assert_eq!(statement.predicate_type, predicate_type);
    }
    let outcome = verified(
        "c08_v25_attest/registry",
        &attested(by_key(&key("cosign25")), None),
        3,
    )
    .await;
    for verified in outcome.verified().unwrap() {
        assert_eq!(
            verified
                .signed_reference()
                .unwrap()
                .split_once('/')
                .unwrap()
                .1,
            "golden/c08_v25_attest"
        );
    }
    let request = attested(
        by_key(&key("cosign31")),
        Some("https://cosign.sigstore.dev/attestation/vuln/v1"),
    );
    let outcome = judged("c18_v31_attest/registry", &request).await;
    let others = [
        custom,
        slsa02,
        "https://slsa.dev/provenance/v1",
        "https://spdx.dev/Document",
    ]
    .map(str::to_owned)
    .to_vec();
    assert_eq!(
        outcome.verified().unwrap_err(),
        &VerifyFailure::NoSignature {
            others,
            image_absent: false
        }
    );
}

/// cosign 3.1 says that this image is signed (`c18_v31_attest`).
#[tokio::test]
async fn attestations_alone_are_no_signature() {
    for (case, name) in [
        ("c18_v31_attest/registry", "cosign31"),
        ("c09_v25_attest_newbundle/registry", "cosign25"),
        ("c08_v25_attest/registry", "cosign25"),
    ] {
        let outcome = judged(case, &by_key(&key(name))).await;
        let Err(VerifyFailure::NoSignature {
            others,
            image_absent: false,
        }) = outcome.verified()
        else {
            panic!("{case}: {:?}", outcome.verified());
        };
        assert!(others.iter().any(|other| other.contains("slsa.dev")));
        assert!(
            outcome
                .judged()
                .iter()
                .all(|judged| matches!(judged.judgement, Judgement::OtherKind)
                    && matches!(&judged.claimed, Claimed::Statement(found) if found != COSIGN_SIGNATURE))
        );
    }
}

#[tokio::test]
async fn what_is_found_says_where() {
    let outcome = verified("c06_v25_oci11_api/registry", &strict(identity(GITLAB)), 1).await;
    let verified = outcome.verified().unwrap()[0];
    assert!(matches!(verified.document(), Document::Legacy(_)));
    assert!(matches!(
        verified.locations(),
        [Location::Referrer { layer: 0, .. }]
    ));
}

#[tokio::test]
async fn the_payload_is_printed_as_cosign_prints_it() {
    let case = "c02_v25_key_tlog";
    let request = annotated(
        strict(Whose::Keys(vec![key("cosign25")])),
        &[("foo", "bar")],
    );
    let outcome = verified(&format!("{case}/registry"), &request, 1).await;
    let printed = payload_json(outcome.verified().unwrap()[0], "the user's name");
    let manifest: serde_json::Value = serde_json::from_slice(&read(&format!(
        "cases/{case}/registry/manifests/sha256-7841e74039f3b55026b55c33a22cdb600e4fb40f724f1f574f46724c1aadcf30.json"
    )))
    .unwrap();
    let bundles: Vec<&str> = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| {
            layer["annotations"]["dev.sigstore.cosign/bundle"]
                .as_str()
                .unwrap()
        })
        .collect();
    let expected = |bundle: &str| {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"127.0.0.1:21200/golden/{case}"}},"image":{{"docker-manifest-digest":"{IMAGE}"}},"type":"cosign container image signature"}},"optional":{{"Bundle":{bundle},"foo":"bar"}}}}"#
        )
    };
    assert!(
        bundles.iter().any(|bundle| expected(bundle) == printed),
        "{printed}"
    );
}

#[tokio::test]
async fn identities_are_printed_in_both_forms() {
    for (case, unsigned) in [
        ("c03_v25_keyless_gitlab/registry", false),
        ("c15_v31_keyless_rekor1/registry", true),
    ] {
        let outcome = verified(case, &strict(identity(GITLAB)), 1).await;
        let printed = payload_json(outcome.verified().unwrap()[0], "the user's name");
        let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let optional: BTreeMap<String, serde_json::Value> =
            serde_json::from_value(printed["optional"].clone()).unwrap();
        assert_eq!(optional["Subject"], GITLAB.0);
        assert_eq!(optional["Issuer"], GITLAB.1);
        assert_eq!(optional["tag"], "714a629c");
        assert_eq!(optional.contains_key("Bundle"), !unsigned);
        assert_eq!(
            printed["unsigned"].is_array(),
            unsigned,
            "a bundle has no name that is signed"
        );
        assert_eq!(
            printed["critical"]["identity"]["docker-reference"] == "the user's name",
            unsigned
        );
    }
}
