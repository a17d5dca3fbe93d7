//! One more than each limit is refused by name, and so is what is malformed in depth, twice or at random places.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{bundle, read};
use serde_json::{Value, json};
use sigstore::bundle::{Bundle, BundleError, SignerMaterial};
use sigstore::chain::{Authority, AuthorityError, Window};
use sigstore::dsse::{Envelope, EnvelopeError};
use sigstore::entry::{BodyError, EntryBody, EntryError, LogEntry};
use sigstore::fulcio::{CertificateError, SigningCertificate, chain_from_pem};
use sigstore::identity::Pattern;
use sigstore::legacy::{self, LegacyBlob, LegacyError, LegacySignature, LogPromise};
use sigstore::limits;
use sigstore::simple_signing::{SimpleSigning, SimpleSigningError};
use sigstore::statement::{Statement, StatementError};
use sigstore::timestamp::{SignedTimestamp, TimestampError};
use sigstore::trust::{SigningConfig, SigningConfigError, TrustError, TrustedRoot};

const KEYLESS: &str = "cases/c25_blob_v31/keyless-rekor2.sigstore.json";
const ATTESTED: &str = "cases/c25_blob_v31/att.sigstore.json";
const ROOT: &str = "private-sigstore/trusted_root.json";
const CONFIG: &str = "private-sigstore/sc_rekor2.json";

fn spoilt(path: &str, spoil: impl Fn(&mut Value)) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(&read(path)).unwrap();
    spoil(&mut json);
    json.to_string().into_bytes()
}

fn base64(length: usize) -> Value {
    STANDARD.encode(vec![1; length]).into()
}

/// What and limit of a refusal for too much.
fn of_bundle(spoil: impl Fn(&mut Value)) -> (&'static str, usize) {
    match Bundle::parse(&spoilt(KEYLESS, spoil)).unwrap_err() {
        BundleError::TooMany { what, limit, .. }
        | BundleError::LogEntry {
            source: EntryError::TooMany { what, limit, .. },
            ..
        } => (what, limit),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bundles() {
    let found = limits::BUNDLE_BYTES + 1;
    assert_eq!(
        Bundle::parse(&vec![b' '; found]).unwrap_err(),
        BundleError::TooMany {
            what: "bytes",
            found,
            limit: limits::BUNDLE_BYTES
        }
    );
    let timestamps = |json: &mut Value, list: Value| {
        json["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] = list;
    };
    let entry = |json: &mut Value, member: &str, value: Value| {
        json["verificationMaterial"]["tlogEntries"][0][member] = value;
    };
    let proof = |json: &mut Value, member: &str, value: Value| {
        json["verificationMaterial"]["tlogEntries"][0]["inclusionProof"][member] = value;
    };
    let refused = [
        of_bundle(|json| timestamps(json, vec![json!({}); limits::TIMESTAMPS + 1].into())),
        of_bundle(|json| {
            let large = json!({ "signedTimestamp": base64(limits::TIMESTAMP_BYTES + 1) });
            timestamps(json, vec![large].into());
        }),
        of_bundle(|json| {
            json["messageSignature"]["signature"] = base64(limits::SIGNATURE_BYTES + 1);
        }),
        of_bundle(|json| {
            let leaf = json["verificationMaterial"]["certificate"].take();
            json["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
            json["verificationMaterial"]["x509CertificateChain"]["certificates"] =
                vec![leaf; limits::CHAIN_CERTIFICATES + 1].into();
        }),
        of_bundle(|json| entry(json, "canonicalizedBody", base64(limits::ENTRY_BYTES + 1))),
        of_bundle(|json| {
            let large = json!({ "signedEntryTimestamp": base64(limits::SIGNATURE_BYTES + 1) });
            entry(json, "inclusionPromise", large);
        }),
        of_bundle(|json| {
            proof(
                json,
                "hashes",
                vec![base64(32); limits::PROOF_HASHES + 1].into(),
            );
        }),
        of_bundle(|json| {
            let large = json!({ "envelope": "a".repeat(limits::CHECKPOINT_BYTES + 1) });
            proof(json, "checkpoint", large);
        }),
    ];
    assert_eq!(
        refused,
        [
            ("timestamps", limits::TIMESTAMPS),
            ("bytes of a timestamp", limits::TIMESTAMP_BYTES),
            ("bytes of a signature", limits::SIGNATURE_BYTES),
            ("certificates", limits::CHAIN_CERTIFICATES),
            ("bytes of a body", limits::ENTRY_BYTES),
            ("bytes of a promise", limits::SIGNATURE_BYTES),
            ("hashes of a proof", limits::PROOF_HASHES),
            ("bytes of a checkpoint", limits::CHECKPOINT_BYTES),
        ]
    );
}

#[test]
fn envelopes_statements_and_payloads() {
    let too_many = |error: EnvelopeError| match error {
        EnvelopeError::TooMany { what, limit, .. } => (what, limit),
        other => panic!("{other:?}"),
    };
    let envelope = |signatures: Vec<Value>| {
        let json = json!({ "payloadType": "t", "payload": "", "signatures": signatures });
        too_many(Envelope::parse(json.to_string().as_bytes()).unwrap_err())
    };
    let many = vec![json!({ "sig": "AA==" }); limits::ENVELOPE_SIGNATURES + 1];
    assert_eq!(envelope(many), ("signatures", limits::ENVELOPE_SIGNATURES));
    assert_eq!(
        envelope(vec![json!({ "sig": base64(limits::SIGNATURE_BYTES + 1) })]),
        ("bytes of a signature", limits::SIGNATURE_BYTES)
    );
    let large = vec![b' '; limits::BUNDLE_BYTES + 1];
    assert_eq!(
        too_many(Envelope::parse(&large).unwrap_err()),
        ("bytes", limits::BUNDLE_BYTES)
    );

    let digests: BTreeMap<String, &str> = (0..=limits::SUBJECT_DIGESTS)
        .map(|number| (format!("sha{number}"), "00"))
        .collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "t",
        "subject": [{ "digest": digests }],
    });
    assert!(matches!(
        Statement::parse(statement.to_string().as_bytes()).unwrap_err(),
        StatementError::TooMany {
            what: "digests",
            limit: limits::SUBJECT_DIGESTS,
            ..
        }
    ));
    let found = limits::SIMPLE_SIGNING_BYTES + 1;
    assert_eq!(
        SimpleSigning::parse(&vec![b' '; found]).unwrap_err(),
        SimpleSigningError::TooLarge { found }
    );
}

#[test]
fn log_entries_alone() {
    let found = limits::ENTRY_BYTES + 1;
    assert_eq!(
        LogEntry::parse(&vec![b' '; found]).unwrap_err(),
        EntryError::TooMany {
            what: "bytes",
            found,
            limit: limits::ENTRY_BYTES
        }
    );
    let found = 2 * limits::ENTRY_BYTES + 1;
    let text = " ".repeat(found);
    assert_eq!(
        LogPromise::parse(&text).unwrap_err(),
        LegacyError::TooLarge {
            annotation: legacy::BUNDLE,
            found
        }
    );
}

#[test]
fn certificates_and_chains() {
    let found = limits::CERTIFICATE_BYTES + 1;
    let large = vec![0x30; found];
    assert_eq!(
        SigningCertificate::from_der(&large).unwrap_err(),
        CertificateError::TooLarge { found }
    );
    assert_eq!(
        Authority::new(String::new(), vec![large], Window::default()).unwrap_err(),
        AuthorityError::Certificate {
            index: 0,
            source: CertificateError::TooLarge { found }
        }
    );
    let SignerMaterial::Certificate { leaf, .. } = bundle(KEYLESS).signer else {
        panic!("keyless");
    };
    let chain = leaf.to_pem().repeat(limits::CHAIN_CERTIFICATES);
    assert_eq!(chain_from_pem(&chain).unwrap().len(), 10);
    let chain = leaf.to_pem().repeat(limits::CHAIN_CERTIFICATES + 1);
    assert_eq!(
        chain_from_pem(&chain).unwrap_err(),
        CertificateError::TooMany { found: 11 }
    );
    let found = limits::CHAIN_CERTIFICATES + 1;
    let chain = vec![leaf.der().to_vec(); found];
    assert_eq!(
        Authority::new(String::new(), chain, Window::default()).unwrap_err(),
        AuthorityError::Count { found }
    );
    let found = 2 * limits::CHAIN_CERTIFICATES * limits::CERTIFICATE_BYTES + 1;
    assert_eq!(
        chain_from_pem(&"\n".repeat(found)).unwrap_err(),
        CertificateError::TooLarge { found }
    );
}

#[test]
fn the_older_form() {
    let annotations = |name: &str, text: String| {
        BTreeMap::from([
            (legacy::SIGNATURE.to_owned(), "c2ln".to_owned()),
            (name.to_owned(), text),
        ])
    };
    for (name, limit) in [
        (legacy::SIGNATURE, limits::SIGNATURE_BYTES),
        (legacy::BUNDLE, limits::ENTRY_BYTES),
        (legacy::TIMESTAMP, limits::TIMESTAMP_BYTES),
    ] {
        let large = annotations(name, "A".repeat(2 * limit + 4));
        let error = LegacySignature::from_annotations(b"{}", &large).unwrap_err();
        assert!(
            matches!(error, LegacyError::TooLarge { annotation, .. } if annotation == name),
            "{name}: {error:?}"
        );
    }
    let many = bundle(KEYLESS).signer;
    let SignerMaterial::Certificate { leaf, .. } = many else {
        panic!("keyless");
    };
    let chain = annotations(legacy::CHAIN, leaf.to_pem().repeat(11));
    assert_eq!(
        LegacySignature::from_annotations(b"{}", &chain).unwrap_err(),
        LegacyError::Certificate {
            annotation: legacy::CHAIN,
            source: CertificateError::TooMany { found: 11 }
        }
    );
    let blob = json!({ "base64Signature": base64(2 * limits::SIGNATURE_BYTES) });
    assert!(matches!(
        LegacyBlob::parse(blob.to_string().as_bytes()).unwrap_err(),
        LegacyError::TooLarge { .. }
    ));
    let large = vec![b' '; 2 * limits::BUNDLE_BYTES + 4 * limits::ENTRY_BYTES + 1];
    assert!(matches!(
        LegacySignature::from_attestation_bundle(&large).unwrap_err(),
        LegacyError::TooLarge { .. }
    ));
}

#[test]
fn timestamps() {
    let large = vec![0x30; limits::TIMESTAMP_BYTES + 1];
    assert_eq!(
        SignedTimestamp::from_der(&large).unwrap_err(),
        TimestampError::Malformed { what: "length" }
    );
    let good = bundle(KEYLESS).timestamps.remove(0);
    for cut in 0..good.len() {
        assert!(
            SignedTimestamp::from_der(&good[..cut]).is_err(),
            "cut at {cut}"
        );
    }
}

#[test]
fn documents_of_trust_and_patterns() {
    let found = limits::TRUST_BYTES + 1;
    let large = vec![b' '; found];
    let (what, limit) = ("bytes", limits::TRUST_BYTES);
    assert_eq!(
        TrustedRoot::parse(&large).unwrap_err(),
        TrustError::TooMany { what, found, limit }
    );
    assert_eq!(
        SigningConfig::parse(&large).unwrap_err(),
        SigningConfigError::TooMany { what, found, limit }
    );
    for list in ["certificateAuthorities", "timestampAuthorities", "tlogs"] {
        let many = spoilt(ROOT, |json| {
            json[list] = vec![json[list][0].clone(); limits::INSTANCES + 1].into();
        });
        assert!(
            matches!(TrustedRoot::parse(&many), Err(TrustError::TooMany { what, .. }) if what == list),
            "{list}"
        );
    }
    for list in ["caUrls", "oidcUrls", "rekorTlogUrls", "tsaUrls"] {
        let many = spoilt(CONFIG, |json| {
            json[list] = vec![json[list][0].clone(); limits::INSTANCES + 1].into();
        });
        assert!(
            matches!(SigningConfig::parse(&many), Err(SigningConfigError::TooMany { what, .. }) if what == list),
            "{list}"
        );
    }
    assert!(Pattern::new(&"a".repeat(limits::PATTERN_BYTES + 1)).is_err());
}

/// A parser, and what it says: nothing, or whether it is that the text is malformed.
type Said = (&'static str, Option<bool>);

fn said<T, E>(
    parser: &'static str,
    result: Result<T, E>,
    is_malformed: impl FnOnce(&E) -> bool,
) -> Said {
    (parser, result.err().as_ref().map(is_malformed))
}

/// What each parser says of some JSON.
fn verdicts(json: &str) -> [Said; 9] {
    let bytes = json.as_bytes();
    let annotation = BTreeMap::from([
        (legacy::SIGNATURE.to_owned(), "c2ln".to_owned()),
        (legacy::BUNDLE.to_owned(), json.to_owned()),
    ]);
    [
        said("bundle", Bundle::parse(bytes), |error| {
            matches!(error, BundleError::Malformed { .. })
        }),
        said("envelope", Envelope::parse(bytes), |error| {
            matches!(error, EnvelopeError::Malformed { .. })
        }),
        said("statement", Statement::parse(bytes), |error| {
            matches!(error, StatementError::Malformed { .. })
        }),
        said("payload", SimpleSigning::parse(bytes), |error| {
            matches!(error, SimpleSigningError::Malformed { .. })
        }),
        said("body", EntryBody::parse(bytes), |error| {
            matches!(error, BodyError::Malformed { .. })
        }),
        said("entry", LogEntry::parse(bytes), |error| {
            matches!(error, EntryError::Body(BodyError::Malformed { .. }))
        }),
        said(
            "promise",
            LegacySignature::from_annotations(b"{}", &annotation),
            |error| matches!(error, LegacyError::Malformed { .. }),
        ),
        said("root", TrustedRoot::parse(bytes), |error| {
            matches!(error, TrustError::Malformed { .. })
        }),
        said("configuration", SigningConfig::parse(bytes), |error| {
            matches!(error, SigningConfigError::Malformed { .. })
        }),
    ]
}

/// Every parser with a good document for it.
fn good_documents() -> [(&'static str, String); 9] {
    let text = |path: &str| String::from_utf8(read(path)).unwrap();
    let attested: Value = serde_json::from_str(&text(ATTESTED)).unwrap();
    let envelope = &attested["dsseEnvelope"];
    let decoded = |value: &Value| {
        String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap()
    };
    let entry = &attested["verificationMaterial"]["tlogEntries"][0];
    let payload = SimpleSigning::new(
        "registry.test/app",
        &pki::digest::Sha256::of(b""),
        &BTreeMap::new(),
    );
    let older: Value =
        serde_json::from_str(&text("cases/c24_blob_v25/old-keyless.bundle.json")).unwrap();
    [
        ("bundle", text(ATTESTED)),
        ("envelope", envelope.to_string()),
        ("statement", decoded(&envelope["payload"])),
        (
            "payload",
            String::from_utf8(payload.raw().to_vec()).unwrap(),
        ),
        ("body", decoded(&entry["canonicalizedBody"])),
        ("entry", entry.to_string()),
        ("promise", older["rekorBundle"].to_string()),
        ("root", text(ROOT)),
        ("configuration", text(CONFIG)),
    ]
}

fn verdict(parser: &str, json: &str) -> Option<bool> {
    let found = verdicts(json).into_iter().find(|(name, _)| *name == parser);
    found.unwrap().1
}

#[test]
fn depth_is_no_way_to_exhaust_the_stack() {
    let deep = |open: &str, close: &str| open.repeat(200_000) + &close.repeat(200_000);
    for json in [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        "[".repeat(1_000_000),
        format!("{{\"mediaType\":{}", deep("[", "]")),
    ] {
        for (parser, malformed) in verdicts(&json) {
            assert!(malformed.is_some(), "{parser} took it");
        }
    }
    // In a member that nobody reads it is passed over, or refused as the rest; it is never followed.
    for (parser, good) in good_documents() {
        let padded = good
            .trim_start()
            .replacen('{', &format!("{{\"deep\":{},", deep("[", "]")), 1);
        assert!(
            matches!(verdict(parser, &padded), None | Some(true)),
            "{parser}"
        );
    }
}

/// Two parsers must not read two documents in one: a member that is known and there twice is malformed.
#[test]
fn no_member_is_there_twice() {
    for (parser, good) in good_documents() {
        assert_eq!(verdict(parser, &good), None, "{parser}");
        let members: serde_json::Map<String, Value> = serde_json::from_str(&good).unwrap();
        for (name, value) in &members {
            let name = Value::from(name.as_str());
            let twice = good
                .trim_start()
                .replacen('{', &format!("{{{name}:{value},"), 1);
            assert_eq!(verdict(parser, &twice), Some(true), "{parser}, {name}");
        }
    }
}
