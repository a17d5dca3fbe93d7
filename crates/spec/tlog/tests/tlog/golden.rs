//! What cosign 2.5.0 and 3.1.1 wrote with a private CA, CT log, Rekor v1 and Rekor v2 (`testdata/golden/cosign`).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::digest::Sha256;
use pki::signature::VerifyingKey;
use serde_json::Value;
use tlog::checkpoint::{CheckpointError, OriginRule, SignedCheckpoint, TrustedLog};
use tlog::hash::leaf_hash;
use tlog::log_id::{LogId, LogKeys};
use tlog::note_key::NoteKey;
use tlog::precert::{PrecertEntry, embedded_sct_list};
use tlog::proof::ProofError;
use tlog::sct::{Sct, SctEntry, SctError};
use tlog::set::{EntryPromise, SetError};

use crate::{Signer, key_name};

const BUNDLES: [&str; 6] = [
    "c24_blob_v25/new-keyless.bundle.json",
    "c25_blob_v31/key-rekor1.sigstore.json",
    "c25_blob_v31/keyless-rekor1.sigstore.json",
    "c25_blob_v31/key-rekor2.sigstore.json",
    "c25_blob_v31/keyless-rekor2.sigstore.json",
    "c25_blob_v31/att.sigstore.json",
];
const OLD_BUNDLES: [&str; 2] = [
    "c24_blob_v25/old-keyless.bundle.json",
    "c24_blob_v25/old-key-tlog.bundle.json",
];

fn read(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../testdata/golden/cosign")
        .join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(case: &str) -> Value {
    serde_json::from_slice(&read(&format!("cases/{case}"))).unwrap()
}

fn pem(text: &[u8]) -> Vec<u8> {
    let text: String = std::str::from_utf8(text)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    STANDARD.decode(text).unwrap()
}

fn key(name: &str) -> VerifyingKey {
    VerifyingKey::from_spki_der(&pem(&read(&format!("private-sigstore/{name}")))).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

fn digest(value: &Value) -> Sha256 {
    Sha256::try_from(bytes(value).as_slice()).unwrap()
}

/// Both logs as a trusted root would name them.
fn logs() -> Vec<TrustedLog> {
    vec![
        TrustedLog {
            key: NoteKey::of_rekor_v1(key("rekor.pub")),
            origin: OriginRule::RekorShard,
        },
        TrustedLog {
            key: NoteKey::of_log(key_name("127.0.0.1"), key("rekor2.pub")),
            origin: OriginRule::Exactly("127.0.0.1".to_owned()),
        },
    ]
}

#[test]
fn inclusion_under_the_checkpoints_of_both_rekors() {
    for case in BUNDLES {
        let bundle = json(case);
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let proof = &entry["inclusionProof"];
        let note = proof["checkpoint"]["envelope"].as_str().unwrap();
        let signed = SignedCheckpoint::parse(note.as_bytes()).unwrap();
        assert_eq!(signed.note().to_string(), note, "{case}");
        let checkpoint = signed.verify(&logs()).unwrap();
        assert_eq!(checkpoint.tree().size, number(&proof["treeSize"]));
        assert_eq!(checkpoint.tree().root, digest(&proof["rootHash"]));
        let hashes: Vec<Sha256> = proof["hashes"]
            .as_array()
            .unwrap()
            .iter()
            .map(digest)
            .collect();
        let leaf = leaf_hash(&bytes(&entry["canonicalizedBody"]));
        let index = number(&proof["logIndex"]);
        let _proof = checkpoint.verify_inclusion(index, leaf, &hashes).unwrap();
        assert!(matches!(
            checkpoint.verify_inclusion(index, leaf_hash(b"other"), &hashes),
            Err(ProofError::RootMismatch { .. })
        ));
        // Grown by a leaf after it was signed.
        let size = format!("\n{}\n", checkpoint.tree().size);
        let grown = note.replacen(&size, &format!("\n{}\n", checkpoint.tree().size + 1), 1);
        assert!(matches!(
            SignedCheckpoint::parse(grown.as_bytes())
                .unwrap()
                .verify(&logs()),
            Err(CheckpointError::BadSignature { .. })
        ));
        // The key id that the bundle names is that of the note, in full.
        let log_id = bytes(&entry["logId"]["keyId"]);
        assert_eq!(log_id, checkpoint.log_key().log_id().as_bytes());
    }
}

#[test]
fn checkpoints_of_one_log_are_those_of_one_tree() {
    // The proofs of leaves 14 and 15 in trees of 15 and 16: a consistency proof can be put together from them.
    let proof = |case| {
        let bundle = json(case);
        let proof = bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"].clone();
        let note = proof["checkpoint"]["envelope"].as_str().unwrap().to_owned();
        let hashes: Vec<Sha256> = proof["hashes"]
            .as_array()
            .unwrap()
            .iter()
            .map(digest)
            .collect();
        let checkpoint = SignedCheckpoint::parse(note.as_bytes())
            .unwrap()
            .verify(&logs())
            .unwrap();
        let leaf = leaf_hash(&bytes(
            &bundle["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"],
        ));
        (checkpoint, leaf, hashes)
    };
    let (old, leaf_14, _) = proof("c25_blob_v31/key-rekor1.sigstore.json");
    let (new, leaf_15, path) = proof("c25_blob_v31/keyless-rekor1.sigstore.json");
    assert_eq!(
        (old.tree().size, new.tree().size, path[0]),
        (15, 16, leaf_14)
    );
    let mut consistency = vec![leaf_14, leaf_15];
    consistency.extend_from_slice(&path[1..]);
    let _proof = new.verify_growth(&old, &consistency).unwrap();
}

#[test]
fn signed_entry_timestamps_of_bundles_old_and_new() {
    let trusted: LogKeys = [key("rekor.pub")].into_iter().collect();
    let check = |promise: EntryPromise<'_>, set: &[u8]| {
        let proof = promise.verify(set, &trusted).unwrap();
        assert_eq!(proof.log_index(), promise.log_index);
        let later = EntryPromise {
            integrated_time: promise.integrated_time + 1,
            ..promise
        };
        assert!(matches!(
            later.verify(set, &trusted),
            Err(SetError::Signature { .. })
        ));
    };
    let mut checked = 0;
    for case in BUNDLES {
        let bundle = json(case);
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let Some(set) = entry["inclusionPromise"].get("signedEntryTimestamp") else {
            continue;
        };
        let promise = EntryPromise {
            body: &bytes(&entry["canonicalizedBody"]),
            integrated_time: i64::try_from(number(&entry["integratedTime"])).unwrap(),
            log_id: LogId::try_from(bytes(&entry["logId"]["keyId"]).as_slice()).unwrap(),
            log_index: number(&entry["logIndex"]),
        };
        check(promise, &bytes(set));
        checked += 1;
    }
    for case in OLD_BUNDLES {
        let bundle = json(case);
        let payload = &bundle["rekorBundle"]["Payload"];
        let promise = EntryPromise {
            body: &bytes(&payload["body"]),
            integrated_time: payload["integratedTime"].as_i64().unwrap(),
            log_id: LogId::parse_hex(payload["logID"].as_str().unwrap()).unwrap(),
            log_index: payload["logIndex"].as_u64().unwrap(),
        };
        check(
            promise,
            &bytes(&bundle["rekorBundle"]["SignedEntryTimestamp"]),
        );
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn embedded_scts_of_certificates() {
    let issuer = pem(&read("private-sigstore/fulcio-intermediate.crt.pem"));
    let trusted: LogKeys = [key("ctlog.pub")].into_iter().collect();
    let mut certificates: Vec<Vec<u8>> = BUNDLES
        .iter()
        .filter_map(|case| {
            let bundle = json(case);
            let certificate = &bundle["verificationMaterial"]["certificate"]["rawBytes"];
            certificate
                .as_str()
                .map(|text| STANDARD.decode(text).unwrap())
        })
        .collect();
    certificates.push(pem(&bytes(&json(OLD_BUNDLES[0])["cert"])));
    assert_eq!(certificates.len(), 5);
    for certificate in certificates {
        let list = embedded_sct_list(&certificate).unwrap().unwrap();
        let scts = Sct::parse_list(list).unwrap();
        let [sct] = scts.as_slice() else {
            panic!("one SCT");
        };
        assert_eq!(Sct::write_list(&scts).unwrap(), list);
        let entry = PrecertEntry::of_certificate(&certificate, &issuer).unwrap();
        let proof = sct
            .verify(SctEntry::Precertificate(&entry), &trusted)
            .unwrap();
        assert_eq!(proof.time().strftime("%Y-%m-%d").to_string(), "2026-11-20");
        let mut other = entry.clone();
        *other.tbs.last_mut().unwrap() ^= 1;
        assert!(matches!(
            sct.verify(SctEntry::Precertificate(&other), &trusted),
            Err(SctError::Signature { .. })
        ));
        let strangers: LogKeys = [Signer::p256().public()].into_iter().collect();
        assert!(matches!(
            sct.verify(SctEntry::Precertificate(&entry), &strangers),
            Err(SctError::UnknownLog { .. })
        ));
    }
}
