//! What must hold when time passes, many publish at once, clients vanish and databases are damaged.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use chassis::Access;
use common::{Publisher, Stack, add, cut, file_of, form};
use jiff::SignedDuration;
use pki::keyfile::Passphrase;
use serde_json::Value;
use trustd::{Settings, StartError};
use tuf::{Refusal, Role, edit::SnapshotHolder};

const GUN: &str = "example.com/team/app";

async fn published(holder: SnapshotHolder) -> (Stack, Publisher) {
    let stack = Stack::new().await;
    let publisher = Publisher::new(GUN, holder);
    publisher.begin(&stack).await;
    (stack, publisher)
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

async fn version(stack: &Stack, role: &str) -> u64 {
    let answer = stack.file(GUN, &format!("{role}.json")).await;
    let json: Value = answer.ok().json();
    json["signed"]["version"].as_u64().unwrap()
}

#[tokio::test]
async fn a_timestamp_is_renewed_before_it_expires() {
    let (stack, _) = published(SnapshotHolder::Publisher).await;
    let first = stack.file(GUN, "timestamp.json").await.body;
    stack.clock.advance(days(6));
    assert_eq!(stack.file(GUN, "timestamp.json").await.body, first);
    stack.clock.advance(days(2));
    let snapshot = stack.file(GUN, "snapshot.json").await.body;
    let renewed = stack.file(GUN, "timestamp.json").await;
    assert_ne!(renewed.body, first);
    assert_eq!(
        renewed.header("last-modified"),
        "Sun, 29 Nov 2026 00:00:00 GMT"
    );
    assert_eq!(version(&stack, "timestamp").await, 2);
    assert_eq!(stack.file(GUN, "snapshot.json").await.body, snapshot);
    stack.update(GUN).await.unwrap();
    // Years later, too, and once is enough for all that ask.
    stack.clock.advance(days(900));
    for _ in 0..3 {
        assert_eq!(version(&stack, "timestamp").await, 3);
    }
    stack.update(GUN).await.unwrap();
    let feed = stack.get("/v2/_trust/changefeed?records=9").await.json();
    assert_eq!(feed["count"], 3);
}

#[tokio::test]
async fn many_readers_renew_once() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    stack.clock.advance(days(20));
    let stack = Arc::new(stack);
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move { version(&stack, "timestamp").await })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_snapshot_of_the_server_is_renewed_with_the_timestamp() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    stack.clock.advance(days(1095 - 30));
    assert_eq!(version(&stack, "snapshot").await, 2);
    assert_eq!(version(&stack, "timestamp").await, 2);
    stack.update(GUN).await.unwrap();
}

#[tokio::test]
async fn an_expired_snapshot_of_the_publisher_is_served_and_can_be_replaced() {
    let (stack, publisher) = published(SnapshotHolder::Publisher).await;
    let editor = publisher.editor(&stack).await;
    stack.clock.advance(days(1096));
    assert_eq!(version(&stack, "timestamp").await, 2);
    assert_eq!(version(&stack, "snapshot").await, 2);
    // Clients say what is wrong.
    let refusal = stack.update(GUN).await.unwrap_err();
    assert!(
        matches!(&refusal, Refusal::Expired { role, .. } if *role == Role::Snapshot),
        "{refusal}"
    );
    let mut editor = editor;
    add(&mut editor, "v2");
    let now = chassis::Clock::now(&stack.clock).to_string();
    let next = publisher.sign_at(editor, SnapshotHolder::Publisher, &now);
    stack.publish(GUN, &next).await.ok();
    stack.update(GUN).await.unwrap();
}

#[tokio::test]
async fn nothing_is_renewed_under_an_expired_root() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    stack.clock.advance(days(3651));
    for file in ["timestamp.json", "snapshot.json"] {
        let detail = stack.file(GUN, file).await.refused(500, "UNKNOWN");
        assert!(
            detail["Reason"].as_str().unwrap().contains("root"),
            "{detail}"
        );
    }
    stack.file(GUN, "root.json").await.ok();
    stack.file(GUN, "1.timestamp.json").await.ok();
    assert_eq!(stack.file(GUN, "2.timestamp.json").await.status, 404);
}

#[tokio::test]
async fn of_two_publishers_one_wins_and_the_other_is_told() {
    let (stack, publisher) = published(SnapshotHolder::Publisher).await;
    let stack = Arc::new(stack);
    for round in 0..10 {
        // All start from the same state.
        let mut publications = Vec::new();
        for name in ["a", "b", "c"] {
            let target = format!("{name}{round}");
            publications.push(publisher.next(&stack, &target).await);
        }
        let mut tasks = Vec::new();
        for next in publications {
            let stack = Arc::clone(&stack);
            tasks.push(tokio::spawn(async move {
                let answer = stack.publish(GUN, &next).await;
                (answer, file_of(&next, "targets").to_vec())
            }));
        }
        let mut winners = Vec::new();
        for task in tasks {
            let (answer, targets) = task.await.unwrap();
            if answer.status == 200 {
                winners.push(targets);
            } else {
                answer.refused(409, "VERSION");
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(stack.file(GUN, "targets.json").await.body, winners[0]);
        stack.update(GUN).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_a_publication_as_soon_as_it_is_answered() {
    let (stack, publisher) = published(SnapshotHolder::Server).await;
    let stack = Arc::new(stack);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (stack, stop) = (Arc::clone(&stack), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut seen = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let now = version(&stack, "timestamp").await;
                    assert!(now >= seen, "{now} after {seen}");
                    seen = now;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for number in 2..22 {
        let next = publisher.next(&stack, &format!("v{number}")).await;
        stack.publish(GUN, &next).await.ok();
        assert_eq!(version(&stack, "timestamp").await, number);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn many_guns_are_published_at_once() {
    let stack = Arc::new(Stack::new().await);
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move {
                let gun = format!("example.com/{number}");
                let publisher = Publisher::new(&gun, SnapshotHolder::Server);
                publisher.begin(&stack).await;
                stack.update(&gun).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_cut_body_changes_nothing() {
    let stack = Stack::new().await;
    let publisher = Publisher::new(GUN, SnapshotHolder::Server);
    let first = publisher.first(&stack).await;
    let parts: Vec<_> = first
        .files()
        .iter()
        .map(|file| (file.role.as_str(), &file.bytes[..]))
        .collect();
    let whole = form(&parts);
    for end in [0, 10, whole.len() / 2, whole.len() - 4] {
        let answer = stack.form(GUN, cut(whole[..end].to_vec())).await;
        answer.refused(400, "MALFORMED_UPLOAD");
        // Ended as if it were whole.
        let answer = stack.form(GUN, whole[..end].to_vec()).await;
        answer.refused(400, "MALFORMED_UPLOAD");
    }
    assert_eq!(stack.file(GUN, "root.json").await.status, 404);
    stack.form(GUN, whole).await.ok();
}

#[tokio::test]
async fn files_and_keys_survive_a_restart() {
    let (stack, publisher) = published(SnapshotHolder::Server).await;
    let pending = stack.key(http::Method::POST, GUN, "timestamp").await;
    let timestamp = stack.file(GUN, "timestamp.json").await.body;
    let stack = stack.reopen().await;
    assert_eq!(stack.file(GUN, "timestamp.json").await.body, timestamp);
    assert_eq!(
        stack.key(http::Method::POST, GUN, "timestamp").await,
        pending
    );
    let next = publisher.next(&stack, "v2").await;
    stack.publish(GUN, &next).await.ok();
    stack.update(GUN).await.unwrap();
}

#[tokio::test]
async fn another_secret_is_refused_at_the_start() {
    let (stack, _) = published(SnapshotHolder::Server).await;
    let (folder, clock) = (Arc::clone(&stack.folder), stack.clock.clone());
    drop(stack);
    let wrong = Passphrase::from("another".to_owned());
    let opened = Stack::open(folder, clock, Settings::default(), Access::Open, wrong).await;
    assert!(matches!(opened.err().unwrap(), StartError::Secret(_)));
}

#[tokio::test]
async fn a_damaged_key_fails_clearly() {
    for (damage, reason) in [
        (
            "UPDATE keys SET sealed = replace(sealed, '.', '.A') WHERE role = 'timestamp'",
            "malformed",
        ),
        (
            "UPDATE keys SET sealed = (SELECT sealed FROM keys WHERE role = 'snapshot')",
            "another key",
        ),
        (
            "UPDATE keys SET sealed = (SELECT sealed FROM secret_proof) WHERE role = 'timestamp'",
            "is no key",
        ),
    ] {
        let (stack, publisher) = published(SnapshotHolder::Server).await;
        let next = publisher.next(&stack, "v2").await;
        stack.sql(damage).await;
        // Not in memory any more.
        let stack = stack.reopen().await;
        let detail = stack.publish(GUN, &next).await.refused(500, "UNKNOWN");
        assert!(
            detail["Reason"].as_str().unwrap().contains(reason),
            "{detail}"
        );
        // What is stored is still served, even when it should be renewed, until it expires.
        stack.clock.advance(days(10));
        assert_eq!(version(&stack, "timestamp").await, 1);
        stack.clock.advance(days(5));
        let answer = stack.file(GUN, "timestamp.json").await;
        answer.refused(500, "UNKNOWN");
    }
}

#[tokio::test]
async fn a_broken_link_is_not_found() {
    for damage in [
        "DELETE FROM files WHERE role = 'snapshot'",
        "UPDATE files SET content = x'7b7d' WHERE role = 'timestamp'",
    ] {
        let (stack, _) = published(SnapshotHolder::Server).await;
        stack.sql(damage).await;
        let stack = stack.reopen().await;
        for file in [
            "root.json",
            "targets.json",
            "snapshot.json",
            "timestamp.json",
        ] {
            let answer = stack.file(GUN, file).await;
            answer.refused(404, "METADATA_NOT_FOUND");
        }
        stack.file(GUN, "1.root.json").await.ok();
    }
}
