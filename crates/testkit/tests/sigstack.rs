//! The real cosigns sign and verify against the services of the test kit.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use testkit::sigstack::{Claims, Faults, IssuerKind, LogVersion, Ref, Sigstore};
use testkit::{Cosign, CosignVersion, DockerRegistry, Output, Peers, Skopeo, image};

const GITLAB: &str = "https://gitlab.com";
const INSTANCE: &str = "https://gitlab.example.com:8443";

/// A registry with one image, a Sigstore, and a cosign that finds nothing but these.
struct Scene {
    _registry: DockerRegistry,
    sigstore: Sigstore,
    cosign: Cosign,
    image: String,
}

impl Scene {
    fn new(version: CosignVersion) -> Option<Self> {
        let peers = Peers::locate()?;
        let registry = DockerRegistry::start(&peers);
        let cosign = Cosign::new(&peers, version);
        let image = Skopeo::new(&peers).push(&registry, "demo", "hello");
        Some(Self {
            _registry: registry,
            sigstore: Sigstore::start(),
            cosign,
            image,
        })
    }

    /// `cosign sign` with a token of these claims.
    fn sign(&self, claims: &Claims, options: &[&str]) -> Output {
        let token = self.sigstore.token(claims);
        let mut args = vec!["sign", "--yes", "--identity-token", &token];
        args.extend(options);
        args.push(&self.image);
        self.cosign.run(args)
    }

    fn verify(&self, identity: &str, issuer: &str, options: &[&str]) -> Output {
        let mut args = vec![
            "verify",
            "--certificate-identity",
            identity,
            "--certificate-oidc-issuer",
            issuer,
        ];
        args.extend(options);
        args.push(&self.image);
        self.cosign.run(args)
    }

    /// How cosign 2 is told where the services are.
    fn v2(mut self) -> (Self, Vec<String>) {
        for (name, value) in self.sigstore.environment() {
            self.cosign = self.cosign.env(name, &value);
        }
        let options = [
            "--fulcio-url",
            self.sigstore.fulcio_url(),
            "--rekor-url",
            self.sigstore.rekor_url(),
        ]
        .map(str::to_owned)
        .to_vec();
        (self, options)
    }
}

fn paths(sigstore: &Sigstore, service: &str) -> Vec<String> {
    let calls = sigstore.calls();
    let of_service = calls.iter().filter(|call| call.service == service);
    of_service.map(|call| call.path.clone()).collect()
}

fn strs(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

#[test]
fn cosign_2_signs_for_gitlab_and_verifies() {
    let Some(scene) = Scene::new(CosignVersion::V2) else {
        return;
    };
    let (scene, options) = scene.v2();
    let stamps = scene.sigstore.timestamp_url();
    let claims = Claims::gitlab(GITLAB, "acme/app", Ref::Branch("main"));
    let mut signing = strs(&options);
    signing.extend(["--timestamp-server-url", &stamps, "-a", "tag=1"]);
    scene
        .sign(&claims, &signing)
        .success()
        .says("tlog entry created");
    let identity = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main";
    let rekor = ["--rekor-url", scene.sigstore.rekor_url(), "-a", "tag=1"];
    scene
        .verify(identity, GITLAB, &rekor)
        .success()
        .says("Existence of the claims in the transparency log was verified");
    let stamped = ["--use-signed-timestamps", "--offline"];
    scene.verify(identity, GITLAB, &stamped).success();
    scene
        .verify(identity, "https://example.com", &rekor)
        .failure();
    scene
        .verify("https://gitlab.com/acme/other", GITLAB, &rekor)
        .failure();
    assert_eq!(
        paths(&scene.sigstore, "fulcio"),
        ["/api/v1/signingCert"],
        "{:?}",
        scene.sigstore.calls()
    );
    assert_eq!(paths(&scene.sigstore, "tsa"), ["/api/v1/timestamp"]);
}

#[test]
fn cosign_3_signs_for_an_instance_with_either_log_and_verifies() {
    let Some(scene) = Scene::new(CosignVersion::V3) else {
        return;
    };
    scene.sigstore.trust_issuer(INSTANCE, IssuerKind::Gitlab);
    let claims = Claims::gitlab(INSTANCE, "acme/team/app", Ref::Tag("v1.0"));
    let identity = "https://gitlab.example.com:8443/acme/team/app//.gitlab-ci.yml@refs/tags/v1.0";
    let root = scene.sigstore.trusted_root().display().to_string();
    for log in [LogVersion::V1, LogVersion::V2] {
        let config = scene.sigstore.signing_config(log).display().to_string();
        scene
            .sign(
                &claims,
                &["--signing-config", &config, "--trusted-root", &root],
            )
            .success();
        scene
            .verify(identity, INSTANCE, &["--trusted-root", &root])
            .success();
    }
    assert_eq!(paths(&scene.sigstore, "rekor"), ["/api/v1/log/entries"]);
    assert_eq!(paths(&scene.sigstore, "rekor-v2"), ["/api/v2/log/entries"]);
}

#[test]
fn both_cosigns_are_initialised_from_the_repository() {
    let Some(mut scene) = Scene::new(CosignVersion::V2) else {
        return;
    };
    let claims = Claims::email(scene.sigstore.oidc_url(), "bob@example.com");
    let issuer = scene.sigstore.oidc_url().to_owned();
    let start = scene.sigstore.tuf_root().display().to_string();
    let initialise = [
        "initialize",
        "--mirror",
        scene.sigstore.tuf_url(),
        "--root",
        &start,
    ];
    scene.cosign.run(initialise).success();
    let services = [
        "--fulcio-url",
        scene.sigstore.fulcio_url(),
        "--rekor-url",
        scene.sigstore.rekor_url(),
    ];
    scene.sign(&claims, &services).success();
    scene
        .verify("bob@example.com", &issuer, &services[2..])
        .success();

    let cache = scene.cosign.home().join("three").display().to_string();
    scene.cosign = scene
        .cosign
        .version(CosignVersion::V3)
        .env("TUF_ROOT", &cache);
    scene.cosign.run(initialise).success();
    scene.sign(&claims, &[]).success();
    scene.verify("bob@example.com", &issuer, &[]).success();
    // A newer version of the repository names the other log.
    scene.sigstore.publish(2, LogVersion::V2);
    scene.sign(&claims, &[]).success();
    assert_eq!(paths(&scene.sigstore, "rekor-v2"), ["/api/v2/log/entries"]);
}

/// Attestations as every kind of entry that a log takes.
#[test]
fn both_cosigns_attest_with_every_kind_of_entry() {
    let Some(scene) = Scene::new(CosignVersion::V2) else {
        return;
    };
    let (mut scene, services) = scene.v2();
    let home = scene.cosign.home().to_owned();
    std::fs::write(home.join("predicate.json"), r#"{"builder":"ours"}"#)
        .expect("the folder is writable");
    let token = scene.sigstore.token(&Claims::buildkite("acme", "release"));
    let identity = [
        "--certificate-identity",
        "https://buildkite.com/acme/release",
        "--certificate-oidc-issuer",
        "https://agent.buildkite.com",
    ];
    let attest = |scene: &Scene, kind: &str, options: &[&str]| {
        let mut args = vec![
            "attest",
            "--yes",
            "--identity-token",
            &token,
            "--type",
            kind,
        ];
        args.extend(["--predicate", "predicate.json"]);
        args.extend(options);
        args.push(&scene.image);
        scene.cosign.run(args).success();
    };
    let verify = |scene: &Scene, kind: &str, options: &[&str]| {
        let mut args = vec!["verify-attestation", "--type", kind];
        args.extend(identity);
        args.extend(options);
        args.push(&scene.image);
        scene.cosign.run(args).success();
    };
    for (kind, entry) in [
        ("https://example.com/1", "dsse"),
        ("https://example.com/2", "intoto"),
    ] {
        let mut options = strs(&services);
        options.extend(["--rekor-entry-type", entry]);
        attest(&scene, kind, &options);
        verify(&scene, kind, &services_of(&services));
    }
    let root = scene.sigstore.trusted_root().display().to_string();
    scene.cosign = scene.cosign.version(CosignVersion::V3);
    for (kind, log) in [
        ("https://example.com/3", LogVersion::V1),
        ("https://example.com/4", LogVersion::V2),
    ] {
        let config = scene.sigstore.signing_config(log).display().to_string();
        attest(
            &scene,
            kind,
            &["--signing-config", &config, "--trusted-root", &root],
        );
        verify(&scene, kind, &["--trusted-root", &root]);
    }
}

/// The options for verifying among those for signing.
fn services_of(options: &[String]) -> Vec<&str> {
    let rekor = options.iter().position(|option| option == "--rekor-url");
    strs(&options[rekor.expect("it is given")..])
}

/// A signature and a certificate in two files: the entry is looked for in the log.
#[test]
fn detached_signatures_are_found_in_the_log() {
    let Some(scene) = Scene::new(CosignVersion::V2) else {
        return;
    };
    let (scene, services) = scene.v2();
    std::fs::write(scene.cosign.home().join("blob"), "hello").expect("the folder is writable");
    let issuer = scene.sigstore.oidc_url();
    let files = ["--output-signature", "sig", "--output-certificate", "crt"];
    // Alice agrees by device, because there is no browser.
    let device = ["--fulcio-auth-flow", "device", "--oidc-issuer", issuer];
    let mut sign = vec!["sign-blob", "--yes"];
    sign.extend(files.iter().chain(&device));
    sign.extend(strs(&services));
    sign.push("blob");
    scene.cosign.run(sign).success().says("ABCD-EFGH");
    let mut verify = vec!["verify-blob", "--signature", "sig", "--certificate", "crt"];
    verify.extend(["--certificate-identity", Sigstore::PERSON]);
    verify.extend(["--certificate-oidc-issuer", issuer]);
    verify.extend(services_of(&services));
    verify.push("blob");
    scene.cosign.run(verify).success().says("Verified OK");
    assert!(paths(&scene.sigstore, "rekor").contains(&"/api/v1/log/entries/retrieve".to_owned()));
}

#[test]
fn wrong_tokens_get_no_certificate() {
    let Some(scene) = Scene::new(CosignVersion::V2) else {
        return;
    };
    let (scene, options) = scene.v2();
    let good = Claims::gitlab(GITLAB, "acme/app", Ref::Branch("main"));
    for (claims, reason) in [
        (good.clone().with("aud", "https://gitlab.com"), "audience"),
        (good.clone().with("iss", INSTANCE), "another issuer"),
        (good.clone().without("project_path"), "project_path"),
        (good.expires_in(-60), "expired"),
    ] {
        scene.sign(&claims, &strs(&options)).failure().says(reason);
    }
    assert!(paths(&scene.sigstore, "rekor").is_empty());
}

#[test]
fn what_goes_wrong_on_purpose_is_noticed() {
    let Some(scene) = Scene::new(CosignVersion::V3) else {
        return;
    };
    let token = scene
        .sigstore
        .token(&Claims::github("acme/app", Ref::Tag("v1")));
    let root = scene.sigstore.trusted_root().display().to_string();
    let config = scene.sigstore.signing_config(LogVersion::V1);
    let config = config.display().to_string();
    std::fs::write(scene.cosign.home().join("blob"), "hello").expect("the folder is writable");
    let sign = [
        "sign-blob",
        "--yes",
        "--identity-token",
        &token,
        "--signing-config",
        &config,
        "--trusted-root",
        &root,
        "--bundle",
        "bundle.json",
        "blob",
    ];
    let verify = [
        "verify-blob",
        "--trusted-root",
        &root,
        "--certificate-identity",
        "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1",
        "--certificate-oidc-issuer",
        "https://token.actions.githubusercontent.com",
        "--certificate-github-workflow-trigger",
        "push",
        "--certificate-github-workflow-repository",
        "acme/app",
        "--bundle",
        "bundle.json",
        "blob",
    ];
    let right = Faults::default;
    let faults = [
        (
            Faults {
                no_sct: true,
                ..right()
            },
            "0 SCT entries",
        ),
        (
            Faults {
                wrong_sct: true,
                ..right()
            },
            "0 SCT entries",
        ),
        (
            Faults {
                certificate_age: 3600,
                ..right()
            },
            "integrated time outside certificate validity",
        ),
        (
            Faults {
                wrong_set: true,
                ..right()
            },
            "not enough verified log entries",
        ),
        (
            Faults {
                wrong_checkpoint: true,
                ..right()
            },
            "signature on checkpoint did not verify",
        ),
        (
            Faults {
                wrong_proof: true,
                ..right()
            },
            "does not match expected root",
        ),
        (
            Faults {
                wrong_timestamp: true,
                ..right()
            },
            "unable to verify signed timestamps",
        ),
        (
            Faults {
                timestamp_skew: 3600,
                ..right()
            },
            "leaf certificate verification failed",
        ),
    ];
    for (fault, reason) in faults {
        scene.sigstore.set_faults(fault);
        // Some are noticed while signing.
        let mut said = scene.cosign.run(sign);
        if said.code() == Some(0) {
            said = scene.cosign.run(verify);
        }
        said.failure().says(reason);
    }
    scene.sigstore.set_faults(Faults::default());
    scene.cosign.run(sign).success();
    scene.cosign.run(verify).success();
}

/// One request; the status line with the headers, and the body.
fn ask(url: &str, method: &str, path: &str, body: &[u8]) -> (String, String) {
    let host = url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(host).expect("the service listens");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    socket
        .write_all(&[head.as_bytes(), body].concat())
        .expect("the service reads");
    let mut answer = Vec::new();
    socket
        .read_to_end(&mut answer)
        .expect("the service answers");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("it is HTTP");
    (head.to_owned(), body.to_owned())
}

fn read_json(answer: &(String, String)) -> Value {
    assert!(answer.0.starts_with("HTTP/1.1 200"), "{answer:?}");
    serde_json::from_str(&answer.1).expect("it is JSON")
}

#[test]
fn the_logs_know_what_they_have() {
    let Some(scene) = Scene::new(CosignVersion::V3) else {
        return;
    };
    let claims = Claims::gitlab(GITLAB, "acme/app", Ref::Branch("main"));
    let root = scene.sigstore.trusted_root().display().to_string();
    for log in [LogVersion::V1, LogVersion::V2] {
        let config = scene.sigstore.signing_config(log).display().to_string();
        let services = ["--signing-config", &config, "--trusted-root", &root];
        scene.sign(&claims, &services).success();
    }
    let entry_of = |service: &str| {
        let calls = scene.sigstore.calls();
        let call = calls.into_iter().find(|call| call.service == service);
        call.expect("cosign made an entry").body
    };

    let rekor = scene.sigstore.rekor_url();
    let body = entry_of("rekor");
    let (head, _) = ask(rekor, "POST", "/api/v1/log/entries", &body);
    assert!(head.starts_with("HTTP/1.1 409"), "{head}");
    let (_, location) = head.split_once("location: ").expect("it says where");
    let location = location.lines().next().expect("there is a line");
    let uuid = location
        .strip_prefix("/api/v1/log/entries/")
        .expect("it is the path of an entry");
    let entry = read_json(&ask(rekor, "GET", location, b""));
    assert_eq!(entry[uuid]["logIndex"], 1);
    let by_index = ask(rekor, "GET", "/api/v1/log/entries?logIndex=1", b"");
    assert_eq!(read_json(&by_index)[uuid]["body"], entry[uuid]["body"]);
    let proposal: Value = serde_json::from_slice(&body).expect("it is JSON");
    let envelope = proposal["spec"]["proposedContent"]["envelope"]
        .as_str()
        .expect("an envelope");
    let hash = json!({"hash": image::sha256(envelope.as_bytes())}).to_string();
    let found = ask(rekor, "POST", "/api/v1/index/retrieve", hash.as_bytes());
    assert_eq!(read_json(&found), json!([uuid]));
    let state = read_json(&ask(rekor, "GET", "/api/v1/log", b""));
    assert_eq!(state["treeSize"], 2);
    let path = "/api/v1/log/proof?firstSize=1&lastSize=2";
    let proof = read_json(&ask(rekor, "GET", path, b""));
    assert_eq!(proof["rootHash"], state["rootHash"]);
    assert_eq!(proof["hashes"], json!([&uuid[16..]]));

    let mut wrong = proposal.clone();
    wrong["spec"]["proposedContent"]["envelope"] =
        json!(envelope.replacen("\"sig\":\"ME", "\"sig\":\"MF", 1));
    let wrong = wrong.to_string();
    let (head, said) = ask(rekor, "POST", "/api/v1/log/entries", wrong.as_bytes());
    assert!(head.starts_with("HTTP/1.1 400"), "{head} {said}");

    let rekor = scene.sigstore.rekor_v2_url();
    let body = entry_of("rekor-v2");
    let (head, _) = ask(rekor, "POST", "/api/v2/log/entries", &body);
    assert!(head.starts_with("HTTP/1.1 409"), "{head}");
    assert!(head.contains("x-log-index: 1"), "{head}");
    let (_, checkpoint) = ask(rekor, "GET", "/api/v2/checkpoint", b"");
    assert!(checkpoint.starts_with("127.0.0.1\n2\n"), "{checkpoint}");
    let (head, _) = ask(rekor, "GET", "/api/v2/tile/entries/000.p/2", b"");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}
