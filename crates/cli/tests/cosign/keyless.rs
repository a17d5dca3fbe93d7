//! Signing with the identity of a token.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use serde_json::Value;
use testkit::sigstack::{Claims, Faults, IssuerKind, LogVersion, Ref, Sigstore};
use testkit::{Fault, Output, Proxy, Terminal, WebServer};

use crate::browser::browse;
use crate::forms::{IDENTITY, ISSUER};
use crate::scene::{Scene, Who, base64, refused};

fn claims() -> Claims {
    Claims::gitlab(ISSUER, "acme/app", Ref::Branch("main"))
}

/// Signs with a token, with the services of the scene.
fn sign(scene: &Scene, token: &str, more: &[&str], image: &str) -> Output {
    let words = ["sign", "--yes", "--identity-token", token];
    let words = [&words[..], &scene.urls(), more].concat();
    scene.run_on(Who::Ours, &words, &[image])
}

/// Whether `who` finds the image signed by this identity.
fn verify(scene: &Scene, who: Who, image: &str, identity: &str, issuer: &str) -> Output {
    let [_, _, rekor, rekor_url] = scene.urls();
    let words = [
        "verify",
        "--certificate-identity",
        identity,
        "--certificate-oidc-issuer",
        issuer,
        rekor,
        rekor_url,
        image,
    ];
    scene.run(who, &words)
}

fn is_signed_by(scene: &Scene, image: &str, identity: &str, issuer: &str) {
    for who in [Who::Ours, Who::V2] {
        verify(scene, who, image, identity, issuer).success();
    }
}

fn is_unsigned(scene: &Scene, image: &str) {
    let verified = verify(scene, Who::Ours, image, IDENTITY, ISSUER);
    assert_eq!(verified.code(), Some(10), "{verified}");
}

#[test]
fn a_token_given_or_found() {
    let Some(scene) = Scene::start() else { return };
    let token = scene.sigstore.token(&claims());
    scene.write("token", &token);
    for (name, given, variable) in [
        ("value", &["--identity-token", &token][..], ("NOTHING", "")),
        ("file", &["--identity-token", "token"], ("NOTHING", "")),
        ("variable", &[], ("SIGSTORE_ID_TOKEN", token.as_str())),
        (
            "named",
            &["--oidc-provider", "envvar"],
            ("SIGSTORE_ID_TOKEN", &token),
        ),
        ("flag", &[], ("COSIGN_IDENTITY_TOKEN", &token)),
    ] {
        let image = scene.image(name);
        let words = [&["sign", "--yes"], &scene.urls()[..], given, &[&image]].concat();
        let said = scene.run_with(Who::Ours, variable, &words).success();
        let said = format!("{}{}", said.stdout, said.stderr);
        assert!(!said.contains(&token), "{said}");
        is_signed_by(&scene, &image, IDENTITY, ISSUER);
    }
}

#[test]
fn the_tokens_of_ci_systems() {
    let Some(scene) = Scene::start() else { return };
    let sign = |name: &str, variables: &[(&str, &str)], more: &[&str]| {
        let image = scene.image(name);
        let words = [&["sign", "--yes"], &scene.urls()[..], more, &[&image]].concat();
        scene.run_with_all(variables, &words).success();
        image
    };

    let url = scene.sigstore.github_request_url();
    let github = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        (
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            Sigstore::GITHUB_REQUEST_TOKEN,
        ),
    ];
    for (name, more) in [
        ("github", &[][..]),
        ("github-named", &["--oidc-provider", "github-actions"]),
    ] {
        let image = sign(name, &github, more);
        let issuer = "https://token.actions.githubusercontent.com";
        let identity = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
        is_signed_by(&scene, &image, identity, issuer);
    }

    let token = scene.sigstore.token(&Claims::buildkite("acme", "app"));
    let agent = WebServer::start(move |asked| {
        assert_eq!(asked.line(), "POST /v3/jobs/a-job/oidc/tokens");
        assert_eq!(asked.header("authorization"), "Token agent-secret");
        assert_eq!(asked.json()["audience"], "sigstore");
        (200, serde_json::json!({ "token": token }).to_string())
    });
    let endpoint = format!("{}/v3", agent.address);
    let buildkite = [
        ("BUILDKITE_AGENT_ACCESS_TOKEN", "agent-secret"),
        ("BUILDKITE_AGENT_ENDPOINT", &endpoint),
        ("BUILDKITE_JOB_ID", "a-job"),
    ];
    let image = sign("buildkite", &buildkite, &[]);
    let identity = "https://buildkite.com/acme/app";
    is_signed_by(&scene, &image, identity, "https://agent.buildkite.com");

    // A GitLab of one's own.
    let own = "https://gitlab.acme.example";
    scene.sigstore.trust_issuer(own, IssuerKind::Gitlab);
    let claims = Claims::gitlab(own, "team/app", Ref::Tag("v1"));
    let token = scene.sigstore.token(&claims);
    let image = sign("own-gitlab", &[("SIGSTORE_ID_TOKEN", &token)], &[]);
    let identity = format!("{own}/team/app//.gitlab-ci.yml@refs/tags/v1");
    is_signed_by(&scene, &image, &identity, own);
}

#[test]
fn a_person_logs_in() {
    let Some(scene) = Scene::start() else { return };
    let issuer = scene.sigstore.oidc_url().to_owned();
    let sign = ["sign", "--yes", "--oidc-issuer", &issuer];
    let sign = [&sign[..], &scene.urls()].concat();
    let image = scene.image("device");
    scene
        .run_on(Who::Ours, &sign, &[&image])
        .success()
        .says("Non-interactive mode detected, using device flow.")
        .says("Enter the verification code");
    is_signed_by(&scene, &image, Sigstore::PERSON, &issuer);

    for (name, more) in [
        ("browser", &["--fulcio-auth-flow", "normal"][..]),
        (
            "redirect",
            &[
                "--fulcio-auth-flow",
                "normal",
                "--oidc-redirect-url",
                "http://127.0.0.1:0/back/here",
            ],
        ),
    ] {
        let image = scene.image(name);
        let mut command = scene.command(&[&sign[..], more, &[&image]].concat());
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "no address to open");
            if line.trim_start().starts_with("http") {
                break line.trim().to_owned();
            }
        };
        assert_eq!(address.contains("back%2Fhere"), name == "redirect");
        let page = browse(&address);
        assert!(page.contains("You are logged in"), "{page}");
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert!(child.wait().unwrap().success(), "{rest}");
        is_signed_by(&scene, &image, Sigstore::PERSON, &issuer);
    }
}

/// Before a name goes into a log a person is asked, and only then.
#[test]
fn a_person_is_asked_before_the_log_is() {
    let Some(scene) = Scene::start() else { return };
    let token = scene.sigstore.token(&claims());
    let image = scene.image("asked");
    let words = [
        &["sign", "--identity-token", &token],
        &scene.urls()[..],
        &[&image],
    ]
    .concat();
    let mut terminal = Terminal::spawn(scene.command(&words));
    terminal.expect("transparency log");
    terminal.expect("Are you sure you would like to continue? [y/N]");
    terminal.type_line("n");
    let (said, code) = terminal.finish();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("user declined the prompt"), "{said}");
    is_unsigned(&scene, &image);
    assert!(scene.sigstore.calls().is_empty(), "asked before the answer");

    let mut terminal = Terminal::spawn(scene.command(&words));
    terminal.expect("[y/N]");
    terminal.type_line("y");
    let (said, code) = terminal.finish();
    assert_eq!(code, Some(0), "{said}");
    is_signed_by(&scene, &image, IDENTITY, ISSUER);

    // A key without a log: no question.
    scene.generate_key(Who::Ours, "key");
    let words = ["sign", "--key", "key.key", &image];
    let (said, code) = Terminal::spawn(scene.command(&words)).finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("[y/N]"), "{said}");
}

/// Tokens that cannot be used are told apart, and nothing is written.
#[test]
fn tokens_that_are_refused() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("refused");
    let token = |claims: &Claims| scene.sigstore.token(claims);
    let unknown = Claims::gitlab("https://unknown.example", "acme/app", Ref::Branch("main"));
    let cases = [
        (
            token(&claims().expires_in(-60)),
            "the identity token expired at ",
            "sign early in the job",
        ),
        (
            token(&claims().with("aud", "vault")),
            "the identity token is for vault, expected sigstore",
            "--oidc-client-id",
        ),
        (
            token(&claims().with("nbf", 4_000_000_000_u64)),
            "the identity token is valid from 2096-",
            "the clock of this machine",
        ),
        (
            token(&unknown),
            "answered 4",
            "look whether it knows the token's issuer",
        ),
        (
            "nonsense".to_owned(),
            "nonsense: ",
            "--identity-token takes the token itself, or the name of a file",
        ),
    ];
    for (token, found, advice) in cases {
        let output = sign(&scene, &token, &[], &image);
        assert!(
            !output.stderr.contains(&token) || token == "nonsense",
            "{output}"
        );
        refused(output, 1, &[found, advice]);
        is_unsigned(&scene, &image);
    }
}

#[test]
fn a_job_without_a_token() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("nobody");
    let token = scene.sigstore.token(&claims());
    let [fulcio, fulcio_url, ..] = scene.urls();
    for (variable, more, sentence) in [
        (
            ("NOTHING", ""),
            &[][..],
            "no identity token\nIn CI, let the job have one",
        ),
        (("SIGSTORE_ID_TOKEN", ""), &[], "no identity token\n"),
        (
            ("SIGSTORE_ID_TOKEN", token.as_str()),
            &["--oidc-disable-ambient-providers"],
            "no identity token\n",
        ),
        (
            ("NOTHING", ""),
            &["--oidc-provider", "github-actions"],
            "github-actions gives no identity token here: ACTIONS_ID_TOKEN_REQUEST_URL is not set\nLeave --oidc-provider",
        ),
        (
            ("NOTHING", ""),
            &["--oidc-provider", "spiffe"],
            "identity tokens of spiffe are not supported",
        ),
    ] {
        let words = [&["sign", "--yes", fulcio, fulcio_url], more, &[&image]].concat();
        let output = scene.run_with(Who::Ours, variable, &words);
        refused(output, 1, &[sentence]);
    }
    // Nobody is named: nobody is asked.
    let words = ["sign", "--yes", "--identity-token", &token, &image];
    scene
        .run(Who::Ours, &words)
        .failure()
        .says("no certificate authority is named")
        .says("--signing-config FILE, or --fulcio-url and --rekor-url");
    assert!(scene.sigstore.calls().is_empty());
    is_unsigned(&scene, &image);
}

/// A service that is not there, or says no: which, where, what to do; nothing is written.
#[test]
fn services_that_fail() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("failing");
    let token = scene.sigstore.token(&claims());
    let proxies = [
        (
            "--fulcio-url",
            "certificate authority",
            scene.sigstore.fulcio_url().to_owned(),
        ),
        (
            "--rekor-url",
            "transparency log",
            scene.sigstore.rekor_url().to_owned(),
        ),
        (
            "--timestamp-server-url",
            "timestamp authority",
            scene.sigstore.timestamp_url(),
        ),
    ];
    for (number, (failing, name, url)) in proxies.iter().enumerate() {
        let path = ["", "", "/api/v1/timestamp"][number];
        let proxy = Proxy::to(url.strip_suffix(path).unwrap()).start_http();
        let through = format!("{}{path}", proxy.url());
        let dead = format!("http://127.0.0.1:1{path}");
        let sign_at = |address: &str| {
            let mut words = vec!["sign", "--yes", "--identity-token", &token];
            for (flag, _, url) in &proxies {
                words.extend([*flag, if flag == failing { address } else { url }]);
            }
            words.push(&image);
            scene.run(Who::Ours, &words)
        };
        let advice = format!("Its address comes from {failing} or the signing configuration.");
        refused(sign_at(&dead), 1, &[name, &advice]);
        is_unsigned(&scene, &image);
        for (status, advice) in [
            (404, advice.as_str()),
            (503, "It has a fault of its own. Try again later"),
        ] {
            proxy.on_path("", Fault::json(status, "{\"message\":\"no\u{1b}[31m\"}"));
            let output = sign_at(&through);
            assert!(!output.stderr.contains('\u{1b}'), "{output:?}");
            refused(output, 1, &[name, &format!("answered {status}"), advice]);
            is_unsigned(&scene, &image);
            proxy.clear();
        }
    }
    // A log that is told of a signature of which nothing else is known is no harm; with all there, it goes.
    sign(&scene, &token, &[], &image).success();
    is_signed_by(&scene, &image, IDENTITY, ISSUER);
}

/// What does not verify is not written.
#[test]
fn what_does_not_verify_is_not_written() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("unverifiable");
    let token = scene.sigstore.token(&claims());
    let none = Faults::default;
    let timestamps = scene.sigstore.timestamp_url();
    let clocks = "A certificate lives for minutes: the clocks of";
    let at_fault = "The service is at fault, or another answers in its place.";
    let promise = "sign with --insecure-skip-verify";
    for (faults, sentence, advice) in [
        (
            Faults {
                certificate_age: 7200,
                ..none()
            },
            "the certificate ended at",
            clocks,
        ),
        (
            Faults {
                certificate_age: -7200,
                ..none()
            },
            "the certificate began at",
            clocks,
        ),
        (
            Faults {
                timestamp_skew: 86_400,
                ..none()
            },
            "the certificate ended at",
            clocks,
        ),
        (
            Faults {
                timestamp_skew: -86_400,
                ..none()
            },
            "the certificate begins at",
            clocks,
        ),
        (
            Faults {
                wrong_timestamp: true,
                ..none()
            },
            "timestamp 0: ",
            at_fault,
        ),
        (
            Faults {
                wrong_set: true,
                ..none()
            },
            "log entry 0: ",
            at_fault,
        ),
        (
            Faults {
                no_sct: true,
                ..none()
            },
            "carries no SCT",
            promise,
        ),
        (
            Faults {
                wrong_sct: true,
                ..none()
            },
            "SCT of log",
            promise,
        ),
    ] {
        scene.sigstore.set_faults(faults.clone());
        let stamped = ["--timestamp-server-url", &timestamps];
        let output = sign(&scene, &token, &stamped, &image);
        let unwritten = "the new signature does not verify, and was not written: ";
        println!("{faults:?}");
        refused(output, 1, &[unwritten, sentence, advice]);
        scene.sigstore.set_faults(none());
        is_unsigned(&scene, &image);
    }
}

/// A certificate for a key at hand: asked for now, or given.
#[test]
fn a_key_with_a_certificate() {
    let Some(scene) = Scene::start() else { return };
    scene.generate_key(Who::Ours, "key");
    scene.generate_key(Who::Ours, "other");
    let token = scene.sigstore.token(&claims());
    let image = scene.image("issued");
    let issued = ["--issue-certificate", "--output-certificate", "leaf.pem"];
    let issued = [&["--key", "key.key"], &issued[..]].concat();
    sign(&scene, &token, &issued, &image).success();
    is_signed_by(&scene, &image, IDENTITY, ISSUER);

    let image = scene.image("given");
    let chain = scene.sigstore.file("fulcio.pem");
    let [_, _, rekor, rekor_url] = scene.urls();
    let chain = chain.to_str().unwrap();
    let words = [
        "sign",
        "--yes",
        "--key",
        "key.key",
        "--certificate",
        "leaf.pem",
        "--certificate-chain",
        chain,
        rekor,
        rekor_url,
        &image,
    ];
    scene.run(Who::Ours, &words).success();
    is_signed_by(&scene, &image, IDENTITY, ISSUER);
    // Of another key.
    let image = scene.image("mistaken");
    let words = [
        "sign",
        "--yes",
        "--key",
        "other.key",
        "--certificate",
        "leaf.pem",
        rekor,
        rekor_url,
        &image,
    ];
    scene
        .run(Who::Ours, &words)
        .failure()
        .says("the certificate is for the key");
    is_unsigned(&scene, &image);
}

#[test]
fn files_with_certificates_and_timestamps() {
    let Some(scene) = Scene::start() else { return };
    let token = scene.sigstore.token(&claims());
    let [fulcio, fulcio_url, ..] = scene.urls();
    let timestamps = scene.sigstore.timestamp_url();
    scene.write("file", "content");
    let given = ["--yes", "--identity-token", &token];
    let stamped = ["--timestamp-server-url", &timestamps];
    let files = [
        "--output-signature=s",
        "--output-certificate=c",
        "--rfc3161-timestamp=t",
        "file",
    ];
    let sign = [&["sign-blob", fulcio, fulcio_url], &given[..], &stamped];
    scene.run_on(Who::Ours, &sign.concat(), &files).success();
    let who = [
        "--certificate-identity",
        IDENTITY,
        "--certificate-oidc-issuer",
        ISSUER,
    ];
    let verify = [
        "verify-blob",
        "--signature=s",
        "--certificate=c",
        "--rfc3161-timestamp=t",
        "--use-signed-timestamps",
        "--insecure-ignore-tlog",
        "file",
    ];
    for reader in [Who::V2, Who::Ours] {
        scene.run_on(reader, &verify, &who).success();
    }

    // As a bundle, with a key of the kind that was asked for.
    let (config, root) = (scene.signing_config(LogVersion::V1), scene.trusted_root());
    let trust = ["--trusted-root", &root, "--bundle", "b", "file"];
    let services = [&given[..], &["--signing-config", &config], &trust].concat();
    for (algorithm, is_p384) in [
        ("ecdsa-sha2-256-nistp256", false),
        ("ecdsa-sha2-384-nistp384", true),
    ] {
        let sign = ["sign-blob", "--signing-algorithm", algorithm];
        scene.run_on(Who::Ours, &sign, &services).success();
        let bundle = std::fs::read(scene.home().join("b")).unwrap();
        let bundle: Value = serde_json::from_slice(&bundle).unwrap();
        let certificate = &bundle["verificationMaterial"]["certificate"]["rawBytes"];
        let certificate = base64(certificate.as_str().unwrap());
        let has_curve = certificate
            .windows(SECP384R1.len())
            .any(|at| at == SECP384R1);
        assert_eq!(has_curve, is_p384, "{algorithm}");
        let verify = [&["verify-blob"], &trust[..]].concat();
        for reader in [Who::V3, Who::Ours] {
            scene.run_on(reader, &verify, &who).success();
        }
    }
    scene.write("predicate", "{}");
    let kind = ["--type", "https://acme.example/p"];
    let attest = [&["attest-blob", "--predicate", "predicate"], &kind[..]];
    scene
        .run_on(Who::Ours, &attest.concat(), &services)
        .success();
    let verify = [&["verify-blob-attestation"], &kind[..], &trust].concat();
    for reader in [Who::V3, Who::Ours] {
        scene.run_on(reader, &verify, &who).success();
    }
}

/// DER of the object identifier 1.3.132.0.34 (RFC 5480, section 2.1.1.1) without its header.
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
