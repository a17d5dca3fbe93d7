//! Files that cosign 2.5.0 and 3.1.1 signed and attested about, in every form that they write.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use signing::verify::{
    BlobError, BlobEvidence, BlobFailure, BlobOutcome, BlobRequest, GivenCertificate, Proofs,
    Signed, Whose, verify_blob, verify_blob_attestation,
};
use sigstore::bundle::MessageDigest;
use sigstore::verify::{Artifact, LogError, Refusal, Rule, TimestampRule, VerifiedSigner};
use support::{ALICE, GITLAB, TRUST, WAIVED, identity, key, now, read};

fn request(whose: Whose, logged: bool) -> BlobRequest {
    let mut proofs = Proofs::STRICT;
    if !logged {
        proofs.log = WAIVED;
    }
    BlobRequest { whose, proofs }
}

fn keys(name: &str) -> Whose {
    Whose::Keys(vec![key(name)])
}

fn judge(file: &str, evidence: &BlobEvidence, request: &BlobRequest) -> BlobOutcome {
    let bytes = read(&format!("blobs/{file}"));
    verify_blob(&Artifact::Bytes(&bytes), evidence, request, &TRUST, now())
}

fn accepts(what: &str, evidence: &BlobEvidence, request: &BlobRequest) {
    let outcome = judge("blob.txt", evidence, request);
    let verified = outcome
        .result
        .unwrap_or_else(|failure| panic!("{what}: {failure}\n{:#?}", outcome.trace));
    assert!(matches!(verified.signed(), Signed::Bytes));
    match &request.whose {
        Whose::Keys(_) => assert!(matches!(
            verified.signature().signer(),
            VerifiedSigner::Key(_)
        )),
        Whose::Identities(_) => assert!(matches!(
            verified.signature().signer(),
            VerifiedSigner::Certified { .. }
        )),
    }
    let other = judge("other.txt", evidence, request);
    let is_waived = request.proofs.log != Rule::Required;
    assert!(
        match &other.result {
            Err(BlobFailure::Refused(Refusal::Signature(_))) => is_waived,
            Err(BlobFailure::Refused(Refusal::Log { error, .. })) =>
                *error == LogError::OtherThan { what: "artifact" },
            _ => false,
        },
        "{what} is not about another file: {:?}",
        other.result
    );
    let stranger = judge(
        "blob.txt",
        evidence,
        &BlobRequest {
            whose: keys("p256"),
            ..request.clone()
        },
    );
    assert!(
        match (&stranger.result, &request.whose) {
            (Err(BlobFailure::Refused(Refusal::KeyExpected)), Whose::Identities(_)) => true,
            (Err(BlobFailure::Refused(Refusal::Signature(_))), Whose::Keys(_)) => is_waived,
            (Err(BlobFailure::Refused(Refusal::Log { error, .. })), Whose::Keys(_)) =>
                *error == LogError::OtherThan { what: "key" },
            _ => false,
        },
        "{what} is of somebody else: {:?}",
        stranger.result
    );
}

#[test]
fn bundles_of_every_version() {
    for (path, whose, logged) in [
        (
            "c24_blob_v25/new-key-notlog.bundle.json",
            keys("cosign25"),
            false,
        ),
        (
            "c24_blob_v25/new-keyless.bundle.json",
            identity(ALICE),
            true,
        ),
        (
            "c24_blob_v25/new-keyless-tsa.bundle.json",
            identity(GITLAB),
            true,
        ),
        (
            "c24_blob_v25/old-key-notlog.bundle.json",
            keys("cosign25"),
            false,
        ),
        (
            "c24_blob_v25/old-key-tlog.bundle.json",
            keys("cosign25"),
            true,
        ),
        (
            "c24_blob_v25/old-keyless.bundle.json",
            identity(ALICE),
            true,
        ),
        (
            "c25_blob_v31/key-empty.sigstore.json",
            keys("cosign31"),
            false,
        ),
        (
            "c25_blob_v31/key-rekor1.sigstore.json",
            keys("cosign31"),
            true,
        ),
        (
            "c25_blob_v31/key-rekor2.sigstore.json",
            keys("cosign31"),
            true,
        ),
        (
            "c25_blob_v31/keyless-rekor1.sigstore.json",
            identity(ALICE),
            true,
        ),
        (
            "c25_blob_v31/keyless-rekor2.sigstore.json",
            identity(GITLAB),
            true,
        ),
        (
            "c26_key_types/rsa2048.sigstore.json",
            keys("rsa2048"),
            false,
        ),
        // These cosign 3.1 made and refuses.
        ("c26_key_types/p384.sigstore.json", keys("p384"), false),
        (
            "c32_bundle_tools/keyless.bundle.json",
            identity(ALICE),
            true,
        ),
        (
            "c32_bundle_tools/key-tlog.bundle.json",
            keys("cosign25"),
            true,
        ),
        (
            "c32_bundle_tools/key-notlog.bundle.json",
            keys("cosign25"),
            false,
        ),
        (
            "c32_bundle_tools/upgraded.bundle.json",
            identity(ALICE),
            true,
        ),
    ] {
        let evidence = BlobEvidence::from_bundle(&read(&format!("cases/{path}"))).unwrap();
        accepts(path, &evidence, &request(whose, logged));
    }
}

#[test]
fn a_timestamp_instead_of_a_log() {
    let bundle = read("cases/c25_blob_v31/keyless-tsa.sigstore.json");
    let evidence = BlobEvidence::from_bundle(&bundle).unwrap();
    let mut request = request(identity(ALICE), false);
    request.proofs.timestamp = TimestampRule::Required;
    accepts("keyless-tsa", &evidence, &request);
    request.proofs = Proofs::STRICT;
    let outcome = judge("blob.txt", &evidence, &request);
    assert!(matches!(
        outcome.result,
        Err(BlobFailure::Refused(Refusal::LogAbsent))
    ));
}

#[test]
fn detached_signatures() {
    for (path, name) in [
        ("c24_blob_v25/notlog.sig", "cosign25"),
        ("c26_key_types/rsa2048.v25.sig", "rsa2048"),
        ("c26_key_types/p384.v25.sig", "p384"),
        ("c26_key_types/ed25519.v25.sig", "ed25519"),
    ] {
        let text = read(&format!("cases/{path}"));
        let evidence = BlobEvidence::from_signature(&text).unwrap();
        accepts(path, &evidence, &request(keys(name), false));
        let BlobEvidence::Signature(blob) = &evidence else {
            panic!("a signature is one");
        };
        let raw = BlobEvidence::from_signature(&blob.signature).unwrap();
        accepts(path, &raw, &request(keys(name), false));
    }
}

/// Without a log entry the time is unknown: cosign asks the log for one, this does not ask anybody.
#[test]
fn a_detached_certificate() {
    let signature = read("cases/c24_blob_v25/old-keyless.sig");
    let certificate = read("cases/c24_blob_v25/old-keyless.crt");
    let given = GivenCertificate::parse(&certificate, None).unwrap();
    let evidence = BlobEvidence::from_signature(&signature)
        .unwrap()
        .with_certificate(given.clone());
    let outcome = judge("blob.txt", &evidence, &request(identity(ALICE), true));
    assert!(matches!(
        outcome.result,
        Err(BlobFailure::Refused(Refusal::LogAbsent))
    ));
    // In its ten minutes, it is as good as any.
    let bytes = read("blobs/blob.txt");
    let outcome = verify_blob(
        &Artifact::Bytes(&bytes),
        &evidence,
        &request(identity(ALICE), false),
        &TRUST,
        given.leaf.not_before(),
    );
    assert!(outcome.result.is_ok());
    let bundle = read("cases/c24_blob_v25/old-keyless.bundle.json");
    let bundle = BlobEvidence::from_bundle(&bundle).unwrap();
    accepts(
        "the same certificate",
        &bundle.with_certificate(given),
        &request(identity(ALICE), true),
    );
}

#[test]
fn attestations_about_files() {
    let bytes = read("blobs/blob.txt");
    let custom = "https://cosign.sigstore.dev/attestation/v1";
    let slsa1 = "https://slsa.dev/provenance/v1";
    let bundle = |path: &str| BlobEvidence::from_bundle(&read(&format!("cases/{path}"))).unwrap();
    let envelope = read("cases/c24_blob_v25/att.dsse.json");
    for (what, evidence, whose, predicate_type, logged) in [
        (
            "an envelope",
            BlobEvidence::from_envelope(&envelope).unwrap(),
            keys("cosign25"),
            custom,
            false,
        ),
        (
            "cosign 2's bundle",
            bundle("c24_blob_v25/att-new.bundle.json"),
            keys("cosign25"),
            slsa1,
            true,
        ),
        (
            "cosign 3's",
            bundle("c25_blob_v31/att.sigstore.json"),
            identity(GITLAB),
            slsa1,
            true,
        ),
    ] {
        let request = request(whose, logged);
        let judge = |artifact: &Artifact<'_>, wanted: Option<&str>| {
            verify_blob_attestation(artifact, &evidence, wanted, &request, &TRUST, now()).result
        };
        for wanted in [None, Some(predicate_type)] {
            let verified = judge(&Artifact::Bytes(&bytes), wanted)
                .unwrap_or_else(|failure| panic!("{what}: {failure}"));
            let Signed::Statement { statement, .. } = verified.signed() else {
                panic!("{what} is a statement");
            };
            assert_eq!(statement.predicate_type, predicate_type);
        }
        let digest = pki::digest::Sha256::of(&bytes).as_bytes().to_vec();
        let digest = MessageDigest::new(pki::signature::HashAlgorithm::Sha256, digest).unwrap();
        assert!(judge(&Artifact::Digest(digest), None).is_ok(), "{what}");
        assert!(matches!(
            judge(&Artifact::Bytes(b"other"), None),
            Err(BlobFailure::Refused(Refusal::Artifact { .. }))
        ));
        assert!(matches!(
            judge(&Artifact::Bytes(&bytes), Some("https://example.com/other")),
            Err(BlobFailure::Refused(Refusal::PredicateType { .. }))
        ));
        let outcome = verify_blob(&Artifact::Bytes(&bytes), &evidence, &request, &TRUST, now());
        assert!(matches!(outcome.result, Err(BlobFailure::Attestation)));
    }
    let signature = bundle("c25_blob_v31/key-empty.sigstore.json");
    let outcome = verify_blob_attestation(
        &Artifact::Bytes(&bytes),
        &signature,
        None,
        &request(keys("cosign31"), false),
        &TRUST,
        now(),
    );
    assert!(matches!(outcome.result, Err(BlobFailure::Signature)));
}

/// cosign 2's `attest-blob --bundle`: the envelope in the place of the signature.
#[test]
fn an_older_bundle_of_an_attestation_is_one() {
    let envelope = read("cases/c24_blob_v25/att.dsse.json");
    let json = format!(r#"{{"base64Signature":"{}"}}"#, support::base64(&envelope));
    let evidence = BlobEvidence::from_bundle(json.as_bytes()).unwrap();
    assert!(evidence.is_attestation());
    let bytes = read("blobs/blob.txt");
    let outcome = verify_blob_attestation(
        &Artifact::Bytes(&bytes),
        &evidence,
        None,
        &request(keys("cosign25"), false),
        &TRUST,
        now(),
    );
    assert!(outcome.result.is_ok());
}

#[test]
fn files_that_are_no_evidence() {
    for bytes in [&b""[..], b"{}", b"[]", b"\xff", &read("blobs/custom.json")] {
        let error = BlobEvidence::from_bundle(bytes).unwrap_err();
        assert!(matches!(error, BlobError::Bundle(_)), "{error}");
    }
    for json in [
        r#"{"base64Signature":""}"#,
        r#"{"base64Signature":"%"}"#,
        r#"{"base64Signature":"AA==","cert":"AA=="}"#,
        r#"{"base64Signature":"AA==","rekorBundle":{}}"#,
    ] {
        let error = BlobEvidence::from_bundle(json.as_bytes()).unwrap_err();
        assert!(matches!(error, BlobError::Legacy(_)), "{json}: {error}");
    }
    for file in [
        &b""[..],
        b"\n",
        &vec![0xff; sigstore::limits::SIGNATURE_BYTES + 1],
    ] {
        let error = BlobEvidence::from_signature(file).unwrap_err();
        assert!(matches!(error, BlobError::Size { .. }));
    }
    let evidence = BlobEvidence::from_signature(b"AAAA").unwrap();
    let error = evidence.clone().with_timestamp(b"{}").unwrap_err();
    assert!(matches!(error, BlobError::Legacy(_)));
    let evidence = evidence.with_timestamp(b"no DER").unwrap();
    let outcome = judge("blob.txt", &evidence, &request(keys("cosign25"), false));
    assert!(matches!(
        outcome.result,
        Err(BlobFailure::Refused(Refusal::Timestamp { .. }))
    ));
    let nobody = judge(
        "blob.txt",
        &evidence,
        &request(Whose::Keys(Vec::new()), false),
    );
    assert!(matches!(
        nobody.result,
        Err(BlobFailure::Refused(Refusal::Identity(_)))
    ));
}
