//! What must hold when clients, disks and the process fail, and when many push at once.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::{sync::Arc, time::Duration};

use chassis::{Access, Health};
use common::{Stack, cut, streamed};
use http::{Method, StatusCode};
use jiff::SignedDuration;
use oci::Digest;
use registryd::Settings;

#[tokio::test]
async fn acknowledged_content_is_there_after_reopening() {
    let stack = Stack::new();
    let manifest = stack.push_image("a/b", "latest", b"layer").await;
    let left = stack.start("a/b").await;
    stack.body(Method::PATCH, &left, "half").await;
    let stack = stack.reopen();
    assert_eq!(
        stack.get("/v2/a/b/manifests/latest").await.body,
        manifest.bytes()
    );
    assert_eq!(
        stack
            .get(&format!("/v2/a/b/blobs/{}", Digest::sha256(b"layer")))
            .await
            .text(),
        "layer"
    );
    // Unfinished uploads do not survive, nor do their files.
    stack.get(&left).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(stack.files("uploads"), 0);
}

#[tokio::test]
async fn a_cut_upload_shows_nothing_and_can_go_on() {
    let stack = Stack::new();
    let digest = Digest::sha256(b"abcdef");
    let path = stack.start("a").await;
    stack
        .body(Method::PATCH, &path, cut(b"abc"))
        .await
        .refused(400, "BLOB_UPLOAD_INVALID");
    stack
        .body(
            Method::PUT,
            &format!("{path}?digest={}", Digest::sha256(b"abc")),
            cut(b""),
        )
        .await
        .refused(400, "BLOB_UPLOAD_INVALID");
    stack
        .get(&format!("/v2/a/blobs/{}", Digest::sha256(b"abc")))
        .await
        .refused(404, "BLOB_UNKNOWN");
    assert_eq!(stack.files("blobs"), 0);
    assert_eq!(stack.get(&path).await.header("range"), "0-2");
    let answer = stack
        .chunk(
            Method::PUT,
            &format!("{path}?digest={digest}"),
            "3-5",
            "def",
        )
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    // In a single POST there is nothing to go on with.
    let whole = format!("/v2/a/blobs/uploads/?digest={digest}");
    stack
        .body(Method::POST, &whole, cut(b"abc"))
        .await
        .refused(400, "BLOB_UPLOAD_INVALID");
    assert_eq!(stack.files("uploads"), 0);
    stack
        .body(Method::PUT, "/v2/a/manifests/latest", cut(b"{"))
        .await
        .refused(400, "BLOB_UPLOAD_INVALID");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_a_usable_upload() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    let endless = axum::body::Body::from_stream(futures_util::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    let hanging = tokio::time::timeout(
        Duration::from_millis(50),
        stack.body(Method::PATCH, &path, endless),
    )
    .await;
    assert!(hanging.is_err());
    let digest = Digest::sha256(b"abc");
    let answer = stack
        .body(Method::PUT, &format!("{path}?digest={digest}"), "abc")
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn two_requests_cannot_write_to_one_upload() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    let endless = axum::body::Body::from_stream(futures_util::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    tokio::select! {
        _ = stack.body(Method::PATCH, &path, endless) => panic!("the body never ends"),
        second = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stack.body(Method::PATCH, &path, "x").await
        } => second.refused(409, "BLOB_UPLOAD_INVALID"),
    }
}

#[tokio::test]
async fn a_wrong_digest_leaves_nothing() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    let wrong = Digest::sha256(b"other");
    let answer = stack
        .body(Method::PUT, &format!("{path}?digest={wrong}"), "content")
        .await;
    answer.refused(400, "DIGEST_INVALID");
    assert_eq!(
        answer.json()["errors"][0]["detail"]["found"],
        Digest::sha256(b"content").to_string()
    );
    for digest in [wrong, Digest::sha256(b"content")] {
        stack
            .get(&format!("/v2/a/blobs/{digest}"))
            .await
            .refused(404, "BLOB_UNKNOWN");
    }
    assert_eq!(stack.files("blobs") + stack.files("uploads"), 0);
    stack.get(&path).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn blobs_have_a_limit() {
    let stack = Stack::with(
        Settings {
            blob_max: 5,
            ..Settings::default()
        },
        Access::Open,
    );
    for body in [axum::body::Body::from("abcdef"), streamed(&["abc", "def"])] {
        let path = stack.start("a").await;
        stack
            .body(Method::PATCH, &path, body)
            .await
            .refused(413, "SIZE_INVALID");
    }
    let path = stack.start("a").await;
    stack.body(Method::PATCH, &path, "abc").await;
    stack
        .body(Method::PATCH, &path, "def")
        .await
        .refused(413, "SIZE_INVALID");
    assert_eq!(stack.files("uploads"), 0);
    stack.push_blob("a", b"abcde").await;
}

#[tokio::test]
async fn uploads_have_a_limit_and_idle_ones_make_room() {
    let stack = Stack::with(
        Settings {
            uploads: 2,
            ..Settings::default()
        },
        Access::Open,
    );
    let idle = stack.start("a").await;
    let used = stack.start("a").await;
    stack
        .ask(Method::POST, "/v2/a/blobs/uploads/")
        .await
        .refused(429, "TOOMANYREQUESTS");
    stack.clock.advance(SignedDuration::from_mins(40));
    stack.body(Method::PATCH, &used, "x").await;
    stack.clock.advance(SignedDuration::from_mins(40));
    stack.registry.forget_idle_uploads();
    stack.get(&idle).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(stack.get(&used).await.status, StatusCode::NO_CONTENT);
    assert_eq!(stack.files("uploads"), 1);
    stack.start("a").await;
}

#[tokio::test]
async fn bytes_without_a_row_are_removed_and_others_are_not() {
    let stack = Stack::new();
    let kept = stack.push_blob("a", b"kept").await;
    // As after a crash between the file and the row.
    let orphan = Digest::sha256(b"orphan").hex();
    let folder = stack.folder.path().join("blobs/sha256").join(&orphan[..2]);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(&orphan), "orphan").unwrap();
    std::fs::write(folder.join("notes.txt"), "somebody else's").unwrap();
    assert_eq!(stack.files("blobs"), 3);
    assert_eq!(stack.registry.remove_orphans().await.unwrap(), 1);
    assert_eq!(stack.files("blobs"), 2);
    assert!(!folder.join(&orphan).exists());
    assert_eq!(
        stack.get(&format!("/v2/a/blobs/{kept}")).await.text(),
        "kept"
    );
}

#[tokio::test]
async fn a_blob_whose_file_was_lost_is_an_error_and_is_healed_by_pushing_it() {
    let stack = Stack::new();
    let digest = stack.push_blob("a", b"content").await;
    let path = format!("/v2/a/blobs/{digest}");
    let hex = digest.hex();
    std::fs::remove_file(
        stack
            .folder
            .path()
            .join("blobs/sha256")
            .join(&hex[..2])
            .join(&hex),
    )
    .unwrap();
    stack.get(&path).await.refused(500, "UNKNOWN");
    stack.push_blob("a", b"content").await;
    assert_eq!(stack.get(&path).await.text(), "content");
}

#[tokio::test]
async fn a_folder_that_went_away_is_reported_and_nothing_is_acknowledged() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    std::fs::remove_dir(stack.folder.path().join("blobs")).unwrap();
    std::fs::write(stack.folder.path().join("blobs"), "in the way").unwrap();
    let digest = Digest::sha256(b"content");
    stack
        .body(Method::PUT, &format!("{path}?digest={digest}"), "content")
        .await
        .refused(500, "UNKNOWN");
    stack
        .get(&format!("/v2/a/blobs/{digest}"))
        .await
        .refused(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_read_only_registry_serves_and_changes_nothing() {
    let stack = Stack::new();
    let manifest = stack.push_image("a", "latest", b"layer").await;
    let stack = stack.reopen_as(Access::ReadOnly);
    assert_eq!(
        stack.get("/v2/a/manifests/latest").await.status,
        StatusCode::OK
    );
    stack
        .ask(Method::POST, "/v2/a/blobs/uploads/")
        .await
        .refused(403, "DENIED");
    stack
        .put_manifest("a", "other", &manifest)
        .await
        .refused(403, "DENIED");
    stack
        .ask(Method::DELETE, "/v2/a/manifests/latest")
        .await
        .refused(403, "DENIED");
    let blob = format!("/v2/a/blobs/{}", Digest::sha256(b"layer"));
    stack
        .ask(Method::DELETE, &blob)
        .await
        .refused(403, "DENIED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_clients_push_the_same_and_different_content_at_once() {
    let stack = Arc::new(Stack::new());
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move {
                let name = format!("team/{}", n % 4);
                for _ in 0..4 {
                    stack.push_image(&name, &format!("v{n}"), b"shared").await;
                    let own: &'static [u8] = format!("layer {n}").leak().as_bytes();
                    stack.push_image(&name, "latest", own).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stack = Arc::into_inner(stack).unwrap().reopen();
    for team in 0..4 {
        let tags = stack
            .get(&format!("/v2/team/{team}/tags/list"))
            .await
            .json();
        assert_eq!(tags["tags"].as_array().unwrap().len(), 5);
        let latest = stack
            .get(&format!("/v2/team/{team}/manifests/latest"))
            .await
            .json();
        let layer = latest["layers"][0]["digest"].as_str().unwrap().to_owned();
        assert_eq!(
            stack
                .get(&format!("/v2/team/{team}/blobs/{layer}"))
                .await
                .status,
            StatusCode::OK
        );
    }
    assert_eq!(stack.registry.remove_orphans().await.unwrap(), 0);
    assert_eq!(stack.files("blobs"), 18);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushing_and_deleting_the_same_blob_never_leaves_a_row_without_its_file() {
    let stack = Arc::new(Stack::new());
    let digest = Digest::sha256(b"contested");
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move {
                let path = format!("/v2/r{}/blobs/{digest}", n % 4);
                for _ in 0..20 {
                    if n < 4 {
                        stack.push_blob(&format!("r{n}"), b"contested").await;
                    } else {
                        stack.ask(Method::DELETE, &path).await;
                    }
                    stack.registry.remove_orphans().await.unwrap();
                    // There or not; but never a row whose bytes are gone.
                    let status = stack.ask(Method::HEAD, &path).await.status;
                    assert!(
                        status == StatusCode::OK || status == StatusCode::NOT_FOUND,
                        "{status}"
                    );
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for n in 0..4 {
        let path = format!("/v2/r{n}/blobs/{digest}");
        if stack.ask(Method::HEAD, &path).await.status == StatusCode::OK {
            assert_eq!(stack.get(&path).await.text(), "contested");
        }
    }
}

#[tokio::test]
async fn readiness_asks_the_store() {
    let stack = Stack::new();
    let mut health = Health::default();
    stack.registry.add_health(&mut health);
    assert!(health.failures().await.is_empty());
}

#[tokio::test]
async fn maintenance_clears_what_a_crash_left() {
    let stack = Stack::new();
    let orphan = Digest::sha256(b"orphan").hex();
    let folder = stack.folder.path().join("blobs/sha256").join(&orphan[..2]);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(&orphan), "orphan").unwrap();
    let maintenance = tokio::spawn(Arc::clone(&stack.registry).maintain());
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if stack.files("blobs") == 0 {
            break;
        }
    }
    maintenance.abort();
    assert_eq!(stack.files("blobs"), 0);
}
