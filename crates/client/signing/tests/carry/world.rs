//! Registries of both kinds, images in them, and the real cosigns.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chassis::{Access, PausedClock};
use net::Bytes;
use oci::{Artifact, Content, Descriptor, Digest, Manifest, MediaType, Platform, Reference, Tag};
use registry::{BlobSource, CredentialSource, Registry, RegistryConfig, UploadMode};
use registryd::{LocalRegistry, Settings, router};
use signing::carry::{CopyPlan, Selection};
use signing::{Place, RegistryPlace};
use testkit::{Cosign, CosignVersion, DockerRegistry, Output, Peers};

/// Whether a registry has the referrers API.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Api,
    NoApi,
}

#[derive(Clone)]
pub(crate) struct World {
    docker: Arc<DockerRegistry>,
    api: Arc<Served>,
    cosign: Cosign,
    key: String,
}

struct Served {
    host: String,
    task: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Four at once, without force.
pub(crate) fn plan(what: Selection) -> CopyPlan<'static> {
    CopyPlan {
        what,
        name: true,
        force: false,
        platform: None,
        workers: 4,
        watch: &|_, _| {},
    }
}

async fn serve() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(PausedClock::at(jiff::Timestamp::UNIX_EPOCH));
    let settings = Settings::default();
    let registry = LocalRegistry::open(folder.path(), settings, Access::Open, clock).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    let router = router(Arc::new(registry));
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Served {
        host,
        task,
        _folder: folder,
    }
}

impl World {
    pub(crate) async fn new(peers: &Peers) -> Self {
        let world = Self {
            docker: Arc::new(DockerRegistry::start(peers)),
            api: Arc::new(serve().await),
            cosign: Cosign::new(peers, CosignVersion::V3).env("COSIGN_EXPERIMENTAL", "1"),
            key: "cosign".to_owned(),
        };
        for args in [
            &["generate-key-pair"][..],
            &["signing-config", "create", "--out", "none.json"],
            &["trusted-root", "create", "--out", "nobody.json"],
        ] {
            world.cosign(CosignVersion::V3, args).success();
        }
        world
    }

    /// The same registries, with another key.
    pub(crate) fn somebody_else(&self) -> Self {
        let key = "somebody-else".to_owned();
        let args = ["generate-key-pair", "--output-key-prefix", &key];
        self.cosign(CosignVersion::V3, &args).success();
        Self {
            key,
            ..self.clone()
        }
    }

    pub(crate) fn cosign(&self, version: CosignVersion, args: &[&str]) -> Output {
        self.cosign.version(version).run(args)
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.cosign.home().join(name)
    }

    /// A reference by tag.
    pub(crate) fn image(&self, kind: Kind, name: &str) -> String {
        let host = match kind {
            Kind::Api => self.api.host.clone(),
            Kind::NoApi => self.docker.host(),
        };
        format!("{host}/{name}:v1")
    }

    pub(crate) async fn place(&self, image: &str) -> Place {
        Place::Registry(self.registry_place(image))
    }

    pub(crate) fn registry_place(&self, image: &str) -> RegistryPlace {
        let reference = Reference::parse(image).unwrap();
        let client = net::Client::new(net::Config::new("test")).unwrap();
        let host = reference.repository().request_host().to_owned();
        let config = RegistryConfig::new(host, CredentialSource::Anonymous);
        match Place::registry(Arc::new(Registry::new(client, config)), &reference).unwrap() {
            Place::Registry(place) => place,
            Place::Layout(_) => panic!("an image in a registry"),
        }
    }

    async fn push(&self, image: &str, text: &str, tag: Option<&Tag>) -> Manifest {
        let place = self.registry_place(image);
        let (registry, path) = (&place.image().registry, place.image().repository.path());
        let layer = testkit::image::rootfs_tar(text);
        let config = format!(
            r#"{{"architecture":"{text}","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            Digest::sha256(&layer)
        );
        let image = Manifest::artifact(Artifact {
            config: Descriptor::of(MediaType::OCI_CONFIG, config.as_bytes()),
            layers: vec![Descriptor::of(
                MediaType::parse("application/vnd.oci.image.layer.v1.tar").unwrap(),
                &layer,
            )],
            annotations: BTreeMap::new(),
            subject: None,
            artifact_type: None,
        });
        for blob in [layer, config.into_bytes()] {
            let source = BlobSource::Bytes(Bytes::from(blob));
            registry
                .push_blob(path, source, UploadMode::Monolithic)
                .await
                .unwrap();
        }
        registry.push_manifest(path, tag, &image).await.unwrap();
        image
    }

    /// One image under the reference.
    pub(crate) async fn push_image(&self, image: &str) -> Manifest {
        self.push(image, "amd64", Some(&Tag::parse("v1").unwrap()))
            .await
    }

    /// An image for two platforms under the reference.
    pub(crate) async fn push_index(&self, image: &str) -> Manifest {
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let manifest = self.push(image, architecture, None).await;
            entries.push(Descriptor {
                platform: Some(Platform {
                    architecture: architecture.to_owned(),
                    os: "linux".to_owned(),
                    variant: None,
                    os_version: None,
                }),
                ..manifest.descriptor()
            });
        }
        let index = Manifest::index(entries);
        let place = self.registry_place(image);
        let tag = Tag::parse("v1").unwrap();
        let at = place.image();
        at.registry
            .push_manifest(at.repository.path(), Some(&tag), &index)
            .await
            .unwrap();
        index
    }

    pub(crate) async fn push_blobs_of_referrers(&self, layout: &layout::Layout, image: &str) {
        let subject = layout.image().unwrap().digest;
        let place = self.registry_place(image);
        let at = place.image();
        for referrer in layout.referrers(&subject).await.unwrap() {
            for blob in referrer.children() {
                let source = BlobSource::Bytes(layout.blob(blob, 1 << 20).await.unwrap());
                at.registry
                    .push_blob(at.repository.path(), source, UploadMode::Monolithic)
                    .await
                    .unwrap();
            }
        }
    }

    pub(crate) fn platform(&self, index: &Manifest, architecture: &str) -> Digest {
        let Content::Index { manifests } = index.content() else {
            panic!("an index")
        };
        let is_it = |entry: &&Descriptor| {
            let platform = entry.platform.as_ref();
            platform.is_some_and(|platform| platform.architecture == architecture)
        };
        manifests.iter().find(is_it).unwrap().digest
    }

    /// As signed and verified: by digest.
    pub(crate) fn at(image: &str, manifest: &Manifest) -> String {
        let repository = image.strip_suffix(":v1").unwrap();
        format!("{repository}@{}", manifest.digest())
    }

    pub(crate) fn sign(&self, version: CosignVersion, image: &str, manifest: &Manifest) {
        self.sign_with(version, &Self::at(image, manifest), &[]);
    }

    fn sign_with(&self, version: CosignVersion, image: &str, more: &[&str]) {
        let key = format!("{}.key", self.key);
        let mut args = vec!["sign", "--key", &key];
        args.extend(match version {
            CosignVersion::V2 => ["--tlog-upload=false", "--yes"],
            CosignVersion::V3 => ["--signing-config", "none.json"],
        });
        args.extend(more);
        args.push(image);
        self.cosign(version, &args).success();
    }

    pub(crate) fn attest(&self, version: CosignVersion, image: &str, manifest: &Manifest) {
        std::fs::write(self.folder("predicate.json"), "{}").unwrap();
        let key = format!("{}.key", self.key);
        let mut args = vec!["attest", "--key", &key, "--predicate", "predicate.json"];
        args.extend(match version {
            CosignVersion::V2 => ["--tlog-upload=false", "--yes"],
            CosignVersion::V3 => ["--signing-config", "none.json"],
        });
        let image = Self::at(image, manifest);
        args.push(&image);
        self.cosign(version, &args).success();
    }

    /// Of an index: signatures and attestations in both forms and as a referrer with layers, a bill of materials, and
    /// the signature of one platform.
    pub(crate) fn attach_everything(&self, image: &str, index: &Manifest) {
        let arm = image.replace(":v1", &format!("@{}", self.platform(index, "arm64")));
        self.sign_with(CosignVersion::V2, &arm, &[]);
        // Before the tag exists, which it would copy.
        let mode = ["--registry-referrers-mode", "oci-1-1"];
        self.sign_with(CosignVersion::V2, &Self::at(image, index), &mode);
        for version in [CosignVersion::V2, CosignVersion::V3] {
            self.sign(version, image, index);
            self.attest(version, image, index);
        }
        std::fs::write(self.folder("sbom.txt"), "SPDXVersion: SPDX-2.3\n").unwrap();
        let at = Self::at(image, index);
        let args = ["attach", "sbom", "--sbom", "sbom.txt", &at];
        self.cosign(CosignVersion::V2, &args).success();
    }

    pub(crate) fn verify(
        &self,
        version: CosignVersion,
        command: &str,
        image: &str,
        manifest: &Manifest,
    ) -> Output {
        let key = format!("{}.pub", self.key);
        let mut args = vec![command, "--key", &key, "--insecure-ignore-tlog"];
        if version == CosignVersion::V3 {
            args.extend(["--new-bundle-format", "--trusted-root", "nobody.json"]);
        }
        let image = Self::at(image, manifest);
        args.push(&image);
        self.cosign(version, &args)
    }

    /// Its signature and its attestation are.
    pub(crate) fn accepts(&self, version: CosignVersion, image: &str, manifest: &Manifest) {
        for command in ["verify", "verify-attestation"] {
            self.verify(version, command, image, manifest).success();
        }
    }

    pub(crate) fn verify_everything(&self, image: &str, index: &Manifest) {
        for version in [CosignVersion::V2, CosignVersion::V3] {
            self.accepts(version, image, index);
        }
        let (at, key) = (Self::at(image, index), format!("{}.pub", self.key));
        let flags = ["--insecure-ignore-tlog", "--experimental-oci11"];
        let args = ["verify", "--key", &key, flags[0], flags[1], &at];
        self.cosign(CosignVersion::V2, &args).success();
        let args = ["download", "sbom", &at];
        let sbom = self.cosign(CosignVersion::V2, &args).success();
        assert_eq!(sbom.stdout.trim_end(), "SPDXVersion: SPDX-2.3");
        let arm = image.replace(":v1", &format!("@{}", self.platform(index, "arm64")));
        let args = ["verify", "--key", &key, flags[0], &arm];
        self.cosign(CosignVersion::V2, &args).success();
    }
}
