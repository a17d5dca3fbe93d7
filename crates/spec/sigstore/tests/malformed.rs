//! Malformed certificates, timestamps, log entries and words, a table each: every one gets its own refusal.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{GITLAB, TRUST, bundle, identity, key, now, read, strict};
use serde_json::{Value, json};
use sigstore::bundle::{Bundle, BundleError, Content, MessageSignature, SignerMaterial};
use sigstore::chain::AuthorityError;
use sigstore::entry::{BodyError, EntryBody, EntryError, LogEntry};
use sigstore::fulcio::{CertificateError, SigningCertificate, chain_from_pem};
use sigstore::legacy::{self, LegacyBlob, LegacyError, LegacySignature};
use sigstore::simple_signing::{SimpleSigning, SimpleSigningError};
use sigstore::timestamp::{SignedTimestamp, TimestampError};
use sigstore::trust::{
    LooseError, Selector, SelectorError, SigningConfig, SigningConfigError, certificate_authorities,
};
use sigstore::verify::{AcceptedSigner, Artifact, LogError, Refusal, TimestampRule, verify_bundle};

const KEYLESS: &str = "cases/c25_blob_v31/keyless-rekor2.sigstore.json";

/// The certificate of the keyless bundle.
fn leaf() -> Vec<u8> {
    match bundle(KEYLESS).signer {
        SignerMaterial::Certificate { leaf, .. } => leaf.der().to_vec(),
        SignerMaterial::PublicKey { .. } => panic!("keyless"),
    }
}

/// With a byte changed, so many bytes after the end of the first `marker`.
fn changed(der: &[u8], marker: &[u8], offset: isize, byte: u8) -> Vec<u8> {
    let mut places = der.windows(marker.len()).enumerate();
    let place = places.find(|(_, window)| *window == marker).unwrap().0;
    let mut der = der.to_vec();
    der[(place + marker.len()).strict_add_signed(offset)] = byte;
    der
}

/// DER of Fulcio's extension with this number, up to the number.
const FULCIO: [u8; 11] = [
    0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01,
];

fn fulcio(number: u8) -> Vec<u8> {
    [FULCIO.as_slice(), &[number]].concat()
}

#[test]
fn certificates() {
    let good = leaf();
    assert!(SigningCertificate::from_der(&good).is_ok());
    let refusal = |der: &[u8]| SigningCertificate::from_der(der).unwrap_err();

    for cut in 0..good.len() {
        assert_eq!(refusal(&good[..cut]), CertificateError::Malformed, "{cut}");
    }
    let longer = [good.as_slice(), b"\0"].concat();
    assert_eq!(refusal(&longer), CertificateError::Malformed);

    // The text of an extension is a UTF8String in the octets.
    assert!(matches!(
        refusal(&changed(&good, &fulcio(8), 2, 0x04)),
        CertificateError::Extension { .. }
    ));
    assert!(matches!(
        refusal(&changed(&good, &fulcio(8), 4, 0xff)),
        CertificateError::Extension { .. }
    ));
    // Two of a kind: the ninth becomes another eighth.
    assert!(matches!(
        refusal(&changed(&good, &fulcio(9), -1, 8)),
        CertificateError::Repeated { .. }
    ));
    // The point is on no curve that is served.
    let p256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01];
    assert!(matches!(
        refusal(&changed(&good, &p256, 0, 0x09)),
        CertificateError::Key(_)
    ));

    for text in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ] {
        assert_eq!(
            SigningCertificate::from_pem(text).unwrap_err(),
            CertificateError::Malformed,
            "{text}"
        );
    }
    // A chain is of certificates and nothing else.
    let pem = SigningCertificate::from_der(&good).unwrap().to_pem();
    let key = String::from_utf8(read("keys/cosign31.pub")).unwrap();
    assert_eq!(chain_from_pem(&pem), Ok(vec![good.clone()]));
    for text in [format!("{pem}{key}"), format!("{key}{pem}")] {
        assert_eq!(chain_from_pem(&text), Err(CertificateError::Malformed));
    }
    assert!(matches!(
        certificate_authorities("", &[b"0".to_vec()], sigstore::chain::Window::default()),
        Err(LooseError::Certificate { index: 0, .. })
    ));
    assert!(matches!(
        certificate_authorities("", &[], sigstore::chain::Window::default()),
        Err(LooseError::Authority(AuthorityError::Count { found: 0 }))
    ));
}

/// What is said of the bundle's timestamp when one is demanded.
fn judged(timestamp: Vec<u8>) -> Result<(), TimestampError> {
    let mut spoilt = bundle(KEYLESS);
    spoilt.timestamps = vec![timestamp];
    let identities = identity(GITLAB);
    let mut policy = strict(AcceptedSigner::Identities(&identities));
    policy.timestamp = TimestampRule::Required;
    let blob = read("blobs/blob.txt");
    let verdict = verify_bundle(&spoilt, &Artifact::Bytes(&blob), &TRUST, &policy, now());
    match verdict.result {
        Ok(_) => Ok(()),
        Err(Refusal::Timestamp { error, .. }) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn timestamps() {
    let good = bundle(KEYLESS).timestamps.remove(0);
    assert_eq!(judged(good.clone()), Ok(()));

    // A status without a token, and one with a status that it must not have.
    let denied = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02];
    assert_eq!(
        SignedTimestamp::from_der(&denied).unwrap_err(),
        TimestampError::Denied { status: 2 }
    );
    let status = [0x30, 0x03, 0x02, 0x01];
    assert_eq!(
        judged(changed(&good, &status, 0, 3)),
        Err(TimestampError::Denied { status: 3 })
    );
    let bare = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00];
    assert_eq!(
        SignedTimestamp::from_der(&bare).unwrap_err(),
        TimestampError::Malformed {
            what: "ContentInfo"
        }
    );

    // id-signedData and id-ct-TSTInfo are something else.
    let signed_data = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
    assert_eq!(
        judged(changed(&good, &signed_data, 0, 1)),
        Err(TimestampError::Malformed {
            what: "contentType"
        })
    );
    let tst_info = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01];
    assert_eq!(
        judged(changed(&good, &tst_info, 0, 5)),
        Err(TimestampError::Malformed {
            what: "eContentType"
        })
    );
    // The digest in the signed attributes is of another content.
    let message_digest = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
    assert_eq!(
        judged(changed(&good, &message_digest, 6, 0x5a)),
        Err(TimestampError::Attribute {
            attribute: "messageDigest"
        })
    );
    // So is the type of content that they name.
    let content_type = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
    assert_eq!(
        judged(changed(&good, &content_type, 14, 5)),
        Err(TimestampError::Attribute {
            attribute: "contentType"
        })
    );
    // ecdsa-with-SHA256 becomes what is not served.
    let ecdsa = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    assert_eq!(
        judged(changed(&good, &ecdsa, -1, 9)),
        Err(TimestampError::Unsupported { what: "signature" })
    );
    // The signature ends the structure.
    let mut spoilt = good.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    assert!(matches!(judged(spoilt), Err(TimestampError::Signature(_))));

    // The certificate authority does not stamp.
    let mut trust = TRUST.clone();
    trust.timestamp_authorities = trust.certificate_authorities.clone();
    let identities = identity(GITLAB);
    let mut policy = strict(AcceptedSigner::Identities(&identities));
    policy.timestamp = TimestampRule::Required;
    let blob = read("blobs/blob.txt");
    let good = bundle(KEYLESS);
    let verdict = verify_bundle(&good, &Artifact::Bytes(&blob), &trust, &policy, now());
    assert!(matches!(
        verdict.result.unwrap_err(),
        Refusal::Timestamp {
            error: TimestampError::UnknownSigner,
            ..
        }
    ));
}

fn entry_of(path: &str) -> Value {
    let json: Value = serde_json::from_slice(&read(path)).unwrap();
    json["verificationMaterial"]["tlogEntries"][0].clone()
}

fn body_of(path: &str) -> Value {
    let body = entry_of(path)["canonicalizedBody"].clone();
    serde_json::from_slice(&STANDARD.decode(body.as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn bodies_of_log_entries() {
    let refusal = |path: &str, at: &str, value: Value| {
        let mut json = body_of(path);
        assert!(EntryBody::parse(json.to_string().as_bytes()).is_ok());
        *json.pointer_mut(at).unwrap() = value;
        EntryBody::parse(json.to_string().as_bytes()).unwrap_err()
    };
    let v1 = "cases/c25_blob_v31/keyless-rekor1.sigstore.json";
    let certificate = "/spec/signature/publicKey/content";
    let empty = "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        refusal(v1, certificate, STANDARD.encode(empty).into()),
        BodyError::Certificate(CertificateError::Malformed)
    ));
    assert!(matches!(
        refusal(v1, certificate, "?".into()),
        BodyError::Encoding {
            member: "publicKey.content"
        }
    ));
    assert!(matches!(
        refusal(v1, certificate, "AAAA".into()),
        BodyError::Verifier | BodyError::Certificate(_)
    ));
    assert!(matches!(
        refusal(v1, "/spec/signature/content", "?".into()),
        BodyError::Encoding {
            member: "signature.content"
        }
    ));
    for (at, value) in [
        ("/spec/data/hash/algorithm", "md5"),
        ("/spec/data/hash/value", "00"),
        ("/spec/data/hash/value", "zz"),
    ] {
        assert!(
            matches!(refusal(v1, at, value.into()), BodyError::Digest { .. }),
            "{at}"
        );
    }
    for (at, value) in [
        ("/kind", "rpm"),
        ("/apiVersion", "0.0.3"),
        ("/apiVersion", ""),
    ] {
        assert!(
            matches!(refusal(v1, at, value.into()), BodyError::Unsupported { .. }),
            "{at}"
        );
    }
    let unknown = refusal(v1, "/spec/data", json!({ "hash": {}, "url": "x" }));
    assert!(matches!(unknown, BodyError::Malformed { .. }));

    let v2 = KEYLESS;
    let verifier = "/spec/hashedRekordV002/signature/verifier";
    let both = json!({
        "keyDetails": "", "publicKey": { "rawBytes": "" }, "x509Certificate": { "rawBytes": "" },
    });
    for neither_or_both in [json!({ "keyDetails": "" }), both] {
        assert_eq!(refusal(v2, verifier, neither_or_both), BodyError::Verifier);
    }
    let digest = "/spec/hashedRekordV002/data/digest";
    assert!(matches!(
        refusal(v2, digest, "AAAA".into()),
        BodyError::Digest { .. }
    ));

    let attested = "cases/c24_blob_v25/att-new.bundle.json";
    assert_eq!(
        refusal(attested, "/spec/signatures", json!([])),
        BodyError::SignatureCount { found: 0 }
    );
    let one = body_of(attested)["spec"]["signatures"][0].clone();
    assert_eq!(
        refusal(attested, "/spec/signatures", vec![one; 17].into()),
        BodyError::SignatureCount { found: 17 }
    );
}

#[test]
fn log_entries() {
    let refusal = |at: &str, value: Value| {
        let mut json = entry_of(KEYLESS);
        *json.pointer_mut(at).unwrap() = value;
        LogEntry::parse(json.to_string().as_bytes()).unwrap_err()
    };
    for (at, expected) in [
        ("/logId/keyId", "logId.keyId"),
        ("/inclusionProof/rootHash", "inclusionProof.rootHash"),
        ("/inclusionProof/hashes/0", "inclusionProof.hashes"),
    ] {
        assert!(
            matches!(
                refusal(at, "AAAA".into()),
                EntryError::Length { member, expected: 32, found: 3 } if member == expected
            ),
            "{at}"
        );
    }
    let mut json = entry_of("cases/c25_blob_v31/keyless-rekor1.sigstore.json");
    json["integratedTime"] = i64::MAX.to_string().into();
    assert_eq!(
        LogEntry::parse(json.to_string().as_bytes()).unwrap_err(),
        EntryError::Time { seconds: i64::MAX }
    );
    json["integratedTime"] = "-1".into();
    assert!(matches!(
        LogEntry::parse(json.to_string().as_bytes()).unwrap_err(),
        EntryError::Negative { found: -1, .. }
    ));

    // The very signature, which is recorded as that of an envelope, is presented as that of bytes.
    let mut mixed = bundle("cases/c24_blob_v25/att-new.bundle.json");
    mixed.content = Content::Message(MessageSignature {
        digest: None,
        signature: mixed.content.signature().to_vec(),
    });
    let key = key("cosign25");
    let policy = strict(AcceptedSigner::Key(&key));
    let blob = read("blobs/blob.txt");
    let verdict = verify_bundle(&mixed, &Artifact::Bytes(&blob), &TRUST, &policy, now());
    let refusal = verdict.result.unwrap_err();
    assert!(
        matches!(
            refusal,
            Refusal::Log {
                error: LogError::Kind { .. },
                ..
            }
        ),
        "{refusal:?}"
    );
}

#[test]
fn parts_of_bundles() {
    let refusal = |path: &str, at: &str, value: Value| {
        let mut json: Value = serde_json::from_slice(&read(path)).unwrap();
        *json.pointer_mut(at).unwrap() = value;
        Bundle::parse(json.to_string().as_bytes()).unwrap_err()
    };
    let attested = "cases/c25_blob_v31/att.sigstore.json";
    let Content::Dsse(envelope) = bundle(attested).content else {
        panic!("an attestation");
    };
    let signature = json!({ "sig": STANDARD.encode(&envelope.signatures()[0].signature) });
    assert_eq!(
        refusal(
            attested,
            "/dsseEnvelope/signatures",
            json!([signature, signature])
        ),
        BundleError::SignatureCount { found: 2 }
    );
    assert!(matches!(
        refusal(attested, "/dsseEnvelope/payloadType", "".into()),
        BundleError::Envelope(_)
    ));
    assert!(matches!(
        refusal(
            KEYLESS,
            "/verificationMaterial/certificate/rawBytes",
            "AAAA".into()
        ),
        BundleError::Certificate {
            index: 0,
            source: CertificateError::Malformed
        }
    ));
    for (at, value) in [
        ("/messageSignature/messageDigest/algorithm", "SHA3_256"),
        ("/messageSignature/messageDigest/digest", "AAAA"),
    ] {
        assert!(
            matches!(
                refusal(KEYLESS, at, value.into()),
                BundleError::UnsupportedDigest { .. }
            ),
            "{at}"
        );
    }
    assert_eq!(
        refusal(KEYLESS, "/messageSignature/signature", "".into()),
        BundleError::Missing {
            member: "messageSignature.signature"
        }
    );
    let entry = |path: &str, at: &str, value: Value| match refusal(path, at, value) {
        BundleError::LogEntry { index: 0, source } => source,
        other => panic!("{other:?}"),
    };
    let body = "/verificationMaterial/tlogEntries/0/canonicalizedBody";
    assert_eq!(
        entry(KEYLESS, body, "".into()),
        EntryError::Missing {
            member: "canonicalizedBody"
        }
    );
    // The first version has promises, of which a log of the second kind makes none.
    let first = "application/vnd.dev.sigstore.bundle+json;version=0.1";
    assert_eq!(
        entry(
            "cases/c25_blob_v31/key-rekor2.sigstore.json",
            "/mediaType",
            first.into()
        ),
        EntryError::Missing {
            member: "inclusionPromise"
        }
    );
    for value in [json!(7), json!("?"), json!([])] {
        assert!(
            matches!(
                refusal(KEYLESS, "/messageSignature/signature", value.clone()),
                BundleError::Malformed { .. }
            ),
            "{value}"
        );
    }
}

#[test]
fn the_older_form() {
    let read_with = |name: &str, text: &str| {
        let annotations = BTreeMap::from([
            (legacy::SIGNATURE.to_owned(), "c2ln".to_owned()),
            (name.to_owned(), text.to_owned()),
        ]);
        LegacySignature::from_annotations(b"{}", &annotations).unwrap_err()
    };
    assert_eq!(
        LegacySignature::from_annotations(b"{}", &BTreeMap::new()).unwrap_err(),
        LegacyError::NoSignature
    );
    let promise = json!({
        "SignedEntryTimestamp": "AA==",
        "Payload": { "body": STANDARD.encode("{}"), "integratedTime": 1, "logIndex": 1, "logID": "00" },
    });
    assert!(matches!(
        read_with(legacy::BUNDLE, &promise.to_string()),
        LegacyError::Body(BodyError::Malformed { .. })
    ));
    assert_eq!(
        LegacyBlob::parse(br#"{"base64Signature":""}"#).unwrap_err(),
        LegacyError::NoSignature
    );
    for (name, text) in [
        (legacy::SIGNATURE, "?"),
        (legacy::BUNDLE, "{}"),
        (legacy::TIMESTAMP, "AAAA"),
        (legacy::TIMESTAMP, r#"{"SignedRFC3161Timestamp":"?"}"#),
    ] {
        assert!(
            matches!(read_with(name, text), LegacyError::Malformed { annotation } if annotation == name),
            "{name} {text}"
        );
    }
    for name in [legacy::CERTIFICATE, legacy::CHAIN] {
        assert!(
            matches!(read_with(name, "x"), LegacyError::Certificate { annotation, .. } if annotation == name),
            "{name}"
        );
    }
}

#[test]
fn words_and_documents() {
    for (text, expected) in [
        (
            "ANY:1",
            SelectorError::Count {
                selector: "ANY",
                needed: false,
            },
        ),
        (
            "exact",
            SelectorError::Count {
                selector: "EXACT",
                needed: true,
            },
        ),
        (
            "EXACT:+1",
            SelectorError::Number {
                text: "+1".to_owned(),
            },
        ),
        (
            "SOME",
            SelectorError::Unknown {
                text: "SOME".to_owned(),
            },
        ),
    ] {
        assert_eq!(Selector::parse(text), Err(expected));
    }
    assert!(matches!(
        SigningConfig::parse(br#"{"mediaType":"application/json"}"#).unwrap_err(),
        SigningConfigError::UnknownMediaType { .. }
    ));
    for digest in [
        "",
        "sha256:00",
        "sha512:00",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    ] {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": "r" }, "image": { "docker-manifest-digest": digest },
                "type": "cosign container image signature",
            },
            "optional": null,
        });
        assert_eq!(
            SimpleSigning::parse(payload.to_string().as_bytes()).unwrap_err(),
            SimpleSigningError::Digest {
                found: digest.to_owned()
            }
        );
    }
}
