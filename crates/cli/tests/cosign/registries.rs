//! Registries that refuse, break off and lie, while `verify` reads from them and `sign` writes to them: never a success
//! that is none, never a hang, nothing half done, and a message that says what happened and what to do.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Fault, Output, Proxy, image::sha256};

use crate::scene::{At, Scene, Who};

const NO_LOG: &str = "--insecure-ignore-tlog";
const DIGEST: &str = "Docker-Content-Digest";

/// A registry behind a proxy, two keys, and an image that `first.key` signed.
struct Harbour {
    scene: Scene,
    proxy: Proxy,
    /// As the proxy has it.
    image: String,
    attempts: Cell<usize>,
}

impl Harbour {
    fn new(at: At, format: &str) -> Option<Self> {
        let scene = Scene::at(at)?;
        scene.generate_key(Who::Ours, "first");
        scene.generate_key(Who::Ours, "second");
        let proxy = scene.proxy();
        let image = scene.image("app").replace(&scene.host(), &proxy.host());
        let harbour = Self {
            scene,
            proxy,
            image,
            attempts: Cell::default(),
        };
        harbour.sign("first", format).success();
        Some(harbour)
    }

    fn digest(&self) -> String {
        self.image.split_once('@').unwrap().1.to_owned()
    }

    /// The image by its tag.
    fn tag(&self) -> String {
        format!("{}/app:1", self.proxy.host())
    }

    fn sign(&self, key: &str, format: &str) -> Output {
        let (key, format) = (format!("--key={key}.key"), format!("--format={format}"));
        // Each has a payload of its own, which is not in the registry from an attempt before.
        let attempt = self.attempts.get();
        self.attempts.set(attempt + 1);
        let note = format!("--annotations=attempt={attempt}");
        let sign = [
            "sign",
            &key,
            "--yes",
            &format,
            &note,
            "--timeout=20s",
            &self.image,
        ];
        self.scene.run(Who::Ours, &sign)
    }

    fn verify(&self, key: &str) -> Output {
        self.verify_image(key, &self.image, "20s")
    }

    fn verify_image(&self, key: &str, image: &str, timeout: &str) -> Output {
        let (key, timeout) = (format!("--key={key}.pub"), format!("--timeout={timeout}"));
        let verify = ["verify", &key, NO_LOG, &timeout, image];
        self.scene.run(Who::Ours, &verify)
    }

    /// Every exchange of one command, from the registry to the client.
    fn exchanges(&self, command: impl FnOnce(&Self) -> Output) -> Vec<testkit::Exchange> {
        drop(self.proxy.take_exchanges());
        command(self).success();
        self.proxy.take_exchanges()
    }
}

/// What is done to requests, and what has to be said of it.
struct Wrong {
    name: &'static str,
    fault: Fault,
    words: &'static [&'static str],
}

fn wrong(name: &'static str, fault: Fault, words: &'static [&'static str]) -> Wrong {
    Wrong { name, fault, words }
}

fn answer(status: u16, header: &str, value: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![(header.to_owned(), value.to_owned())],
        body: bytes(r#"{"errors":[{"code":"X","message":"it said so"}]}"#),
    }
}

fn bytes(text: &str) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(text.as_bytes())
}

/// What any server may do to any request.
fn anything() -> Vec<Wrong> {
    let basic = answer(401, "WWW-Authenticate", r#"Basic realm="x""#);
    vec![
        wrong("401", basic, &["authentication required", "docker login"]),
        wrong(
            "401 without a challenge",
            Fault::status(401),
            &["authentication required"],
        ),
        wrong(
            "403",
            answer(403, "X", "y"),
            &["access denied: it said so", "ask the owner"],
        ),
        wrong("405", Fault::status(405), &["answered 405"]),
        wrong("412", Fault::status(412), &["answered 412"]),
        wrong(
            "429",
            answer(429, "Retry-After", "0"),
            &["too many requests", "in 0 seconds"],
        ),
        wrong(
            "429 for an hour",
            answer(429, "Retry-After", "3600"),
            &["in 3600 seconds"],
        ),
        wrong("500", Fault::status(500), &["answered 500"]),
        wrong(
            "503",
            answer(503, "Retry-After", "0"),
            &["answered 503: it said so"],
        ),
        wrong("disconnect", Fault::Disconnect, &["ended early"]),
    ]
}

/// The same, and what it may do to the length of content.
fn lengths() -> Vec<Wrong> {
    let mut all = anything();
    all.extend([
        wrong("half", Fault::CutHalf, &["ended early"]),
        wrong("endless", Fault::Endless, &["longer than"]),
        wrong("10 GB", Fault::Promise(10 << 30), &["longer than"]),
    ]);
    all
}

/// What a server may do to a request for content.
fn content() -> Vec<Wrong> {
    let lie = Fault::header(DIGEST, &format!("sha256:{}", "0".repeat(64)));
    let mut all = lengths();
    all.extend([
        wrong(
            "another digest in the header",
            lie,
            &["expected sha256:0000", "found sha256:"],
        ),
        wrong(
            "no digest in the header",
            Fault::header(DIGEST, "x"),
            &["digest header \"x\""],
        ),
        wrong(
            "other bytes",
            Fault::rewrite(|body| [body.as_ref(), b" "].concat().into()),
            &["expected sha256:", "found sha256:"],
        ),
        wrong("another document", Fault::json(200, "{}"), &[]),
    ]);
    all
}

/// Of a blob, there is no header to lie in, and its size is known.
fn blob() -> Vec<Wrong> {
    let mut all = lengths();
    all.extend([
        wrong(
            "other bytes",
            Fault::rewrite(|body| body.to_ascii_uppercase().into()),
            &["expected sha256:", "found sha256:"],
        ),
        wrong("another document", Fault::json(200, "{}"), &["expected"]),
    ]);
    all
}

#[track_caller]
fn refused(output: &Output, name: &str, words: &[&str]) {
    let code = output.code().unwrap();
    assert!((1..=12).contains(&code), "{name}: {output}");
    assert_eq!(output.stdout, "", "{name}: {output}");
    for text in words {
        assert!(output.stderr.contains(text), "{name}: {text:?} in {output}");
    }
    assert!(!output.stderr.contains("panicked"), "{name}: {output}");
}

type Matches = fn(&str) -> bool;

fn is_blob(path: &str) -> bool {
    path.contains("/blobs/sha256:")
}

fn is_signatures_tag(path: &str) -> bool {
    path.ends_with(".sig")
}

fn is_image_tag(path: &str) -> bool {
    path.ends_with("/manifests/1")
}

/// `sha256-<hex>`: the list of referrers where there is no API for it.
fn is_fallback(path: &str) -> bool {
    path.contains("/manifests/sha256-") && !is_signatures_tag(path)
}

#[test]
fn verify_of_a_tag() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    let tag = harbour.tag();
    for Wrong { name, fault, words } in content() {
        harbour.proxy.on(|_, path| is_image_tag(path), fault);
        let output = harbour.verify_image("first", &tag, "20s");
        refused(&output, name, words);
        assert!(
            ![10, 11, 12].contains(&output.code().unwrap()),
            "{name}: {output}"
        );
        harbour.proxy.clear();
    }
    harbour
        .proxy
        .on(|_, path| is_image_tag(path), Fault::status(404));
    let output = harbour.verify_image("first", &tag, "20s");
    refused(&output, "404", &["image tag not found"]);
    assert_eq!(output.code(), Some(11));
    harbour.proxy.clear();
    harbour.verify_image("first", &tag, "20s").success();
}

#[test]
fn verify_of_signatures_in_a_tag() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    each(&harbour, is_signatures_tag, content());
    each(&harbour, is_blob, blob());
}

#[test]
fn verify_of_a_bundle_in_a_fallback_list() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "bundle") else {
        return;
    };
    each(&harbour, is_fallback, content());
    each(
        &harbour,
        |path| path.contains("/manifests/sha256:"),
        content(),
    );
    each(&harbour, is_blob, blob());
}

#[test]
fn verify_of_a_bundle_in_the_api() {
    let Some(harbour) = Harbour::new(At::Countersign, "bundle") else {
        return;
    };
    let not_the_api = |wrong: &Wrong| !["405", "412"].contains(&wrong.name);
    let has_no_digest = |wrong: &Wrong| !wrong.name.contains("header");
    let list = content()
        .into_iter()
        .filter(not_the_api)
        .filter(has_no_digest);
    let list = list.filter(|wrong| wrong.name != "other bytes");
    each(
        &harbour,
        |path| path.contains("/referrers/"),
        list.collect(),
    );
    each(
        &harbour,
        |path| path.contains("/manifests/sha256:"),
        content(),
    );
}

/// Each fault alone: refused while it lasts, never as "no signatures found", verified after it.
#[track_caller]
fn each(harbour: &Harbour, matches: Matches, faults: Vec<Wrong>) {
    for Wrong { name, fault, words } in faults {
        harbour.proxy.on(move |_, path| matches(path), fault);
        let output = harbour.verify("first");
        refused(&output, name, words);
        assert!(
            !output.stderr.contains("no signatures found"),
            "{name}: {output}"
        );
        harbour.proxy.clear();
    }
    harbour.verify("first").success();
}

#[test]
fn verify_does_not_hang() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    for matches in [is_signatures_tag as Matches, is_blob, is_fallback] {
        harbour.proxy.on(move |_, path| matches(path), Fault::Hang);
        let started = Instant::now();
        let output = harbour.verify_image("first", &harbour.image, "2s");
        refused(&output, "hang", &["not done after 2 s", "--timeout"]);
        assert!(started.elapsed() < Duration::from_secs(20), "{output}");
        harbour.proxy.clear();
    }
}

/// Harbor answers 412 where it has no such API, others 405 or 404; a signature in a tag is found all the same, and by
/// the fallback list a bundle.
#[test]
fn registries_without_the_referrers_api() {
    for format in ["legacy", "bundle"] {
        let Some(harbour) = Harbour::new(At::DockerRegistry, format) else {
            return;
        };
        for status in [404, 405, 412] {
            harbour.proxy.on(
                |_, path| path.contains("/referrers/"),
                Fault::status(status),
            );
            harbour.verify("first").success();
            if (format, status) == ("bundle", 412) {
                let verify = ["verify", "--key=first.pub", NO_LOG, &harbour.image];
                harbour.scene.run(Who::V3, &verify).failure();
            }
            harbour.sign("second", format).success();
            harbour.verify("second").success();
            harbour.proxy.clear();
        }
    }
}

#[test]
fn a_busy_registry_is_waited_for() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    let busy = || answer(429, "Retry-After", "1");
    let started = Instant::now();
    harbour
        .proxy
        .on_next(1, |_, path| is_signatures_tag(path), busy());
    harbour.verify("first").success();
    assert!(started.elapsed() >= Duration::from_secs(1));
    harbour
        .proxy
        .on_next(1, |method, _| method == "POST", busy());
    harbour
        .proxy
        .on_next(1, |method, _| method == "PUT", busy());
    harbour.sign("second", "legacy").success();
    harbour.verify("second").success();
}

#[test]
fn a_login_that_is_not_accepted_is_told_from_none() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    let basic = || answer(401, "WWW-Authenticate", r#"Basic realm="x""#);
    harbour.proxy.on(|_, path| path != "/v2/", basic());
    let login = [
        "--registry-username=alice",
        "--registry-password=wonderland",
    ];
    for words in [
        &["verify", "--key=first.pub", NO_LOG][..],
        &["sign", "--key=second.key", "--yes"],
    ] {
        let without = harbour.scene.run_on(Who::Ours, words, &[&harbour.image]);
        refused(
            &without,
            "without",
            &["authentication required", "docker login localhost"],
        );
        let words = [words, &login].concat();
        let with = harbour.scene.run_on(Who::Ours, &words, &[&harbour.image]);
        refused(
            &with,
            "with",
            &["does not accept the login", "--registry-password"],
        );
        assert!(!with.stderr.contains("wonderland"), "{with}");
    }
}

/// What is written is refused, lost or answered with a lie. What was there before stays, and the new signature is not
/// said to be there, unless it is.
#[test]
fn sign_in_a_tag_where_writes_fail() {
    writes_fail("legacy");
}

#[test]
fn sign_with_a_bundle_where_writes_fail() {
    writes_fail("bundle");
}

fn writes_fail(format: &str) {
    let Some(harbour) = Harbour::new(At::DockerRegistry, format) else {
        return;
    };
    let to_uploads = |method: &http::Method, path: &str| {
        method == http::Method::POST && path.contains("/blobs/uploads")
    };
    let of_manifest = |method: &http::Method, path: &str| {
        method == http::Method::PUT && path.contains("/manifests/")
    };
    // The signatures' own, or the list of referrers after the referrer is there.
    let of_tag = |method: &http::Method, path: &str| {
        method == http::Method::PUT && path.contains("/manifests/sha256-")
    };
    let mut writes = vec![to_uploads as fn(&_, &_) -> _, of_tag];
    if format == "bundle" {
        // The bundle's own, which has no tag.
        writes.push(of_manifest);
    }
    for Wrong { name, fault, words } in anything() {
        for (at, &matches) in writes.iter().enumerate() {
            harbour.proxy.on(matches, fault.clone());
            let output = harbour.sign("second", format);
            refused(&output, name, words);
            assert!(!output.stderr.contains("Pushed"), "{at} {name}: {output}");
            harbour.proxy.clear();
            // What was there is still there, and nothing else.
            refused(&harbour.verify("second"), name, &["no matching signatures"]);
        }
    }
    let lie = Fault::header(DIGEST, &format!("sha256:{}", "0".repeat(64)));
    harbour.proxy.on(of_manifest, lie);
    let lied = harbour.sign("second", format);
    refused(&lied, "a lie", &["expected sha256:0000"]);
    harbour.proxy.clear();
    harbour.sign("second", format).success();
    harbour.verify("second").success();
    harbour.verify("first").success();
}

/// The registry did it and could not say so.
#[test]
fn sign_where_the_answer_is_lost() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    harbour.proxy.on_next(
        1,
        |method, path| method == "PUT" && is_signatures_tag(path),
        Fault::LoseAnswer,
    );
    harbour.sign("second", "legacy").success();
    harbour.verify("second").success();
    let verified = harbour.verify("first").success();
    assert_eq!(
        verified.stdout.matches("\"critical\"").count(),
        1,
        "{verified}"
    );
}

#[test]
fn sign_of_an_image_that_cannot_be_read() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    let end = format!("/manifests/{}", harbour.digest());
    for Wrong { name, fault, words } in content() {
        let of_image = end.clone();
        harbour.proxy.on(
            move |method, path| method == "GET" && path.ends_with(&of_image),
            fault,
        );
        refused(&harbour.sign("second", "legacy"), name, words);
        harbour.proxy.clear();
    }
    harbour
        .proxy
        .on(move |_, path| path.ends_with(&end), Fault::status(404));
    refused(
        &harbour.sign("second", "legacy"),
        "404",
        &["image not found"],
    );
    harbour.proxy.clear();
    refused(
        &harbour.verify("second"),
        "nothing was written",
        &["no matching signatures"],
    );
}

/// The tag of the signatures cannot be read: writing would lose what is in it.
#[test]
fn sign_where_the_signatures_cannot_be_read() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    for Wrong { name, fault, words } in content() {
        harbour.proxy.on(
            |method, path| method == "GET" && is_signatures_tag(path),
            fault,
        );
        refused(&harbour.sign("second", "legacy"), name, words);
        harbour.proxy.clear();
        harbour.verify("first").success();
    }
    refused(
        &harbour.verify("second"),
        "nothing was written",
        &["no matching signatures"],
    );
}

/// A list of `count` manifests that are not there, before the entries of the list that is.
fn flooded(list: &[u8], count: usize) -> Vec<u8> {
    let mut list: Value = serde_json::from_slice(list).unwrap();
    let entries = list["manifests"].as_array_mut().unwrap();
    let strangers = (0..count).map(|n| {
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 500,
               "digest": format!("sha256:{n:064x}"), "artifactType": "application/vnd.example.note"})
    });
    let all = strangers.chain(entries.drain(..)).collect();
    list["manifests"] = Value::Array(all);
    serde_json::to_vec(&list).unwrap()
}

/// Unknown things are stepped over; thousands of them do not hide the signature, and are not all opened.
#[test]
fn a_list_with_thousands_of_strangers() {
    let Some(harbour) = Harbour::new(At::Countersign, "bundle") else {
        return;
    };
    harbour.proxy.on(
        |_, path| path.contains("/referrers/"),
        Fault::rewrite(|list| flooded(&list, 5000).into()),
    );
    let exchanges = harbour.exchanges(|harbour| harbour.verify("first"));
    assert!(exchanges.len() < 1100, "{}", exchanges.len());
    // By another key it is unknown whether one of the others is what was wanted.
    let output = harbour.verify("second");
    refused(&output, "flood", &["not opened"]);
    assert_eq!(output.code(), Some(1));
    harbour.proxy.on(
        |_, path| path.contains("/referrers/"),
        Fault::rewrite(|list| flooded(&list, 40_000).into()),
    );
    let output = harbour.verify("first");
    refused(&output, "huge", &["longer than"]);
}

/// Pages that lead in a circle, or elsewhere.
#[test]
fn a_list_without_end() {
    let Some(harbour) = Harbour::new(At::Countersign, "bundle") else {
        return;
    };
    let link = |target: &str| Fault::header("Link", &format!("<{target}>; rel=\"next\""));
    let same = format!("/v2/app/referrers/{}", harbour.digest());
    for (target, words) in [
        (same.as_str(), "list without end"),
        ("https://example.com/v2/", "target"),
        ("http://%zz", "target"),
    ] {
        harbour
            .proxy
            .on(|_, path| path.contains("/referrers/"), link(target));
        refused(&harbour.verify("first"), target, &[words]);
        harbour.proxy.clear();
    }
}

/// A list that names what is attached to another image: it is read, and refused for what it is about.
#[test]
fn a_list_of_another_image() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "bundle") else {
        return;
    };
    let other = harbour.scene.image("app/other");
    let proxied = other.replace(&harbour.scene.host(), &harbour.proxy.host());
    let lists = |harbour: &Harbour| {
        let exchanges = harbour.proxy.take_exchanges();
        let list = exchanges.iter().rev().find(|one| {
            one.method == "GET"
                && is_fallback(&one.target)
                && one.status == Some(http::StatusCode::OK)
        });
        list.unwrap().response_body.clone()
    };
    harbour.verify("first").success();
    let list = lists(&harbour);
    let (_, digest) = proxied.split_once('@').unwrap();
    let elsewhere = format!("{}/app@{digest}", harbour.proxy.host());
    harbour.proxy.on(
        |_, path| is_fallback(path),
        Fault::Answer {
            status: 200,
            headers: vec![(
                "Content-Type".to_owned(),
                "application/vnd.oci.image.index.v1+json".to_owned(),
            )],
            body: list,
        },
    );
    let output = harbour.verify_image("first", &elsewhere, "20s");
    refused(
        &output,
        "another image",
        &["no matching signatures", "digest"],
    );
    assert_eq!(output.code(), Some(12));
}

/// Layers of unknown types, and none at all, in the manifest of the signatures: they count for nothing.
#[test]
fn unknown_layers() {
    let Some(harbour) = Harbour::new(At::DockerRegistry, "legacy") else {
        return;
    };
    let exchanges = harbour.exchanges(|harbour| harbour.verify("first"));
    let manifest = exchanges
        .iter()
        .find(|one| is_signatures_tag(&one.target))
        .map(|one| one.response_body.clone())
        .unwrap();
    let with = |change: fn(&mut Value)| {
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        change(&mut manifest["layers"]);
        let body = serde_json::to_vec(&manifest).unwrap();
        Fault::Answer {
            status: 200,
            headers: vec![
                (
                    "Content-Type".to_owned(),
                    "application/vnd.oci.image.manifest.v1+json".to_owned(),
                ),
                (DIGEST.to_owned(), sha256(&body)),
            ],
            body: body.into(),
        }
    };
    let stranger = |layers: &mut Value| {
        let mut stranger = layers[0].clone();
        stranger["mediaType"] = json!("application/vnd.example.unknown");
        stranger["annotations"] = json!({});
        layers.as_array_mut().unwrap().insert(0, stranger);
    };
    harbour
        .proxy
        .on(|_, path| is_signatures_tag(path), with(stranger));
    harbour.verify("first").success();
    let only = |layers: &mut Value| {
        layers[0]["mediaType"] = json!("application/vnd.example.unknown");
        layers[0]["annotations"] = json!({});
    };
    for change in [only, |layers: &mut Value| *layers = json!([])] {
        harbour
            .proxy
            .on(|_, path| is_signatures_tag(path), with(change));
        let output = harbour.verify("first");
        refused(&output, "no signature among them", &["no signatures found"]);
        assert_eq!(output.code(), Some(10));
    }
    let thousands = |layers: &mut Value| {
        let layer = layers[0].clone();
        *layers = Value::Array(vec![layer; 1001]);
    };
    harbour
        .proxy
        .on(|_, path| is_signatures_tag(path), with(thousands));
    refused(
        &harbour.verify("first"),
        "too many",
        &["1001 layers, at most 1000"],
    );
    let huge = |layers: &mut Value| layers[0]["size"] = json!(10_u64 << 30);
    harbour
        .proxy
        .on(|_, path| is_signatures_tag(path), with(huge));
    refused(
        &harbour.verify("first"),
        "huge",
        &["10737418240 bytes, at most"],
    );
}
