//! What we sign, the real cosigns verify.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod stage;

use std::collections::BTreeMap;

use pki::cosign_key::CosignKeyFile;
use pki::signing::{KeyAlgorithm, SigningKey};
use signing::sign::{
    AttestPlan, BlobPlan, Destination, EntryKind, Format, Said, Signed, Signer, Stored, Witnesses,
    attest_image, sign_blob, sign_blob_legacy, sign_image,
};
use sigstore::predicate::PredicateType;
use stage::{Stage, annotations, plan};
use testkit::{CosignVersion, Output, Peers};

/// Values that a signature must carry whatever is in them.
const AWKWARD: [(&str, &str); 3] = [
    ("com.gitlab.ci.user.name", "Doe, \"Jane\" <j@example.com>"),
    ("url", "https://example.com/?a=1&b=2"),
    ("empty", ""),
];

async fn sign(stage: &Stage, signer: &Signer, formats: &[Format]) -> Signed {
    let (witnesses, annotations) = (Witnesses::default(), annotations(&AWKWARD));
    let plan = plan(signer, &witnesses, formats, &annotations);
    let (place, subject) = stage.subject().await;
    let to = Destination {
        place: &place,
        subject: &subject,
    };
    sign_image(to, &plan).await.unwrap()
}

/// `verify --key` by a real cosign, demanding annotations.
fn verify(stage: &Stage, version: CosignVersion, more: &[&str]) -> Output {
    let image = stage.image();
    let mut args = vec!["verify", "--key", "cosign.pub", "--insecure-ignore-tlog"];
    args.extend_from_slice(more);
    args.push(&image);
    stage.cosign.version(version).run(args)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_read_by_both() {
    let Some(peers) = Peers::locate() else { return };
    let stage = Stage::new(&peers);
    let signer = stage.signer(KeyAlgorithm::EcdsaP256);
    let signed = sign(&stage, &signer, &[Format::Tag]).await;
    assert_eq!(signed.signatures[0].stored, Some(Stored::Tagged));
    for version in [CosignVersion::V2, CosignVersion::V3] {
        let quoted = "\"com.gitlab.ci.user.name=Doe, \"\"Jane\"\" <j@example.com>\"";
        verify(&stage, version, &["-a", quoted, "-a", "empty="])
            .success()
            .says("The specified annotations were verified");
        verify(&stage, version, &["-a", "empty=x"])
            .failure()
            .says("missing or incorrect annotation");
    }
    // A second key adds its signature, the first one finds its own.
    let again = sign(&stage, &signer, &[Format::Tag]).await;
    assert_eq!(again.signatures[0].stored, Some(Stored::AlreadyTagged));
    let other = Signer::with_key(SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
    sign(&stage, &other, &[Format::Tag]).await;
    verify(&stage, CosignVersion::V2, &[]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_read_by_the_newer() {
    let Some(peers) = Peers::locate() else { return };
    let stage = Stage::new(&peers);
    let signer = stage.signer(KeyAlgorithm::EcdsaP256);
    let signed = sign(&stage, &signer, &[Format::Bundle]).await;
    assert!(matches!(
        signed.signatures[0].stored,
        Some(Stored::Referrer(_))
    ));
    let trust = stage.empty_trust();
    verify(
        &stage,
        CosignVersion::V3,
        &["--trusted-root", &trust, "-a", "empty="],
    )
    .success()
    .says("The specified annotations were verified");
    verify(
        &stage,
        CosignVersion::V3,
        &["--trusted-root", &trust, "-a", "empty=x"],
    )
    .failure();
    verify(&stage, CosignVersion::V2, &[])
        .failure()
        .says("no signatures found");
    // Both at once: then the older one finds it, too.
    sign(&stage, &signer, &[Format::Tag, Format::Bundle]).await;
    verify(&stage, CosignVersion::V2, &[]).success();
    verify(&stage, CosignVersion::V3, &["--trusted-root", &trust]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_referrer_of_the_older_form_is_read_where_it_is_looked_for() {
    let Some(peers) = Peers::locate() else { return };
    let stage = Stage::new(&peers);
    let signer = stage.signer(KeyAlgorithm::EcdsaP256);
    sign(&stage, &signer, &[Format::Referrer]).await;
    verify(&stage, CosignVersion::V2, &["--experimental-oci11"])
        .success()
        .says("The cosign claims were validated");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_signs_what_the_older_readers_take() {
    let Some(peers) = Peers::locate() else { return };
    for algorithm in [
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::Ed25519,
        KeyAlgorithm::Rsa2048,
    ] {
        let stage = Stage::new(&peers);
        let signer = stage.signer(algorithm);
        sign(&stage, &signer, &[Format::Tag]).await;
        for version in [CosignVersion::V2, CosignVersion::V3] {
            verify(&stage, version, &[]).success();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_in_both_forms() {
    let Some(peers) = Peers::locate() else { return };
    let stage = Stage::new(&peers);
    let signer = stage.signer(KeyAlgorithm::EcdsaP256);
    let (witnesses, none) = (Witnesses::default(), BTreeMap::new());
    let (place, subject) = stage.subject().await;
    let to = Destination {
        place: &place,
        subject: &subject,
    };
    let mut plan = AttestPlan {
        image: plan(&signer, &witnesses, &[Format::Tag], &none),
        said: Said::Predicate {
            kind: &PredicateType::SlsaProvenance1,
            predicate: br#"{"buildDefinition": {"buildType": "x"}}"#,
        },
        replace: false,
        entry: EntryKind::Dsse,
    };
    let verify = |version: CosignVersion, more: &[&str]| {
        let image = stage.image();
        let mut args = vec!["verify-attestation", "--key", "cosign.pub"];
        args.extend(["--insecure-ignore-tlog", "--type", "slsaprovenance1"]);
        args.extend_from_slice(more);
        args.push(&image);
        stage.cosign.version(version).run(args)
    };
    attest_image(to, &plan).await.unwrap();
    for version in [CosignVersion::V2, CosignVersion::V3] {
        let out = verify(version, &[]).success();
        assert_eq!(out.stdout.lines().count(), 1);
    }
    // Replaced, there is still one.
    plan.replace = true;
    plan.said = Said::Predicate {
        kind: &PredicateType::SlsaProvenance1,
        predicate: b"{}",
    };
    attest_image(to, &plan).await.unwrap();
    let out = verify(CosignVersion::V2, &[]).success();
    assert_eq!(out.stdout.lines().count(), 1);
    plan.image.formats = &[Format::Bundle];
    attest_image(to, &plan).await.unwrap();
    let trust = stage.empty_trust();
    verify(CosignVersion::V3, &["--trusted-root", &trust]).success();
    verify(
        CosignVersion::V2,
        &["--trusted-root", &trust, "--new-bundle-format"],
    )
    .success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_both_forms() {
    let Some(peers) = Peers::locate() else { return };
    let stage = Stage::new(&peers);
    let signer = stage.signer(KeyAlgorithm::EcdsaP256);
    let witnesses = Witnesses::default();
    let plan = BlobPlan {
        signer: &signer,
        witnesses: &witnesses,
        trust: None,
        now: "2026-11-20T22:05:59Z".parse().unwrap(),
    };
    let home = stage.cosign.home();
    std::fs::write(home.join("blob"), b"some bytes").unwrap();
    let bundle = sign_blob(&plan, b"some bytes").await.unwrap();
    std::fs::write(home.join("new.json"), bundle.to_json()).unwrap();
    let legacy = sign_blob_legacy(&plan, b"some bytes").await.unwrap();
    std::fs::write(home.join("old.json"), legacy.to_json()).unwrap();
    let trust = stage.empty_trust();
    let common = ["--key", "cosign.pub", "--insecure-ignore-tlog", "blob"];
    for version in [CosignVersion::V2, CosignVersion::V3] {
        let cosign = stage.cosign.version(version);
        let new = [
            "--new-bundle-format",
            "--bundle",
            "new.json",
            "--trusted-root",
            &trust,
        ];
        cosign
            .run(["verify-blob"].iter().chain(&new).chain(&common))
            .success()
            .says("Verified OK");
        let old = ["--new-bundle-format=false", "--bundle", "old.json"];
        cosign
            .run(["verify-blob"].iter().chain(&old).chain(&common))
            .success()
            .says("Verified OK");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn six_signers_at_once_all_count() {
    let Some(peers) = Peers::locate() else { return };
    let stage = std::sync::Arc::new(Stage::new(&peers));
    let (_, subject) = stage.subject().await;
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move {
                let signer =
                    Signer::with_key(SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
                sign(&stage, &signer, &[Format::Tag, Format::Bundle]).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (tagged, referrers) = stage.attached(&subject).await;
    assert_eq!((tagged, referrers), (6, 6));
}

/// The files that cosign and we share.
#[tokio::test]
async fn keys_are_sealed_for_cosign() {
    let Some(peers) = Peers::locate() else { return };
    let stage = Stage::new(&peers);
    stage.signer(KeyAlgorithm::EcdsaP384);
    let text = std::fs::read(stage.cosign.home().join("cosign.key")).unwrap();
    assert!(CosignKeyFile::parse(&text).unwrap().is_encrypted());
    stage
        .cosign
        .run(["public-key", "--key", "cosign.key"])
        .success();
}
