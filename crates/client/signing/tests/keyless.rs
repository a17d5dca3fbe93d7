//! What we sign with an identity, the real cosigns verify; what does not verify is not written.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod stage;

use std::collections::BTreeMap;

use keyless::fulcio::Api;
use keyless::rekor::LogVersion;
use signing::sign::{
    AttestPlan, BlobPlan, Destination, EntryKind, Format, ImagePlan, Said, SignError, Signer,
    Witnesses, attest_image, sign_blob, sign_image,
};
use sigstore::predicate::PredicateType;
use sigstore::timestamp::TimestampError;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{LogError, Refusal, SctRefusal};
use stage::keyless::{IDENTITY, ISSUER, now, signer, trust, witnesses};
use stage::{Stage, annotations};
use testkit::sigstack::{Faults, Sigstore};
use testkit::{CosignVersion, Output, Peers};

fn plan<'a>(
    signer: &'a Signer,
    witnesses: &'a Witnesses,
    formats: &'a [Format],
    annotations: &'a BTreeMap<String, String>,
    trust: &'a TrustedRoot,
) -> ImagePlan<'a> {
    ImagePlan {
        trust: Some(trust),
        now: now(),
        ..stage::plan(signer, witnesses, formats, annotations)
    }
}

fn verify(stage: &Stage, version: CosignVersion, what: &str, more: &[&str]) -> Output {
    let image = stage.image();
    let mut args = vec![what, "--certificate-oidc-issuer", ISSUER];
    args.extend(["--certificate-identity", IDENTITY]);
    args.extend_from_slice(more);
    args.push(&image);
    stage.cosign.version(version).run(args)
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_every_form() {
    let Some(peers) = Peers::locate() else { return };
    let services = Sigstore::start();
    let (trust, root) = (
        trust(&services),
        services.trusted_root().display().to_string(),
    );
    let annotations = annotations(&[("tag", "1.2"), ("by", "x")]);
    for (format, log) in [
        (Format::Tag, LogVersion::V1),
        (Format::Bundle, LogVersion::V1),
        (Format::Bundle, LogVersion::V2),
    ] {
        let stage = Stage::new(&peers).with_environment(&services.environment());
        let signer = signer(&services, Api::V2).await;
        let witnesses = witnesses(&services, log);
        let formats = [format];
        let plan = plan(&signer, &witnesses, &formats, &annotations, &trust);
        let (place, subject) = stage.subject().await;
        let to = Destination {
            place: &place,
            subject: &subject,
        };
        sign_image(to, &plan).await.unwrap();
        let trusted = ["--trusted-root", &root, "-a", "tag=1.2"];
        verify(&stage, CosignVersion::V3, "verify", &trusted)
            .success()
            .says("The specified annotations were verified");
        if format == Format::Tag {
            verify(
                &stage,
                CosignVersion::V2,
                "verify",
                &["-a", "tag=1.2", "--offline"],
            )
            .success();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attestations_of_every_form() {
    let Some(peers) = Peers::locate() else { return };
    let services = Sigstore::start();
    let (trust, root) = (
        trust(&services),
        services.trusted_root().display().to_string(),
    );
    let none = BTreeMap::new();
    for (format, log, entry) in [
        (Format::Tag, LogVersion::V1, EntryKind::Dsse),
        (Format::Tag, LogVersion::V1, EntryKind::Intoto),
        (Format::Bundle, LogVersion::V1, EntryKind::Dsse),
        (Format::Bundle, LogVersion::V2, EntryKind::Dsse),
    ] {
        let stage = Stage::new(&peers).with_environment(&services.environment());
        let signer = signer(&services, Api::V1).await;
        let witnesses = witnesses(&services, log);
        let formats = [format];
        let plan = AttestPlan {
            image: plan(&signer, &witnesses, &formats, &none, &trust),
            said: Said::Predicate {
                kind: &PredicateType::CycloneDx,
                predicate: br#"{"bomFormat": "CycloneDX", "n": 1.50}"#,
            },
            replace: false,
            entry,
        };
        let (place, subject) = stage.subject().await;
        let to = Destination {
            place: &place,
            subject: &subject,
        };
        attest_image(to, &plan).await.unwrap();
        let more = ["--trusted-root", &root, "--type", "cyclonedx"];
        verify(&stage, CosignVersion::V3, "verify-attestation", &more).success();
        if format == Format::Tag {
            let more = ["--type", "cyclonedx", "--offline"];
            verify(&stage, CosignVersion::V2, "verify-attestation", &more).success();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files() {
    let Some(peers) = Peers::locate() else { return };
    let services = Sigstore::start();
    let (trust, root) = (
        trust(&services),
        services.trusted_root().display().to_string(),
    );
    let stage = Stage::new(&peers);
    std::fs::write(stage.cosign.home().join("blob"), b"some bytes").unwrap();
    for log in [LogVersion::V1, LogVersion::V2] {
        let signer = signer(&services, Api::V2).await;
        let witnesses = witnesses(&services, log);
        let plan = BlobPlan {
            signer: &signer,
            witnesses: &witnesses,
            trust: Some(&trust),
            now: now(),
        };
        let bundle = sign_blob(&plan, b"some bytes").await.unwrap();
        std::fs::write(stage.cosign.home().join("bundle"), bundle.to_json()).unwrap();
        stage
            .cosign
            .run([
                "verify-blob",
                "--bundle=bundle",
                "--trusted-root",
                &root,
                "--certificate-identity",
                IDENTITY,
                "--certificate-oidc-issuer",
                ISSUER,
                "blob",
            ])
            .success()
            .says("Verified OK");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_verify_is_not_written() {
    type IsIt = fn(&Refusal) -> bool;
    let Some(peers) = Peers::locate() else { return };
    let stage = Stage::new(&peers);
    let none = BTreeMap::new();
    let right = Faults::default;
    let faults: [(Faults, IsIt); 6] = [
        (
            Faults {
                no_sct: true,
                ..right()
            },
            |refusal| *refusal == Refusal::Sct(SctRefusal::Absent),
        ),
        (
            Faults {
                wrong_sct: true,
                ..right()
            },
            |refusal| matches!(refusal, Refusal::Sct(SctRefusal::Sct(_))),
        ),
        (
            Faults {
                wrong_set: true,
                ..right()
            },
            |refusal| {
                matches!(
                    refusal,
                    Refusal::Log {
                        error: LogError::Promise(_),
                        ..
                    }
                )
            },
        ),
        (
            Faults {
                wrong_checkpoint: true,
                ..right()
            },
            |refusal| {
                matches!(
                    refusal,
                    Refusal::Log {
                        error: LogError::Checkpoint(_),
                        ..
                    }
                )
            },
        ),
        (
            Faults {
                wrong_proof: true,
                ..right()
            },
            |refusal| {
                matches!(
                    refusal,
                    Refusal::Log {
                        error: LogError::Tree { .. },
                        ..
                    }
                )
            },
        ),
        (
            Faults {
                wrong_timestamp: true,
                ..right()
            },
            |refusal| {
                matches!(
                    refusal,
                    Refusal::Timestamp {
                        error: TimestampError::Signature(_),
                        ..
                    }
                )
            },
        ),
    ];
    for (faults, is_it) in faults {
        let services = Sigstore::start();
        let trust = trust(&services);
        let shown = format!("{faults:?}");
        services.set_faults(faults);
        let signer = signer(&services, Api::V2).await;
        let witnesses = witnesses(&services, LogVersion::V1);
        let plan = plan(&signer, &witnesses, &[Format::Bundle], &none, &trust);
        let (place, subject) = stage.subject().await;
        let to = Destination {
            place: &place,
            subject: &subject,
        };
        let refused = sign_image(to, &plan).await.unwrap_err();
        assert!(
            matches!(&refused, SignError::Unverifiable(refusal) if is_it(refusal)),
            "{shown}: {refused}"
        );
        assert_eq!(stage.attached(&subject).await, (0, 0), "{shown}");
    }
}
