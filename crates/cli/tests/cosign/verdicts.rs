//! Different reasons are different results, whatever the command, the form and the number of images; and where nothing
//! was verified, nothing is on standard output.

use testkit::{Fault, Output};

use crate::scene::{At, Scene, Who};

const NO_LOG: &str = "--insecure-ignore-tlog";

fn scene() -> Option<Scene> {
    let scene = Scene::start(At::DockerRegistry)?;
    scene.generate_key(Who::Ours, "key");
    scene.generate_key(Who::Ours, "other");
    Some(scene)
}

#[track_caller]
fn refused(output: Output, code: i32, words: &[&str]) {
    assert_eq!(
        (output.code(), output.stdout.as_str()),
        (Some(code), ""),
        "{output}"
    );
    words.iter().fold(output, |output, text| output.says(text));
}

/// A port that nobody listens on.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("localhost:{}", listener.local_addr().unwrap().port())
}

#[test]
fn verify_tells_four_reasons_apart() {
    let Some(scene) = scene() else { return };
    let unreachable = format!("{}/app:1", nobody());
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
    refused(
        verify(&unreachable),
        1,
        &[&unreachable[..unreachable.len() - 6], "refused"],
    );
    // Of several, the first failure decides, and each is told with its name.
    let images = [unsigned.as_str(), &no_tag, &unreachable];
    let many = scene.run(
        Who::Ours,
        &[&["verify", "--key=key.pub", NO_LOG][..], &images].concat(),
    );
    refused(
        many,
        10,
        &[&images[..], &["Verified 0 of 3 images."]].concat(),
    );
    let images = [unreachable.as_str(), &unsigned];
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
