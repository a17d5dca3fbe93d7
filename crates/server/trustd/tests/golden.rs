//! Repositories that the real programs made, published to this server step by step.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use chassis::{Access, PausedClock};
use common::{Stack, golden::Repository, hash, secret};
use serde_json::Value;
use tempfile::TempDir;
use trustd::Settings;

async fn stack_at(at: jiff::Timestamp) -> Stack {
    let folder = Arc::new(TempDir::new().unwrap());
    let clock = PausedClock::at(at);
    Stack::open(folder, clock, Settings::default(), Access::Open, secret())
        .await
        .unwrap()
}

/// Publishes everything; each file must come back byte for byte by name, digest and version, then and at the end.
async fn publish_and_read(name: &str) -> Stack {
    let repository = Repository::load(name);
    let gun = &repository.gun;
    let steps = repository.steps();
    let stack = stack_at(steps[0].at).await;
    repository.give_keys(&stack).await;
    for step in &steps {
        stack
            .clock
            .advance(step.at.duration_since(chassis::Clock::now(&stack.clock)));
        let parts: Vec<_> = step
            .sent
            .iter()
            .map(|(role, _, bytes)| (role.as_str(), &bytes[..]))
            .collect();
        stack.upload(gun, &parts).await.ok();
        for (role, _, bytes) in &step.sent {
            let answer = stack.file(gun, &format!("{role}.json")).await;
            assert_eq!(answer.ok().body, *bytes, "{role}");
        }
        let snapshot = stack.file(gun, "snapshot.json").await;
        assert_eq!(
            signed(&snapshot.body)["meta"],
            signed(&step.snapshot)["meta"]
        );
        assert_eq!(
            signed(&snapshot.body)["version"],
            signed(&step.snapshot)["version"]
        );
        stack.update(gun).await.unwrap();
    }
    for (role, version, bytes) in steps.iter().flat_map(|step| &step.sent) {
        for file in [
            format!("{version}.{role}.json"),
            format!("{role}.{}.json", hash(bytes)),
            format!("{role}.{}.json", hash(bytes).to_string().to_uppercase()),
        ] {
            let answer = stack.file(gun, &file).await;
            assert_eq!(answer.ok().body, *bytes, "{file}");
        }
    }
    let feed = format!("/v2/{gun}/_trust/changefeed?records=100");
    assert_eq!(stack.get(&feed).await.json()["count"], steps.len());
    stack
}

fn signed(bytes: &[u8]) -> Value {
    serde_json::from_slice::<Value>(bytes).unwrap()["signed"].clone()
}

#[tokio::test]
async fn plain() {
    publish_and_read("plain").await;
}

#[tokio::test]
async fn delegations() {
    let stack = publish_and_read("delegations").await;
    let trusted = stack.update("golden.example/delegations").await.unwrap();
    assert!(trusted.skipped().is_empty());
}

#[tokio::test]
async fn rotated() {
    publish_and_read("rotated").await;
}

#[tokio::test]
async fn odd() {
    publish_and_read("odd").await;
}

#[tokio::test]
async fn ed25519() {
    publish_and_read("ed25519").await;
}

#[tokio::test]
async fn expired_timestamp() {
    let stack = publish_and_read("expired-timestamp").await;
    stack
        .clock
        .advance(jiff::SignedDuration::from_hours(24 * 30));
    // Renewed with the key of the real signer.
    stack
        .update("golden.example/expired-timestamp")
        .await
        .unwrap();
    let timestamp = stack
        .file("golden.example/expired-timestamp", "timestamp.json")
        .await;
    assert_eq!(signed(&timestamp.body)["version"], 2);
}
