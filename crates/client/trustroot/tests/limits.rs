//! A repository whose keys the attacker holds: everything in it is signed, and too much of it is refused by name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use pki::signing::SigningKey;
use serde_json::{Value, json};
use sigstore_tuf::canonical_json::to_canonical_bytes;
use trustroot::{
    Error, FolderTransport, MetadataFault, Repository, RepositoryFolder, TransportError, limits,
};

const EXPIRES: &str = "2035-01-01T00:00:00Z";

struct Mirror {
    folder: tempfile::TempDir,
    key: SigningKey,
    public: Value,
    id: String,
}

impl Mirror {
    /// A repository with one target, which is good.
    fn new() -> Self {
        let key = SigningKey::generate_ed25519().unwrap();
        let raw = hex::encode(&key.verifying_key().spki_der()[12..]);
        let public = json!({
            "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": raw },
        });
        let parsed: sigstore_tuf::Key = serde_json::from_value(public.clone()).unwrap();
        let mirror = Self {
            folder: tempfile::tempdir().unwrap(),
            key,
            public,
            id: parsed.key_id().unwrap(),
        };
        mirror.put("timestamp.json", &timestamp());
        mirror.put("snapshot.json", &snapshot(&["targets.json"]));
        mirror.put("targets.json", &targets(json!({ "file": target(4) })));
        mirror.write("targets/file", b"file");
        mirror
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Signs and writes.
    fn put(&self, name: &str, signed: &Value) {
        self.write(name, &self.sign(signed));
    }

    fn sign(&self, signed: &Value) -> Vec<u8> {
        let bytes = to_canonical_bytes(signed).unwrap();
        let scheme = self.key.verifying_key().default_scheme();
        let signature = hex::encode(self.key.sign_with(scheme, &bytes).unwrap());
        let signatures = json!([{ "keyid": self.id, "sig": signature }]);
        let file = json!({ "signed": signed, "signatures": signatures });
        file.to_string().into_bytes()
    }

    fn root(&self, version: u64) -> Vec<u8> {
        let role = json!({ "keyids": [self.id], "threshold": 1 });
        let keys = BTreeMap::from([(&self.id, &self.public)]);
        self.sign(&json!({
            "_type": "root", "spec_version": "1.0.31", "version": version, "expires": EXPIRES,
            "consistent_snapshot": false, "keys": keys,
            "roles": { "root": role, "timestamp": role, "snapshot": role, "targets": role },
        }))
    }

    /// What is said when the target `name` is wanted.
    async fn ask(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let transport = FolderTransport::new(self.folder.path().to_owned());
        let folder = RepositoryFolder::none();
        let repository = Repository::open(&folder, Some(&self.root(1)))?;
        let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let mut trusted = repository.refresh(&transport, now).await?;
        trusted.target(name).await
    }

    async fn refusal(&self) -> Error {
        self.ask("file").await.unwrap_err()
    }
}

fn role(kind: &str, member: &str, value: Value) -> Value {
    let mut role = json!({
        "_type": kind, "spec_version": "1.0.31", "version": 1, "expires": EXPIRES,
    });
    role[member] = value;
    role
}

fn timestamp() -> Value {
    role(
        "timestamp",
        "meta",
        json!({ "snapshot.json": { "version": 1 } }),
    )
}

fn snapshot(files: &[&str]) -> Value {
    let meta: BTreeMap<_, _> = files
        .iter()
        .map(|file| (*file, json!({ "version": 1 })))
        .collect();
    role("snapshot", "meta", json!(meta))
}

fn targets(targets: Value) -> Value {
    role("targets", "targets", targets)
}

fn target(length: u64) -> Value {
    let hash = pki::digest::Sha256::of(b"file");
    json!({ "length": length, "hashes": { "sha256": hex::encode(hash.as_bytes()) } })
}

/// The same role, of so many bytes and more.
fn padded(mut role: Value, bytes: u64) -> Value {
    role["padding"] = "a".repeat(usize::try_from(bytes).unwrap()).into();
    role
}

fn is_too_large(error: &Error, file: &str, expected: u64) -> bool {
    matches!(
        error,
        Error::Transport(TransportError::TooLarge { path, limit })
            if path.file_name() == Path::new(file).file_name() && *limit == expected
    )
}

#[tokio::test]
async fn the_repository_is_good() {
    let mirror = Mirror::new();
    assert_eq!(mirror.ask("file").await.unwrap().unwrap(), b"file");
    assert_eq!(mirror.ask("other").await.unwrap(), None);
}

#[tokio::test]
async fn metadata_that_is_too_large() {
    for (file, signed, limit) in [
        ("timestamp.json", timestamp(), limits::TIMESTAMP_BYTES),
        (
            "snapshot.json",
            snapshot(&["targets.json"]),
            limits::SNAPSHOT_BYTES,
        ),
        ("targets.json", targets(json!({})), limits::TARGETS_BYTES),
    ] {
        let mirror = Mirror::new();
        mirror.put(file, &padded(signed, limit));
        let refusal = mirror.refusal().await;
        assert!(is_too_large(&refusal, file, limit), "{file}: {refusal:?}");
        assert!(!matches!(refusal, Error::Transport(error) if error.is_absence()));
    }
    let mirror = Mirror::new();
    let size = usize::try_from(limits::ROOT_BYTES).unwrap() + 1;
    mirror.write("2.root.json", &vec![b' '; size]);
    let refusal = mirror.refusal().await;
    assert!(
        is_too_large(&refusal, "2.root.json", limits::ROOT_BYTES),
        "{refusal:?}"
    );
}

/// A file may not be longer than the role above says, however short that is.
#[tokio::test]
async fn metadata_that_is_longer_than_stated() {
    let mirror = Mirror::new();
    let stated = json!({ "snapshot.json": { "version": 1, "length": 100 } });
    mirror.put("timestamp.json", &role("timestamp", "meta", stated));
    let refusal = mirror.refusal().await;
    assert!(is_too_large(&refusal, "snapshot.json", 100), "{refusal:?}");

    // A stated length above the limit does not raise it.
    let mirror = Mirror::new();
    let stated = json!({ "snapshot.json": { "version": 1, "length": u64::MAX >> 1 } });
    mirror.put("timestamp.json", &role("timestamp", "meta", stated));
    let large = padded(snapshot(&["targets.json"]), limits::SNAPSHOT_BYTES);
    mirror.put("snapshot.json", &large);
    let refusal = mirror.refusal().await;
    assert!(
        is_too_large(&refusal, "snapshot.json", limits::SNAPSHOT_BYTES),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn targets_that_are_too_large() {
    let mirror = Mirror::new();
    let found = limits::TARGET_BYTES + 1;
    mirror.put("targets.json", &targets(json!({ "file": target(found) })));
    let refusal = mirror.refusal().await;
    assert!(
        matches!(refusal, Error::TooMany { what: "bytes of a target", found: f, limit: limits::TARGET_BYTES } if f == found),
        "{refusal:?}"
    );
    // Longer than its entry.
    let mirror = Mirror::new();
    mirror.put("targets.json", &targets(json!({ "file": target(3) })));
    let refusal = mirror.refusal().await;
    assert!(is_too_large(&refusal, "file", 3), "{refusal:?}");
}

#[tokio::test]
async fn roots_without_end() {
    let mirror = Mirror::new();
    for version in 2..limits::ROOT_ROTATIONS + 3 {
        mirror.write(&format!("{version}.root.json"), &mirror.root(version));
    }
    let refusal = mirror.refusal().await;
    assert!(
        matches!(
            refusal,
            Error::TooMany {
                what: "new roots",
                limit: limits::ROOT_ROTATIONS,
                ..
            }
        ),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn delegations_without_end() {
    let mirror = Mirror::new();
    let names: Vec<String> = (0..=limits::ROLES).map(|n| format!("role{n}")).collect();
    let delegating = |child: Option<&String>| {
        let mut role = targets(json!({}));
        if let Some(name) = child {
            let keys = BTreeMap::from([(&mirror.id, &mirror.public)]);
            role["delegations"] = json!({
                "keys": keys,
                "roles": [{
                    "name": name, "keyids": [mirror.id], "threshold": 1, "terminating": false,
                    "paths": ["*"],
                }],
            });
        }
        role
    };
    let files: Vec<String> = names.iter().map(|name| format!("{name}.json")).collect();
    let mut all: Vec<&str> = files.iter().map(String::as_str).collect();
    all.push("targets.json");
    mirror.put("snapshot.json", &snapshot(&all));
    mirror.put("targets.json", &delegating(names.first()));
    for (number, file) in files.iter().enumerate() {
        mirror.put(file, &delegating(names.get(number + 1)));
    }
    let refusal = mirror.refusal().await;
    assert!(
        matches!(
            refusal,
            Error::TooMany {
                what: "roles to look through",
                ..
            }
        ),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn metadata_that_is_malformed() {
    let mirror = Mirror::new();
    let signed = |member: &str, value: Value| mirror.sign(&role("timestamp", member, value));
    let deep = b"[".repeat(8000);
    for (file, bytes) in [
        ("timestamp.json", Vec::new()),
        ("timestamp.json", b"{}".to_vec()),
        ("timestamp.json", signed("meta", json!([]))),
        ("timestamp.json", signed("version", json!(-1))),
        ("timestamp.json", signed("expires", json!("tomorrow"))),
        ("timestamp.json", deep.clone()),
        ("2.root.json", deep),
    ] {
        mirror.write(file, &bytes);
        let refusal = mirror.refusal().await;
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            matches!(
                &refusal,
                Error::Metadata { file: found, fault: MetadataFault::Malformed { .. } } if found == file
            ),
            "{text:.60}: {refusal:?}"
        );
        mirror.put("timestamp.json", &timestamp());
    }
}

/// The last one counts, for the signature as for what is read.
#[tokio::test]
async fn members_that_are_there_twice() {
    let mirror = Mirror::new();
    let good = String::from_utf8(mirror.sign(&timestamp())).unwrap();
    for (member, other) in [
        ("signed", timestamp().to_string().replace("2035", "2036")),
        ("signatures", "[]".to_owned()),
    ] {
        let first = good.replacen('{', &format!("{{\"{member}\":{other},"), 1);
        mirror.write("timestamp.json", first.as_bytes());
        assert_eq!(mirror.ask("file").await.unwrap().unwrap(), b"file");
        let last = format!("{},\"{member}\":{other}}}", good.strip_suffix('}').unwrap());
        mirror.write("timestamp.json", last.as_bytes());
        let refusal = mirror.refusal().await;
        assert!(
            matches!(
                refusal,
                Error::Metadata {
                    fault: MetadataFault::Threshold { .. },
                    ..
                }
            ),
            "{member}: {refusal:?}"
        );
    }
}
