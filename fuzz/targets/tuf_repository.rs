//! The Update Framework 1.0: a repository whose keys the attacker holds. The input is the signed parts of timestamp,
//! snapshot, targets and a further root, with zeros between; they are signed here. Before them may stand a root as it is.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use pki::signing::SigningKey;
use serde_json::{Value, json};
use sigstore_tuf::canonical_json::to_canonical_bytes;
use trustroot::{FetchFuture, Repository, RepositoryFolder, Transport};

struct Signer {
    key: SigningKey,
    id: String,
    root: Vec<u8>,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let key = SigningKey::generate_ed25519().expect("randomness");
    let public = key.verifying_key().spki_der()[12..].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let public = json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": public } });
    let parsed: sigstore_tuf::Key = serde_json::from_value(public.clone()).expect("a key");
    let id = parsed.key_id().expect("a key");
    let role = json!({ "keyids": [id], "threshold": 1 });
    let root = json!({
        "_type": "root", "spec_version": "1.0.31", "version": 1, "expires": "2035-01-01T00:00:00Z",
        "consistent_snapshot": false, "keys": { id.clone(): public },
        "roles": { "root": role, "timestamp": role, "snapshot": role, "targets": role },
    });
    let mut signer = Signer { key, id, root: Vec::new() };
    signer.root = signer.sign(&root);
    signer
});

impl Signer {
    fn sign(&self, signed: &Value) -> Vec<u8> {
        let bytes = to_canonical_bytes(signed).unwrap_or_default();
        let scheme = self.key.verifying_key().default_scheme();
        let signature = self.key.sign_with(scheme, &bytes).expect("a signature");
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "signed": signed, "signatures": [{ "keyid": self.id, "sig": hex }] }).to_string().into_bytes()
    }
}

struct Files(BTreeMap<&'static str, Vec<u8>>);

impl Transport for Files {
    fn metadata<'a>(&'a self, name: &'a str, _limit: u64) -> FetchFuture<'a> {
        let found = self.0.get(name).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn target<'a>(&'a self, _path: &'a str, _limit: u64) -> FetchFuture<'a> {
        Box::pin(async { Ok(Some(b"target".to_vec())) })
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let folder = RepositoryFolder::none();
    let _ = Repository::open(&folder, Some(data));
    let names = ["timestamp.json", "snapshot.json", "targets.json", "2.root.json"];
    let mut files = BTreeMap::new();
    for (name, part) in names.into_iter().zip(data.split(|byte| *byte == 0)) {
        let file = match serde_json::from_slice::<Value>(part) {
            Ok(signed) => SIGNER.sign(&signed),
            Err(_) => part.to_vec(),
        };
        files.insert(name, file);
    }
    let files = Files(files);
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    let repository = Repository::open(&folder, Some(&SIGNER.root)).expect("our root is good");
    // Nothing waits for anything, so that one poll each is enough.
    let run = async {
        let mut trusted = repository.refresh(&files, now).await.ok()?;
        assert_eq!(trusted.status().roles.len(), 4);
        let _ = trusted.target("trusted_root.json").await;
        Some(())
    };
    let _ = tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(run);
});
