//! Version 1 (`sigstore/rekor:openapi.yaml`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use net::{Request, StatusCode, Url, header};
use pki::digest::Sha256;
use pki::signature::HashAlgorithm;
use serde::Deserialize;
use serde_json::{Value, json};
use sigstore::dsse::Envelope;
use sigstore::entry::{EntryBody, EntryError, InclusionProof, LogEntry};
use sigstore::limits;

use super::{Content, EntryId, Proposal, Recorded};
use crate::error::{Error, Fault, Service};
use crate::http::{Answer, Base, Http, post_json};

/// Most bytes of an answer: an entry in base64 in JSON, and with `intoto` its attestation.
const ANSWER_MAX: u64 = 4 * limits::ENTRY_BYTES as u64;

/// One log.
#[derive(Debug, Clone)]
pub struct RekorV1 {
    http: Http,
    base: Base,
}

impl RekorV1 {
    /// A log at `url`, to which `/api/v1/…` is added.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(http: Http, url: &str) -> Result<Self, Error> {
        let base = Base::parse(Service::TransparencyLog, url)?;
        Ok(Self { http, base })
    }

    /// Records a signature. If the log has the very same entry already, that one is fetched.
    ///
    /// # Errors
    /// A refusal, no answer, or an entry about something else.
    pub async fn record(&self, proposal: &Proposal<'_>) -> Result<Recorded, Error> {
        let request = post_json(self.base.join("/api/v1/log/entries"), &proposed(proposal));
        let answer = self.call(request, &[StatusCode::CONFLICT]).await?;
        if answer.status == StatusCode::CONFLICT {
            let id = location(&answer).map_err(|fault| answer.fault(fault))?;
            return self.existing(&id, proposal).await;
        }
        let recorded = one(&answer)?;
        proposal
            .check(&recorded.entry.body)
            .map_err(|fault| answer.fault(fault))?;
        Ok(recorded)
    }

    /// The entry at this index over all shards.
    ///
    /// # Errors
    /// A refusal (404 if there is none), no answer, or another entry.
    pub async fn entry_at(&self, index: u64) -> Result<Recorded, Error> {
        let mut url = self.base.join("/api/v1/log/entries");
        url.query_pairs_mut()
            .append_pair("logIndex", &index.to_string());
        let answer = self.call(Request::get(url), &[]).await?;
        let recorded = one(&answer)?;
        if recorded.entry.log_index != index {
            return Err(answer.fault(Fault::OtherEntry { part: "index" }));
        }
        Ok(recorded)
    }

    /// The entries that record this very signature, of which there is one per shard at most.
    ///
    /// # Errors
    /// A refusal, no answer, or an entry about something else.
    pub async fn find(&self, proposal: &Proposal<'_>) -> Result<Vec<Recorded>, Error> {
        let wanted = json!({ "entries": [proposed(proposal)] });
        let url = self.base.join("/api/v1/log/entries/retrieve");
        let answer = self.call(post_json(url, &wanted), &[]).await?;
        let found: Vec<BTreeMap<String, WireEntry>> = answer.json()?;
        let found = found.into_iter().flatten().map(|(id, entry)| {
            let recorded = entry.recorded(&id)?;
            proposal.check(&recorded.entry.body)?;
            Ok(recorded)
        });
        found
            .collect::<Result<_, Fault>>()
            .map_err(|fault| answer.fault(fault))
    }

    /// The entry of this name, which has to be that of the proposal.
    async fn existing(&self, id: &EntryId, proposal: &Proposal<'_>) -> Result<Recorded, Error> {
        let url = self.base.join(&format!("/api/v1/log/entries/{id}"));
        let answer = self.call(Request::get(url), &[]).await?;
        let recorded = one(&answer)?;
        if recorded.id.leaf_hash() != id.leaf_hash() {
            return Err(answer.fault(Fault::OtherEntry { part: "name" }));
        }
        proposal
            .check(&recorded.entry.body)
            .map_err(|fault| answer.fault(fault))?;
        Ok(recorded)
    }

    async fn call(&self, request: Request, also: &[StatusCode]) -> Result<Answer, Error> {
        self.http
            .call(Service::TransparencyLog, request, ANSWER_MAX, also)
            .await
    }
}

/// Where the log says that it has the entry: the last part of the path, which is asked for at the log itself.
fn location(answer: &Answer) -> Result<EntryId, Fault> {
    let location = answer
        .headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or(Fault::Location)?;
    let path = match Url::parse(location) {
        Ok(url) => url.path().to_owned(),
        Err(_) => location.to_owned(),
    };
    let last = path.trim_end_matches('/').rsplit('/').next();
    EntryId::parse(last.unwrap_or_default())
}

/// The `ProposedEntry` (`pkg/types/{hashedrekord/v0.0.1,dsse/v0.0.1,intoto/v0.0.2}`).
fn proposed(proposal: &Proposal<'_>) -> Value {
    let pem = STANDARD.encode(proposal.verifier.to_pem());
    let (kind, version, spec) = match proposal.content {
        Content::HashedRekord { digest, signature } => {
            let spec = json!({
                "data": { "hash": {
                    "algorithm": hash_name(digest.algorithm()),
                    "value": hex::encode(digest.bytes()),
                } },
                "signature": {
                    "content": STANDARD.encode(signature),
                    "publicKey": { "content": pem },
                },
            });
            ("hashedrekord", "0.0.1", spec)
        }
        Content::Dsse { json, .. } => {
            let spec = json!({ "proposedContent": { "envelope": json, "verifiers": [pem] } });
            ("dsse", "0.0.1", spec)
        }
        Content::IntotoV1 { json, .. } => {
            let hash =
                json!({ "algorithm": "sha256", "value": Sha256::of(json.as_bytes()).to_string() });
            let content = json!({ "envelope": json, "hash": hash });
            (
                "intoto",
                "0.0.1",
                json!({ "content": content, "publicKey": pem }),
            )
        }
        Content::Intoto { envelope, json } => ("intoto", "0.0.2", intoto(envelope, json, &pem)),
    };
    json!({ "apiVersion": version, "kind": kind, "spec": spec })
}

/// Payload and signatures in base64 twice: the schema's own format on top of the envelope's.
fn intoto(envelope: &Envelope, json: &str, pem: &str) -> Value {
    let twice = |bytes: &[u8]| STANDARD.encode(STANDARD.encode(bytes));
    let signatures: Vec<Value> = envelope
        .signatures()
        .iter()
        .map(|signature| json!({ "publicKey": pem, "sig": twice(&signature.signature) }))
        .collect();
    let sha256 =
        |bytes: &[u8]| json!({ "algorithm": "sha256", "value": Sha256::of(bytes).to_string() });
    json!({ "content": {
        "envelope": {
            "payload": twice(envelope.payload()),
            "payloadType": envelope.payload_type(),
            "signatures": signatures,
        },
        "hash": sha256(json.as_bytes()),
        "payloadHash": sha256(envelope.payload()),
    } })
}

fn hash_name(algorithm: HashAlgorithm) -> &'static str {
    match algorithm {
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
    }
}

/// The one entry of an answer.
fn one(answer: &Answer) -> Result<Recorded, Error> {
    let entries: BTreeMap<String, WireEntry> = answer.json()?;
    let found = entries.len();
    let mut entries = entries.into_iter();
    match (entries.next(), entries.next()) {
        (Some((id, entry)), None) => entry.recorded(&id).map_err(|fault| answer.fault(fault)),
        _ => Err(answer.fault(Fault::EntryCount { found })),
    }
}

/// `LogEntry` of the interface.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEntry {
    body: String,
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    log_index: i64,
    verification: Option<WireVerification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireVerification {
    inclusion_proof: Option<WireProof>,
    signed_entry_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProof {
    checkpoint: Option<String>,
    hashes: Vec<String>,
    log_index: i64,
    root_hash: String,
    tree_size: i64,
}

impl WireEntry {
    fn recorded(self, id: &str) -> Result<Recorded, Fault> {
        let id = EntryId::parse(id)?;
        let body = base64("body", &self.body)?;
        at_most("bytes of a body", body.len(), limits::ENTRY_BYTES)?;
        if tlog::hash::leaf_hash(&body).to_string() != id.leaf_hash() {
            return Err(Fault::OtherEntry { part: "body" });
        }
        let verification = self.verification.ok_or(Fault::Missing {
            member: "verification",
        })?;
        let promise = verification
            .signed_entry_timestamp
            .filter(|text| !text.is_empty())
            .map(|text| base64("signedEntryTimestamp", &text))
            .transpose()?;
        if let Some(promise) = &promise {
            at_most("bytes of a promise", promise.len(), limits::SIGNATURE_BYTES)?;
        }
        let seconds = self.integrated_time;
        let entry = LogEntry {
            log_index: natural("logIndex", self.log_index)?,
            log_id: hash("logID", &self.log_id)?,
            integrated_time: match natural("integratedTime", seconds)? {
                0 => None,
                _ => Some(
                    Timestamp::from_second(seconds).map_err(|_| EntryError::Time { seconds })?,
                ),
            },
            promise,
            proof: verification
                .inclusion_proof
                .map(WireProof::typed)
                .transpose()?,
            body: EntryBody::parse(&body)?,
            canonicalized_body: body,
        };
        Ok(Recorded { id, entry })
    }
}

impl WireProof {
    fn typed(self) -> Result<InclusionProof, Fault> {
        at_most("hashes of a proof", self.hashes.len(), limits::PROOF_HASHES)?;
        let checkpoint = self.checkpoint.filter(|text| !text.is_empty());
        let length = checkpoint.as_ref().map_or(0, String::len);
        at_most("bytes of a checkpoint", length, limits::CHECKPOINT_BYTES)?;
        Ok(InclusionProof {
            log_index: natural("inclusionProof.logIndex", self.log_index)?,
            tree_size: natural("inclusionProof.treeSize", self.tree_size)?,
            root_hash: hash("inclusionProof.rootHash", &self.root_hash)?,
            hashes: self
                .hashes
                .iter()
                .map(|text| hash("inclusionProof.hashes", text))
                .collect::<Result<_, _>>()?,
            checkpoint,
        })
    }
}

fn base64(member: &'static str, text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(text).map_err(|_| Fault::Base64 { member })
}

fn hash(member: &'static str, text: &str) -> Result<[u8; 32], Fault> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).map_err(|_| EntryError::Length {
        member,
        expected: 32,
        found: text.len() / 2,
    })?;
    Ok(hash)
}

fn natural(member: &'static str, found: i64) -> Result<u64, EntryError> {
    u64::try_from(found).map_err(|_| EntryError::Negative { member, found })
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), EntryError> {
    if found > limit {
        return Err(EntryError::TooMany { what, found, limit });
    }
    Ok(())
}
