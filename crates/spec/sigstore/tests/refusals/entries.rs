//! Entries of a log that hold, but are not about this signature, envelope or key; and what is signed well but says
//! something else.

use std::collections::BTreeMap;

use pki::digest::Sha256;
use pki::signature::HashAlgorithm;
use serde_json::{Value, json};
use sigstore::bundle::{Content, MessageDigest, MessageSignature};
use sigstore::dsse::{Envelope, IN_TOTO};
use sigstore::entry::{EntryBody, EntrySignature, EntryVerifier};
use sigstore::legacy::LegacySignature;
use sigstore::statement::StatementError;
use sigstore::verify::{
    AcceptedSigner, Artifact, LogError, Refusal, VerifiedSigner, verify_bundle, verify_legacy,
};

use crate::authority::Pair;
use crate::common::{Found, TRUST, WAIVED, bundle, key, now, read, registry, strict};

const ATTESTED: &str = "cases/c24_blob_v25/att-new.bundle.json";

fn sha256(bytes: &[u8]) -> MessageDigest {
    let digest = Sha256::of(bytes).as_bytes().to_vec();
    MessageDigest::new(HashAlgorithm::Sha256, digest).unwrap()
}

/// What is said of the attestation, or of its signature as that of a message, with this body in its log entry: the
/// promise covers the entry's bytes, which stay as they are.
fn judged(body: EntryBody, as_message: bool) -> Result<(), LogError> {
    let key = key("cosign25");
    let mut bundle = bundle(ATTESTED);
    bundle.log_entries[0].body = body;
    if as_message {
        bundle.content = Content::Message(MessageSignature {
            digest: None,
            signature: bundle.content.signature().to_vec(),
        });
    }
    let blob = read("blobs/blob.txt");
    let policy = strict(AcceptedSigner::Key(&key));
    match verify_bundle(&bundle, &Artifact::Bytes(&blob), &TRUST, &policy, now()).result {
        Ok(_verified) => Ok(()),
        Err(Refusal::Log { error, .. }) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn every_kind_of_entry_is_about_the_payload() {
    let Content::Dsse(envelope) = bundle(ATTESTED).content else {
        panic!("an attestation");
    };
    let logged = EntrySignature {
        signature: envelope.signatures()[0].signature.clone(),
        verifier: EntryVerifier::PublicKey(key("cosign25").spki_der().to_vec()),
    };
    let once = vec![logged.clone()];
    let typed = |payload_type: &str, payload: &[u8]| EntryBody::IntotoV2 {
        payload_type: payload_type.to_owned(),
        payload_hash: Sha256::of(payload),
        signatures: once.clone(),
    };
    let of_payload = |payload: &[u8]| {
        [
            EntryBody::DsseV1 {
                envelope_hash: Sha256::of(b""),
                payload_hash: Sha256::of(payload),
                signatures: once.clone(),
            },
            EntryBody::DsseV2 {
                payload_hash: sha256(payload),
                signatures: once.clone(),
            },
            typed(IN_TOTO, payload),
        ]
    };
    let refused = |what| Err(LogError::OtherThan { what });
    for body in of_payload(envelope.payload()) {
        assert_eq!(judged(body.clone(), false), Ok(()), "{body:?}");
        let found = format!("{} {}", body.kind(), body.version());
        assert_eq!(judged(body, true), Err(LogError::Kind { found }));
    }
    for body in of_payload(b"other") {
        assert_eq!(judged(body.clone(), false), refused("payload"), "{body:?}");
    }
    let retyped = typed("application/json", envelope.payload());
    assert_eq!(judged(retyped, false), refused("payload"));
    let twice = EntryBody::DsseV2 {
        payload_hash: sha256(envelope.payload()),
        signatures: vec![logged.clone(); 2],
    };
    assert_eq!(judged(twice, false), refused("signature"));
    let unnamed = EntryBody::IntotoV1 {
        envelope_hash: Sha256::of(b""),
        payload_hash: None,
        verifier: logged.verifier.clone(),
    };
    let found = "intoto 0.0.1".to_owned();
    assert_eq!(judged(unnamed, true), Err(LogError::Kind { found }));

    let of_bytes = |bytes: &[u8], signature: &EntrySignature| {
        let (digest, signature) = (sha256(bytes), signature.clone());
        [
            EntryBody::HashedRekordV1 {
                digest: digest.clone(),
                signature: signature.clone(),
            },
            EntryBody::HashedRekordV2 { digest, signature },
        ]
    };
    for body in of_bytes(&envelope.signed_bytes(), &logged) {
        assert_eq!(judged(body, false), Ok(()));
    }
    // The payload alone is not what is signed.
    for body in of_bytes(envelope.payload(), &logged) {
        assert_eq!(judged(body, false), refused("artifact"));
    }
    let certified = EntrySignature {
        verifier: EntryVerifier::Certificate(Vec::new()),
        ..logged
    };
    for body in of_bytes(&envelope.signed_bytes(), &certified) {
        assert_eq!(judged(body, false), refused("key"));
    }
}

/// What is said of an envelope that the right key signed, for an artifact.
fn signed(payload_type: &str, payload: &[u8], artifact: &Artifact<'_>) -> Result<(), Refusal> {
    let signer = Pair::new();
    let unsigned = Envelope::new(payload_type.to_owned(), payload.to_vec(), vec![0]);
    let signature = signer.sign(&unsigned.signed_bytes());
    let mut bundle = bundle(ATTESTED);
    bundle.content = Content::Dsse(Envelope::new(
        payload_type.to_owned(),
        payload.to_vec(),
        signature,
    ));
    bundle.log_entries.clear();
    let key = signer.public();
    let mut policy = strict(AcceptedSigner::Key(&key));
    policy.log = WAIVED;
    verify_bundle(&bundle, artifact, &TRUST, &policy, now())
        .result
        .map(drop)
}

#[test]
fn statements() {
    let this = Artifact::Bytes(b"this");
    let of = |artifact: &Artifact<'_>, digests: Value| {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "t",
            "subject": [{ "digest": digests }], "predicate": {},
        });
        signed(IN_TOTO, statement.to_string().as_bytes(), artifact)
    };
    let about = |digests: Value| of(&this, digests);
    let right = Sha256::of(b"this").to_string();
    let wrong = Sha256::of(b"that").to_string();
    assert_eq!(about(json!({ "sha256": right, "md5": "00" })), Ok(()));
    assert_eq!(about(json!({ "sha256": right.to_uppercase() })), Ok(()));
    // Of what is known by one digest, another cannot be compared.
    let by_digest = Artifact::manifest(&Sha256::of(b"this"));
    let both = json!({ "sha256": right, "sha512": "00".repeat(64) });
    assert_eq!(of(&by_digest, both), Ok(()));
    // Two digests of one subject contradict each other, or none can be compared.
    let half = "00".repeat(64);
    for digests in [
        json!({ "sha256": wrong }),
        json!({ "sha256": right, "sha512": half }),
        json!({ "md5": "00" }),
        json!({}),
    ] {
        let refusal = about(digests.clone()).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::Artifact { expected, .. } if *expected == format!("sha256:{right}")),
            "{digests}: {refusal:?}"
        );
    }
    assert_eq!(
        signed("application/json", b"{}", &this),
        Err(Refusal::Statement(StatementError::PayloadType {
            found: "application/json".to_owned()
        }))
    );
    assert!(matches!(
        signed(IN_TOTO, b"{", &this),
        Err(Refusal::Statement(StatementError::Malformed { .. }))
    ));
}

/// In the older form there may be a certificate for the very key that is demanded, and for no other.
#[test]
fn keys_with_a_certificate() {
    let Some(Found::Legacy(mut legacy, image)) =
        registry("cases/c03_v25_keyless_gitlab/registry").pop()
    else {
        panic!("the older form");
    };
    let artifact = Artifact::manifest(&image);
    let own = legacy.certificate.as_ref().unwrap().key().clone();
    let judge = |legacy: &LegacySignature, key, log| {
        let mut policy = strict(AcceptedSigner::Key(key));
        policy.log = log;
        verify_legacy(legacy, &artifact, &TRUST, &policy, now()).result
    };
    let verified = judge(&legacy, &own, WAIVED).unwrap();
    assert!(matches!(verified.signer(), VerifiedSigner::Key(_)));
    let other = key("cosign25");
    assert_eq!(
        judge(&legacy, &other, WAIVED).unwrap_err(),
        Refusal::KeyExpected
    );
    // The log recorded the certificate.
    let required = sigstore::verify::Rule::Required;
    let error = LogError::OtherThan { what: "key" };
    assert_eq!(
        judge(&legacy, &own, required).unwrap_err(),
        Refusal::Log { index: 0, error }
    );

    // An envelope of two signatures says nothing about who signed.
    let signature = json!({ "sig": "AA==" });
    let two =
        json!({ "payloadType": IN_TOTO, "payload": "", "signatures": [signature, signature] });
    legacy.signature.clear();
    legacy.payload = two.to_string().into_bytes();
    assert_eq!(
        judge(&legacy, &own, WAIVED).unwrap_err(),
        Refusal::SignatureCount { found: 2 }
    );
}

/// What must be right in the signed content is looked at in the older form of a predicate, too.
#[test]
fn annotations_of_another_subject_do_not_count() {
    let signer = Pair::new();
    let digest = |bytes: &[u8]| json!({ "sha256": Sha256::of(bytes).to_string() });
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "t", "predicate": {},
        "subject": [
            { "digest": digest(b"that"), "annotations": { "a": "1" } },
            { "digest": digest(b"this"), "annotations": { "a": "2" } },
        ],
    });
    let payload = statement.to_string().into_bytes();
    let unsigned = Envelope::new(IN_TOTO.to_owned(), payload.clone(), vec![0]);
    let signature = signer.sign(&unsigned.signed_bytes());
    let mut bundle = bundle(ATTESTED);
    bundle.content = Content::Dsse(Envelope::new(IN_TOTO.to_owned(), payload, signature));
    let key = signer.public();
    let judge = |value: &str| {
        let demanded = BTreeMap::from([("a".to_owned(), value.to_owned())]);
        let mut policy = strict(AcceptedSigner::Key(&key));
        policy.log = WAIVED;
        policy.annotations = &demanded;
        verify_bundle(&bundle, &Artifact::Bytes(b"this"), &TRUST, &policy, now()).result
    };
    assert!(judge("2").is_ok());
    assert!(matches!(judge("1"), Err(Refusal::Annotation(_))));
}
