//! One test per way of not being accepted: a good signature, one thing changed, the named refusal.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authority;
mod certified;
#[path = "../common/mod.rs"]
mod common;
mod entries;
mod stamped;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{
    ALICE, Found, GITLAB, TRUST, WAIVED, bundle, identity, key, now, read, registry, strict,
};
use pki::digest::Sha256;
use sigstore::bundle::{Bundle, BundleError, Content, SignerMaterial};
use sigstore::chain::{Authority, ChainError, Window};
use sigstore::dsse::Envelope;
use sigstore::entry::{EntryBody, EntryError, EntryVerifier};
use sigstore::identity::{GithubWorkflow, IdentityError, IdentityPolicy, Pattern, TextRule};
use sigstore::legacy::LegacySignature;
use sigstore::statement::{COSIGN_SIGNATURE, Statement};
use sigstore::timestamp::TimestampError;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{
    AcceptedSigner, Artifact, Because, Check, LogError, Outcome, Policy, Refusal, Rule, SctRefusal,
    TimestampRule, verify_bundle, verify_legacy,
};
use tlog::checkpoint::CheckpointError;
use tlog::sct::SctError;
use tlog::set::IntegratedTimeError;

const REKOR1: &str = "cases/c25_blob_v31/keyless-rekor1.sigstore.json";
const REKOR2: &str = "cases/c25_blob_v31/keyless-rekor2.sigstore.json";
const KEYED: &str = "cases/c25_blob_v31/key-rekor1.sigstore.json";

/// A good bundle and all that makes it good; each test spoils something.
struct Scene {
    bundle: Bundle,
    blob: Vec<u8>,
    trust: TrustedRoot,
    identities: Vec<IdentityPolicy>,
    annotations: BTreeMap<String, String>,
    log: Rule,
    sct: Rule,
    timestamp: TimestampRule,
    predicate_type: Option<&'static str>,
    now: jiff::Timestamp,
}

impl Scene {
    fn new(path: &str) -> Self {
        Self {
            bundle: bundle(path),
            blob: read("blobs/blob.txt"),
            trust: TRUST.clone(),
            identities: [identity(ALICE), identity(GITLAB)].concat(),
            annotations: BTreeMap::new(),
            log: Rule::Required,
            sct: Rule::Required,
            timestamp: TimestampRule::IfThere,
            predicate_type: None,
            now: now(),
        }
    }

    fn policy<'a>(&'a self, signer: AcceptedSigner<'a>) -> Policy<'a> {
        Policy {
            signer,
            log: self.log,
            sct: self.sct,
            timestamp: self.timestamp,
            predicate_type: self.predicate_type,
            annotations: &self.annotations,
        }
    }

    fn verdict(&self) -> sigstore::verify::Verdict {
        let policy = self.policy(AcceptedSigner::Identities(&self.identities));
        let artifact = Artifact::Bytes(&self.blob);
        verify_bundle(&self.bundle, &artifact, &self.trust, &policy, self.now)
    }

    /// The refusal, which must also be the last step of the trace.
    fn refusal(&self) -> Refusal {
        let verdict = self.verdict();
        let refusal = verdict.result.expect_err("it was spoilt");
        let last = verdict
            .trace
            .steps()
            .last()
            .map(|step| step.outcome.clone());
        assert_eq!(last, Some(Outcome::Refused(refusal.clone())));
        refusal
    }

    fn log_error(&self) -> LogError {
        match self.refusal() {
            Refusal::Log { index: _, error } => error,
            other => panic!("{other:?}"),
        }
    }
}

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

#[test]
fn unspoilt_they_are_accepted() {
    for path in [REKOR1, REKOR2] {
        assert!(Scene::new(path).verdict().result.is_ok(), "{path}");
    }
}

#[test]
fn key_and_certificate_are_not_mistaken_for_each_other() {
    let scene = Scene::new(REKOR1);
    let SignerMaterial::Certificate { leaf, .. } = &scene.bundle.signer else {
        panic!("keyless");
    };
    // Not even the certificate's own key: of a bundle it has to be said which of the two is trusted.
    for key in [&key("cosign31"), leaf.key()] {
        let policy = scene.policy(AcceptedSigner::Key(key));
        let artifact = Artifact::Bytes(&scene.blob);
        let verdict = verify_bundle(&scene.bundle, &artifact, &TRUST, &policy, now());
        assert_eq!(verdict.result.unwrap_err(), Refusal::KeyExpected);
    }
    assert_eq!(Scene::new(KEYED).refusal(), Refusal::CertificateExpected);
}

#[test]
fn another_key() {
    let mut scene = Scene::new(KEYED);
    let other = key("cosign25");
    let artifact = Artifact::Bytes(&scene.blob);
    let policy = scene.policy(AcceptedSigner::Key(&other));
    let verdict = verify_bundle(&scene.bundle, &artifact, &TRUST, &policy, now());
    assert!(matches!(
        verdict.result.unwrap_err(),
        Refusal::Log {
            error: LogError::OtherThan { what: "key" },
            ..
        }
    ));
    scene.log = WAIVED;
    let policy = scene.policy(AcceptedSigner::Key(&other));
    let artifact = Artifact::Bytes(&scene.blob);
    let verdict = verify_bundle(&scene.bundle, &artifact, &TRUST, &policy, now());
    assert!(matches!(verdict.result.unwrap_err(), Refusal::Signature(_)));
}

#[test]
fn timestamps() {
    let mut scene = Scene::new(REKOR2);
    scene.bundle.timestamps.clear();
    assert_eq!(scene.refusal(), Refusal::NoTrustedTime);
    scene.timestamp = TimestampRule::Required;
    assert_eq!(scene.refusal(), Refusal::TimestampAbsent);

    // Of an authority that is not trusted: passed over where it is not needed, named where it is.
    let mut scene = Scene::new(REKOR2);
    scene.trust.timestamp_authorities.clear();
    assert_eq!(scene.refusal(), Refusal::NoTrustedTime);
    let trace = scene.verdict().trace;
    assert!(matches!(
        trace.outcome(Check::Timestamp),
        Some(Outcome::PassedOver(_))
    ));
    scene.timestamp = TimestampRule::Required;
    let error = |scene: &Scene| match scene.refusal() {
        Refusal::Timestamp { error, .. } => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(error(&scene), TimestampError::NoAuthority);

    // Out of its window.
    let mut scene = Scene::new(REKOR2);
    scene.timestamp = TimestampRule::Required;
    let authority = &scene.trust.timestamp_authorities[0];
    let ended = Window {
        start: None,
        end: Some(at("2026-06-01T00:00:00Z")),
    };
    let ended = Authority::new(String::new(), authority.chain().to_vec(), ended).unwrap();
    scene.trust.timestamp_authorities = vec![ended];
    assert!(matches!(
        error(&scene),
        TimestampError::OutsideWindow { .. }
    ));

    // Over another signature.
    let mut scene = Scene::new(REKOR2);
    let other = bundle("cases/c24_blob_v25/new-keyless-tsa.bundle.json");
    scene.bundle.timestamps = other.timestamps;
    assert!(matches!(error(&scene), TimestampError::Imprint { .. }));

    // Every byte that is changed breaks it; the refusals differ.
    let scene = Scene::new(REKOR2);
    let good = scene.bundle.timestamps[0].clone();
    for position in (0..good.len()).step_by(7) {
        let mut scene = Scene::new(REKOR2);
        scene.bundle.timestamps[0][position] ^= 1;
        let passed = scene.verdict().result.is_ok();
        // What is neither signed nor needed: versions, the outer list of digests and its like.
        assert!(
            !passed || position < 80,
            "byte {position} of {}",
            good.len()
        );
    }
}

#[test]
fn log_entries_that_prove_nothing() {
    let mut scene = Scene::new(REKOR1);
    scene.bundle.log_entries.clear();
    assert_eq!(scene.refusal(), Refusal::LogAbsent);

    let mut scene = Scene::new(REKOR1);
    scene.trust.logs.clear();
    assert!(matches!(scene.log_error(), LogError::UnknownLog { .. }));

    let mut scene = Scene::new(REKOR1);
    let again = scene.bundle.log_entries[0].clone();
    scene.bundle.log_entries.push(again);
    assert_eq!(scene.log_error(), LogError::Duplicate);

    let mut scene = Scene::new(REKOR1);
    scene.bundle.log_entries[0].proof = None;
    scene.bundle.log_entries[0].promise = None;
    assert_eq!(scene.log_error(), LogError::NotProven);

    let mut scene = Scene::new(REKOR1);
    scene.bundle.log_entries[0].integrated_time = None;
    assert_eq!(scene.log_error(), LogError::PromiseWithoutTime);

    for path in [REKOR1, REKOR2] {
        let mut scene = Scene::new(path);
        for log in &mut scene.trust.logs {
            log.window.end = Some(at("2026-06-01T00:00:00Z"));
        }
        assert_eq!(scene.log_error(), LogError::OutsideWindow, "{path}");
    }
}

#[test]
fn an_index_is_told_only_as_proven() {
    let mut scene = Scene::new(REKOR2);
    let index = |scene: &Scene| {
        let verified = scene.verdict().result.unwrap();
        verified.logged()[0].entry().unwrap().1
    };
    let proven = index(&scene);
    scene.bundle.log_entries[0].log_index += 1000;
    assert_eq!(index(&scene), proven);
}

#[test]
fn log_entries_that_are_false() {
    let mut scene = Scene::new(REKOR1);
    let promise = scene.bundle.log_entries[0].promise.as_mut().unwrap();
    *promise.last_mut().unwrap() ^= 1;
    assert!(matches!(scene.log_error(), LogError::Promise(_)));

    let mut scene = Scene::new(REKOR1);
    scene.bundle.log_entries[0].log_index += 1;
    assert!(matches!(scene.log_error(), LogError::Promise(_)));

    let mut scene = Scene::new(REKOR1);
    scene.now = at("2026-11-20T00:00:00Z");
    assert!(matches!(
        scene.log_error(),
        LogError::IntegratedTime(IntegratedTimeError::Future { .. })
    ));

    let mut scene = Scene::new(REKOR2);
    let proof = scene.bundle.log_entries[0].proof.as_mut().unwrap();
    proof.root_hash[0] ^= 1;
    assert!(matches!(scene.log_error(), LogError::Tree { .. }));

    let mut scene = Scene::new(REKOR2);
    let proof = scene.bundle.log_entries[0].proof.as_mut().unwrap();
    proof.hashes[0][0] ^= 1;
    assert!(matches!(scene.log_error(), LogError::Inclusion(_)));

    let mut scene = Scene::new(REKOR2);
    let proof = scene.bundle.log_entries[0].proof.as_mut().unwrap();
    let note = proof.checkpoint.as_mut().unwrap();
    *note = note.replacen("127.0.0.1", "127.0.0.2", 1);
    assert!(matches!(
        scene.log_error(),
        LogError::Checkpoint(CheckpointError::UnknownOrigin { .. })
    ));

    // A root of somebody's own making, over which the log's signature is kept.
    let mut scene = Scene::new(REKOR2);
    let proof = scene.bundle.log_entries[0].proof.as_mut().unwrap();
    let note = proof.checkpoint.as_mut().unwrap();
    let root = note.lines().nth(2).unwrap().to_owned();
    *note = note.replacen(&root, &STANDARD.encode([7; 32]), 1);
    proof.root_hash = [7; 32];
    assert!(matches!(
        scene.log_error(),
        LogError::Checkpoint(CheckpointError::BadSignature { .. })
    ));
}

#[test]
fn log_entries_about_something_else() {
    // Another signature over the same blob, by the same certificate authority and log.
    let mut scene = Scene::new(REKOR1);
    scene.bundle.log_entries = bundle("cases/c24_blob_v25/new-keyless.bundle.json").log_entries;
    assert_eq!(scene.log_error(), LogError::OtherThan { what: "signature" });
    let mut scene = Scene::new(REKOR1);
    scene.blob = b"other".to_vec();
    assert_eq!(scene.log_error(), LogError::OtherThan { what: "artifact" });
}

#[test]
fn certificates() {
    let mut scene = Scene::new(REKOR1);
    scene.trust.certificate_authorities.clear();
    assert_eq!(scene.refusal(), Refusal::Chain(ChainError::NoAuthority));

    let mut scene = Scene::new(REKOR1);
    let chain = scene.trust.certificate_authorities[0].chain().to_vec();
    let window = Window {
        start: Some(at("2026-12-01T00:00:00Z")),
        end: None,
    };
    scene.trust.certificate_authorities =
        vec![Authority::new(String::new(), chain, window).unwrap()];
    assert!(matches!(
        scene.refusal(),
        Refusal::Chain(ChainError::OutsideWindow { .. })
    ));

    // The timestamping authority's root did not issue it.
    let mut scene = Scene::new(REKOR1);
    scene.trust.certificate_authorities = scene.trust.timestamp_authorities.clone();
    assert!(matches!(
        scene.refusal(),
        Refusal::Chain(ChainError::Path { .. })
    ));

    // Without a log and a timestamp it is judged now, when it has long expired.
    let mut scene = Scene::new(REKOR1);
    scene.bundle.log_entries.clear();
    scene.log = WAIVED;
    assert!(matches!(
        scene.refusal(),
        Refusal::Chain(ChainError::Expired { at, ended }) if ended < at
    ));
}

#[test]
fn certificate_transparency() {
    let mut scene = Scene::new(REKOR1);
    scene.trust.ct_logs.clear();
    assert!(matches!(
        scene.refusal(),
        Refusal::Sct(SctRefusal::Sct(SctError::UnknownLog { .. }))
    ));
    let because = Because::FlagInsecureIgnoreSct;
    scene.sct = Rule::Waived(because);
    let verdict = scene.verdict();
    assert!(verdict.result.is_ok());
    assert_eq!(
        verdict.trace.outcome(Check::Sct),
        Some(&Outcome::NotRequired { because })
    );

    let mut scene = Scene::new(REKOR1);
    scene.trust.ct_logs[0].window.end = Some(at("2026-06-01T00:00:00Z"));
    assert!(matches!(
        scene.refusal(),
        Refusal::Sct(SctRefusal::OutsideWindow { .. })
    ));
}

#[test]
fn identities() {
    let identity_error = |scene: &Scene| match scene.refusal() {
        Refusal::Identity(error) => error,
        other => panic!("{other:?}"),
    };
    let mut scene = Scene::new(REKOR2);
    scene.identities.clear();
    assert_eq!(identity_error(&scene), IdentityError::NoPolicy);

    scene.identities = identity(("https://gitlab.golden.test/acme", GITLAB.1));
    assert!(matches!(
        identity_error(&scene),
        IdentityError::Subject { .. }
    ));
    scene.identities = identity((GITLAB.0, "https://gitlab.golden.test/"));
    assert!(matches!(
        identity_error(&scene),
        IdentityError::Issuer { .. }
    ));

    let pattern = |text: &str| TextRule::Matching(Pattern::new(text).unwrap());
    scene.identities = vec![IdentityPolicy::new(
        pattern("acme"),
        pattern("^https://gitlab"),
    )];
    assert!(scene.verdict().result.is_ok(), "cosign does not anchor");
    scene.identities = vec![IdentityPolicy::new(pattern("^acme"), pattern("."))];
    assert!(matches!(
        identity_error(&scene),
        IdentityError::Subject { .. }
    ));

    let workflow = GithubWorkflow {
        repository: Some("acme/app".to_owned()),
        ..GithubWorkflow::default()
    };
    scene.identities =
        vec![IdentityPolicy::dangerous_any_identity().with_github_workflow(workflow)];
    assert_eq!(
        identity_error(&scene),
        IdentityError::GithubWorkflow {
            field: "repository",
            expected: "acme/app".to_owned(),
            found: None
        }
    );
    for text in ["(", "a{100000}{100000}"] {
        assert!(Pattern::new(text).is_err(), "{text}");
    }
}

#[test]
fn artifacts() {
    let mut scene = Scene::new(REKOR1);
    scene.log = WAIVED;
    scene.now = at("2026-11-20T22:23:00Z");
    scene.bundle.log_entries.clear();
    scene.blob = b"other".to_vec();
    assert!(matches!(scene.refusal(), Refusal::Signature(_)));

    // The signature is good, the digest that is stated with it is not the artifact's.
    let mut scene = Scene::new(REKOR1);
    let Content::Message(message) = &mut scene.bundle.content else {
        panic!("a blob's signature");
    };
    let digest = Sha256::of(b"other").as_bytes().to_vec();
    message.digest =
        sigstore::bundle::MessageDigest::new(pki::signature::HashAlgorithm::Sha256, digest);
    assert!(matches!(scene.refusal(), Refusal::Artifact { .. }));

    let mut scene = Scene::new("cases/c25_blob_v31/att.sigstore.json");
    scene.blob = b"other".to_vec();
    assert!(matches!(scene.refusal(), Refusal::Artifact { .. }));
    let mut scene = Scene::new("cases/c25_blob_v31/att.sigstore.json");
    scene.predicate_type = Some(COSIGN_SIGNATURE);
    assert!(matches!(scene.refusal(), Refusal::PredicateType { .. }));
}

#[test]
fn annotations() {
    let mut scene = Scene::new(REKOR1);
    scene.annotations = [("a".to_owned(), "1".to_owned())].into();
    assert_eq!(scene.refusal(), Refusal::AnnotationsImpossible);
    let mut scene = Scene::new("cases/c25_blob_v31/att.sigstore.json");
    scene.annotations = [("a".to_owned(), "1".to_owned())].into();
    assert!(matches!(scene.refusal(), Refusal::Annotation(_)));
}

#[test]
fn the_older_form() {
    let identities = identity(GITLAB);
    let policy = strict(AcceptedSigner::Identities(&identities));
    let Some(Found::Legacy(good, image)) = registry("cases/c03_v25_keyless_gitlab/registry").pop()
    else {
        panic!("the older form");
    };
    let artifact = Artifact::manifest(&image);
    let judge = |legacy: &LegacySignature, artifact: &Artifact<'_>| {
        verify_legacy(legacy, artifact, &TRUST, &policy, now()).result
    };
    assert!(judge(&good, &artifact).is_ok());
    let other = Artifact::manifest(&Sha256::of(b"other"));
    assert!(matches!(
        judge(&good, &other),
        Err(Refusal::Artifact { .. })
    ));
    let mut spoilt = good.clone();
    spoilt.certificate = None;
    assert_eq!(
        judge(&spoilt, &artifact).unwrap_err(),
        Refusal::CertificateExpected
    );
    let mut spoilt = good.clone();
    spoilt.log_promise = None;
    assert_eq!(judge(&spoilt, &artifact).unwrap_err(), Refusal::LogAbsent);
    let mut spoilt = good.clone();
    spoilt.payload.push(b' ');
    assert!(matches!(
        judge(&spoilt, &artifact),
        Err(Refusal::Log {
            error: LogError::OtherThan { what: "artifact" },
            ..
        })
    ));
    let mut spoilt = good.clone();
    spoilt.payload = b"{}".to_vec();
    assert!(matches!(
        judge(&spoilt, &artifact),
        Err(Refusal::SimpleSigning(_))
    ));
    let mut spoilt = *good;
    spoilt.signature.clear();
    assert!(matches!(
        judge(&spoilt, &artifact),
        Err(Refusal::Envelope(_))
    ));
}

/// Entries of kind `intoto` 0.0.1 name no signature: the envelope's hash stands for it, and so for all of its bytes.
#[test]
fn entries_that_name_an_envelope() {
    let json = read("cases/c36_bundle_with_key/v25-att.bundle.json");
    let good = LegacySignature::from_attestation_bundle(&json).unwrap();
    let envelope = Envelope::parse(&good.payload).unwrap();
    let statement = Statement::of_envelope(&envelope).unwrap();
    let digest = &statement.subjects[0].digests["sha256"];
    let digest: [u8; 32] = hex::decode(digest).unwrap().try_into().unwrap();
    let artifact = Artifact::manifest(&Sha256::from_bytes(digest));
    let key = key("cosign25");
    let policy = strict(AcceptedSigner::Key(&key));
    // A promise that holds, of whatever entry.
    let Some(Found::Legacy(promised, _)) = registry("cases/c02_v25_key_tlog/registry").pop() else {
        panic!("the older form");
    };
    let judge = |envelope_hash, payload_hash, verifier| {
        let mut attestation = good.clone();
        let mut promise = promised.log_promise.clone().unwrap();
        promise.body = EntryBody::IntotoV1 {
            envelope_hash,
            payload_hash,
            verifier,
        };
        attestation.log_promise = Some(promise);
        verify_legacy(&attestation, &artifact, &TRUST, &policy, now()).result
    };
    let whole = Sha256::of(&good.payload);
    let payload = Sha256::of(envelope.payload());
    let ours = || EntryVerifier::PublicKey(key.spki_der().to_vec());
    assert!(judge(whole, Some(payload), ours()).is_ok());
    assert!(judge(whole, None, ours()).is_ok());
    let theirs = EntryVerifier::PublicKey(b"another".to_vec());
    for (result, what) in [
        (judge(payload, Some(payload), ours()), "envelope"),
        (judge(whole, Some(whole), ours()), "payload"),
        (judge(whole, Some(payload), theirs), "key"),
    ] {
        let error = LogError::OtherThan { what };
        assert_eq!(result.unwrap_err(), Refusal::Log { index: 0, error });
    }
}

/// The JSON of a good bundle with something replaced.
fn reparse(path: &str, spoil: impl Fn(&mut serde_json::Value)) -> Result<Bundle, BundleError> {
    let mut json: serde_json::Value = serde_json::from_slice(&read(path)).unwrap();
    spoil(&mut json);
    Bundle::parse(json.to_string().as_bytes())
}

#[test]
fn bundles_that_do_not_parse() {
    let spoilt = |spoil: &dyn Fn(&mut serde_json::Value)| reparse(REKOR1, spoil).unwrap_err();
    let material = |name: &'static str| {
        move |json: &mut serde_json::Value| {
            json["verificationMaterial"][name] = serde_json::json!({});
        }
    };
    assert!(matches!(
        spoilt(&|json| json["mediaType"] = "application/json".into()),
        BundleError::UnknownMediaType { .. }
    ));
    assert!(matches!(
        spoilt(&material("publicKey")),
        BundleError::MoreThanOne { .. }
    ));
    assert!(matches!(
        spoilt(&|json| json["dsseEnvelope"] = serde_json::json!({})),
        BundleError::MoreThanOne { .. }
    ));
    assert!(matches!(
        spoilt(&|json| json["messageSignature"] = serde_json::Value::Null),
        BundleError::Missing { .. }
    ));
    assert!(matches!(
        spoilt(&|json| json["verificationMaterial"]["certificate"] = serde_json::Value::Null),
        BundleError::Missing { .. }
    ));
    let chain = |certificates: serde_json::Value| {
        move |json: &mut serde_json::Value| {
            json["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
            json["verificationMaterial"]["certificate"] = serde_json::Value::Null;
            json["verificationMaterial"]["x509CertificateChain"]["certificates"] =
                certificates.clone();
        }
    };
    assert!(matches!(
        spoilt(&chain(serde_json::json!([]))),
        BundleError::Missing { .. }
    ));
    let trusted: serde_json::Value =
        serde_json::from_slice(&read("private-sigstore/trusted_root.json")).unwrap();
    let authority = &trusted["certificateAuthorities"][0]["certChain"]["certificates"];
    assert_eq!(
        spoilt(&chain(authority.clone())),
        BundleError::RootInChain { index: 1 }
    );
    assert_eq!(
        spoilt(&|json| {
            chain(authority.clone())(json);
            json["mediaType"] = sigstore::bundle::MEDIA_TYPE.into();
        }),
        BundleError::ChainNotAllowed
    );
    let entry = |member: &'static str, value: serde_json::Value| {
        move |json: &mut serde_json::Value| {
            json["verificationMaterial"]["tlogEntries"][0][member] = value.clone();
        }
    };
    let log = |error: BundleError| match error {
        BundleError::LogEntry { source, .. } => source,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        log(spoilt(&entry("logIndex", "-1".into()))),
        EntryError::Negative { found: -1, .. }
    ));
    assert!(matches!(
        log(spoilt(&entry("inclusionProof", serde_json::Value::Null))),
        EntryError::Missing { .. }
    ));
    assert!(matches!(
        log(spoilt(&entry(
            "kindVersion",
            serde_json::json!({"kind": "dsse", "version": "0.0.1"})
        ))),
        EntryError::KindMismatch { .. }
    ));
    let many = |json: &mut serde_json::Value| {
        let entries = &mut json["verificationMaterial"]["tlogEntries"];
        *entries = vec![entries[0].clone(); 33].into();
    };
    assert!(matches!(spoilt(&many), BundleError::TooMany { .. }));
    // Members of a newer message change nothing.
    let newer = reparse(REKOR1, |json| json["newer"] = serde_json::json!({"a": 1}));
    assert_eq!(newer, Ok(bundle(REKOR1)));
}
