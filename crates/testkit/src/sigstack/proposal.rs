//! What Rekor's first interface takes: hashedrekord 0.0.1, dsse 0.0.1, intoto 0.0.1 and 0.0.2, each checked and made
//! canonical.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::json::jcs;
use super::keys::{b64, read_pem, sha256, unb64, verifies_digest, verifies_envelope};

/// An entry that belongs in the log.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) body: Vec<u8>,
    pub(super) search: BTreeSet<String>,
}

/// Source: `rekor:pkg/types/{hashedrekord,dsse,intoto}`. `Err`: why not.
pub(super) fn accept(proposal: &Value) -> Result<Accepted, String> {
    let (kind, version) = (&proposal["kind"], &proposal["apiVersion"]);
    let spec = &proposal["spec"];
    match (kind.as_str(), version.as_str()) {
        (Some("hashedrekord"), Some("0.0.1")) => hashedrekord(spec),
        (Some("dsse"), Some("0.0.1")) => dsse(spec),
        (Some("intoto"), Some("0.0.1")) => intoto_v1(spec),
        (Some("intoto"), Some("0.0.2")) => intoto_v2(spec),
        _ => Err(format!("invalid kind value: {kind} {version}")),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name]
        .as_str()
        .ok_or_else(|| format!("{name} in body is required"))
}

fn bytes(value: &Value, name: &str) -> Result<Vec<u8>, String> {
    unb64(text(value, name)?).ok_or_else(|| format!("{name} in body is not base64"))
}

/// The key in a base64 PEM text; and the text as it is kept, in base64 again.
struct Verifier {
    spki: Vec<u8>,
    kept: String,
    search: String,
}

impl Verifier {
    fn read(encoded: &str) -> Result<Self, String> {
        let (spki, pem) = unb64(encoded)
            .and_then(|text| read_pem(&text))
            .ok_or("invalid public key")?;
        Ok(Self {
            spki,
            search: hex::encode(sha256(pem.as_bytes())),
            kept: b64(pem),
        })
    }
}

fn accepted(kind: &str, version: &str, spec: Value, search: BTreeSet<String>) -> Accepted {
    Accepted {
        body: jcs(&json!({"apiVersion": version, "kind": kind, "spec": spec})),
        search,
    }
}

fn hashedrekord(spec: &Value) -> Result<Accepted, String> {
    let hash = &spec["data"]["hash"];
    let (algorithm, value) = (text(hash, "algorithm")?, text(hash, "value")?);
    let signature = &spec["signature"];
    let verifier = Verifier::read(text(&signature["publicKey"], "content")?)?;
    let digest = hex::decode(value).map_err(|_| "invalid value for hash")?;
    if !verifies_digest(
        &verifier.spki,
        algorithm,
        &digest,
        &bytes(signature, "content")?,
    ) {
        return Err(
            "verifying signature: invalid signature when validating ASN.1 encoded signature"
                .to_owned(),
        );
    }
    let search = BTreeSet::from([format!("{algorithm}:{value}"), verifier.search]);
    let spec = json!({
        "data": {"hash": {"algorithm": algorithm, "value": value}},
        "signature": {
            "content": text(signature, "content")?,
            "publicKey": {"content": verifier.kept},
        },
    });
    Ok(accepted("hashedrekord", "0.0.1", spec, search))
}

fn sha256_of(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex::encode(sha256(bytes))})
}

/// DSSE's pre-authentication encoding.
pub(super) fn pae(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

fn envelope_search(envelope: &[u8], payload: &[u8], verifiers: &[&Verifier]) -> BTreeSet<String> {
    let mut search: BTreeSet<String> = verifiers.iter().map(|one| one.search.clone()).collect();
    search.insert(format!("sha256:{}", hex::encode(sha256(envelope))));
    search.insert(format!("sha256:{}", hex::encode(sha256(payload))));
    let statement: Value = serde_json::from_slice(payload).unwrap_or_default();
    for subject in statement["subject"].as_array().into_iter().flatten() {
        if let Some(value) = subject["digest"]["sha256"].as_str() {
            search.insert(format!("sha256:{value}"));
        }
    }
    search
}

fn dsse(spec: &Value) -> Result<Accepted, String> {
    let content = &spec["proposedContent"];
    let raw = text(content, "envelope")?;
    let envelope: Value =
        serde_json::from_str(raw).map_err(|error| format!("envelope: {error}"))?;
    let payload = bytes(&envelope, "payload")?;
    let message = pae(text(&envelope, "payloadType")?, &payload);
    let verifiers = content["verifiers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| Verifier::read(one.as_str().unwrap_or_default()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut used = BTreeSet::new();
    let mut signatures = Vec::new();
    for signature in envelope["signatures"].as_array().into_iter().flatten() {
        let value = bytes(signature, "sig")?;
        let index = verifiers
            .iter()
            .position(|one| verifies_envelope(&one.spki, &message, &value))
            .ok_or("signature could not be verified with any of the verifiers")?;
        used.insert(index);
        signatures.push((text(signature, "sig")?, &verifiers[index].kept));
    }
    if signatures.is_empty() || used.len() < verifiers.len() {
        return Err("verifiers and signatures do not belong together".to_owned());
    }
    signatures.sort();
    let signatures: Vec<Value> = signatures
        .into_iter()
        .map(|(signature, verifier)| json!({"signature": signature, "verifier": verifier}))
        .collect();
    let search = envelope_search(
        raw.as_bytes(),
        &payload,
        &verifiers.iter().collect::<Vec<_>>(),
    );
    let spec = json!({
        "envelopeHash": sha256_of(raw.as_bytes()),
        "payloadHash": sha256_of(&payload),
        "signatures": signatures,
    });
    Ok(accepted("dsse", "0.0.1", spec, search))
}

/// The envelope is a text, the key stands beside it.
fn intoto_v1(spec: &Value) -> Result<Accepted, String> {
    let raw = text(&spec["content"], "envelope")?;
    let envelope: Value =
        serde_json::from_str(raw).map_err(|error| format!("envelope: {error}"))?;
    let payload = bytes(&envelope, "payload")?;
    let message = pae(text(&envelope, "payloadType")?, &payload);
    let verifier = Verifier::read(text(spec, "publicKey")?)?;
    let signatures = envelope["signatures"].as_array().ok_or("no signatures")?;
    let mut right = !signatures.is_empty();
    for signature in signatures {
        right &= verifies_envelope(&verifier.spki, &message, &bytes(signature, "sig")?);
    }
    if !right {
        return Err("could not verify envelope".to_owned());
    }
    let search = envelope_search(raw.as_bytes(), &payload, &[&verifier]);
    let spec = json!({
        "content": {"hash": sha256_of(raw.as_bytes()), "payloadHash": sha256_of(&payload)},
        "publicKey": verifier.kept,
    });
    Ok(accepted("intoto", "0.0.1", spec, search))
}

/// The envelope is an object; payload and signatures are base64 of base64, keys of PEM.
fn intoto_v2(spec: &Value) -> Result<Accepted, String> {
    let content = &spec["content"];
    let envelope = &content["envelope"];
    let twice = |value: &Value, name: &str| {
        let once = bytes(value, name)?;
        std::str::from_utf8(&once)
            .ok()
            .and_then(unb64)
            .ok_or_else(|| format!("{name} is not base64 of base64"))
    };
    let payload = twice(envelope, "payload")?;
    let payload_type = text(envelope, "payloadType")?;
    let message = pae(payload_type, &payload);
    let mut signatures = Vec::new();
    let mut verifiers = Vec::new();
    for signature in envelope["signatures"].as_array().into_iter().flatten() {
        let verifier = Verifier::read(text(signature, "publicKey")?)?;
        if !verifies_envelope(&verifier.spki, &message, &twice(signature, "sig")?) {
            return Err("could not verify envelope".to_owned());
        }
        signatures.push(json!({"publicKey": verifier.kept, "sig": text(signature, "sig")?}));
        verifiers.push(verifier);
    }
    let (hash, payload_hash) = (&content["hash"], &content["payloadHash"]);
    if signatures.is_empty() || *payload_hash != sha256_of(&payload) {
        return Err("no signatures, or another payload hash".to_owned());
    }
    let search = envelope_search(b"", &payload, &verifiers.iter().collect::<Vec<_>>());
    let spec = json!({"content": {
        "envelope": {"payloadType": payload_type, "signatures": signatures},
        "hash": {"algorithm": text(hash, "algorithm")?, "value": text(hash, "value")?},
        "payloadHash": payload_hash,
    }});
    Ok(accepted("intoto", "0.0.2", spec, search))
}
