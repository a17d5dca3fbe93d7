//! What others made is attached by us, found by the real cosigns, and fetched again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "carry/world.rs"]
mod world;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::{Manifest, MediaType};
use serde_json::Value;
use signing::attach::{
    AttachError, Attestation, ReadyBundle, SbomForm, attach_attestation, attach_bundle,
    attach_sbom, attach_signature,
};
use signing::carry::{AttachedKind, BranchKind, tree};
use signing::download::{Document, DocumentForm, DownloadPlan, Wanted, download};
use signing::sign::Destination;
use signing::{Place, RegistryPlace};
use sigstore::legacy::LegacySignature;
use testkit::{CosignVersion, Peers};
use world::{Kind, World};

/// The predicate type of cosign's `--type custom`.
const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

struct Subject {
    world: World,
    name: String,
    manifest: Manifest,
    place: RegistryPlace,
}

impl Subject {
    async fn new(peers: &Peers, kind: Kind) -> Self {
        let world = World::new(peers).await;
        let name = world.image(kind, "app");
        Self {
            manifest: world.push_image(&name).await,
            place: world.registry_place(&name),
            world,
            name,
        }
    }

    fn to(&self) -> Destination<'_> {
        Destination {
            place: &self.place,
            subject: &self.manifest,
        }
    }

    fn run(&self, version: CosignVersion, args: &[&str]) -> String {
        let at = World::at(&self.name, &self.manifest);
        let args: Vec<&str> = args.iter().copied().chain([at.as_str()]).collect();
        self.world.cosign(version, &args).success().stdout
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.world.folder(name)).unwrap()
    }

    async fn download(&self, wanted: Wanted<'_>) -> Vec<Document> {
        let plan = DownloadPlan {
            wanted,
            platform: None,
            document_bytes: 1 << 20,
            workers: 4,
        };
        let place = Place::Registry(self.place.clone());
        let (image, documents) = download(&place, plan).await.unwrap();
        assert_eq!(image.digest(), self.manifest.digest());
        documents
    }
}

fn now() -> jiff::Timestamp {
    "2026-11-20T22:05:59Z".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_the_older_form() {
    let Some(peers) = Peers::locate() else { return };
    let subject = Subject::new(&peers, Kind::NoApi).await;
    let other = subject.world.somebody_else();
    for key in ["cosign.key", "somebody-else.key"] {
        let files = ["--output-signature=sig", "--output-payload=payload"];
        let sign = [
            "sign",
            "--tlog-upload=false",
            "--upload=false",
            "--key",
            key,
        ];
        let args: Vec<&str> = sign.into_iter().chain(files).collect();
        subject.run(CosignVersion::V2, &args);
        let signature = LegacySignature {
            payload: subject.read("payload").into_bytes(),
            signature: STANDARD.decode(subject.read("sig").trim()).unwrap(),
            certificate: None,
            chain: Vec::new(),
            log_promise: None,
            timestamp: None,
        };
        attach_signature(subject.to(), &signature).await.unwrap();
    }
    for signer in [&subject.world, &other] {
        signer
            .verify(
                CosignVersion::V2,
                "verify",
                &subject.name,
                &subject.manifest,
            )
            .success();
    }
    let documents = subject.download(Wanted::Signatures).await;
    let theirs = subject.run(CosignVersion::V2, &["download", "signature"]);
    let theirs: Vec<Value> = theirs
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(documents.len(), 2);
    for (ours, theirs) in documents.iter().zip(&theirs) {
        assert_eq!(ours.form, DocumentForm::Payload);
        assert_eq!(theirs["Payload"], STANDARD.encode(&ours.bytes));
        let signature = &ours.layer.annotations[sigstore::legacy::SIGNATURE];
        assert_eq!(theirs["Base64Signature"], signature.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles() {
    let Some(peers) = Peers::locate() else { return };
    for kind in [Kind::Api, Kind::NoApi] {
        let subject = Subject::new(&peers, kind).await;
        let sign = [
            "sign",
            "--key=cosign.key",
            "--signing-config=none.json",
            "--trusted-root=nobody.json",
            "--upload=false",
            "--bundle=image.json",
        ];
        subject.run(CosignVersion::V3, &sign);
        let file = subject.read("image.json");
        let bundle = ReadyBundle::parse(&file).unwrap();
        assert_eq!(
            bundle.predicate_type(),
            Some("https://sigstore.dev/cosign/sign/v1")
        );
        attach_bundle(subject.to(), &bundle, now()).await.unwrap();
        subject
            .world
            .verify(
                CosignVersion::V3,
                "verify",
                &subject.name,
                &subject.manifest,
            )
            .success();
        let documents = subject.download(Wanted::Signatures).await;
        assert_eq!(documents.len(), 1);
        assert_eq!(documents[0].form, DocumentForm::Bundle);
        assert_eq!(documents[0].bytes, file.trim().as_bytes());
        let theirs = subject.run(CosignVersion::V3, &["download", "signature"]);
        let same = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(same(&theirs), same(&file));

        // A signature over the bytes of the manifest, as other programs make it.
        let path = subject.world.folder("manifest.json");
        std::fs::write(path, subject.manifest.bytes()).unwrap();
        let sign = [
            "sign-blob",
            "--key=cosign.key",
            "--signing-config=none.json",
            "--trusted-root=nobody.json",
            "--bundle=message.json",
            "manifest.json",
        ];
        subject.world.cosign(CosignVersion::V3, &sign).success();
        let bundle = ReadyBundle::parse(&subject.read("message.json")).unwrap();
        assert_eq!(bundle.predicate_type(), None);
        attach_bundle(subject.to(), &bundle, now()).await.unwrap();
        let place = Place::Registry(subject.place.clone());
        let found = tree(&place, 4).await.unwrap();
        let signatures = found.branches.iter().filter(|branch| {
            matches!(
                branch.kind,
                BranchKind::Referrer {
                    kind: AttachedKind::Signature,
                    ..
                }
            )
        });
        assert_eq!(signatures.count(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attestations_of_either_form_from_one_file() {
    let Some(peers) = Peers::locate() else { return };
    let subject = Subject::new(&peers, Kind::NoApi).await;
    std::fs::write(subject.world.folder("predicate.json"), "{}").unwrap();
    let envelope = |kind| {
        let attest = [
            "attest",
            "--key=cosign.key",
            "--tlog-upload=false",
            "--no-upload",
            "--predicate=predicate.json",
            kind,
        ];
        subject.run(CosignVersion::V2, &attest)
    };
    let attest = [
        "attest",
        "--key=cosign.key",
        "--signing-config=none.json",
        "--trusted-root=nobody.json",
        "--no-upload",
        "--predicate=predicate.json",
        "--bundle=attestation.json",
    ];
    subject.run(CosignVersion::V3, &attest);
    let file = [
        envelope("--type=custom"),
        envelope("--type=https://example.com/other"),
        subject.read("attestation.json"),
    ];
    let attestations = Attestation::parse_all(file.join("\n").as_bytes()).unwrap();
    let types: Vec<_> = attestations
        .iter()
        .map(|attestation| attestation.predicate_type().unwrap())
        .collect();
    assert_eq!(types, [CUSTOM, "https://example.com/other", CUSTOM]);
    for attestation in &attestations {
        attach_attestation(subject.to(), attestation, now())
            .await
            .unwrap();
    }
    for version in [CosignVersion::V2, CosignVersion::V3] {
        subject
            .world
            .verify(
                version,
                "verify-attestation",
                &subject.name,
                &subject.manifest,
            )
            .success();
    }
    let any = Wanted::Attestations {
        predicate_type: None,
    };
    let all = subject.download(any).await;
    let forms: Vec<_> = all.iter().map(|document| document.form).collect();
    assert_eq!(
        forms,
        [
            DocumentForm::Envelope,
            DocumentForm::Envelope,
            DocumentForm::Bundle
        ]
    );
    // cosign prints them in whatever order they arrive.
    let theirs = subject.run(CosignVersion::V2, &["download", "attestation"]);
    let theirs: BTreeSet<&str> = theirs.lines().collect();
    let ours = all[..2]
        .iter()
        .map(|document| std::str::from_utf8(&document.bytes).unwrap());
    assert_eq!(theirs, ours.collect());
    let custom = Wanted::Attestations {
        predicate_type: Some(CUSTOM),
    };
    assert_eq!(subject.download(custom).await.len(), 2);
    let none = Wanted::Attestations {
        predicate_type: Some("https://example.com/none"),
    };
    assert_eq!(subject.download(none).await, []);
    assert_eq!(subject.download(Wanted::Signatures).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn bills_of_materials() {
    let Some(peers) = Peers::locate() else { return };
    let subject = Subject::new(&peers, Kind::NoApi).await;
    let spdx = || MediaType::parse("text/spdx").unwrap();
    for text in ["first", "second"] {
        attach_sbom(subject.to(), spdx(), text.into(), SbomForm::Tag)
            .await
            .unwrap();
    }
    let theirs = subject.run(CosignVersion::V2, &["download", "sbom"]);
    assert_eq!(theirs.trim_end(), "second");
    attach_sbom(subject.to(), spdx(), "third".into(), SbomForm::Referrer)
        .await
        .unwrap();
    let texts: Vec<_> = subject
        .download(Wanted::Sboms)
        .await
        .into_iter()
        .map(|document| (document.form, document.layer.media_type, document.bytes))
        .collect();
    let plain = |text: &'static str| (DocumentForm::Plain, spdx(), text.into());
    assert_eq!(texts, [plain("second"), plain("third")]);
    // As theirs: the same manifest, to the byte.
    let mode = ["attach", "sbom", "--registry-referrers-mode=oci-1-1"];
    std::fs::write(subject.world.folder("sbom"), "third").unwrap();
    let args: Vec<&str> = mode
        .into_iter()
        .chain(["--type=spdx", "--sbom=sbom", "--input-format=text"])
        .collect();
    subject.run(CosignVersion::V2, &args);
    assert_eq!(subject.download(Wanted::Sboms).await.len(), 2);
}

#[test]
fn what_is_no_attestation_is_refused() {
    let parse = |text: &str| Attestation::parse_all(text.as_bytes()).unwrap_err();
    assert!(matches!(parse(""), AttachError::Nothing));
    assert!(matches!(parse("[1"), AttachError::Json(_)));
    assert!(matches!(parse("{}"), AttachError::Envelope(_)));
    let payload = STANDARD.encode("{}");
    let envelope = format!(
        r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[{{"sig":"AAAA"}}]}}"#
    );
    assert!(matches!(parse(&envelope), AttachError::Statement(_)));
    let old = r#"{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1","verificationMaterial":{"publicKey":{"hint":"x"}},"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"signature":"AAAA"}}"#;
    let error = ReadyBundle::parse(old).unwrap_err();
    assert!(
        matches!(error, AttachError::BundleVersion { .. }),
        "{error:?}"
    );
    let error = ReadyBundle::parse("{}").unwrap_err();
    assert!(matches!(error, AttachError::Bundle(_)), "{error:?}");
}
