//! From a token to a bundle that our own verification accepts.

use std::collections::BTreeMap;

use keyless::certified::{CertifiedKey, certify};
use keyless::fulcio::{Api, Fulcio};
use keyless::rekor::{Content, Proposal, RekorV1, Verifier};
use keyless::services::Services;
use keyless::token::{AUDIENCE, Ambient, Environment, Origin, Provider, TokenRequest};
use pki::digest::Sha256;
use pki::signature::{HashAlgorithm, Scheme};
use sigstore::bundle::{
    Bundle, BundleVersion, Content as Signed, MessageDigest, MessageSignature, SignerMaterial,
};
use sigstore::dsse::{Envelope, pre_authentication_encoding};
use sigstore::identity::{IdentityPolicy, TextRule};
use sigstore::trust::{SigningConfig, TrustedRoot};
use sigstore::verify::{
    AcceptedSigner, Artifact, LogError, Policy, Refusal, Rule, TimestampRule, VerifiedSignature,
    verify_bundle,
};
use testkit::sigstack::{LogVersion, Sigstore};

use crate::support::{certified, gitlab, http, now, token};

const ARTIFACT: &[u8] = b"what is signed";
const SHA256: Scheme = Scheme::Ecdsa(HashAlgorithm::Sha256);

fn digest() -> MessageDigest {
    let digest = Sha256::of(ARTIFACT).as_bytes().to_vec();
    MessageDigest::new(HashAlgorithm::Sha256, digest).unwrap()
}

fn statement() -> Vec<u8> {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"a","digest":{{"sha256":"{}"}}}}],"predicateType":"https://example.com/p","predicate":{{}}}}"#,
        Sha256::of(ARTIFACT)
    )
    .into_bytes()
}

fn envelope(certified: &CertifiedKey) -> Envelope {
    let kind = sigstore::dsse::IN_TOTO;
    let encoded = pre_authentication_encoding(kind, &statement());
    let signature = certified.key.sign_with(SHA256, &encoded).unwrap();
    Envelope::new(kind.to_owned(), statement(), signature)
}

fn verify(sigstore: &Sigstore, bundle: &Bundle) -> Result<VerifiedSignature, Refusal> {
    // What others would read.
    let bundle = Bundle::parse(bundle.to_json().as_bytes()).unwrap();
    let trust = TrustedRoot::parse(&std::fs::read(sigstore.trusted_root()).unwrap()).unwrap();
    let identity = IdentityPolicy::new(
        TextRule::Exact("https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main".to_owned()),
        TextRule::Exact("https://gitlab.com".to_owned()),
    );
    let policy = Policy {
        signer: AcceptedSigner::Identities(&[identity]),
        log: Rule::Required,
        sct: Rule::Required,
        timestamp: TimestampRule::Required,
        predicate_type: None,
        annotations: &BTreeMap::new(),
    };
    verify_bundle(&bundle, &Artifact::Bytes(ARTIFACT), &trust, &policy, now()).result
}

/// The services that the signing configuration names, with everything that they are asked for.
async fn sign(sigstore: &Sigstore, log: LogVersion, envelope_too: bool) -> Bundle {
    let config = std::fs::read(sigstore.signing_config(log)).unwrap();
    let config = SigningConfig::parse(&config).unwrap();
    let services = Services::from_config(&config, now()).unwrap();
    let variables = |name: &str| (name == "SIGSTORE_ID_TOKEN").then(|| sigstore.token(&gitlab()));
    let environment = Environment::new(&variables);
    let request = TokenRequest {
        given: None,
        ambient: Ambient::Any,
        audience: AUDIENCE,
    };
    let found = keyless::token::identity_token(&http(), &environment, request, now()).await;
    let (token, origin) = found.unwrap().unwrap();
    assert_eq!(origin, Origin::Ambient(Provider::Envvar));
    let authority = services.fulcio(&http()).unwrap().unwrap();
    let certified = certify(&token, &authority).await.unwrap();
    let content = if envelope_too {
        Signed::Dsse(envelope(&certified))
    } else {
        Signed::Message(MessageSignature {
            digest: Some(digest()),
            signature: certified.key.sign_with(SHA256, ARTIFACT).unwrap(),
        })
    };
    let json = match &content {
        Signed::Dsse(envelope) => envelope.to_json(),
        Signed::Message(_) => String::new(),
    };
    let digest = digest();
    let proposal = Proposal {
        verifier: Verifier::Certificate(&certified.certificate),
        content: match &content {
            Signed::Dsse(envelope) => Content::Dsse {
                envelope,
                json: &json,
            },
            Signed::Message(message) => Content::HashedRekord {
                digest: &digest,
                signature: &message.signature,
            },
        },
    };
    let mut timestamps = Vec::new();
    for authority in services.timestamp_authorities(&http()).unwrap() {
        timestamps.push(authority.stamp(content.signature()).await.unwrap());
    }
    let mut log_entries = Vec::new();
    for log in services.logs(&http()).unwrap() {
        log_entries.push(log.record(&proposal).await.unwrap());
    }
    Bundle {
        version: BundleVersion::V0_3,
        signer: SignerMaterial::Certificate {
            leaf: Box::new(certified.certificate.clone()),
            intermediates: Vec::new(),
        },
        log_entries,
        timestamps,
        content,
    }
}

#[tokio::test]
async fn token_certificate_stamp_and_entry_make_a_bundle_that_verifies() {
    let sigstore = Sigstore::start();
    for log in [LogVersion::V1, LogVersion::V2] {
        for envelope_too in [false, true] {
            let bundle = sign(&sigstore, log, envelope_too).await;
            assert_eq!((bundle.log_entries.len(), bundle.timestamps.len()), (1, 1));
            let verified = verify(&sigstore, &bundle);
            assert!(verified.is_ok(), "{log:?} {envelope_too}: {verified:?}");
        }
    }
    let asked: Vec<_> = sigstore
        .calls()
        .iter()
        .map(|call| format!("{} {}", call.service, call.path))
        .collect();
    assert_eq!(
        asked[..3],
        [
            "fulcio /api/v2/signingCert",
            "tsa /api/v1/timestamp",
            "rekor /api/v1/log/entries"
        ],
        "{asked:?}"
    );
    assert_eq!(asked.len(), 12, "nobody is asked twice: {asked:?}");
}

#[tokio::test]
async fn what_was_changed_after_signing_does_not_verify() {
    let sigstore = Sigstore::start();
    let mut bundle = sign(&sigstore, LogVersion::V1, false).await;
    let other = certified(&sigstore).await;
    bundle.signer = SignerMaterial::Certificate {
        leaf: Box::new(other.certificate),
        intermediates: Vec::new(),
    };
    let error = LogError::OtherThan {
        what: "certificate",
    };
    assert_eq!(
        verify(&sigstore, &bundle).unwrap_err(),
        Refusal::Log { index: 0, error }
    );
}

#[tokio::test]
async fn both_interfaces_of_the_authority_certify() {
    let sigstore = Sigstore::start();
    for api in [Api::V1, Api::V2] {
        // A slash at the end does not count.
        let url = format!("{}/", sigstore.fulcio_url());
        let authority = Fulcio::new(http(), &url, api).unwrap();
        let certified = certify(&token(&sigstore), &authority).await.unwrap();
        assert_eq!(certified.certificate.key(), &certified.key.verifying_key());
        assert_eq!(certified.certificate.issuer(), Some("https://gitlab.com"));
        assert_eq!(certified.issuers.len(), 2, "{api:?}");
        assert_eq!(certified.detached_sct, None, "the promise is in it");
    }
}

#[tokio::test]
async fn an_entry_is_recorded_once_and_found_by_whatever_is_known_of_it() {
    let sigstore = Sigstore::start();
    let certified = certified(&sigstore).await;
    let log = RekorV1::new(http(), sigstore.rekor_url()).unwrap();
    let digest = digest();
    let signature = certified.key.sign_with(SHA256, ARTIFACT).unwrap();
    let proposal = Proposal {
        verifier: Verifier::Certificate(&certified.certificate),
        content: Content::HashedRekord {
            digest: &digest,
            signature: &signature,
        },
    };
    assert_eq!(log.find(&proposal).await.unwrap(), []);
    let first = log.record(&proposal).await.unwrap();
    assert!(first.entry.promise.is_some() && first.entry.proof.is_some());
    // 409, and the entry is fetched; its proof may be newer.
    let again = log.record(&proposal).await.unwrap();
    assert_eq!(again.id, first.id);
    assert_eq!(again.entry.log_index, first.entry.log_index);
    let found = log.find(&proposal).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, first.id);
    let by_index = log.entry_at(first.entry.log_index).await.unwrap();
    assert_eq!(by_index.id, first.id);
}

#[tokio::test]
async fn envelopes_are_recorded_as_intoto_and_with_bare_keys_too() {
    let sigstore = Sigstore::start();
    let certified = certified(&sigstore).await;
    let log = RekorV1::new(http(), sigstore.rekor_url()).unwrap();
    let envelope = envelope(&certified);
    let (json, key) = (envelope.to_json(), certified.key.verifying_key());
    for verifier in [
        Verifier::Certificate(&certified.certificate),
        Verifier::PublicKey(&key),
    ] {
        let (envelope, json) = (&envelope, json.as_str());
        for (kind, content) in [
            ("dsse", Content::Dsse { envelope, json }),
            ("intoto", Content::Intoto { envelope, json }),
        ] {
            let proposal = Proposal { verifier, content };
            let recorded = log.record(&proposal).await.unwrap();
            assert_eq!(recorded.entry.body.kind(), kind);
        }
    }
}
