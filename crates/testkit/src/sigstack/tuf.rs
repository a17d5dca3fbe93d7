//! The repository of The Update Framework 1.0 that hands out trusted root and signing configuration.

use std::path::Path;

use aws_lc_rs::digest::{SHA512, digest};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::exchange::{Answer, Call};
use super::json::olpc;
use super::keys::{Key, pem, sha256};
use super::{Shared, Urls, clock};

pub(super) const YEAR: i64 = 365 * 24 * 60 * 60;

/// The keys of the repository, one for root and one for the other roles.
#[derive(Debug)]
pub(super) struct Repository {
    root: Key,
    online: Key,
}

impl Repository {
    pub(super) fn new() -> Self {
        Self {
            root: Key::p256(),
            online: Key::p256(),
        }
    }

    /// Writes the repository into `folder`; `root.json`, always of version 1, is what clients begin with. All but the
    /// root expires in `expires_in` seconds, which may be negative.
    pub(super) fn write(&self, folder: &Path, version: u32, targets: &[Target], expires_in: i64) {
        let put = |name: String, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("it lies in the folder"))
                .and_then(|()| std::fs::write(path, bytes))
                .expect("the temporary folder is writable");
        };
        let mut listed = Map::new();
        for target in targets {
            let (short, long) = target.hashes();
            put(format!("targets/{short}.{}", target.name), &target.bytes);
            put(format!("targets/{long}.{}", target.name), &target.bytes);
            listed.insert(target.name.to_owned(), target.entry());
        }
        let metadata = |kind: &str, version: u32, more: Value| {
            let seconds = if kind == "root" { YEAR } else { expires_in };
            let expires = clock::rfc3339(clock::seconds() + seconds);
            let mut signed = json!({
                "_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires,
            });
            let (Value::Object(all), Value::Object(more)) = (&mut signed, more) else {
                unreachable!("both are objects")
            };
            all.extend(more);
            signed
        };
        let root = metadata("root", 1, self.roles());
        let root = signed(&root, &self.root);
        put("1.root.json".to_owned(), &root);
        put("root.json".to_owned(), &root);
        let meta = |name: &str| json!({"meta": {name: {"version": version}}});
        let online = [
            (
                format!("{version}.targets.json"),
                metadata("targets", version, json!({"targets": listed})),
            ),
            (
                format!("{version}.snapshot.json"),
                metadata("snapshot", version, meta("targets.json")),
            ),
            (
                "timestamp.json".to_owned(),
                metadata("timestamp", version, meta("snapshot.json")),
            ),
        ];
        for (name, value) in online {
            put(name, &signed(&value, &self.online));
        }
    }

    fn roles(&self) -> Value {
        let role = |key: &Key| json!({"keyids": [key_id(key)], "threshold": 1});
        json!({
            "consistent_snapshot": true,
            "keys": {key_id(&self.root): key(&self.root), key_id(&self.online): key(&self.online)},
            "roles": {
                "root": role(&self.root), "targets": role(&self.online),
                "snapshot": role(&self.online), "timestamp": role(&self.online),
            },
        })
    }
}

fn key(key: &Key) -> Value {
    json!({
        "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256",
        "keyval": {"public": key.public_pem()},
    })
}

fn key_id(of: &Key) -> String {
    hex::encode(sha256(&olpc(&key(of))))
}

fn signed(value: &Value, key: &Key) -> Vec<u8> {
    let signature = hex::encode(key.sign(&olpc(value)));
    json!({"signatures": [{"keyid": key_id(key), "sig": signature}], "signed": value})
        .to_string()
        .into_bytes()
}

/// A file in the repository.
#[derive(Debug)]
pub(super) struct Target {
    name: &'static str,
    bytes: Vec<u8>,
    /// What cosign 2 finds it by: `Fulcio`, `CTFE`, `Rekor`, `TSA`.
    usage: Option<(&'static str, String)>,
}

impl Target {
    fn hashes(&self) -> (String, String) {
        (
            hex::encode(sha256(&self.bytes)),
            hex::encode(digest(&SHA512, &self.bytes)),
        )
    }

    fn entry(&self) -> Value {
        let (short, long) = self.hashes();
        let mut entry = json!({
            "length": self.bytes.len(),
            "hashes": {"sha256": short, "sha512": long},
        });
        if let Some((usage, uri)) = &self.usage {
            entry["custom"] = json!({"sigstore": {"usage": usage, "status": "Active", "uri": uri}});
        }
        entry
    }
}

/// The trusted root, the signing configuration, and the same as cosign 2 takes it: one file for each key.
pub(super) fn targets(shared: &Shared, urls: &Urls, root: Vec<u8>, config: Vec<u8>) -> Vec<Target> {
    let plain = |name, bytes| Target {
        name,
        bytes,
        usage: None,
    };
    let used = |name, text: String, usage, url: &str| Target {
        name,
        bytes: text.into_bytes(),
        usage: Some((usage, url.to_owned())),
    };
    let certificate = |der: &[u8]| pem("CERTIFICATE", der);
    let (fulcio, tsa) = (&shared.fulcio, &shared.tsa);
    let [issuing, anchor] = fulcio.chain();
    let [leaf, stamping, stamping_root] = tsa.chain().map(certificate);
    vec![
        plain("trusted_root.json", root),
        plain("signing_config.v0.2.json", config),
        used("fulcio_v1.crt.pem", anchor, "Fulcio", &urls.fulcio),
        used(
            "fulcio_intermediate_v1.crt.pem",
            issuing,
            "Fulcio",
            &urls.fulcio,
        ),
        used("ctfe.pub", fulcio.ct.public_pem(), "CTFE", &urls.fulcio),
        used(
            "rekor.pub",
            shared.rekor.key.public_pem(),
            "Rekor",
            &urls.rekor,
        ),
        used("tsa_leaf.crt.pem", leaf, "TSA", &urls.tsa),
        used("tsa_intermediate_0.crt.pem", stamping, "TSA", &urls.tsa),
        used("tsa_root.crt.pem", stamping_root, "TSA", &urls.tsa),
    ]
}

pub(super) fn answer(shared: &Shared, call: &Call) -> Result<Answer, Answer> {
    let name = call.path.trim_start_matches('/');
    if call.method != Method::GET || name.contains("..") {
        return Err(Answer::not_found());
    }
    let bytes =
        std::fs::read(shared.repository_folder().join(name)).map_err(|_| Answer::not_found())?;
    Ok(Answer::new(StatusCode::OK, "application/json", bytes))
}
