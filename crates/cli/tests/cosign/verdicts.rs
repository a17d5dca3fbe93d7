//! Different reasons are different results, whatever the command, the form and the number of images; and where nothing
//! was verified, nothing is on standard output.

use testkit::Fault;

use crate::scene::{Scene, Who, refused};

const NO_LOG: &str = "--insecure-ignore-tlog";
/// At a port that nobody listens on.
const UNREACHABLE: &str = "localhost:1/app:1";

fn scene() -> Option<Scene> {
    let scene = Scene::start()?;
    scene.generate_key(Who::Ours, "key");
    scene.generate_key(Who::Ours, "other");
    Some(scene)
}

#[test]
fn verify_tells_four_reasons_apart() {
    let Some(scene) = scene() else { return };
    let no_tag = format!("{}/unsigned:nope", scene.host());
    let no_repository = format!("{}/nothing:1", scene.host());
    let unsigned = scene.image("unsigned");
    let nothing = format!("{}/unsigned@sha256:{}", scene.host(), "1".repeat(64));
    for format in ["bundle", "legacy", "both"] {
        let signed = scene.image(&format!("signed-{format}"));
        let format = format!("--format={format}");
        let sign = ["sign", "--key=other.key", "--yes", &format, &signed];
        scene.run(Who::Ours, &sign).success();
        let verify =
            |image: &str| scene.run(Who::Ours, &["verify", "--key=key.pub", NO_LOG, image]);
        refused(
            verify(&signed),
            12,
            &["no matching signatures", "another key's"],
        );
        let identity = [
            "verify",
            "--certificate-identity=alice@example.com",
            "--certificate-oidc-issuer=https://issuer.example.com",
            &signed,
        ];
        let output = scene.run(Who::Ours, &identity);
        refused(output, 13, &["no certificate found on signature", "--key"]);
    }
    let verify = |image: &str| scene.run(Who::Ours, &["verify", "--key=key.pub", NO_LOG, image]);
    refused(verify(&unsigned), 10, &["no signatures found"]);
    refused(
        verify(&nothing),
        10,
        &["no signatures found", "no image of this digest"],
    );
    refused(verify(&no_tag), 11, &["image tag not found", "nope"]);
    refused(verify(&no_repository), 11, &["image tag not found"]);
    refused(verify(UNREACHABLE), 1, &["localhost:1", "refused"]);
    // Of several, the first failure decides, and each is told with its name.
    let images = [unsigned.as_str(), &no_tag, UNREACHABLE];
    let many = scene.run(
        Who::Ours,
        &[&["verify", "--key=key.pub", NO_LOG][..], &images].concat(),
    );
    refused(
        many,
        10,
        &[&images[..], &["Verified 0 of 3 images."]].concat(),
    );
    let images = [UNREACHABLE, &unsigned];
    let many = scene.run(
        Who::Ours,
        &[&["verify", "--key=key.pub", NO_LOG][..], &images].concat(),
    );
    refused(many, 1, &["Verified 0 of 2 images."]);
}

#[test]
fn a_scan_report_by_the_same_key_is_no_signature_in_any_form() {
    let Some(scene) = scene() else { return };
    scene.write("scan.json", "{}");
    for (who, services) in [
        (Who::V2, &["--tlog-upload=false"][..]),
        (
            Who::V3,
            &[
                "--signing-config=empty.json",
                "--trusted-root=empty-root.json",
            ],
        ),
    ] {
        let image = scene.image(&format!("scanned-{who:?}").to_lowercase());
        let attest = [
            "attest",
            "--key=key.key",
            "--yes",
            "--predicate=scan.json",
            "--type=vuln",
        ];
        scene.write("scan.json", VULNERABILITIES);
        scene
            .run(who, &[&attest[..], services, &[&image]].concat())
            .success();
        let verify = ["verify", "--key=key.pub", NO_LOG, &image];
        refused(
            scene.run(Who::Ours, &verify),
            10,
            &[
                "no signatures found",
                "cosign.sigstore.dev/attestation/vuln/v1",
            ],
        );
        let of_other = ["verify", "--key=other.pub", NO_LOG, &image];
        refused(
            scene.run(Who::Ours, &of_other),
            10,
            &["no signatures found"],
        );
    }
}

const VULNERABILITIES: &str = r#"{"invocation": {"uri": "", "event_id": "", "builder.id": ""}, "scanner": {"uri": "https://example.com", "version": "1", "db": {"uri": "", "version": ""}, "result": {}}, "metadata": {"scanStartedOn": "2026-01-01T00:00:00Z", "scanFinishedOn": "2026-01-01T00:00:01Z"}}"#;

#[test]
fn a_proxy_that_fails_half_the_registry_is_no_absence() {
    let Some(scene) = scene() else { return };
    let proxy = scene.proxy();
    let image = scene.image("half").replace(&scene.host(), &proxy.host());
    let verify = ["verify", "--key=key.pub", NO_LOG, &image];
    for path in [".sig", "/referrers/"] {
        proxy.on(move |_, found| found.contains(path), Fault::status(503));
        refused(
            scene.run(Who::Ours, &verify),
            1,
            &["could not be read", "answered 503"],
        );
        proxy.clear();
    }
    refused(scene.run(Who::Ours, &verify), 10, &["no signatures found"]);
}

/// The codes that cosign documents for signatures, and has not for attestations.
#[test]
fn verify_attestation_tells_four_reasons_apart() {
    let Some(scene) = scene() else { return };
    scene.write("predicate.json", "{}");
    let signed = scene.image("signed");
    let sign = ["sign", "--key=key.key", "--yes", "--format=both", &signed];
    scene.run(Who::Ours, &sign).success();
    let no_tag = format!("{}/signed:nope", scene.host());
    let verify = |image: &str| {
        let verify = [
            "verify-attestation",
            "--key=key.pub",
            NO_LOG,
            "--type=custom",
            image,
        ];
        scene.run(Who::Ours, &verify)
    };
    for format in ["bundle", "legacy"] {
        let attested = scene.image(&format!("attested-{format}"));
        let format = format!("--format={format}");
        let attest = |key: &str, kind: &str| {
            let (key, kind) = (format!("--key={key}.key"), format!("--type={kind}"));
            let predicate = "--predicate=predicate.json";
            let attest = [
                "attest", &key, "--yes", &format, predicate, &kind, &attested,
            ];
            scene.run(Who::Ours, &attest).success();
        };
        attest("key", "https://example.com/other");
        let other = "none of the attestations matched the predicate type: custom, found: https://example.com/other";
        refused(verify(&attested), 12, &[other]);
        attest("other", "custom");
        refused(
            verify(&attested),
            12,
            &["no matching attestations", "another key's"],
        );
        attest("key", "custom");
        verify(&attested).success();
    }
    // A signature is no attestation.
    let signature = "predicate type: custom, found: https://sigstore.dev/cosign/sign/v1";
    refused(verify(&signed), 12, &[signature]);
    let unsigned = scene.image("unsigned");
    refused(verify(&unsigned), 10, &["no matching attestations"]);
    refused(verify(&no_tag), 11, &["image tag not found", "nope"]);
    refused(verify(UNREACHABLE), 1, &["refused"]);
    let proxy = scene.proxy();
    let proxied = signed.replace(&scene.host(), &proxy.host());
    for path in [".att", "/referrers/"] {
        proxy.on(move |_, found| found.contains(path), Fault::status(500));
        refused(verify(&proxied), 1, &["could not be read", "answered 500"]);
        proxy.clear();
    }
}

/// The codes are those of the real programs, where these tell the reasons apart at all.
#[test]
fn exit_codes_are_those_of_cosign() {
    let Some(scene) = scene() else { return };
    let signed = scene.image("signed");
    let sign = [
        "sign",
        "--key=other.key",
        "--yes",
        "--format=legacy",
        &signed,
    ];
    scene.run(Who::Ours, &sign).success();
    let unsigned = scene.image("unsigned");
    let no_tag = format!("{}/unsigned:nope", scene.host());
    for (image, code) in [(&signed, 12), (&unsigned, 10), (&no_tag, 11)] {
        for who in [Who::Ours, Who::V2, Who::V3] {
            let verify = ["verify", "--key=key.pub", NO_LOG, image];
            let output = scene.run(who, &verify);
            assert_eq!(output.code(), Some(code), "{who:?}: {output}");
        }
    }
    // Of attestations cosign has 1 for everything.
    for (image, ours) in [(&unsigned, 10), (&no_tag, 11)] {
        for (who, code) in [(Who::Ours, ours), (Who::V2, 1)] {
            let verify = ["verify-attestation", "--key=key.pub", NO_LOG, image];
            let output = scene.run(who, &verify);
            assert_eq!(output.code(), Some(code), "{who:?}: {output}");
        }
    }
}
