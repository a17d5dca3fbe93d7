//! An image on a real registry without the referrers API, and the real cosigns beside it.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod keyless;

use std::collections::BTreeMap;
use std::sync::Arc;

use oci::{Content, Manifest, Reference};
use pki::cosign_key::CosignKeyFile;
use pki::keyfile::Passphrase;
use pki::signing::{KeyAlgorithm, SigningKey};
use registry::{CredentialSource, Registry, RegistryConfig};
use signing::sign::{Format, ImagePlan, Signer, Witnesses};
use signing::{Place, RegistryPlace, TagKind};
use testkit::{Cosign, CosignVersion, DockerRegistry, Peers, Skopeo};
use zeroize::Zeroizing;

/// Of nothing but this, long ago, and not verified before it is written.
pub(crate) fn plan<'a>(
    signer: &'a Signer,
    witnesses: &'a Witnesses,
    formats: &'a [Format],
    annotations: &'a BTreeMap<String, String>,
) -> ImagePlan<'a> {
    ImagePlan {
        payload: None,
        signer,
        witnesses,
        formats,
        annotations,
        identity: None,
        docker_media_types: false,
        record_creation: false,
        trust: None,
        upload: true,
        now: "2026-11-20T22:05:59Z".parse().unwrap(),
    }
}

pub(crate) struct Stage {
    pub(crate) cosign: Cosign,
    registry: DockerRegistry,
    image: String,
}

impl Stage {
    /// With an image `demo`.
    pub(crate) fn new(peers: &Peers) -> Self {
        let registry = DockerRegistry::start(peers);
        let cosign = Cosign::new(peers, CosignVersion::V3);
        let image = Skopeo::new(peers).push(&registry, "demo", "hello");
        Self {
            cosign,
            registry,
            image,
        }
    }

    /// With variables for the real cosigns.
    pub(crate) fn with_environment(mut self, variables: &[(&str, String)]) -> Self {
        for (name, value) in variables {
            self.cosign = self.cosign.env(name, value);
        }
        self
    }

    /// By its digest.
    pub(crate) fn image(&self) -> String {
        self.image.clone()
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        let client = net::Client::new(net::Config::new("test")).unwrap();
        let mut config = RegistryConfig::new(self.registry.host(), CredentialSource::Anonymous);
        config.retry = net::Retry {
            attempts: 3,
            longest_wait: std::time::Duration::from_secs(1),
        };
        Arc::new(Registry::new(client, config))
    }

    pub(crate) async fn subject(&self) -> (RegistryPlace, Manifest) {
        let reference = Reference::parse(&self.image()).unwrap();
        let place = Place::registry(self.registry(), &reference).unwrap();
        let manifest = place.resolve().await.unwrap().manifest().unwrap().clone();
        match place {
            Place::Registry(place) => (place, manifest),
            Place::Layout(_) => panic!("an image in a registry"),
        }
    }

    /// A new key in `cosign.key` and `cosign.pub`.
    pub(crate) fn signer(&self, algorithm: KeyAlgorithm) -> Signer {
        let key = SigningKey::generate(algorithm).unwrap();
        let password = Passphrase::new(Zeroizing::new(Cosign::PASSWORD.to_owned()));
        let sealed = CosignKeyFile::seal(&key, &password).unwrap();
        let home = self.cosign.home();
        std::fs::write(home.join("cosign.key"), sealed.to_pem().as_bytes()).unwrap();
        std::fs::write(home.join("cosign.pub"), key.verifying_key().to_pem()).unwrap();
        Signer::with_key(key)
    }

    /// The name of a trusted root that trusts nobody.
    pub(crate) fn empty_trust(&self) -> String {
        let name = "empty.json";
        self.cosign
            .version(CosignVersion::V3)
            .run(["trusted-root", "create", "--out", name])
            .success();
        name.to_owned()
    }

    /// How many signatures the tag has, and how many referrers there are.
    pub(crate) async fn attached(&self, subject: &Manifest) -> (usize, usize) {
        let (place, _) = self.subject().await;
        let place = Place::Registry(place);
        let digest = subject.digest();
        let tagged = place.tagged(&digest, TagKind::Signatures).await.unwrap();
        let layers = tagged.map_or(0, |manifest| match manifest.content() {
            Content::Image { layers, .. } => layers.len(),
            Content::Index { .. } => panic!("an index"),
        });
        (
            layers,
            place.referrers(&digest).await.unwrap().entries.len(),
        )
    }
}

pub(crate) fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}
