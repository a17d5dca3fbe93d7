//! `attach` and `download`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::carried::{dress, scene, scene_at, sign, verify, verify_by};
use crate::forms::{Form, make, strs};
use crate::scene::{At, Scene, Who, base64, refused};

/// Standard output, a JSON document for each line.
fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn download(scene: &Scene, who: Who, words: &[&str], image: &str) -> Vec<Value> {
    let words = [&["download"], words, &[image]].concat();
    lines(&scene.run(who, &words).success().stdout)
}

/// Whoever attaches, everybody verifies.
#[test]
fn signatures() {
    let Some(scene) = scene() else { return };
    for who in [Who::Ours, Who::V2, Who::V3] {
        let image = scene.image(&format!("{who:?}").to_lowercase());
        let to_files = [
            "sign",
            "--upload=false",
            "--output-signature=image.sig",
            "--output-payload=image.json",
        ];
        make(&scene, Who::V2, Form::KeyLegacy, "two", &to_files, &image);
        // Files end in a line.
        let signature = std::fs::read_to_string(scene.home().join("image.sig")).unwrap();
        scene.write("image.sig", &format!("{}\n", signature.trim_end()));
        let attach = ["attach", "signature", "--signature", "image.sig"];
        let attach = [&attach[..], &["--payload", "image.json", &image]].concat();
        let attached = scene.run(who, &attach).success();
        assert_eq!(attached.stdout, "");
        if who == Who::Ours {
            assert!(
                attached.stderr.contains("'cosign verify' tells"),
                "{attached}"
            );
        }
        sign(&scene, Who::Ours, Form::KeyLegacy, "ours", &image);
        for reader in [Who::Ours, Who::V2, Who::V3] {
            for key in ["two", "ours"] {
                println!("{key} attached by {who:?} for {reader:?}");
                verify(&scene, reader, key, &image).success();
            }
        }
    }
}

/// Without `--payload` it is the one that `generate` prints.
#[test]
fn implied_payload() {
    let Some(scene) = scene() else { return };
    let image = scene.image("implied");
    let payload = scene.run(Who::V2, &["generate", &image]).success();
    scene.write("implied.json", &payload.stdout);
    let sign = [
        "sign-blob",
        "--yes",
        "--key",
        "two.key",
        "--tlog-upload=false",
    ];
    scene
        .run_on(
            Who::V2,
            &sign,
            &["--output-signature=implied.sig", "implied.json"],
        )
        .success();
    let attach = ["attach", "signature", "--signature", "implied.sig", &image];
    let attached = scene.run(Who::Ours, &attach).success();
    assert!(
        attached
            .stderr
            .contains("obsolete implied signature payload"),
        "{attached}"
    );
    for reader in [Who::Ours, Who::V2, Who::V3] {
        verify(&scene, reader, "two", &image).success();
    }
}

#[test]
fn bundles() {
    for at in [At::DockerRegistry, At::Countersign] {
        let Some(scene) = scene_at(at) else { return };
        for (who, flag) in [
            (Who::Ours, "--bundle"),
            (Who::Ours, "--payload"),
            (Who::V3, "--bundle"),
        ] {
            let name = format!("{who:?}{flag}").to_lowercase();
            let image = scene.image(&name);
            let sign = ["sign", "--upload=false", "--bundle=image.bundle"];
            make(&scene, Who::V3, Form::KeyBundle, "three", &sign, &image);
            let attach = ["attach", "signature", flag, "image.bundle", &image];
            scene.run(who, &attach).success();
            for reader in [Who::Ours, Who::V3] {
                verify(&scene, reader, "three", &image).success();
            }
        }
    }
}

/// What `download` prints of a keyless signature is enough to attach it again.
#[test]
fn what_download_prints_attach_takes() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("keyless");
    let form = Form::KeylessLegacyStamped;
    sign(&scene, Who::V2, form, "none", &image);
    let [ours] = download(&scene, Who::Ours, &["signature"], &image)
        .try_into()
        .unwrap();
    let [theirs] = download(&scene, Who::V2, &["signature"], &image)
        .try_into()
        .unwrap();
    for member in ["Base64Signature", "Payload", "Bundle", "RFC3161Timestamp"] {
        assert!(!ours[member].is_null(), "{member}");
        assert_eq!(ours[member], theirs[member], "{member}");
    }
    let certificate = |value: &Value| {
        [
            value["Raw"].clone(),
            value["NotBefore"].clone(),
            value["NotAfter"].clone(),
        ]
    };
    assert_eq!(certificate(&ours["Cert"]), certificate(&theirs["Cert"]));
    let chain = |value: &Value| -> Vec<_> {
        let chain = value["Chain"].as_array().unwrap();
        chain.iter().map(certificate).collect()
    };
    assert!(!chain(&ours).is_empty());
    assert_eq!(chain(&ours), chain(&theirs));

    let pem = |value: &Value| {
        let raw = value["Raw"].as_str().unwrap();
        format!("-----BEGIN CERTIFICATE-----\n{raw}\n-----END CERTIFICATE-----\n")
    };
    let text = |member: &str| ours[member].as_str().unwrap();
    scene.write("again.sig", text("Base64Signature"));
    std::fs::write(scene.home().join("again.json"), base64(text("Payload"))).unwrap();
    scene.write("again.pem", &pem(&ours["Cert"]));
    let issuers: String = ours["Chain"].as_array().unwrap().iter().map(pem).collect();
    scene.write("again-chain.pem", &issuers);
    scene.write("again-log.json", &ours["Bundle"].to_string());
    let stamp = ours["RFC3161Timestamp"]["SignedRFC3161Timestamp"].as_str();
    std::fs::write(scene.home().join("again.tsr"), base64(stamp.unwrap())).unwrap();
    // The log's own answer, as its API gives it.
    let promise = &ours["Bundle"]["Payload"];
    let mut answer = promise.clone();
    answer["verification"] = serde_json::json!({
        "signedEntryTimestamp": ours["Bundle"]["SignedEntryTimestamp"],
    });
    scene.write(
        "again-answer.json",
        &serde_json::json!({ "24296fb24b8ad77a": answer }).to_string(),
    );

    for log in ["again-log.json", "again-answer.json"] {
        scene
            .run(Who::Ours, &["clean", "--force", &image])
            .success();
        let attach = [
            "attach",
            "signature",
            "--payload=again.json",
            "--signature=again.sig",
            "--certificate=again.pem",
            "--certificate-chain=again-chain.pem",
            "--tsr=again.tsr",
            "--rekor-response",
            log,
            &image,
        ];
        scene.run(Who::Ours, &attach).success();
        let words = form.verifying(&scene, "none");
        let words = [&["verify"][..], &strs(&words), &[&image]].concat();
        for reader in [Who::Ours, Who::V2, Who::V3] {
            scene.run(reader, &words).success();
        }
        let again = download(&scene, Who::V2, &["signature"], &image);
        assert_eq!(again[0]["Bundle"], theirs["Bundle"]);
    }
}

/// Envelopes and bundles, downloaded, taken away and attached again.
#[test]
fn attestations() {
    for at in [At::DockerRegistry, At::Countersign] {
        let Some(scene) = scene_at(at) else { return };
        let image = scene.image("attested");
        dress(&scene, &image);
        let custom = "https://cosign.sigstore.dev/attestation/v1";
        let all = download(&scene, Who::Ours, &["attestation"], &image);
        assert_eq!(all.len(), 2, "an envelope and a bundle, and no signature");
        assert!(all[0]["payload"].is_string() && all[1]["dsseEnvelope"].is_object());
        assert_eq!(
            download(&scene, Who::V2, &["attestation"], &image),
            all[..1]
        );
        assert_eq!(
            download(
                &scene,
                Who::V3,
                &["attestation", "--predicate-type", custom],
                &image
            ),
            all[1..]
        );
        for wanted in ["custom", custom] {
            let words = ["attestation", "--predicate-type", wanted];
            assert_eq!(download(&scene, Who::Ours, &words, &image), all);
        }
        let none = [
            "download",
            "attestation",
            "--predicate-type",
            "vuln",
            &image,
        ];
        let none = scene.run(Who::Ours, &none);
        refused(none, 1, &["found no attestations with predicate type"]);

        let [envelope, bundle] = [&all[0], &all[1]].map(Value::to_string);
        scene.write("both.json", &format!("{envelope}\n{bundle}\n"));
        scene.write("envelope.json", &envelope);
        scene.write("bundle.json", &bundle);
        for files in [
            &["--attestation=both.json"][..],
            &["--attestation=envelope.json", "--attestation=bundle.json"],
            &["--attestation=bundle.json,envelope.json"],
        ] {
            scene
                .run(Who::Ours, &["clean", "-f", "--type=attestation", &image])
                .success();
            let words = [&["attach", "attestation"], files, &[&image]].concat();
            let attached = scene.run(Who::Ours, &words).success();
            assert!(
                attached.stderr.starts_with("Using payload from: "),
                "{attached}"
            );
            assert!(
                attached
                    .stderr
                    .contains("'cosign verify-attestation' tells"),
                "{attached}"
            );
            for (who, key) in [
                (Who::Ours, "two"),
                (Who::Ours, "three"),
                (Who::V2, "two"),
                (Who::V3, "three"),
            ] {
                verify_by(&scene, who, &["verify-attestation"], key, &image).success();
            }
        }
    }
}

#[test]
fn sboms() {
    for at in [At::DockerRegistry, At::Countersign] {
        let Some(scene) = scene_at(at) else { return };
        let image = scene.image("sbom");
        scene.write("plain.txt", "SPDXVersion: SPDX-2.3\n");
        scene.write("bom.xml", "<bom/>\n");
        for (file, flags, media_type) in [
            ("sbom.json", &[][..], "text/spdx+json"),
            ("plain.txt", &[], "text/spdx"),
            ("sbom.json", &["--input-format=text"], "text/spdx"),
            (
                "sbom.json",
                &["--type=cyclonedx"],
                "application/vnd.cyclonedx+json",
            ),
            (
                "bom.xml",
                &["--type=cyclonedx"],
                "application/vnd.cyclonedx+xml",
            ),
            ("sbom.json", &["--type=syft"], "application/vnd.syft+json"),
        ] {
            let words = [&["attach", "sbom", "--sbom", file], flags, &[&image]].concat();
            let attached = scene.run(Who::Ours, &words).success();
            assert!(
                attached.stderr.contains("this way does not sign them"),
                "{attached}"
            );
            assert!(
                attached
                    .stderr
                    .contains(&format!("with mediaType [{media_type}]")),
                "{attached}"
            );
            let content = std::fs::read_to_string(scene.home().join(file)).unwrap();
            for reader in [Who::Ours, Who::V2, Who::V3] {
                let sbom = scene.run(reader, &["download", "sbom", &image]).success();
                assert_eq!(sbom.stdout, content, "one in the place of another");
                let said = format!("Found SBOM of media type: {media_type}\n");
                assert!(sbom.stderr.ends_with(&said), "{sbom}");
            }
        }
        let other = scene.image("referrer");
        let mode = ["--registry-referrers-mode=oci-1-1", "--sbom=sbom.json"];
        let words = [&["attach", "sbom"], &mode[..], &[&other]].concat();
        scene.run(Who::Ours, &words).success();
        let tree = scene.run(Who::V3, &["tree", &other]).success();
        assert!(
            tree.stdout.contains("vnd.dev.cosign.artifact.sbom.v1+json"),
            "{tree}"
        );
        let sbom = scene
            .run(Who::Ours, &["download", "sbom", &other])
            .success();
        assert_eq!(sbom.stdout, r#"{"spdxVersion": "SPDX-2.3"}"#);
    }
}

/// Several signers and both forms: a line for each.
#[test]
fn all_signatures_are_downloaded() {
    let Some(scene) = scene_at(At::Countersign) else {
        return;
    };
    let image = scene.image("signed");
    dress(&scene, &image);
    let found = download(&scene, Who::Ours, &["signature"], &image);
    let older: Vec<&Value> = found
        .iter()
        .filter(|one| one["Payload"].is_string())
        .collect();
    let bundles: Vec<&Value> = found
        .iter()
        .filter(|one| one["dsseEnvelope"].is_object())
        .collect();
    assert_eq!((older.len(), bundles.len(), found.len()), (2, 2, 4));
    assert_eq!(
        download(&scene, Who::V2, &["signature"], &image),
        found[..2]
    );
    let theirs = download(&scene, Who::V3, &["signature"], &image);
    for bundle in bundles {
        assert!(theirs.contains(bundle));
    }
    let bare = scene.image("bare");
    for (what, text) in [
        (
            "signature",
            format!("Error: {bare}: no signatures associated\n"),
        ),
        ("attestation", "Error: found no attestations\n".to_owned()),
        ("sbom", "Error: no sbom attached to reference\n".to_owned()),
    ] {
        let none = scene.run(Who::Ours, &["download", what, &bare]);
        assert!(none.stderr.ends_with(&text), "{none}");
        refused(none, 1, &[]);
    }
}

/// Attachments of one platform, by `--platform`.
#[test]
fn of_a_platform() {
    let Some(scene) = scene() else { return };
    let (index, [amd, _]) = scene.index("platforms");
    let attest = ["attest", "--predicate", "predicate.json"];
    make(&scene, Who::V2, Form::KeyLegacy, "two", &attest, &amd);
    let words = ["attestation", "--platform", "linux/amd64"];
    let found = download(&scene, Who::Ours, &words, &index);
    assert_eq!(found.len(), 1);
    assert_eq!(found, download(&scene, Who::V2, &words, &index));
    let none = scene.run(Who::Ours, &["download", "attestation", &index]);
    refused(none, 1, &["for several platforms"]);
    let other = [
        "download",
        "attestation",
        "--platform",
        "linux/arm64",
        &index,
    ];
    let other = scene.run(Who::Ours, &other);
    refused(other, 1, &["found no attestations"]);
}

/// Nothing is attached that cannot be what it is said to be.
#[test]
fn wrong_files() {
    let Some(scene) = scene() else { return };
    let image = scene.image("wrong");
    let old = STANDARD.encode("{}");
    scene.write("no-base64.sig", "not base64!\n");
    scene.write("empty.sig", "\n");
    scene.write("some.sig", &STANDARD.encode("signature"));
    scene.write("some.json", "{}");
    scene.write(
        "statement.json",
        r#"{"_type": "https://in-toto.io/Statement/v1"}"#,
    );
    scene.write(
        "old.bundle",
        &format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1","verificationMaterial":{{"publicKey":{{"hint":""}}}},"messageSignature":{{"signature":"{old}"}}}}"#
        ),
    );
    let refuses = |what: &str, flags: &[&str], text: &str| {
        let words = [&["attach", what], flags, &[&image]].concat();
        refused(scene.run(Who::Ours, &words), 1, &[text]);
    };
    let some = ["--signature=some.sig", "--payload=some.json"];
    for (flags, text) in [
        (&[][..], "--signature is required"),
        (&["--payload=some.json"], "--signature is required"),
        (&["--signature=nowhere"], "open nowhere: no such file"),
        (
            &["--signature=no-base64.sig"],
            "no-base64.sig is not base64",
        ),
        (&["--signature=empty.sig"], "empty.sig is not base64"),
        (&["--bundle=some.json"], "attaching payload from some.json"),
        (&["--bundle=old.bundle"], "0.3"),
        (
            &["--bundle=some.json", "--signature=some.sig"],
            "Drop --signature.",
        ),
        (
            &["--bundle=some.json", "--payload=some.json"],
            "Drop --payload.",
        ),
        (
            &[some[0], some[1], "--certificate=two.pub"],
            "is not a certificate",
        ),
        (
            &[some[0], some[1], "--certificate-chain=some.json"],
            "is not a certificate",
        ),
        (
            &[some[0], some[1], "--rekor-response=some.json"],
            "is not a log's answer",
        ),
        (
            &[some[0], some[1], "--tsr=some.json"],
            "is not an answer of a timestamp authority",
        ),
    ] {
        refuses("signature", flags, text);
    }
    for (flags, text) in [
        (&[][..], "--attestation is required"),
        (&["--attestation=nowhere"], "open nowhere: no such file"),
        (
            &["--attestation=two.pub"],
            "must hold DSSE envelopes or bundles",
        ),
        (
            &["--attestation=empty.sig"],
            "must hold DSSE envelopes or bundles",
        ),
        (
            &["--attestation=statement.json"],
            "must hold DSSE envelopes or bundles",
        ),
    ] {
        refuses("attestation", flags, text);
    }
    for (flags, text) in [
        (&[][..], "--sbom is required"),
        (&["--sbom=nowhere"], "open nowhere: no such file"),
        (
            &["--sbom=some.json", "--type=weird"],
            "unknown SBOM type: \"weird\"",
        ),
        (
            &["--sbom=some.json", "--type=syft", "--input-format=xml"],
            "expected (json)",
        ),
        (
            &["--sbom=some.json", "--registry-referrers-mode=oci"],
            "must be legacy or oci-1-1",
        ),
    ] {
        refuses("sbom", flags, text);
    }
    let tree = scene.run(Who::V3, &["tree", &image]).success();
    assert!(
        tree.stdout.contains("No Supply Chain"),
        "nothing was written: {tree}"
    );

    // A payload about another image is attached as it is, with a warning; nobody takes it for this one's.
    let words = [&["attach", "signature"], &some[..], &[&image]].concat();
    let attached = scene.run(Who::Ours, &words).success();
    assert!(
        attached
            .stderr
            .contains("WARNING: the payload is about no image"),
        "{attached}"
    );
    assert_eq!(verify(&scene, Who::Ours, "two", &image).code(), Some(12));
}

/// What is attached is in the repository of `COSIGN_REPOSITORY`: put there, listed, fetched and taken away.
#[test]
fn elsewhere() {
    let Some(scene) = scene() else { return };
    let image = scene.image("here");
    let (repository, _) = image.split_once('@').unwrap();
    let there = format!("{repository}-attachments");
    let run = |who, words: &[&str]| {
        let words = [words, &[&image]].concat();
        scene.run_with(who, ("COSIGN_REPOSITORY", &there), &words)
    };
    let sign = ["sign", "--upload=false", "--output-signature=image.sig"];
    let sign = [&sign[..], &["--output-payload=image.json"]].concat();
    make(&scene, Who::V2, Form::KeyLegacy, "two", &sign, &image);
    let attach = [
        "attach",
        "signature",
        "--signature=image.sig",
        "--payload=image.json",
    ];
    run(Who::Ours, &attach).success();
    run(Who::Ours, &["attach", "sbom", "--sbom=sbom.json"]).success();
    let verify = ["verify", "--key=two.pub", "--insecure-ignore-tlog"];
    for who in [Who::Ours, Who::V2] {
        run(who, &verify).success();
        let here = scene.run_on(who, &verify, &[&image]);
        assert_eq!(here.code(), Some(10), "{here}");
    }
    let tree = run(Who::Ours, &["tree"]).success();
    assert!(
        tree.stdout
            .contains(&format!("Signatures for an image tag: {there}:sha256-")),
        "{tree}"
    );
    assert_eq!(tree.stdout.lines().count(), 5, "{tree}");
    let [ours, theirs] =
        [Who::Ours, Who::V2].map(|who| run(who, &["download", "signature"]).success());
    assert_eq!(lines(&ours.stdout), lines(&theirs.stdout));
    let bare = scene.run(Who::Ours, &["tree", &image]).success();
    assert!(bare.stdout.contains("No Supply Chain"), "{bare}");
    let cleaned = run(Who::Ours, &["clean", "--force"]).success();
    assert!(
        cleaned
            .stderr
            .starts_with(&format!("Removed {there}:sha256-")),
        "{cleaned}"
    );
    assert_eq!(run(Who::V2, &verify).code(), Some(10));
}
