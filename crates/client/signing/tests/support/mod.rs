//! A registry in memory, the golden data of the real cosigns, and signatures made here.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use oci::{Artifact, Descriptor, Digest, Manifest, MediaType, Reference};
use pki::signature::VerifyingKey;
use pki::signing::SigningKey;
use registry::{CredentialSource, PlainHttp, Registry, RegistryConfig};
use signing::Place;
use signing::discover::Kind;
use signing::verify::{ImageOutcome, Request, VerifyError, Whose, verify_image};
use sigstore::bundle::{Bundle, BundleVersion, Content, SignerMaterial};
use sigstore::dsse::{Envelope, IN_TOTO, pre_authentication_encoding};
use sigstore::identity::{IdentityPolicy, TextRule};
use sigstore::simple_signing::SimpleSigning;
use sigstore::statement::Statement;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{Because, Rule};

pub(crate) use server::{Server, Shelf};

pub(crate) const GITLAB: (&str, &str) = (
    "https://gitlab.golden.test/acme/app//.gitlab-ci.yml@refs/heads/main",
    "https://gitlab.golden.test",
);
pub(crate) const ALICE: (&str, &str) = ("alice@golden.test", "https://oidc.golden.test");
pub(crate) const WAIVED: Rule = Rule::Waived(Because::FlagInsecureIgnoreTlog);
pub(crate) const SIG_TYPE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

pub(crate) static TRUST: LazyLock<TrustedRoot> = LazyLock::new(|| {
    TrustedRoot::parse(&read("private-sigstore/trusted_root.json")).expect("cosign wrote it")
});

/// Long after all the certificates have expired.
pub(crate) fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

pub(crate) fn golden(path: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../testdata/golden/cosign"
    ))
    .join(path)
}

pub(crate) fn read(path: &str) -> Vec<u8> {
    std::fs::read(golden(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn key(name: &str) -> VerifyingKey {
    VerifyingKey::from_pem(&read(&format!("keys/{name}.pub"))).unwrap()
}

pub(crate) fn identity((subject, issuer): (&str, &str)) -> Whose {
    Whose::Identities(vec![IdentityPolicy::new(
        TextRule::Exact(subject.to_owned()),
        TextRule::Exact(issuer.to_owned()),
    )])
}

/// A signature of a key, in no log.
pub(crate) fn by_key(key: &VerifyingKey) -> Request {
    let mut request = Request::new(Whose::Keys(vec![key.clone()]), Kind::Signature);
    request.proofs.log = WAIVED;
    request
}

pub(crate) fn attested(mut request: Request, predicate_type: Option<&str>) -> Request {
    request.search.kind = Kind::Attestation {
        predicate_type: predicate_type.map(str::to_owned),
    };
    request
}

pub(crate) fn annotated(mut request: Request, annotations: &[(&str, &str)]) -> Request {
    request.annotations = annotations
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    request
}

pub(crate) fn registry(host: &str) -> Arc<Registry> {
    let client = net::Client::new(net::Config::new("test")).unwrap();
    Arc::new(Registry::new(
        client,
        RegistryConfig {
            host: host.to_owned(),
            credentials: CredentialSource::Anonymous,
            plain_http: PlainHttp::Loopback,
            retry: net::Retry::OFF,
        },
    ))
}

pub(crate) fn place(host: &str, name: &str) -> Place {
    let reference = Reference::parse(&format!("{host}/{name}")).unwrap();
    Place::registry(registry(host), &reference).unwrap()
}

pub(crate) async fn verify(place: &Place, request: &Request) -> Result<ImageOutcome, VerifyError> {
    verify_image(place, request, &TRUST, now()).await
}

/// An image and what is attached to it, made here.
pub(crate) struct Scene {
    pub(crate) key: SigningKey,
    pub(crate) shelf: Shelf,
    pub(crate) image: Manifest,
}

impl Scene {
    /// An image `app:1` without signatures, in a registry with the referrers API.
    pub(crate) fn new() -> Self {
        let mut shelf = Shelf::with_referrers_api();
        let image = Manifest::artifact(Artifact {
            config: shelf.blob(MediaType::OCI_CONFIG, b"{}"),
            layers: vec![shelf.blob(MediaType::OCI_LAYER, b"a layer")],
            annotations: BTreeMap::new(),
            subject: None,
            artifact_type: None,
        });
        shelf.manifest(&image);
        shelf.tag("1", &image);
        Self {
            key: SigningKey::generate_ecdsa_p256().unwrap(),
            shelf,
            image,
        }
    }

    pub(crate) fn request(&self) -> Request {
        by_key(&self.key.verifying_key())
    }

    pub(crate) fn digest(&self) -> pki::digest::Sha256 {
        match self.image.digest() {
            Digest::Sha256(digest) => digest,
            Digest::Sha512(_) => unreachable!("manifests are named by SHA-256"),
        }
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let scheme = self.key.verifying_key().default_scheme();
        self.key.sign_with(scheme, bytes).unwrap()
    }

    /// A layer of cosign's older form.
    pub(crate) fn layer(&mut self, annotations: &[(&str, &str)]) -> Descriptor {
        let annotations = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let payload = SimpleSigning::new("example.com/app", &self.digest(), &annotations);
        let signature = self.sign(payload.raw());
        let mut layer = self.shelf.blob(
            MediaType::parse(sigstore::simple_signing::MEDIA_TYPE).unwrap(),
            payload.raw(),
        );
        layer
            .annotations
            .insert(sigstore::legacy::SIGNATURE.to_owned(), base64(&signature));
        layer
    }

    /// The manifest of the older form with these layers; a referrer of the image if it is to be one.
    pub(crate) fn manifest(&mut self, layers: Vec<Descriptor>, refers: bool) -> Manifest {
        let config_type = if refers {
            MediaType::parse(SIG_TYPE).unwrap()
        } else {
            MediaType::OCI_CONFIG
        };
        Manifest::artifact(Artifact {
            config: self.shelf.blob(config_type, b"{}"),
            layers,
            annotations: BTreeMap::new(),
            subject: refers.then(|| self.image.descriptor()),
            artifact_type: None,
        })
    }

    pub(crate) fn sig_tag(&self) -> String {
        format!("{}.sig", self.image.digest().referrers_tag())
    }

    /// Puts a manifest with these layers under the `.sig` tag.
    pub(crate) fn tag_signatures(&mut self, layers: Vec<Descriptor>) {
        let manifest = self.manifest(layers, false);
        let tag = self.sig_tag();
        self.shelf.manifest(&manifest);
        self.shelf.tag(&tag, &manifest);
    }

    /// A bundle around a statement about the image.
    pub(crate) fn bundle(&self, statement: &str) -> String {
        let encoded = pre_authentication_encoding(IN_TOTO, statement.as_bytes());
        let envelope = Envelope::new(
            IN_TOTO.to_owned(),
            statement.as_bytes().to_vec(),
            self.sign(&encoded),
        );
        self.bundle_of(Content::Dsse(envelope))
    }

    pub(crate) fn bundle_of(&self, content: Content) -> String {
        Bundle {
            version: BundleVersion::V0_3,
            signer: SignerMaterial::PublicKey {
                hint: base64(self.key.verifying_key().spki_sha256().as_bytes()),
            },
            log_entries: Vec::new(),
            timestamps: Vec::new(),
            content,
        }
        .to_json()
    }

    pub(crate) fn signature_statement(&self, annotations: &[(&str, &str)]) -> String {
        let annotations = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Statement::cosign_signature(&self.digest(), &annotations)
    }

    pub(crate) fn scan_statement(&self) -> String {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"app","digest":{{"sha256":"{}"}}}}],"predicateType":"{SCAN}","predicate":{{"verdict":"FAILED"}}}}"#,
            self.digest()
        )
    }

    /// Attaches a bundle as a referrer, with the annotation that says what it is if that is given.
    pub(crate) fn attach_bundle(&mut self, bundle: &str, stated: Option<&str>) -> Manifest {
        let media_type = MediaType::parse(sigstore::bundle::MEDIA_TYPE).unwrap();
        let manifest = Manifest::artifact(Artifact {
            config: self.shelf.blob(MediaType::OCI_EMPTY, b"{}"),
            layers: vec![self.shelf.blob(media_type.clone(), bundle.as_bytes())],
            annotations: stated
                .map(|stated| {
                    let key = "dev.sigstore.bundle.predicateType".to_owned();
                    BTreeMap::from([(key, stated.to_owned())])
                })
                .unwrap_or_default(),
            subject: Some(self.image.descriptor()),
            artifact_type: Some(media_type),
        });
        self.shelf.manifest(&manifest);
        manifest
    }

    /// Serves it and verifies `app:1`.
    pub(crate) async fn verify(&self, request: &Request) -> Result<ImageOutcome, VerifyError> {
        let server = Server::start(self.shelf.clone()).await;
        verify(&place(&server.host, "app:1"), request).await
    }
}

pub(crate) const SCAN: &str = "https://example.com/scan-result/v1";

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
