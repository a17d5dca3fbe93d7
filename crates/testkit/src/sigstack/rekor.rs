//! The transparency log with Rekor's first interface.

use std::collections::BTreeSet;
use std::sync::Mutex;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::exchange::{Answer, Call};
use super::json::jcs;
use super::keys::{Key, b64, random, read_pem, sha256};
use super::log::{Notary, Tree, leaf_hash};
use super::proposal::{Accepted, accept};
use super::{Faults, Shared, clock};

/// The host name in the checkpoints: that of the log's address, in which sigstore-js looks for it.
const NAME: &str = "127.0.0.1";

#[derive(Debug)]
pub(super) struct Rekor {
    pub(super) key: Key,
    tree_id: u64,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    tree: Tree,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    body: Vec<u8>,
    time: i64,
    /// What it is found by: `email`, `sha256:…`, hashes of keys.
    search: BTreeSet<String>,
}

impl Rekor {
    /// A log with one entry, because some clients take the index 0 for an absent one.
    pub(super) fn new() -> Self {
        let rekor = Self {
            key: Key::p256(),
            tree_id: u64::from_be_bytes(random()) >> 2 | 1 << 60,
            log: Mutex::default(),
        };
        let first = Accepted {
            body: b"the first entry".to_vec(),
            search: BTreeSet::new(),
        };
        rekor.lock().append(first);
        rekor
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log
            .lock()
            .expect("nothing panics while it holds the lock")
    }

    fn uuid(&self, leaf: [u8; 32]) -> String {
        format!("{:016x}{}", self.tree_id, hex::encode(leaf))
    }

    fn checkpoint(&self, tree: &Tree, wrong: bool) -> String {
        let id = self.key.id();
        Notary {
            key: &self.key,
            origin: &format!("{NAME} - {}", self.tree_id),
            name: NAME,
            hint: [id[0], id[1], id[2], id[3]],
        }
        .checkpoint(tree.leaves.len(), tree.root(), wrong)
    }

    /// The entry under its UUID, with a proof against the tree of now.
    fn entry(&self, log: &Log, index: usize, faults: &Faults) -> Value {
        let entry = &log.entries[index];
        let payload = json!({
            "body": b64(&entry.body), "integratedTime": entry.time,
            "logID": hex::encode(self.key.id()), "logIndex": index,
        });
        let mut signed = jcs(&payload);
        if faults.wrong_set {
            signed.push(b' ');
        }
        let mut root = log.tree.root();
        if faults.wrong_proof {
            root[0] ^= 1;
        }
        let hashes: Vec<String> = log.tree.inclusion(index).iter().map(hex::encode).collect();
        let mut answer = payload;
        answer["verification"] = json!({
            "inclusionProof": {
                "checkpoint": self.checkpoint(&log.tree, faults.wrong_checkpoint),
                "hashes": hashes, "logIndex": index,
                "rootHash": hex::encode(root), "treeSize": log.tree.leaves.len(),
            },
            "signedEntryTimestamp": b64(self.key.sign(&signed)),
        });
        Value::Object(Map::from_iter([(
            self.uuid(log.tree.leaves[index]),
            answer,
        )]))
    }
}

impl Log {
    fn append(&mut self, accepted: Accepted) -> usize {
        self.entries.push(Entry {
            time: clock::seconds(),
            search: accepted.search,
            body: accepted.body,
        });
        let index = self.entries.len() - 1;
        self.tree.push(&self.entries[index].body)
    }

    fn find(&self, leaf: [u8; 32]) -> Option<usize> {
        self.tree.leaves.iter().position(|&known| known == leaf)
    }

    /// By an entry's 64 or 80 digits.
    fn find_id(&self, id: &str) -> Option<usize> {
        let hex = id.get(id.len().checked_sub(64)?..)?;
        self.find(hex::decode(hex).ok()?.try_into().ok()?)
    }
}

pub(super) fn answer(shared: &Shared, call: &Call) -> Result<Answer, Answer> {
    let rekor = &shared.rekor;
    let faults = shared.faults();
    match (&call.method, call.path.as_str()) {
        (&Method::POST, "/api/v1/log/entries") => add(rekor, call, &faults),
        (&Method::GET, "/api/v1/log/entries") => {
            let index = call
                .parameter("logIndex")
                .and_then(|index| index.parse().ok())
                .ok_or_else(|| Answer::bad_request("logIndex in query is required"))?;
            let log = rekor.lock();
            if index >= log.entries.len() {
                return Err(Answer::not_found());
            }
            Ok(Answer::json(
                StatusCode::OK,
                &rekor.entry(&log, index, &faults),
            ))
        }
        (&Method::POST, "/api/v1/log/entries/retrieve") => retrieve(rekor, call, &faults),
        (&Method::GET, "/api/v1/log") => Ok(state(rekor)),
        (&Method::GET, "/api/v1/log/proof") => proof(rekor, call),
        (&Method::GET, "/api/v1/log/publicKey") => Ok(Answer::new(
            StatusCode::OK,
            "application/x-pem-file",
            rekor.key.public_pem(),
        )),
        (&Method::POST, "/api/v1/index/retrieve") => search(rekor, call),
        (&Method::GET, path) => {
            let id = path
                .strip_prefix("/api/v1/log/entries/")
                .ok_or_else(Answer::not_found)?;
            let log = rekor.lock();
            let index = log.find_id(id).ok_or_else(Answer::not_found)?;
            Ok(Answer::json(
                StatusCode::OK,
                &rekor.entry(&log, index, &faults),
            ))
        }
        _ => Err(Answer::not_found()),
    }
}

fn add(rekor: &Rekor, call: &Call, faults: &Faults) -> Result<Answer, Answer> {
    let accepted = accept(&call.json()?)
        .map_err(|reason| Answer::bad_request(&format!("error processing entry: {reason}")))?;
    let leaf = leaf_hash(&accepted.body);
    let uuid = rekor.uuid(leaf);
    let location = format!("/api/v1/log/entries/{uuid}");
    let mut log = rekor.lock();
    if log.find(leaf).is_some() {
        let message =
            format!("an equivalent entry already exists in the transparency log with UUID {uuid}");
        return Err(
            Answer::error(StatusCode::CONFLICT, 409, &message).header("location", &location)
        );
    }
    let index = log.append(accepted);
    let entry = rekor.entry(&log, index, faults);
    Ok(Answer::json(StatusCode::CREATED, &entry)
        .header("location", &location)
        .header("etag", &uuid))
}

fn retrieve(rekor: &Rekor, call: &Call, faults: &Faults) -> Result<Answer, Answer> {
    let request = call.json()?;
    let list = |name: &str| request[name].as_array().cloned().unwrap_or_default();
    let (ids, indexes, proposals) = (list("entryUUIDs"), list("logIndexes"), list("entries"));
    if ids.len() + indexes.len() + proposals.len() > 10 {
        return Err(Answer::error(
            StatusCode::UNPROCESSABLE_ENTITY,
            611,
            "logIndexes in body should have at most 10 items",
        ));
    }
    let log = rekor.lock();
    let mut found: Vec<usize> = ids
        .iter()
        .filter_map(|id| log.find_id(id.as_str()?))
        .collect();
    found.extend(
        indexes
            .iter()
            .filter_map(|index| usize::try_from(index.as_u64()?).ok())
            .filter(|&index| index < log.entries.len()),
    );
    for proposal in &proposals {
        let accepted = accept(proposal).map_err(|reason| Answer::bad_request(&reason))?;
        found.extend(log.find(leaf_hash(&accepted.body)));
    }
    let entries: Vec<Value> = found
        .into_iter()
        .map(|index| rekor.entry(&log, index, faults))
        .collect();
    Ok(Answer::json(StatusCode::OK, &entries.into()))
}

fn state(rekor: &Rekor) -> Answer {
    let log = rekor.lock();
    Answer::json(
        StatusCode::OK,
        &json!({
            "inactiveShards": null,
            "rootHash": hex::encode(log.tree.root()),
            "signedTreeHead": rekor.checkpoint(&log.tree, false),
            "treeID": rekor.tree_id.to_string(),
            "treeSize": log.tree.leaves.len(),
        }),
    )
}

fn proof(rekor: &Rekor, call: &Call) -> Result<Answer, Answer> {
    let number = |name: &str| call.parameter(name).and_then(|text| text.parse().ok());
    let first: usize = number("firstSize").unwrap_or(1);
    let last: usize =
        number("lastSize").ok_or_else(|| Answer::bad_request("lastSize in query is required"))?;
    let log = rekor.lock();
    let size = log.tree.leaves.len();
    if last > size {
        return Err(Answer::bad_request(&format!(
            "the tree size requested({last}) was greater than what is currently observable({size})"
        )));
    }
    if first > last {
        return Err(Answer::bad_request(&format!(
            "firstSize({first}) must be less than lastSize({last})"
        )));
    }
    let tree = Tree {
        leaves: log.tree.leaves[..last].to_vec(),
    };
    let hashes: Vec<String> = tree.consistency(first).iter().map(hex::encode).collect();
    Ok(Answer::json(
        StatusCode::OK,
        &json!({"hashes": hashes, "rootHash": hex::encode(tree.root())}),
    ))
}

fn search(rekor: &Rekor, call: &Call) -> Result<Answer, Answer> {
    let query = call.json()?;
    let mut keys = BTreeSet::new();
    for name in ["email", "subject", "hash"] {
        if let Some(value) = query[name].as_str() {
            keys.insert(value.to_lowercase());
        }
    }
    if let Some(content) = query["publicKey"]["content"].as_str() {
        let (_, pem) = super::keys::unb64(content)
            .and_then(|text| read_pem(&text))
            .ok_or_else(|| Answer::bad_request("public key provided could not be parsed"))?;
        keys.insert(hex::encode(sha256(pem.as_bytes())));
    }
    let log = rekor.lock();
    let all = query["operator"] == "and";
    let found: Vec<String> = log
        .entries
        .iter()
        .zip(&log.tree.leaves)
        .filter(|(entry, _)| {
            let mut matches = keys.iter().map(|key| entry.search.contains(key));
            if all {
                matches.all(|one| one)
            } else {
                matches.any(|one| one)
            }
        })
        .map(|(_, &leaf)| rekor.uuid(leaf))
        .collect();
    Ok(Answer::json(StatusCode::OK, &json!(found)))
}
