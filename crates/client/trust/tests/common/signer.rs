//! The keys that the server holds, and what it signs with them.

use std::collections::BTreeMap;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use pki::digest::{Sha256, Sha512};
use pki::signing::SigningKey;
use serde_json::{Value, json};

pub struct ServerKeys {
    pub snapshot: SigningKey,
    pub timestamp: SigningKey,
}

impl ServerKeys {
    pub fn new() -> Self {
        let key = || SigningKey::generate_ecdsa_p256().unwrap();
        Self {
            snapshot: key(),
            timestamp: key(),
        }
    }

    fn of(&self, role: &str) -> &SigningKey {
        if role == "timestamp" {
            &self.timestamp
        } else {
            &self.snapshot
        }
    }

    /// What `<role>.key` answers.
    pub fn public_json(&self, role: &str) -> String {
        let public = STANDARD.encode(self.of(role).public_key().public_bytes());
        format!(r#"{{"keytype":"ecdsa","keyval":{{"public":"{public}","private":null}}}}"#)
    }

    /// The next snapshot and timestamp for the newest files;
    /// if the publisher uploaded the snapshot, the timestamp alone.
    pub fn sign_again(
        &self,
        roles: &BTreeMap<String, Vec<Bytes>>,
        uploaded: bool,
        now: Timestamp,
    ) -> Vec<(String, Bytes)> {
        let next = |role: &str| {
            roles
                .get(role)
                .and_then(|versions| versions.last())
                .map_or(1, |last| super::server::version(last) + 1)
        };
        let meta = |name: &str, bytes: &[u8]| (name.to_owned(), describe(bytes));
        let described: serde_json::Map<String, Value> = roles
            .iter()
            .filter(|(role, _)| !matches!(role.as_str(), "snapshot" | "timestamp"))
            .map(|(role, versions)| meta(role, versions.last().unwrap()))
            .collect();
        let expires = |days: i64| (now + SignedDuration::from_hours(24 * days)).to_string();
        let snapshot = match roles.get("snapshot").and_then(|versions| versions.last()) {
            Some(snapshot) if uploaded => snapshot.clone(),
            _ => self.sign(
                "snapshot",
                json!({"_type": "Snapshot", "expires": expires(1095), "meta": described, "version": next("snapshot")}),
            ),
        };
        let timestamp = self.sign(
            "timestamp",
            json!({
                "_type": "Timestamp", "expires": expires(14), "version": next("timestamp"),
                "meta": {"snapshot": describe(&snapshot)},
            }),
        );
        let mut made = vec![("timestamp".to_owned(), timestamp)];
        if !uploaded {
            made.push(("snapshot".to_owned(), snapshot));
        }
        made
    }

    fn sign(&self, role: &str, signed: Value) -> Bytes {
        let key = self.of(role);
        // Compact and sorted, with nothing to escape: canonical.
        let message = signed.to_string();
        let signature = STANDARD.encode(key.sign(message.as_bytes()).unwrap().bytes);
        let keyid = key.canonical_id();
        format!(r#"{{"signed":{message},"signatures":[{{"keyid":"{keyid}","method":"ecdsa","sig":"{signature}"}}]}}"#)
            .into()
    }
}

fn describe(bytes: &[u8]) -> Value {
    let sha256 = STANDARD.encode(Sha256::of(bytes).as_bytes());
    let sha512 = STANDARD.encode(Sha512::of(bytes).as_bytes());
    json!({"hashes": {"sha256": sha256, "sha512": sha512}, "length": bytes.len()})
}
