//! Rekor's answers, right and wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyless::rekor::{Content, Log, LogVersion, Proposal, RekorV1, RekorV2, Verifier};
use keyless::{Error, Fault, Service};
use pki::digest::Sha256;
use pki::signature::{HashAlgorithm, VerifyingKey};
use pki::signing::{KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use sigstore::bundle::MessageDigest;
use sigstore::dsse::Envelope;
use sigstore::entry::{EntryError, LogEntry};
use testkit::sigstack::Sigstore;

use crate::support::{Reply, Server, assert_too_large, http, reply};

/// A signature that can be recorded in several ways.
struct Signed {
    key: VerifyingKey,
    digest: MessageDigest,
    signature: Vec<u8>,
    envelope: Envelope,
    json: String,
}

impl Signed {
    fn new(what: &str, key: &SigningKey) -> Self {
        let public = key.verifying_key();
        let sign = |bytes: &[u8]| key.sign_with(public.default_scheme(), bytes).unwrap();
        let payload = format!(r#"{{"what":"{what}"}}"#).into_bytes();
        let encoded = sigstore::dsse::pre_authentication_encoding("text", &payload);
        let envelope = Envelope::new("text".to_owned(), payload, sign(&encoded));
        let digest = Sha256::of(what.as_bytes()).as_bytes().to_vec();
        Self {
            digest: MessageDigest::new(HashAlgorithm::Sha256, digest).unwrap(),
            signature: sign(what.as_bytes()),
            json: envelope.to_json(),
            key: public,
            envelope,
        }
    }

    fn hashed(&self) -> Proposal<'_> {
        self.with(Content::HashedRekord {
            digest: &self.digest,
            signature: &self.signature,
        })
    }

    fn dsse(&self) -> Proposal<'_> {
        self.with(Content::Dsse {
            envelope: &self.envelope,
            json: &self.json,
        })
    }

    fn intoto(&self) -> Proposal<'_> {
        self.with(Content::Intoto {
            envelope: &self.envelope,
            json: &self.json,
        })
    }

    fn whole(&self) -> Proposal<'_> {
        self.with(Content::IntotoV1 {
            envelope: &self.envelope,
            json: &self.json,
        })
    }

    fn with<'a>(&'a self, content: Content<'a>) -> Proposal<'a> {
        Proposal {
            verifier: Verifier::PublicKey(&self.key),
            content,
        }
    }
}

fn p256() -> SigningKey {
    SigningKey::generate_ecdsa_p256().unwrap()
}

/// The body that a log makes of a signature over an artifact.
fn body(signed: &Signed) -> Value {
    json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": { "hash": { "algorithm": "sha256", "value": hex::encode(signed.digest.bytes()) } },
        "signature": {
            "content": STANDARD.encode(&signed.signature),
            "publicKey": { "content": STANDARD.encode(signed.key.to_pem()) },
        },
    } })
}

/// An entry of version 1 as a log answers with it, changed by `change`.
fn entry(body: &Value, change: impl Fn(&mut Value)) -> String {
    let bytes = body.to_string().into_bytes();
    let id = format!("00000000000000aa{}", tlog::hash::leaf_hash(&bytes));
    let mut entry = json!({
        "body": STANDARD.encode(&bytes), "integratedTime": 1_795_212_507, "logID": "ab".repeat(32),
        "logIndex": 7,
        "verification": {
            "inclusionProof": {
                "checkpoint": "origin\n1\nroot\n", "hashes": ["cd".repeat(32)], "logIndex": 3,
                "rootHash": "ef".repeat(32), "treeSize": 4,
            },
            "signedEntryTimestamp": STANDARD.encode(b"promise"),
        },
    });
    change(&mut entry);
    json!({ id: entry }).to_string()
}

async fn record(proposal: &Proposal<'_>, reply: Reply) -> Result<LogEntry, Error> {
    let server = Server::saying(reply).await;
    let log = Log::new(http(), &server.url, LogVersion::V1).unwrap();
    log.record(proposal).await
}

fn fault<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Fault {
    match outcome {
        Err(Error::Answer {
            service: Service::TransparencyLog,
            fault,
            ..
        }) => fault,
        other => panic!("{other:?}"),
    }
}

fn other(part: &'static str) -> Fault {
    Fault::OtherEntry { part }
}

#[tokio::test]
async fn an_entry_is_taken_as_it_is() {
    let signed = Signed::new("a", &p256());
    let reply = reply(201, entry(&body(&signed), |_| ()));
    let entry = record(&signed.hashed(), reply).await.unwrap();
    assert_eq!(
        entry.canonicalized_body,
        body(&signed).to_string().into_bytes()
    );
    assert_eq!((entry.log_index, entry.log_id), (7, [0xab; 32]));
    assert_eq!(entry.promise.as_deref(), Some(b"promise".as_slice()));
    assert_eq!(entry.integrated_time.unwrap().as_second(), 1_795_212_507);
    let proof = entry.proof.unwrap();
    assert_eq!((proof.log_index, proof.tree_size), (3, 4));
    assert_eq!(
        (proof.root_hash, proof.hashes),
        ([0xef; 32], vec![[0xcd; 32]])
    );
    assert_eq!(proof.checkpoint.as_deref(), Some("origin\n1\nroot\n"));
}

#[tokio::test]
async fn an_entry_about_something_else_is_refused() {
    let key = p256();
    let signed = Signed::new("a", &key);
    let said = |what: &Signed| reply(201, entry(&body(what), |_| ()));
    let mut digest = Signed::new("b", &key);
    digest.signature.clone_from(&signed.signature);
    let mut signature = Signed::new("a", &key);
    signature.digest = signed.digest.clone();
    signature.signature = vec![9; 70];
    let mut verifier = Signed::new("a", &p256());
    verifier.signature.clone_from(&signed.signature);
    for (what, part) in [
        (&digest, "digest"),
        (&signature, "signature"),
        (&verifier, "verifier"),
    ] {
        let found = fault(record(&signed.hashed(), said(what)).await);
        assert_eq!(found, other(part));
    }
    let found = fault(record(&signed.dsse(), said(&signed)).await);
    assert_eq!(found, other("kind"));
    // The name is the hash of the body, and this one is not.
    let lying = entry(&body(&signed), |entry| {
        entry["body"] = STANDARD.encode(body(&digest).to_string()).into();
    });
    let found = fault(record(&signed.hashed(), reply(201, lying)).await);
    assert_eq!(found, other("body"));
}

#[tokio::test]
async fn an_entry_about_another_envelope_is_refused() {
    let sigstore = Sigstore::start();
    let log = RekorV1::new(http(), sigstore.rekor_url()).unwrap();
    let key = p256();
    let (ours, theirs) = (Signed::new("a", &key), Signed::new("b", &key));
    let of_theirs = log.record(&theirs.dsse()).await.unwrap().entry.body;
    assert_eq!(theirs.dsse().check(&of_theirs), Ok(()));
    assert_eq!(ours.dsse().check(&of_theirs), Err(other("payload")));
    let mut spaced = Signed::new("b", &key);
    spaced.envelope = theirs.envelope.clone();
    spaced.json = format!("{} ", theirs.json);
    assert_eq!(spaced.dsse().check(&of_theirs), Err(other("envelope")));
    let of_theirs = log.record(&theirs.whole()).await.unwrap().entry.body;
    assert_eq!(theirs.whole().check(&of_theirs), Ok(()));
    assert_eq!(ours.whole().check(&of_theirs), Err(other("payload")));
    assert_eq!(spaced.whole().check(&of_theirs), Err(other("envelope")));
    let of_another = Signed::new("b", &p256());
    let mut taken = Signed::new("b", &key);
    taken.key = of_another.key;
    taken.json.clone_from(&theirs.json);
    taken.envelope = theirs.envelope.clone();
    assert_eq!(taken.whole().check(&of_theirs), Err(other("verifier")));
    assert_eq!(log.find(&theirs.whole()).await.unwrap().len(), 1);
    assert_eq!(log.find(&ours.whole()).await.unwrap(), []);
    let of_theirs = log.record(&theirs.intoto()).await.unwrap().entry.body;
    assert_eq!(theirs.intoto().check(&of_theirs), Ok(()));
    assert_eq!(ours.intoto().check(&of_theirs), Err(other("payload")));
    let retyped = Envelope::new(
        "json".to_owned(),
        theirs.envelope.payload().to_vec(),
        theirs.envelope.signatures()[0].signature.clone(),
    );
    let retyped = theirs.with(Content::Intoto {
        envelope: &retyped,
        json: &theirs.json,
    });
    assert_eq!(retyped.check(&of_theirs), Err(other("payload type")));
}

#[tokio::test]
async fn what_is_no_entry_is_refused() {
    let signed = Signed::new("a", &p256());
    let right = body(&signed);
    let hash = |member| {
        Fault::Entry(EntryError::Length {
            member,
            expected: 32,
            found: 1,
        })
    };
    let negative = |member| Fault::Entry(EntryError::Negative { member, found: -1 });
    type Change = fn(&mut Value);
    let cases: [(Change, Fault); 8] = [
        (|e| e["body"] = "!".into(), Fault::Base64 { member: "body" }),
        (|e| e["logID"] = "ab".into(), hash("logID")),
        (
            |e| e["verification"]["inclusionProof"]["rootHash"] = "ab".into(),
            hash("inclusionProof.rootHash"),
        ),
        (|e| e["logIndex"] = (-1).into(), negative("logIndex")),
        (
            |e| e["integratedTime"] = (-1).into(),
            negative("integratedTime"),
        ),
        (
            |e| e["integratedTime"] = i64::MAX.into(),
            Fault::Entry(EntryError::Time { seconds: i64::MAX }),
        ),
        (
            |e| e["verification"] = Value::Null,
            Fault::Missing {
                member: "verification",
            },
        ),
        (
            |e| {
                e["verification"]["inclusionProof"]["hashes"] = vec!["cd".repeat(32); 65].into();
            },
            Fault::Entry(EntryError::TooMany {
                what: "hashes of a proof",
                found: 65,
                limit: 64,
            }),
        ),
    ];
    for (change, expected) in cases {
        let found = fault(record(&signed.hashed(), reply(201, entry(&right, change))).await);
        assert_eq!(found, expected);
    }
    let whole: Value = serde_json::from_str(&entry(&right, |_| ())).unwrap();
    let (id, value) = whole.as_object().unwrap().iter().next().unwrap();
    let two = json!({ id.clone(): value, "b": value }).to_string();
    let uuid = json!({ "../../x": value }).to_string();
    for (body, expected) in [
        ("{}", Fault::EntryCount { found: 0 }),
        (two.as_str(), Fault::EntryCount { found: 2 }),
        (
            uuid.as_str(),
            Fault::Uuid {
                found: "../../x".to_owned(),
            },
        ),
    ] {
        assert_eq!(
            fault(record(&signed.hashed(), reply(201, body)).await),
            expected
        );
    }
    for text in ["[]", "", "{\"a\":1}"] {
        let found = fault(record(&signed.hashed(), reply(201, text)).await);
        assert!(matches!(found, Fault::Json { .. }), "{text}: {found:?}");
    }
}

#[tokio::test]
async fn the_existing_entry_is_fetched_from_the_log_itself() {
    let signed = Signed::new("a", &p256());
    let found = entry(&body(&signed), |_| ());
    let id = found[2..82].to_owned();
    // Wherever the log says that it is.
    for place in ["", "/prefix", "https://elsewhere.example"] {
        let location = format!("{place}/api/v1/log/entries/{id}");
        let (said, found) = (location.clone(), found.clone());
        let server = Server::start(move |seen| match seen.method.as_str() {
            "POST" => reply(409, r#"{"code":409}"#).header("location", said.clone()),
            _ => reply(200, found.clone()),
        })
        .await;
        let log = RekorV1::new(http(), &server.url).unwrap();
        let recorded = log.record(&signed.hashed()).await.unwrap();
        assert_eq!(recorded.id.as_str(), id);
        assert_eq!(
            server.lines(),
            [
                "POST /api/v1/log/entries".to_owned(),
                format!("GET /api/v1/log/entries/{id}")
            ],
            "{location}"
        );
        // Somebody else's entry does not become ours.
        let other_signed = Signed::new("b", &p256());
        let outcome = log.record(&other_signed.hashed()).await;
        assert_eq!(fault(outcome), other("digest"));
    }
    let without = fault(record(&signed.hashed(), reply(409, "")).await);
    assert_eq!(without, Fault::Location);
    let strange = reply(409, "").header("location", "/api/v1/log/entries/../x");
    let strange = fault(record(&signed.hashed(), strange).await);
    assert!(matches!(strange, Fault::Uuid { .. }), "{strange:?}");
    // Another entry under that name.
    let another = format!("{}{}", "0".repeat(16), "1".repeat(64));
    let location = format!("/api/v1/log/entries/{another}");
    let server = Server::start(move |seen| match seen.method.as_str() {
        "POST" => reply(409, "").header("location", location.clone()),
        _ => reply(200, found.clone()),
    })
    .await;
    let log = RekorV1::new(http(), &server.url).unwrap();
    assert_eq!(fault(log.record(&signed.hashed()).await), other("name"));
    assert_eq!(fault(log.entry_at(8).await), other("index"));
    assert_eq!(log.entry_at(7).await.unwrap().id.as_str(), id);
}

#[tokio::test]
async fn the_second_interface_takes_its_own_kinds() {
    let sigstore = Sigstore::start();
    let log = RekorV2::new(http(), sigstore.rekor_v2_url()).unwrap();
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa2048] {
        let signed = Signed::new("a", &SigningKey::generate(algorithm).unwrap());
        for proposal in [signed.hashed(), signed.dsse()] {
            let entry = log.record(&proposal).await.unwrap();
            assert_eq!(entry.body.kind(), "hashedrekord");
        }
    }
    let p384 = SigningKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
    let p384 = Signed::new("a", &p384);
    // Of the envelope we can hash with the key's own; of the artifact we have another digest.
    assert!(log.record(&p384.dsse()).await.is_ok());
    let unsupported = async |log: &RekorV2, proposal: Proposal<'_>| {
        let before = sigstore.calls().len();
        let outcome = log.record(&proposal).await;
        let Err(Error::Unsupported { what, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(sigstore.calls().len(), before, "nobody was asked");
        what
    };
    let what = unsupported(&log, p384.hashed()).await;
    assert_eq!(what, "hash other than the key's own");
    let pure = Signed::new("a", &SigningKey::generate_ed25519().unwrap());
    for proposal in [pure.hashed(), pure.dsse()] {
        let what = unsupported(&log, proposal).await;
        assert_eq!(what, "pure Ed25519 signature over a digest");
    }
    assert_eq!(
        unsupported(&log, p384.intoto()).await,
        "entry of kind intoto"
    );
}

#[tokio::test]
async fn a_log_that_refuses_is_quoted() {
    let signed = Signed::new("a", &p256());
    for version in [LogVersion::V1, LogVersion::V2] {
        for status in [400, 405, 422] {
            let server = Server::saying(reply(
                status,
                format!(r#"{{"code":{status},"message":"no {status}"}}"#),
            ))
            .await;
            let log = Log::new(http(), &server.url, version).unwrap();
            let outcome = log.record(&signed.hashed()).await;
            let Err(Error::Refused {
                status: found,
                message,
                ..
            }) = outcome
            else {
                panic!("{outcome:?}");
            };
            assert_eq!(found, status);
            assert_eq!(message, Some(format!("no {status}")));
        }
        let server = Server::saying(reply(201, vec![b' '; 5 << 20])).await;
        let log = Log::new(http(), &server.url, version).unwrap();
        let outcome = log.record(&signed.hashed()).await;
        assert_too_large(&outcome);
    }
    // The second interface gives no way to the entry that is there.
    let server = Server::saying(reply(409, r#"{"message":"equivalent"}"#)).await;
    let log = RekorV2::new(http(), &server.url).unwrap();
    let outcome = log.record(&signed.hashed()).await;
    assert!(
        matches!(&outcome, Err(Error::Refused { status: 409, .. })),
        "{outcome:?}"
    );
}
