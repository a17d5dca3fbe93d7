//! The protocol as clients see it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use chassis::Access;
use common::{BOUNDARY, NOW, Publisher, Stack, add, certificate, file_of, form, hash, new_key};
use http::{Method, Request};
use jiff::SignedDuration;
use serde_json::{Value, json};
use trustd::{Caching, GunPrefix, KeyAlgorithm, Settings, UploadLimits};
use tuf::{
    DelegationName, Role,
    edit::{DelegationChange, SnapshotHolder},
};

const GUN: &str = "example.com/team/app";

async fn published(holder: SnapshotHolder) -> (Stack, Publisher) {
    let stack = Stack::new().await;
    let publisher = Publisher::new(GUN, holder);
    publisher.begin(&stack).await;
    (stack, publisher)
}

#[tokio::test]
async fn a_repository_is_published_and_read() {
    for holder in [SnapshotHolder::Publisher, SnapshotHolder::Server] {
        let (stack, publisher) = published(holder).await;
        let next = publisher.next(&stack, "v2").await;
        let answer = stack.publish(GUN, &next).await;
        assert_eq!(answer.ok().text(), "");
        assert_eq!(answer.header("content-length"), "0");
        let trusted = stack.update(GUN).await.unwrap();
        assert_eq!(
            trusted.file(&Role::Targets).unwrap().signed().targets.len(),
            2
        );
        assert_eq!(
            stack.file(GUN, "targets.json").await.body,
            file_of(&next, "targets")
        );
    }
}

#[tokio::test]
async fn answers_say_how_long_they_may_be_kept() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    let digest = hash(&stack.file(GUN, "targets.json").await.body);
    for file in ["root", "targets", "snapshot", "timestamp"] {
        let answer = stack.file(GUN, &format!("{file}.json")).await;
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=300, s-maxage=300, must-revalidate"
        );
        assert_eq!(
            answer.header("last-modified"),
            "Sat, 21 Nov 2026 00:00:00 GMT"
        );
        assert!(!answer.headers.contains_key("pragma"));
    }
    for file in [format!("targets.{digest}.json"), "1.root.json".to_owned()] {
        let answer = stack.file(GUN, &file).await;
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=2592000, s-maxage=2592000"
        );
    }
    let caching = Caching {
        current: 0,
        consistent: 0,
    };
    let settings = Settings {
        caching,
        ..Settings::default()
    };
    let stack = stack.reopen_as(settings, Access::Open).await;
    for file in ["timestamp.json", "1.root.json"] {
        let answer = stack.file(GUN, file).await;
        assert_eq!(
            answer.header("cache-control"),
            "max-age=0, no-cache, no-store"
        );
        assert_eq!(answer.header("pragma"), "no-cache");
    }
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    for file in ["timestamp.json", "targets.json", "1.root.json", "none.json"] {
        let path = format!("/v2/{GUN}/_trust/tuf/{file}");
        let (get, head) = (stack.get(&path).await, stack.ask(Method::HEAD, &path).await);
        assert_eq!(head.status, get.status);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-length"), get.body.len().to_string());
        for (name, value) in &get.headers {
            assert_eq!(head.headers.get(name), Some(value));
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    let digest = hash(b"none");
    for file in [
        "targets/none.json",
        "9.root.json",
        "0.root.json",
        &format!("targets.{digest}.json"),
    ] {
        let detail = stack
            .file(GUN, file)
            .await
            .refused(404, "METADATA_NOT_FOUND");
        assert_eq!(detail, json!({}), "{file}");
    }
    for file in ["root", "targets", "snapshot", "timestamp"] {
        let answer = stack
            .file("example.com/none", &format!("{file}.json"))
            .await;
        assert_eq!(answer.refused(404, "METADATA_NOT_FOUND"), json!({}));
    }
    for path in [
        "/v2/a/_trust/tuf/mirrors.json",
        "/v2/a/_trust/tuf/root.key",
        "/v2/a/_trust/tuf/targets.key",
        "/v2/a/_trust/other",
        "/v2/a//b/_trust/tuf/root.json",
        "/elsewhere",
    ] {
        let detail = stack.get(path).await.refused(404, "METADATA_NOT_FOUND");
        assert_eq!(detail, Value::Null, "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_without_a_word() {
    let stack = Stack::new().await;
    for (method, path, allow) in [
        (Method::PUT, "/v2/a/_trust/tuf/", "DELETE, POST"),
        (Method::POST, "/v2/a/_trust/tuf/root.json", "GET, HEAD"),
        (
            Method::DELETE,
            "/v2/a/_trust/tuf/timestamp.key",
            "GET, HEAD, POST",
        ),
        (Method::PATCH, "/v2/a/_trust/none", "GET, HEAD"),
    ] {
        let answer = stack.ask(method, path).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), allow);
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn the_base_and_health_answer() {
    let stack = Stack::new().await;
    assert_eq!(stack.get("/v2/").await.ok().text(), "{}");
    assert_eq!(stack.get("/_notary_server/health").await.ok().text(), "{}");
    let mut health = chassis::Health::default();
    stack.server.add_health(&mut health);
    assert!(health.failures().await.is_empty());
}

#[tokio::test]
async fn uploads_that_are_no_form_are_malformed() {
    let stack = Stack::new().await;
    let path = format!("/v2/{GUN}/_trust/tuf/");
    for kind in [
        None,
        Some("application/json"),
        Some("multipart/form-data"),
        Some("multipart/mixed; boundary=x"),
    ] {
        let mut request = Request::post(&path);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = stack.send(request.body("{}".into()).unwrap()).await;
        answer.refused(400, "MALFORMED_UPLOAD");
    }
    for body in [
        "",
        "nothing",
        &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; filename=\"root\"\r\n\r\n{{}}"),
    ] {
        let answer = stack.form(GUN, body.to_owned()).await;
        answer.refused(400, "MALFORMED_UPLOAD");
    }
}

#[tokio::test]
async fn parts_must_name_roles_and_be_json() {
    let stack = Stack::new().await;
    let nameless = form(&[("root", b"{}")]);
    let nameless = String::from_utf8(nameless).unwrap();
    let nameless = nameless.replace("; filename=\"root\"", "");
    let answer = stack.form(GUN, nameless).await;
    answer.refused(400, "NO_FILENAME");
    stack
        .upload(GUN, &[("", b"{}")])
        .await
        .refused(400, "NO_FILENAME");
    for name in ["nope", "targets/UP", "releases", "targets/../x"] {
        let detail = stack
            .upload(GUN, &[(name, b"{}")])
            .await
            .refused(400, "INVALID_ROLE");
        assert_eq!(detail, name);
    }
    for bad in ["", "{", "not json", "{\"signed\":{},\"signed\":{}}"] {
        let answer = stack.upload(GUN, &[("root", bad.as_bytes())]).await;
        answer.refused(400, "MALFORMED_JSON");
    }
}

#[tokio::test]
async fn the_form_is_read_as_notary_reads_it() {
    let stack = Stack::new().await;
    let publisher = Publisher::new(GUN, SnapshotHolder::Publisher);
    let first = publisher.first(&stack).await;
    let file = |role| file_of(&first, role);
    // A suffix is taken off, the last part of a role wins, a timestamp is ignored whatever it is.
    stack
        .upload(
            GUN,
            &[
                ("targets", b"not json"),
                ("root.json", file("root")),
                ("targets.json", file("targets")),
                ("timestamp", b"not json"),
                ("snapshot", file("snapshot")),
            ],
        )
        .await
        .ok();
    assert_eq!(stack.file(GUN, "targets.json").await.body, file("targets"));
}

#[tokio::test]
async fn an_empty_form_renews_what_the_server_signs() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    stack.upload(GUN, &[]).await.ok();
    assert!(stack.file(GUN, "2.snapshot.json").await.status.is_success());
    assert!(
        stack
            .file(GUN, "2.timestamp.json")
            .await
            .status
            .is_success()
    );
    stack.upload("example.com/none", &[]).await.invalid(
        "ErrValidation",
        "no pre-existing root and no root provided in update.",
    );
}

#[tokio::test]
async fn uploads_have_limits() {
    let limits = UploadLimits {
        part: 4000,
        request: 6000,
        buffered: 0,
    };
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    let stack = Stack::with(settings, Access::Open).await;
    let part = vec![b' '; 4001];
    let answer = stack.upload(GUN, &[("targets", &part)]).await;
    answer.refused(413, "MALFORMED_UPLOAD");
    assert!(answer.text().contains("4000 bytes"));
    let whole = vec![b' '; 6000];
    let answer = stack.upload(GUN, &[("targets", &whole)]).await;
    answer.refused(413, "MALFORMED_UPLOAD");
    assert!(answer.text().contains("6000 bytes"));
    // Of a length that is not announced.
    let pieces = [vec![b' '; 4000], vec![b' '; 4000]].map(Ok::<_, std::io::Error>);
    let body = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    let answer = stack.form(GUN, body).await;
    answer.refused(413, "MALFORMED_UPLOAD");
    // What fits is taken, one after the other if need be.
    let publisher = Publisher::new(GUN, SnapshotHolder::Server);
    publisher.begin(&stack).await;
}

#[tokio::test]
async fn updates_that_break_a_rule_are_invalid_in_notary_s_words() {
    let (stack, publisher) = published(SnapshotHolder::Publisher).await;
    let next = publisher.next(&stack, "v2").await;
    let (targets, snapshot) = (file_of(&next, "targets"), file_of(&next, "snapshot"));
    let answer = stack.upload(GUN, &[("targets", targets)]).await;
    answer.invalid(
        "ErrBadHierarchy",
        "no snapshot was included in update and server does not hold current snapshot key for repository",
    );
    assert_eq!(
        answer.json()["errors"][0]["detail"]["Error"]["Missing"],
        "snapshot"
    );
    let answer = stack
        .upload(GUN, &[("targets/none", targets), ("snapshot", snapshot)])
        .await;
    let message = "tuf: invalid role targets/none. delegation does not exist";
    answer.invalid("ErrBadTargets", message);
    let answer = stack.upload(GUN, &[("snapshot", snapshot)]).await;
    // Of targets that are not there.
    answer.invalid("ErrBadSnapshot", "targets role has not been loaded");
    // Signed by somebody else.
    let stranger = Publisher::new(GUN, SnapshotHolder::Server);
    let forged = stranger.first_with(
        new_key().public_key().clone(),
        stack.key(Method::GET, GUN, "timestamp").await,
    );
    let answer = stack
        .upload(
            GUN,
            &[
                ("targets", file_of(&forged, "targets")),
                ("snapshot", snapshot),
            ],
        )
        .await;
    let message = "valid signatures did not meet threshold for targets";
    answer.invalid("ErrBadTargets", message);
    // Nothing of all that was stored.
    assert_eq!(stack.file(GUN, "3.targets.json").await.status, 404);
    stack.publish(GUN, &next).await.ok();
}

#[tokio::test]
async fn a_root_needs_the_server_s_timestamp_key() {
    let stack = Stack::new().await;
    let publisher = Publisher::new(GUN, SnapshotHolder::Publisher);
    let key = || new_key().public_key().clone();
    let foreign = publisher.first_with(publisher.keys[2].public_key().clone(), key());
    stack
        .publish(GUN, &foreign)
        .await
        .invalid("ErrBadRoot", "no  timestamp keys exist on the server");
    // A key that the server holds for another GUN does not count.
    let other = stack
        .key(Method::GET, "example.com/other", "timestamp")
        .await;
    let borrowed = publisher.first_with(publisher.keys[2].public_key().clone(), other);
    stack
        .publish(GUN, &borrowed)
        .await
        .invalid("ErrBadRoot", "no  timestamp keys exist on the server");
}

#[tokio::test]
async fn a_stored_root_cannot_be_taken_over() {
    for holder in [SnapshotHolder::Publisher, SnapshotHolder::Server] {
        let (stack, publisher) = published(holder).await;
        let before = stack.file(GUN, "root.json").await.body;
        let thief = Publisher::new(GUN, holder);
        let forged = thief.first(&stack).await;
        // The same version again, signed by other keys.
        let answer = stack.publish(GUN, &forged).await;
        let detail = answer.refused(400, "INVALID_UPDATE");
        assert_eq!(detail["Name"], "ErrBadRoot");
        // The next version.
        let mut editor = tuf::edit::Editor::from_unpublished(
            &thief.gun,
            file_of(&forged, "root"),
            file_of(&forged, "targets"),
            None,
        )
        .unwrap();
        editor.renew_root();
        let answer = stack.publish(GUN, &thief.sign(editor)).await;
        let detail = answer.refused(400, "INVALID_UPDATE");
        assert_eq!(detail["Name"], "ErrBadRoot");
        // Not even when the stored files lead nowhere any more, where Notary believes a GUN to be new.
        stack
            .sql("UPDATE files SET sha256 = zeroblob(32) WHERE role = 'snapshot'")
            .await;
        let answer = stack.publish(GUN, &forged).await;
        answer.refused(400, "INVALID_UPDATE");
        assert_eq!(stack.file(GUN, "1.root.json").await.body, before);
        // The owner can repair it.
        let mut editor = tuf::edit::Editor::from_unpublished(
            &publisher.gun,
            &before,
            &stack.file(GUN, "2.targets.json").await.body,
            None,
        )
        .unwrap();
        editor.renew_root();
        add(&mut editor, "repaired");
        let repair = publisher.sign_at(editor, SnapshotHolder::Server, NOW);
        let answer = stack.publish(GUN, &repair).await;
        if holder == SnapshotHolder::Server {
            answer.ok();
            stack.update(GUN).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_stale_version_is_a_conflict_that_says_so() {
    let (stack, publisher) = published(SnapshotHolder::Publisher).await;
    let (mine, yours) = (
        publisher.next(&stack, "mine").await,
        publisher.next(&stack, "yours").await,
    );
    stack.publish(GUN, &yours).await.ok();
    let answer = stack.publish(GUN, &mine).await;
    let detail = answer.refused(409, "VERSION");
    assert_eq!(
        detail,
        json!({ "Role": "targets", "Stored": 3, "Uploaded": 3 })
    );
    assert!(
        answer
            .text()
            .contains("targets has version 3, the upload has 3")
    );
    assert_eq!(
        stack.file(GUN, "targets.json").await.body,
        file_of(&yours, "targets")
    );
}

#[tokio::test]
async fn digests_belong_to_their_gun_and_role() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    let other = Publisher::new("example.com/other", SnapshotHolder::Server);
    let first = other.begin(&stack).await;
    let digest = hash(file_of(&first, "targets"));
    let file = format!("targets.{digest}.json");
    stack.file("example.com/other", &file).await.ok();
    stack
        .file(GUN, &file)
        .await
        .refused(404, "METADATA_NOT_FOUND");
    let as_root = format!("root.{digest}.json");
    stack
        .file("example.com/other", &as_root)
        .await
        .refused(404, "METADATA_NOT_FOUND");
    stack.delete("example.com/other").await.ok();
    stack
        .file("example.com/other", &file)
        .await
        .refused(404, "METADATA_NOT_FOUND");
}

#[tokio::test]
async fn guns_that_differ_in_case_are_different() {
    let stack = Stack::new().await;
    let (lower, upper) = ("example.com/app", "example.com/App");
    let small = Publisher::new(lower, SnapshotHolder::Server);
    let small = small.begin(&stack).await;
    stack
        .file(upper, "root.json")
        .await
        .refused(404, "METADATA_NOT_FOUND");
    Publisher::new(upper, SnapshotHolder::Server)
        .begin(&stack)
        .await;
    assert_ne!(
        stack.key(Method::GET, lower, "timestamp").await,
        stack.key(Method::GET, upper, "timestamp").await
    );
    stack.delete(upper).await.ok();
    assert_eq!(
        stack.file(lower, "root.json").await.body,
        file_of(&small, "root")
    );
}

#[tokio::test]
async fn a_deleted_gun_is_gone_and_can_begin_again() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    let first_root = stack.file(GUN, "root.json").await.body;
    let first_targets = stack.file(GUN, "targets.json").await.body;
    stack.file(GUN, "timestamp.json").await.ok();
    let answer = stack.delete(GUN).await;
    assert_eq!(answer.ok().text(), "");
    for file in ["root", "targets", "snapshot", "timestamp"] {
        stack
            .file(GUN, &format!("{file}.json"))
            .await
            .refused(404, "METADATA_NOT_FOUND");
    }
    // Another time, and what never was: as well.
    stack.delete(GUN).await.ok();
    stack.delete("example.com/none").await.ok();
    // Its owner may publish the same root again, as the keys are still there.
    stack
        .upload(GUN, &[("root", &first_root), ("targets", &first_targets)])
        .await
        .ok();
    assert_eq!(
        stack
            .update(GUN)
            .await
            .unwrap()
            .file(&Role::Targets)
            .unwrap()
            .bytes(),
        &first_targets[..]
    );
    stack.delete(GUN).await.ok();
    // Or somebody a new one.
    Publisher::new(GUN, SnapshotHolder::Publisher)
        .begin(&stack)
        .await;
    stack.update(GUN).await.unwrap();
    let feed = stack.get("/v2/_trust/changefeed?records=100").await.json();
    let categories: Vec<_> = feed["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            (
                record["Category"].as_str().unwrap(),
                record["Version"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        categories,
        [
            ("update", 1),
            ("deletion", 0),
            ("update", 1),
            ("deletion", 0),
            ("update", 1)
        ]
    );
    assert_eq!(feed["records"][1]["SHA256"], "");
}

#[tokio::test]
async fn the_changefeed_has_pages() {
    let (stack, publisher) = published(SnapshotHolder::Server).await;
    Publisher::new("example.com/other", SnapshotHolder::Server)
        .begin(&stack)
        .await;
    for number in 2..5 {
        stack.clock.advance(SignedDuration::from_millis(1500));
        let next = publisher.next(&stack, &format!("v{number}")).await;
        stack.publish(GUN, &next).await.ok();
    }
    let ids = |query: &'static str| {
        let stack = &stack;
        async move {
            let feed = stack.get(query).await.ok().json();
            let records = feed["records"].as_array().unwrap().clone();
            assert_eq!(feed["count"], records.len());
            let ids = records.iter().map(|record| record["ID"].as_str().unwrap());
            ids.collect::<Vec<_>>().join(" ")
        }
    };
    assert_eq!(ids("/v2/_trust/changefeed?records=0").await, "1 2 3 4 5");
    assert_eq!(ids("/v2/_trust/changefeed?records=2").await, "1 2");
    assert_eq!(
        ids("/v2/_trust/changefeed?records=2&change_id=2").await,
        "3 4"
    );
    assert_eq!(ids("/v2/_trust/changefeed?records=-2").await, "4 5");
    assert_eq!(
        ids("/v2/_trust/changefeed?records=-2&change_id=4").await,
        "2 3"
    );
    assert_eq!(
        ids("/v2/_trust/changefeed?records=2&change_id=-1").await,
        "4 5"
    );
    assert_eq!(
        ids("/v2/example.com/team/app/_trust/changefeed?records=9&change_id=1").await,
        "3 4 5"
    );
    assert_eq!(
        stack
            .get("/v2/none/_trust/changefeed?records=9")
            .await
            .text(),
        r#"{"count":0,"records":[]}"#
    );
    let feed = stack
        .get("/v2/_trust/changefeed?records=1&change_id=2")
        .await;
    let timestamp = stack.file(GUN, "2.timestamp.json").await.body;
    assert_eq!(
        feed.text(),
        format!(
            r#"{{"count":1,"records":[{{"ID":"3","CreatedAt":"2026-11-21T00:00:01.5Z","GUN":"{GUN}","Version":2,"SHA256":"{}","Category":"update"}}]}}"#,
            hash(&timestamp)
        )
    );
    let detail = stack
        .get("/v2/_trust/changefeed")
        .await
        .refused(400, "INVALID_PARAMETERS");
    assert_eq!(
        detail,
        "invalid records parameter: strconv.ParseInt: parsing \"\": invalid syntax"
    );
}

#[tokio::test]
async fn keys_are_pending_until_a_root_names_them() {
    let stack = Stack::new().await;
    let publisher = Publisher::new(GUN, SnapshotHolder::Server);
    let pending = stack.key(Method::GET, GUN, "timestamp").await;
    for method in [Method::GET, Method::POST, Method::POST] {
        assert_eq!(stack.key(method, GUN, "timestamp").await, pending);
    }
    assert_ne!(stack.key(Method::GET, GUN, "snapshot").await, pending);
    publisher.begin(&stack).await;
    assert_eq!(stack.key(Method::GET, GUN, "timestamp").await, pending);
    let rotated = stack.key(Method::POST, GUN, "timestamp").await;
    assert_ne!(rotated, pending);
    assert_eq!(stack.key(Method::POST, GUN, "timestamp").await, rotated);
    // The old one is in force until the next root.
    assert_eq!(stack.key(Method::GET, GUN, "timestamp").await, pending);
    let mut editor = publisher.editor(&stack).await;
    editor
        .rotate(&Role::Timestamp, vec![rotated.clone()])
        .unwrap();
    stack.publish(GUN, &publisher.sign(editor)).await.ok();
    assert_eq!(stack.key(Method::GET, GUN, "timestamp").await, rotated);
    assert_ne!(stack.key(Method::POST, GUN, "timestamp").await, rotated);
    stack.update(GUN).await.unwrap();
}

#[tokio::test]
async fn keys_have_notary_s_form_and_the_kind_that_is_set() {
    let settings = Settings {
        key_algorithm: KeyAlgorithm::Ed25519,
        ..Settings::default()
    };
    let stack = Stack::with(settings, Access::Open).await;
    let path = format!("/v2/{GUN}/_trust/tuf/timestamp.key");
    let answer = stack.get(&path).await;
    let text = answer.text();
    let rest = text.strip_prefix(r#"{"keytype":"ed25519","keyval":{"public":""#);
    let public = rest.unwrap().strip_suffix(r#"","private":null}}"#).unwrap();
    assert_eq!(common::golden::base64(public).len(), 32);
    Publisher::new(GUN, SnapshotHolder::Server)
        .begin(&stack)
        .await;
    stack.update(GUN).await.unwrap();
    // Keys of the other kind stay in use.
    let stack = stack.reopen().await;
    assert_eq!(stack.get(&path).await.text(), text);
    let rotated = stack.key(Method::POST, GUN, "timestamp").await;
    assert_eq!(rotated.key_type().as_str(), "ecdsa");
}

#[tokio::test]
async fn the_server_takes_over_the_snapshot_and_gives_it_back() {
    let (stack, publisher) = published(SnapshotHolder::Publisher).await;
    let key = stack.key(Method::POST, GUN, "snapshot").await;
    let mut editor = publisher.editor(&stack).await;
    editor.rotate(&Role::Snapshot, vec![key]).unwrap();
    let publication = publisher.sign_at(editor, SnapshotHolder::Server, NOW);
    stack.publish(GUN, &publication).await.ok();
    let trusted = stack.update(GUN).await.unwrap();
    assert_eq!(trusted.snapshot().snapshot().version(), 3);
    let own = publisher.keys[2].public_key().clone();
    let mut editor = publisher.editor(&stack).await;
    editor.rotate(&Role::Snapshot, vec![own]).unwrap();
    stack.publish(GUN, &publisher.sign(editor)).await.ok();
    stack.update(GUN).await.unwrap();
}

#[tokio::test]
async fn delegates_publish_beside_each_other() {
    let (stack, mut publisher) = published(SnapshotHolder::Server).await;
    let mut editor = publisher.editor(&stack).await;
    for name in ["targets/alice", "targets/releases"] {
        let key = new_key();
        let change = DelegationChange {
            add_keys: vec![key.public_key().clone()],
            add_paths: vec![String::new()],
            ..DelegationChange::default()
        };
        let name = DelegationName::parse(name).unwrap();
        editor.delegate(&name, &change).unwrap();
        publisher.keys.push(key);
    }
    stack.publish(GUN, &publisher.sign(editor)).await.ok();
    // Two of them start from the same state.
    let mut publications = Vec::new();
    for name in ["targets/alice", "targets/releases"] {
        let mut editor = publisher.editor(&stack).await;
        let meta = tuf::metadata::FileMeta::of(name.as_bytes());
        let role = Role::parse(name).unwrap();
        editor.add_target(&role, "v1", meta).unwrap();
        publications.push(publisher.sign(editor));
    }
    for publication in &publications {
        stack.publish(GUN, publication).await.ok();
    }
    for (name, publication) in ["targets/alice", "targets/releases"]
        .iter()
        .zip(&publications)
    {
        let answer = stack.file(GUN, &format!("{name}.json")).await;
        assert_eq!(answer.body, file_of(publication, name));
    }
}

#[tokio::test]
async fn guns_must_begin_with_a_prefix() {
    assert_eq!(
        GunPrefix::parse("bad").unwrap_err().to_string(),
        "invalid GUN prefix bad"
    );
    for bad in ["", "/", "/a/", "a//", "../a/", "a/*/"] {
        assert!(GunPrefix::parse(bad).is_err(), "{bad}");
    }
    let prefixes = ["example.com/", "b/"].map(|text| GunPrefix::parse(text).unwrap());
    let settings = Settings {
        gun_prefixes: prefixes.to_vec(),
        ..Settings::default()
    };
    let stack = Stack::with(settings, Access::Open).await;
    Publisher::new(GUN, SnapshotHolder::Server)
        .begin(&stack)
        .await;
    let detail = stack.upload("c/a", &[]).await.refused(400, "INVALID_GUN");
    assert_eq!(detail, "Require GUNs with prefix: [example.com/ b/]");
    for path in [
        "/v2/c/a/_trust/tuf/timestamp.key",
        "/v2/c/a/_trust/tuf/root.json",
        "/v2/c/a/_trust/changefeed?records=1",
    ] {
        let detail = stack.get(path).await.refused(404, "METADATA_NOT_FOUND");
        assert_eq!(detail, Value::Null);
    }
    stack.delete("c/a").await.refused(404, "METADATA_NOT_FOUND");
    stack.get("/v2/_trust/changefeed?records=1").await.ok();
    // What cannot be a GUN at all.
    stack.upload("a%2A", &[]).await.refused(400, "INVALID_GUN");
}

#[tokio::test]
async fn a_read_only_server_changes_nothing() {
    let (stack, publisher) = published(SnapshotHolder::Server).await;
    let next = publisher.next(&stack, "v2").await;
    let stack = stack.reopen_as(Settings::default(), Access::ReadOnly).await;
    stack.publish(GUN, &next).await.refused(403, "DENIED");
    stack.delete(GUN).await.refused(403, "DENIED");
    for method in [Method::GET, Method::POST] {
        let path = format!("/v2/{GUN}/_trust/tuf/timestamp.key");
        stack.ask(method, &path).await.refused(403, "DENIED");
    }
    stack.update(GUN).await.unwrap();
    stack.get("/v2/_trust/changefeed?records=1").await.ok();
}

#[tokio::test]
async fn requests_are_counted_under_notary_s_names() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    stack.file(GUN, "timestamp.json").await.ok();
    stack.file(GUN, "targets/none.json").await;
    stack.get("/v2/").await;
    let text = stack.metrics.encode();
    for line in [
        r#"notary_server_http_requests_total{code="200",method="post",operation="UpdateTUF"} 1"#,
        r#"notary_server_http_requests_total{code="200",method="get",operation="GetKey"} 2"#,
        r#"notary_server_http_requests_total{code="200",method="get",operation="GetRole"} 1"#,
        r#"notary_server_http_requests_total{code="404",method="get",operation="GetRole"} 1"#,
        r#"notary_server_http_request_duration_microseconds_count{operation="UpdateTUF"} 1"#,
        r#"notary_server_http_request_size_bytes_count{operation="GetRole"} 2"#,
        r#"notary_server_http_response_size_bytes_count{operation="GetRole"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn a_root_certificate_must_be_for_the_gun() {
    let stack = Stack::new().await;
    let publisher = Publisher::new("example.com/elsewhere", SnapshotHolder::Server);
    let first = publisher.first(&stack).await;
    // The keys of this GUN, the certificate of the other.
    let answer = stack.publish(GUN, &first).await;
    answer.invalid(
        "ErrBadRoot",
        "could not validate the path to a trusted root: unable to retrieve valid leaf certificates",
    );
    assert_ne!(
        certificate(GUN, &publisher.keys[0], NOW),
        certificate("example.com/elsewhere", &publisher.keys[0], NOW)
    );
}
