//! The other implementations verify what we sign, and we verify what they sign.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod stage;

use std::sync::Arc;

use keyless::fulcio::Api;
use keyless::rekor::LogVersion;
use pki::digest::Sha256;
use pki::signing::{KeyAlgorithm, SigningKey};
use serde_json::json;
use signing::sign::{BlobPlan, SignError, Signer, attest_blob, sign_blob};
use signing::verify::{BlobEvidence, BlobFailure, BlobRequest, Proofs, Whose, verify_blob};
use sigstore::bundle::Bundle;
use sigstore::identity::{IdentityPolicy, TextRule};
use sigstore::predicate::{About, PredicateType};
use sigstore::statement::StatementVersion;
use sigstore::verify::{Artifact, LogError, Refusal};
use stage::keyless::{IDENTITY, ISSUER, now, signer, trust, witnesses};
use testkit::sigstack::{Claims, Ref, Sigstore};
use testkit::{Peers, Readers};

const BLOB: &[u8] = b"some bytes";

/// A private Sigstore, the other implementations, and a file `blob` between them.
struct Scene {
    services: Sigstore,
    readers: Readers,
}

impl Scene {
    fn new(peers: &Peers) -> Self {
        let readers = Readers::new(peers);
        std::fs::write(readers.home().join("blob"), BLOB).unwrap();
        Self {
            services: Sigstore::start(),
            readers,
        }
    }

    fn root(&self) -> String {
        self.services.trusted_root().display().to_string()
    }

    /// The file that sigstore-python takes for trusted root and signing configuration.
    fn python_config(&self, log: testkit::sigstack::LogVersion) -> String {
        let read = |path| -> serde_json::Value {
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
        };
        let config = json!({
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": read(self.services.trusted_root()),
            "signingConfig": read(self.services.signing_config(log)),
        });
        let path = self.readers.home().join("python.json");
        std::fs::write(&path, config.to_string()).unwrap();
        path.display().to_string()
    }

    fn token(&self) -> String {
        let claims = Claims::gitlab(ISSUER, "acme/app", Ref::Branch("main"));
        self.services.token(&claims)
    }

    /// Writes what is made with an identity and this log.
    async fn write_made(
        &self,
        log: LogVersion,
        make: impl AsyncFnOnce(&BlobPlan<'_>) -> Result<Bundle, SignError>,
    ) {
        let signer = signer(&self.services, Api::V2).await;
        let witnesses = witnesses(&self.services, log);
        let trust = trust(&self.services);
        let plan = BlobPlan {
            signer: &signer,
            witnesses: &witnesses,
            trust: Some(&trust),
            now: now(),
        };
        self.write(&make(&plan).await.unwrap());
    }

    fn write(&self, bundle: &Bundle) {
        std::fs::write(self.readers.home().join("bundle"), bundle.to_json()).unwrap();
    }

    fn go_verifies(&self, artifact: [&str; 2]) {
        let root = self.root();
        let trust = ["-trustedrootJSONpath", &root, "-expectedIssuer", ISSUER];
        let who = ["-expectedSAN", IDENTITY, "bundle"];
        let args = artifact.iter().chain(&trust).chain(&who);
        self.readers.go_verify(args).success();
    }

    fn python_verifies(&self) {
        let config = self.python_config(testkit::sigstack::LogVersion::V1);
        self.readers
            .python([
                "--trust-config",
                &config,
                "verify",
                "identity",
                "--bundle=bundle",
                "--cert-identity",
                IDENTITY,
                "--cert-oidc-issuer",
                ISSUER,
                "blob",
            ])
            .success()
            .says("OK: blob");
    }

    fn js_verifies(&self, artifact: Option<&str>) {
        let options = json!({
            "trustedRoot": self.root(),
            "bundle": "bundle",
            "artifact": artifact,
            "identity": IDENTITY,
            "issuer": ISSUER,
        });
        self.readers.js("verify", &options).success().says("ok");
    }

    fn we_verify(&self, bundle: &[u8]) {
        let identity = IdentityPolicy::new(
            TextRule::Exact(IDENTITY.to_owned()),
            TextRule::Exact(ISSUER.to_owned()),
        );
        let request = BlobRequest {
            whose: Whose::Identities(vec![identity]),
            proofs: Proofs::STRICT,
        };
        let evidence = BlobEvidence::Bundle(Arc::new(Bundle::parse(bundle).unwrap()));
        let root = trust(&self.services);
        let judge = |bytes| {
            let artifact = Artifact::Bytes(bytes);
            verify_blob(&artifact, &evidence, &request, &root, now()).result
        };
        let _proof = judge(BLOB).unwrap();
        let other = judge(b"other bytes").unwrap_err();
        let error = LogError::OtherThan { what: "artifact" };
        assert_eq!(
            other,
            BlobFailure::Refused(Refusal::Log { index: 0, error })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_we_sign() {
    let Some(peers) = Peers::locate_with("SIGSTORE_JS") else {
        return;
    };
    let scene = Scene::new(&peers);
    for log in [LogVersion::V1, LogVersion::V2] {
        let make = async |plan: &BlobPlan<'_>| sign_blob(plan, BLOB).await;
        scene.write_made(log, make).await;
        scene.go_verifies(["-artifact", "blob"]);
        scene.python_verifies();
        scene.js_verifies(Some("blob"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_predicate_that_we_sign() {
    let Some(peers) = Peers::locate_with("SIGSTORE_JS") else {
        return;
    };
    let scene = Scene::new(&peers);
    let digest = Sha256::of(BLOB);
    let about = About {
        name: "blob",
        digest: &digest,
    };
    for log in [LogVersion::V1, LogVersion::V2] {
        let kind = PredicateType::SlsaProvenance1;
        let statement = kind
            .statement(StatementVersion::V1, about, b"{\"n\": 1.50}", now())
            .unwrap();
        let make = async |plan: &BlobPlan<'_>| attest_blob(plan, &digest, statement.clone()).await;
        scene.write_made(log, make).await;
        scene.go_verifies(["-artifact-digest", &digest.to_string()]);
        scene.python_verifies();
        if matches!(log, LogVersion::V1) {
            // It does not know yet what Rekor 2 records of an envelope.
            scene.js_verifies(None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_we_sign_with_a_key() {
    let Some(peers) = Peers::locate_with("SIGSTORE_JS") else {
        return;
    };
    let scene = Scene::new(&peers);
    let (root, home) = (scene.root(), scene.readers.home());
    // The program knows no other kind of key.
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    std::fs::write(home.join("key.pub"), key.verifying_key().to_pem()).unwrap();
    let signer = Signer::with_key(key);
    // It wants to know when the file was signed.
    let witnesses = witnesses(&scene.services, LogVersion::V1);
    let plan = BlobPlan {
        signer: &signer,
        witnesses: &witnesses,
        trust: None,
        now: now(),
    };
    scene.write(&sign_blob(&plan, BLOB).await.unwrap());
    let trust = ["-trustedrootJSONpath", &root, "-requireCTlog=false"];
    let args = ["-artifact=blob", "-publicKey=key.pub"];
    scene
        .readers
        .go_verify(args.iter().chain(&trust).chain(&["bundle"]))
        .success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_they_sign() {
    let Some(peers) = Peers::locate_with("SIGSTORE_JS") else {
        return;
    };
    let scene = Scene::new(&peers);
    let (root, token) = (scene.root(), scene.token());
    let home = scene.readers.home();
    let config = scene
        .services
        .signing_config(testkit::sigstack::LogVersion::V1)
        .display()
        .to_string();

    let made = scene.readers.go_sign([
        "-id-token",
        &token,
        "-signing-config",
        &config,
        "-trusted-root",
        &root,
        "-rekor",
        "-tsa",
        "blob",
    ]);
    let said = made.success().stdout;
    let bundle = said.lines().find(|line| line.starts_with('{'));
    scene.we_verify(bundle.unwrap().as_bytes());

    for (log, number) in [
        (testkit::sigstack::LogVersion::V1, "1"),
        (testkit::sigstack::LogVersion::V2, "2"),
    ] {
        let config = scene.python_config(log);
        scene
            .readers
            .python([
                "--trust-config",
                &config,
                "sign",
                "--rekor-version",
                number,
                "--identity-token",
                &token,
                "--overwrite",
                "--bundle=python.bundle",
                "blob",
            ])
            .success();
        scene.we_verify(&std::fs::read(home.join("python.bundle")).unwrap());
    }

    let options = json!({
        "artifact": "blob",
        "bundle": "js.bundle",
        "identityToken": token,
        "fulcioURL": scene.services.fulcio_url(),
        "rekorURL": scene.services.rekor_url(),
        "tsaServerURL": scene.services.timestamp_url().trim_end_matches("/api/v1/timestamp"),
    });
    scene.readers.js("sign", &options).success();
    scene.we_verify(&std::fs::read(home.join("js.bundle")).unwrap());
}
