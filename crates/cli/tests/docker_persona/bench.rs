//! A user's machine with a docker engine, our registry and trust server, and our `docker` before the real one.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::json;
use testkit::{
    Countersign, DockerCli, DockerRegistry, DockerVersion, Dockerd, Folder, Output, Peers, files,
    image,
};

/// The program under judgement.
pub(crate) const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

pub(crate) struct Bench {
    pub(crate) server: Countersign,
    pub(crate) dockerd: Dockerd,
    /// Stock docker with content trust on.
    pub(crate) docker: DockerCli,
    registry: Option<DockerRegistry>,
    peers: Peers,
}

impl Bench {
    pub(crate) fn start() -> Option<Self> {
        let peers = Peers::locate_with_dockerd()?;
        let server = Countersign::start(COUNTERSIGN);
        let dockerd = Dockerd::start(&peers);
        let docker = user(&peers, &server, &dockerd);
        Some(Self {
            server,
            dockerd,
            docker,
            registry: None,
            peers,
        })
    }

    /// With docker-registry in place of ours: BuildKit speaks plain HTTP, and nothing else, to loopback names.
    pub(crate) fn with_plain_registry(self) -> Self {
        let registry = DockerRegistry::start(&self.peers);
        self.with_registry(registry)
    }

    /// With another registry than ours; our trust server stays.
    pub(crate) fn with_registry(self, registry: DockerRegistry) -> Self {
        let docker = self
            .docker
            .clone()
            .trust_server(&self.server.url(), &self.server.ca_file());
        Self {
            docker,
            registry: Some(registry),
            ..self
        }
    }

    /// With the containerd image store.
    pub(crate) fn start_containerd() -> Option<Self> {
        let peers = Peers::locate_with_dockerd_28()?;
        let server = Countersign::start(COUNTERSIGN);
        let dockerd = Dockerd::start_28_containerd(&peers);
        let docker = user(&peers, &server, &dockerd).version(DockerVersion::V28);
        Some(Self {
            server,
            dockerd,
            docker,
            registry: None,
            peers,
        })
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Another machine with the same engine, without keys and trust data.
    pub(crate) fn user(&self) -> DockerCli {
        let docker = user(&self.peers, &self.server, &self.dockerd);
        match self.registry {
            Some(_) => docker.trust_server(&self.server.url(), &self.server.ca_file()),
            None => docker,
        }
    }

    /// The registry's host.
    pub(crate) fn host(&self) -> String {
        match &self.registry {
            Some(registry) => registry.host(),
            None => self.server.host(),
        }
    }

    pub(crate) fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.host())
    }

    /// Makes an image in the engine.
    pub(crate) fn import(&self, image: &str, text: &str) {
        untrusted(&self.docker).import(image, text);
    }

    /// Forgets images in the engine.
    pub(crate) fn forget(&self, images: &[&str]) {
        untrusted(&self.docker)
            .run([&["rmi", "-f"], images].concat())
            .success();
    }

    /// What the engine has under a name: image id and digests.
    pub(crate) fn inspect(&self, image: &str) -> Output {
        let format = "{{.Id}} {{.RepoTags}} {{.RepoDigests}}";
        untrusted(&self.docker).run(["image", "inspect", "--format", format, image])
    }
}

fn user(peers: &Peers, server: &Countersign, dockerd: &Dockerd) -> DockerCli {
    let docker = DockerCli::new(peers, DockerVersion::V20)
        .daemon(dockerd)
        .env("DOCKER_CONTENT_TRUST", "1");
    docker.add_ca(&server.host(), &server.ca_file());
    docker
}

/// The same machine with content trust off.
pub(crate) fn untrusted(docker: &DockerCli) -> DockerCli {
    docker.clone().env_remove("DOCKER_CONTENT_TRUST")
}

/// Every image of the engine, with tag, digest and id.
pub(crate) fn local_images(docker: &DockerCli) -> Vec<String> {
    let format = "{{.Repository}}:{{.Tag}} {{.Digest}} {{.ID}}";
    let listed = untrusted(docker).run(["images", "--digests", "--format", format]);
    let mut images: Vec<_> = listed.success().stdout.lines().map(str::to_owned).collect();
    images.sort();
    images
}

/// Every file of our server that holds something: the database's shared memory says who read it last.
pub(crate) fn server_files(server: &Countersign) -> BTreeMap<String, Vec<u8>> {
    let mut found = files(&server.data());
    found.retain(|name, _| !name.ends_with(".db-shm"));
    found
}

/// Our `docker` in a folder of its own; what it is called decides what it is.
pub(crate) fn shim(docker: &DockerCli) -> PathBuf {
    let folder = docker.home().join("shim");
    let path = folder.join("docker");
    if std::fs::symlink_metadata(&path).is_err() {
        std::fs::create_dir_all(&folder).unwrap();
        symlink(COUNTERSIGN, &path).unwrap();
    }
    path
}

/// Our `docker` before the real one of this user.
#[track_caller]
pub(crate) fn ours<A: AsRef<OsStr>>(
    docker: &DockerCli,
    words: impl IntoIterator<Item = A>,
) -> Output {
    let shim = shim(docker);
    before_real(docker).run_program(shim, words)
}

/// This user, with the shim's way to the real docker.
pub(crate) fn before_real(docker: &DockerCli) -> DockerCli {
    let real = docker.command([""; 0]);
    docker
        .clone()
        .env("COUNTERSIGN_DOCKER", &real.get_program().to_string_lossy())
}

/// `sha256:…` after a marker.
#[track_caller]
pub(crate) fn digest_after(text: &str, marker: &str) -> String {
    let (_, rest) = text
        .split_once(marker)
        .unwrap_or_else(|| panic!("no {marker:?} in {text:?}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

pub(crate) fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// An OCI layout with an index of two platforms tagged `1`, and the index's digest. The first is linux/amd64.
pub(crate) fn index_layout(texts: [&str; 2]) -> (Folder, String) {
    let folder = Folder::new("index");
    let mut manifests = Vec::new();
    for (text, architecture) in texts.iter().zip(["amd64", "arm64"]) {
        let manifest = image::write_oci_layout(folder.path(), "1", text);
        manifests.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": manifest.digest,
            "size": manifest.size,
            "platform": {"os": "linux", "architecture": architecture},
        }));
    }
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    let index = index.to_string();
    let digest = image::sha256(index.as_bytes());
    let (_, hex) = digest.split_once(':').unwrap();
    std::fs::write(folder.path().join("blobs/sha256").join(hex), &index).unwrap();
    let entry = json!({
        "mediaType": media_type,
        "digest": digest,
        "size": index.len(),
        "annotations": {"org.opencontainers.image.ref.name": "1"},
    });
    let top = json!({"schemaVersion": 2, "manifests": [entry]});
    std::fs::write(folder.path().join("index.json"), top.to_string()).unwrap();
    (folder, digest)
}
