//! Repositories that the real programs made.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use pki::key::{KeyType, PublicKey, TufKeyId};
use serde_json::Value;

use super::Stack;

pub fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

pub struct Repository {
    pub gun: String,
    folder: PathBuf,
    index: Value,
}

/// What was published at once.
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Role, version and bytes of what the publisher sent.
    pub sent: Vec<(String, u64, Vec<u8>)>,
    /// The snapshot that clients got then, whoever signed it.
    pub snapshot: Vec<u8>,
}

impl Repository {
    pub fn load(name: &str) -> Self {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden");
        let folder = golden.join("notary/repos").join(name).join("server");
        let index = std::fs::read(folder.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        Self {
            gun: text(&index["gun"]),
            folder,
            index,
        }
    }

    /// Gives the server the keys that the real signer had, as they lay in its database.
    pub async fn give_keys(&self, stack: &Stack) {
        for key in self.index["signer_keys"].as_array().unwrap() {
            let kind = text(&key["algorithm"]);
            let public = base64(&text(&key["public_base64"]));
            let id = PublicKey::new(KeyType::parse(&kind), public.clone()).tuf_id();
            assert_eq!(id.to_string(), text(&key["key_id"]));
            let (role, sealed) = (text(&key["role"]), text(&key["private_jwe"]));
            insert_key(stack, &self.gun, &role, id, &kind, &public, &sealed).await;
        }
    }

    pub fn steps(&self) -> Vec<Step> {
        let keys = self.index["signer_keys"].as_array().unwrap();
        let keys: Vec<String> = keys.iter().map(|key| text(&key["key_id"])).collect();
        let mut steps = Vec::new();
        let (mut sent, mut snapshot) = (Vec::new(), Vec::new());
        for row in self.index["tuf_files"].as_array().unwrap() {
            let role = text(&row["role"]);
            let bytes = std::fs::read(self.folder.join(text(&row["file"]))).unwrap();
            if role == "timestamp" {
                steps.push(Step {
                    at: instant(&text(&row["created_at"])),
                    sent: std::mem::take(&mut sent),
                    snapshot: std::mem::take(&mut snapshot),
                });
                continue;
            }
            let json: Value = serde_json::from_slice(&bytes).unwrap();
            let signer = text(&json["signatures"][0]["keyid"]);
            if role == "snapshot" {
                snapshot.clone_from(&bytes);
            }
            if !keys.contains(&signer) {
                sent.push((role, row["version"].as_u64().unwrap(), bytes));
            }
        }
        assert!(sent.is_empty() && !steps.is_empty());
        steps
    }
}

async fn insert_key(
    stack: &Stack,
    gun: &str,
    role: &str,
    id: TufKeyId,
    kind: &str,
    public: &[u8],
    sealed: &str,
) {
    let database = store::Database::open(&stack.folder.path().join("trust.db")).unwrap();
    let (gun, role, kind) = (gun.to_owned(), role.to_owned(), kind.to_owned());
    let (public, sealed) = (public.to_vec(), sealed.to_owned());
    let insert =
        "INSERT INTO keys (gun, role, key_id, algorithm, public, sealed, created_at, used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0)";
    database
        .run_tx("test", move |tx| {
            let row = (&gun, &role, id.as_bytes(), &kind, &public, &sealed);
            Ok::<_, store::Error>(tx.execute(insert, row)?)
        })
        .await
        .unwrap();
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn instant(text: &str) -> Timestamp {
    let civil: DateTime = text.replace(' ', "T").parse().unwrap();
    civil.to_zoned(TimeZone::UTC).unwrap().timestamp()
}
