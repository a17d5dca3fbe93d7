//! `trusted-root create` and `signing-config create`: the same bytes as cosign 3 writes.

use serde_json::Value;
use testkit::Output;

use crate::scene::{Scene, Who};

const START: &str = "start-time=2026-01-01T00:00:00Z";

fn scene() -> Option<Scene> {
    let scene = Scene::start()?;
    let copy = |name: &str| {
        std::fs::copy(scene.sigstore.file(name), scene.home().join(name)).unwrap();
    };
    for name in ["rekor.pub", "ctlog.pub", "fulcio.pem", "tsa.pem"] {
        copy(name);
    }
    Some(scene)
}

fn create(scene: &Scene, who: Who, what: &str, words: &[&str]) -> Output {
    scene.run(who, &[&[what, "create"], words].concat())
}

/// Both write the same to standard output, and to a file.
#[track_caller]
fn equal(scene: &Scene, what: &str, words: &[&str]) -> String {
    let [ours, theirs] = [Who::Ours, Who::V3].map(|who| create(scene, who, what, words).success());
    assert_eq!(ours.stdout, theirs.stdout, "{ours}");
    let files = [(Who::Ours, "ours.json"), (Who::V3, "theirs.json")].map(|(who, name)| {
        let words = [words, &["--out", name]].concat();
        let output = create(scene, who, what, &words).success();
        assert_eq!(output.stdout, "", "{output}");
        std::fs::read_to_string(scene.home().join(name)).unwrap()
    });
    assert_eq!(files[0], files[1]);
    assert_eq!(ours.stdout.trim_end_matches('\n'), files[0]);
    ours.stdout
}

/// Neither of them writes anything.
#[track_caller]
fn refused(scene: &Scene, what: &str, words: &[&str], says: &str) {
    let ours = create(scene, Who::Ours, what, words).failure().says(says);
    assert_eq!((ours.code(), ours.stdout.as_str()), (Some(1), ""), "{ours}");
    create(scene, Who::V3, what, words).failure();
}

#[test]
fn trusted_roots_of_every_service() {
    let Some(scene) = scene() else { return };
    let what = "trusted-root";
    equal(&scene, what, &[]);
    let log = |flag: &str, file: &str, rest: &str| {
        format!("--{flag}=url=https://{flag}.example.com,public-key={file},{START}{rest}")
    };
    let chain = |flag: &str, file: &str, rest: &str| {
        format!("--{flag}=url=https://{flag}.example.com,certificate-chain={file}{rest}")
    };
    let cases: [&[String]; 8] = [
        &[log("rekor", "rekor.pub", "")],
        &[log("rekor", "rekor.pub", ",origin=log.example.com")],
        &[log("rekor", "rekor.pub", ",end-time=2027-01-01T00:00:00.5Z")],
        &[log("ctfe", "ctlog.pub", "")],
        &[chain("fulcio", "fulcio.pem", "")],
        &[chain("fulcio", "fulcio.pem", ",start-time=2026-01-01T02:00:00+02:00,end-time=2030-01-01T00:00:00Z")],
        &[chain("tsa", "tsa.pem", "")],
        &[
            chain("tsa", "tsa.pem", ",start-time=2026-02-01T00:00:00Z"),
            chain("fulcio", "fulcio.pem", ""),
            log("rekor", "rekor.pub", ""),
            log("rekor", "ctlog.pub", ",origin=other"),
            // The same key again: what was said before is forgotten.
            "--rekor=url=https://moved.example.com,public-key=rekor.pub,start-time=2026-03-01T00:00:00Z".to_owned(),
            log("ctfe", "ctlog.pub", ""),
        ],
    ];
    for words in cases {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        equal(&scene, what, &words);
    }
}

#[test]
fn trusted_roots_by_the_flags_of_cosign_2() {
    let Some(scene) = scene() else { return };
    let words = [
        "--certificate-chain",
        "fulcio.pem",
        "--rekor-key",
        "rekor.pub",
        "--ctfe-key",
        "ctlog.pub",
        "--timestamp-certificate-chain",
        "tsa.pem",
    ];
    let root = equal(&scene, "trusted-root", &words);
    let theirs = create(&scene, Who::V2, "trusted-root", &words).success();
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parse(&root), parse(&theirs.stdout));
    let more = [
        "--fulcio-uri",
        "https://ca.example.com",
        "--rekor-url",
        "https://log.example.com",
        "--rekor-start-time",
        "2026-01-01T00:00:00Z",
        "--rekor-end-time",
        "2027-01-01T00:00:00Z",
        "--ctfe-url",
        "https://ct.example.com",
        "--ctfe-start-time",
        "2026-01-01T00:00:00Z",
        "--ctfe-end-time",
        "2027-01-01T00:00:00Z",
        "--timestamp-uri",
        "https://tsa.example.com",
    ];
    equal(&scene, "trusted-root", &[&words[..], &more].concat());
    let words = [
        "--rekor-key",
        "rekor.pub,log.example.com",
        "--rekor-url",
        "https://log.example.com",
    ];
    equal(&scene, "trusted-root", &words);
    let words = [
        "--rekor-key",
        "rekor.pub",
        "--rekor-key",
        "ctlog.pub",
        "--rekor-start-time",
        "2026-01-01T00:00:00Z",
    ];
    equal(&scene, "trusted-root", &words);
}

#[test]
fn what_makes_no_trusted_root() {
    let Some(scene) = scene() else { return };
    let cases: [(&[&str], &str); 10] = [
        (
            &["--rekor=url=https://r,public-key=rekor.pub"],
            "parsing rekor spec: missing or empty required key 'start-time'",
        ),
        (
            &["--rekor=public-key=rekor.pub,start-time=2026-01-01T00:00:00Z"],
            "missing or empty required key 'url'",
        ),
        (
            &["--ctfe=url=https://c,public-key=none.pub,start-time=2026-01-01T00:00:00Z"],
            "open none.pub: no such file or directory",
        ),
        (
            &["--ctfe=url=https://c,public-key=empty.json,start-time=2026-01-01T00:00:00Z"],
            "empty.json: ",
        ),
        (
            &["--rekor=url=https://r,public-key=rekor.pub,start-time=yesterday"],
            "\"yesterday\" is not a time",
        ),
        (
            &["--fulcio=url=https://f,certificate-chain=rekor.pub"],
            "rekor.pub: ",
        ),
        (
            &["--fulcio=certificate-chain=fulcio.pem"],
            "parsing fulcio spec: missing or empty required key 'url'",
        ),
        (
            &["--tsa=url=https://t,certificate-chain=fulcio.pem"],
            "the first certificate of a timestamping authority is a CA's",
        ),
        (
            &["--rekor", "nonsense"],
            "parsing rekor spec: invalid key-value pair: nonsense",
        ),
        (
            &[
                "--rekor-key=rekor.pub",
                "--rekor=url=https://r,public-key=rekor.pub,start-time=2026-01-01T00:00:00Z",
            ],
            "Drop --rekor-key.",
        ),
    ];
    for (words, says) in cases {
        refused(&scene, "trusted-root", words, says);
    }
    // cosign takes these: an end that was mistyped is no end.
    let spec = format!("--rekor=url=https://r,public-key=rekor.pub,{START}");
    for (more, says) in [
        (",endtime=2027-01-01T00:00:00Z", "unknown key 'endtime'"),
        (",end-time=2025-01-01T00:00:00Z", "is before start-time"),
        (
            ",start-time=2025-01-01T00:00:00Z",
            "key 'start-time' is given twice",
        ),
    ] {
        let spec = format!("{spec}{more}");
        create(&scene, Who::Ours, "trusted-root", &[&spec])
            .failure()
            .says(says);
    }
}

#[test]
fn signing_configs_of_every_service() {
    let Some(scene) = scene() else { return };
    let what = "signing-config";
    equal(&scene, what, &[]);
    let service = |flag: &str, version: u32, rest: &str| {
        format!(
            "--{flag}=url=https://{flag}.example.com,api-version={version},{START},operator=us{rest}"
        )
    };
    let (rekor1, rekor2) = (
        service("rekor", 1, ""),
        service("rekor", 2, ",end-time=2027-01-01T00:00:00Z"),
    );
    let (fulcio, oidc, tsa) = (
        service("fulcio", 1, ""),
        service("oidc-provider", 1, ""),
        service("tsa", 1, ""),
    );
    let cases: [&[&str]; 6] = [
        &[&fulcio, &oidc],
        &[&rekor1, "--rekor-config", "ANY"],
        &[
            &rekor1,
            &rekor2,
            "--rekor-config",
            "all",
            &tsa,
            "--tsa-config",
            "exact:1",
        ],
        &[&tsa, &tsa, "--tsa-config", "EXACT:2"],
        &["--rekor-config", "ANY"],
        &[
            "--no-default-rekor",
            "--no-default-tsa",
            "--no-default-oidc",
            "--no-default-fulcio",
        ],
    ];
    for words in cases {
        equal(&scene, what, words);
    }
    let cases: [(&[&str], &str); 7] = [
        (
            &[&rekor1],
            "--rekor-config must be provided when --rekor is specified",
        ),
        (
            &[&tsa],
            "--tsa-config must be provided when --tsa is specified",
        ),
        (
            &[&tsa, "--tsa-config", "EXACT"],
            "parsing tsa-config: EXACT needs a count",
        ),
        (
            &[&tsa, "--tsa-config", "SOME"],
            "\"SOME\" is none of ANY, ALL and EXACT:count",
        ),
        (
            &["--fulcio=url=https://f,start-time=2026-01-01T00:00:00Z,operator=us"],
            "missing or empty required key 'api-version'",
        ),
        (
            &["--fulcio=url=https://f,api-version=1,start-time=2026-01-01T00:00:00Z"],
            "missing or empty required key 'operator'",
        ),
        (
            &["--fulcio=url=https://f,api-version=one,start-time=2026-01-01T00:00:00Z,operator=us"],
            "\"one\" is not a positive number",
        ),
    ];
    for (words, says) in cases {
        refused(&scene, what, words, says);
    }
    // cosign writes a selector that no signer can follow.
    create(&scene, Who::Ours, what, &[&tsa, "--tsa-config", "EXACT:0"])
        .failure()
        .says("EXACT:0 selects nothing");
}

#[test]
fn defaults_are_what_was_initialised() {
    let Some(scene) = scene() else { return };
    for what in ["trusted-root", "signing-config"] {
        create(&scene, Who::Ours, what, &["--with-default-services"])
            .failure()
            .says("nobody is trusted yet");
    }
    let root = scene.sigstore.tuf_root().display().to_string();
    let words = [
        "initialize",
        "--mirror",
        scene.sigstore.tuf_url(),
        "--root",
        &root,
    ];
    scene.run(Who::Ours, &words).success();
    let log = format!("--rekor=url=https://r.example.com,public-key=ctlog.pub,{START}");
    let same = format!("--rekor=url=https://r.example.com,public-key=rekor.pub,{START}");
    let chain = "--fulcio=url=https://f.example.com,certificate-chain=fulcio.pem";
    let cases: [&[&str]; 6] = [
        &[],
        &["--no-default-fulcio", "--no-default-tsa"],
        &["--no-default-ctfe", "--no-default-rekor"],
        &[&log],
        &[&same],
        &[chain],
    ];
    for words in cases {
        let words = [&["--with-default-services"], words].concat();
        // Those that began together are in no order in cosign's.
        let [ours, theirs] = [Who::Ours, Who::V3].map(|who| {
            let output = create(&scene, who, "trusted-root", &words).success();
            let mut root: Value = serde_json::from_str(&output.stdout).unwrap();
            for kind in root.as_object_mut().unwrap().values_mut() {
                if let Value::Array(instances) = kind {
                    instances.sort_by_key(Value::to_string);
                }
            }
            root
        });
        assert_eq!(ours, theirs, "{words:?}");
    }
    let service = format!("--fulcio=url=https://f,api-version=1,{START},operator=us");
    let log = format!("--rekor=url=https://r,api-version=1,{START},operator=us");
    let cases: [&[&str]; 5] = [
        &[],
        &["--no-default-fulcio", "--no-default-tsa"],
        &["--no-default-oidc", "--no-default-rekor"],
        &[&service],
        &[&log, "--rekor-config", "ALL"],
    ];
    for words in cases {
        let words = [&["--with-default-services"], words].concat();
        equal(&scene, "signing-config", &words);
    }
}
