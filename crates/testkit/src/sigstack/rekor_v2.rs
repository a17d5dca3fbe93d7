//! The transparency log with Rekor's second interface: rekor-tiles 2.3.

use std::sync::Mutex;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::exchange::{Answer, Call};
use super::json::jcs;
use super::keys::{Key, b64, bits_of, sha256, spki_of_certificate, unb64, verifies_digest};
use super::log::{Notary, Tree, leaf_hash};
use super::{Faults, Shared};

/// The origin is the host of the log's URL: sigstore-go looks for it under that name.
const ORIGIN: &str = "127.0.0.1";

/// Key details, the name of the hash in the entry, its name in hashedrekord 0.0.1.
const ALGORITHMS: [(&str, &str, &str); 6] = [
    ("PKIX_ECDSA_P256_SHA_256", "SHA2_256", "sha256"),
    ("PKIX_ECDSA_P384_SHA_384", "SHA2_384", "sha384"),
    ("PKIX_ECDSA_P521_SHA_512", "SHA2_512", "sha512"),
    ("PKIX_RSA_PKCS1V15_2048_SHA256", "SHA2_256", "sha256"),
    ("PKIX_RSA_PKCS1V15_3072_SHA256", "SHA2_256", "sha256"),
    ("PKIX_RSA_PKCS1V15_4096_SHA256", "SHA2_256", "sha256"),
];

#[derive(Debug)]
pub(super) struct RekorV2 {
    pub(super) key: Key,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    tree: Tree,
    bodies: Vec<Vec<u8>>,
}

impl RekorV2 {
    /// A log with one entry, because some clients take the index 0 for an absent one.
    pub(super) fn new() -> Self {
        let first = b"the first entry".to_vec();
        let mut log = Log::default();
        log.tree.push(&first);
        log.bodies.push(first);
        Self {
            key: Key::ed25519(),
            log: Mutex::new(log),
        }
    }

    /// C2SP signed-note: the whole hash whose beginning names the key.
    pub(super) fn id(&self) -> [u8; 32] {
        let spki = self.key.spki();
        let raw = bits_of(&spki).expect("we made the key");
        sha256(&[ORIGIN.as_bytes(), b"\n\x01", raw].concat())
    }

    fn checkpoint(&self, tree: &Tree, wrong: bool) -> String {
        let id = self.id();
        Notary {
            key: &self.key,
            origin: ORIGIN,
            name: ORIGIN,
            hint: [id[0], id[1], id[2], id[3]],
        }
        .checkpoint(tree.leaves.len(), tree.root(), wrong)
    }

    fn entry(&self, log: &Log, index: usize, faults: &Faults) -> Value {
        let mut root = log.tree.root();
        if faults.wrong_proof {
            root[0] ^= 1;
        }
        let hashes: Vec<String> = log.tree.inclusion(index).iter().map(b64).collect();
        json!({
            "logIndex": index.to_string(),
            "logId": {"keyId": b64(self.id())},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "integratedTime": "0",
            "inclusionPromise": null,
            "inclusionProof": {
                "logIndex": index.to_string(),
                "rootHash": b64(root),
                "treeSize": log.tree.leaves.len().to_string(),
                "hashes": hashes,
                "checkpoint": {"envelope": self.checkpoint(&log.tree, faults.wrong_checkpoint)},
            },
            "canonicalizedBody": b64(&log.bodies[index]),
        })
    }
}

pub(super) fn answer(shared: &Shared, call: &Call) -> Result<Answer, Answer> {
    let rekor = &shared.rekor_v2;
    let lock = || {
        rekor
            .log
            .lock()
            .expect("nothing panics while it holds the lock")
    };
    match (&call.method, call.path.as_str()) {
        (&Method::POST, "/api/v2/log/entries") => {
            let body = canonical(&call.json()?)
                .map_err(|reason| Answer::error(StatusCode::BAD_REQUEST, 3, reason))?;
            let mut log = lock();
            let leaf = leaf_hash(&body);
            if let Some(index) = log.tree.leaves.iter().position(|&known| known == leaf) {
                let message = format!(
                    "an equivalent entry already exists in the transparency log with index {index}"
                );
                return Err(Answer::error(StatusCode::CONFLICT, 6, &message)
                    .header("x-log-index", &index.to_string()));
            }
            let index = log.tree.push(&body);
            log.bodies.push(body);
            let entry = rekor.entry(&log, index, &shared.faults());
            Ok(Answer::json(StatusCode::CREATED, &entry))
        }
        (&Method::GET, "/api/v2/checkpoint") => {
            let checkpoint = rekor.checkpoint(&lock().tree, false);
            Ok(Answer::new(StatusCode::OK, "text/plain", checkpoint))
        }
        (&Method::GET, path) => {
            let tile = path
                .strip_prefix("/api/v2/tile/")
                .ok_or_else(Answer::not_found)?;
            let bytes = tile_of(&lock(), tile).ok_or_else(Answer::not_found)?;
            Ok(Answer::new(
                StatusCode::OK,
                "application/octet-stream",
                bytes,
            ))
        }
        _ => Err(Answer::not_found()),
    }
}

/// C2SP tlog-tiles for a log of less than 65536 entries: `0/000`, `0/000.p/5`, `entries/000.p/5`, ….
fn tile_of(log: &Log, name: &str) -> Option<Vec<u8>> {
    let (level, rest) = name.split_once('/')?;
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok().filter(|width| *width < 256)?),
        None => (rest, 256),
    };
    let start = number.parse::<usize>().ok()? * 256;
    match level {
        "entries" => {
            let bodies = log.bodies.get(start..start + width)?;
            Some(bodies.iter().flat_map(|body| bundled(body)).collect())
        }
        "0" => Some(log.tree.leaves.get(start..start + width)?.concat()),
        _ => None,
    }
}

/// An entry as it stands in a bundle of entries: behind its length in two bytes.
fn bundled(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("entries are small");
    [&length.to_be_bytes(), body].concat()
}

/// Source: `rekor-tiles:pkg/types/hashedrekord`.
fn canonical(request: &Value) -> Result<Vec<u8>, &'static str> {
    let members = request.as_object().ok_or("invalid request")?;
    if members.keys().any(|name| name != "hashedRekordRequestV002") {
        return Err("invalid type, must be hashedrekord");
    }
    let request = &request["hashedRekordRequestV002"];
    let signature = &request["signature"];
    let verifier = &signature["verifier"];
    check(request, signature, verifier).ok_or("invalid hashedrekord request")
}

fn check(request: &Value, signature: &Value, verifier: &Value) -> Option<Vec<u8>> {
    let details = verifier["keyDetails"].as_str()?;
    let &(_, hash, name) = ALGORITHMS.iter().find(|(known, ..)| *known == details)?;
    let (kind, spki) = match verifier["x509Certificate"]["rawBytes"].as_str() {
        Some(certificate) => (
            "x509Certificate",
            spki_of_certificate(&unb64(certificate)?)?,
        ),
        None => (
            "publicKey",
            unb64(verifier["publicKey"]["rawBytes"].as_str()?)?,
        ),
    };
    let digest = unb64(request["digest"].as_str()?)?;
    let value = unb64(signature["content"].as_str()?)?;
    verifies_digest(&spki, name, &digest, &value).then(|| {
        jcs(&json!({
            "apiVersion": "0.0.2", "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {"algorithm": hash, "digest": request["digest"]},
                "signature": {
                    "content": signature["content"],
                    "verifier": {
                        "keyDetails": details,
                        kind: {"rawBytes": verifier[kind]["rawBytes"]},
                    },
                },
            }},
        }))
    })
}
