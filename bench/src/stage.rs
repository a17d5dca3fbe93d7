//! What the rows need: signed repositories, and images to sign.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::json;
use testkit::{DockerCli, DockerRegistry, DockerVersion, Folder, NotaryCli, Peers, Skopeo};
use tokio::net::TcpStream;

/// The passphrase of every key of the measurements.
pub(crate) const PASSPHRASE: &str = NotaryCli::PASSPHRASE;

/// A docker 28 (or us, in its place) without a daemon, with an empty home folder.
pub(crate) fn docker(peers: &Peers, server: &str, ca_file: &Path) -> DockerCli {
    DockerCli::new(peers, DockerVersion::V28)
        .env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", PASSPHRASE)
        .env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE)
        .trust_server(server, ca_file)
}

/// A tag and what it points to.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) size: usize,
}

/// `count` tags called `<prefix>0`, `<prefix>1`, … with digests of their own.
pub(crate) fn tags(prefix: &str, count: usize) -> Vec<Tag> {
    (0..count)
        .map(|number| {
            let name = format!("{prefix}{number}");
            Tag {
                digest: testkit::image::sha256(name.as_bytes()),
                size: 528,
                name,
            }
        })
        .collect()
}

/// Adds tags to `role` of an initialised repository and publishes once.
///
/// What `notary addhash` does is to leave a file for each tag; ten thousand processes for that would take minutes.
pub(crate) fn publish(notary: &NotaryCli, gun: &str, role: &str, tags: &[Tag]) {
    let folder = notary.folder().join("tuf").join(gun).join("changelist");
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    for (number, tag) in tags.iter().enumerate() {
        let target =
            json!({"length": tag.size, "hashes": {"sha256": STANDARD.encode(raw(&tag.digest))}});
        let change = json!({
            "action": "create",
            "role": role,
            "type": "target",
            "path": tag.name,
            "data": STANDARD.encode(target.to_string()),
        });
        let name = format!("{number:020}_bench.change");
        std::fs::write(folder.join(name), change.to_string())
            .expect("the temporary folder is writable");
    }
    notary.run(["publish", gun]).success();
}

/// Makes the repository `gun` with docker itself: a signer called `alice`, whose key is in docker's trust folder, and
/// `tags` in the role that all signers share. Alice has signed none of them herself yet.
pub(crate) fn repository_with_signer(
    docker: &DockerCli,
    notary: &NotaryCli,
    gun: &str,
    tags: &[Tag],
) {
    docker.run(["trust", "key", "generate", "alice"]).success();
    docker
        .run(["trust", "signer", "add", "--key", "alice.pub", "alice", gun])
        .success();
    let notary = notary.clone().trust_dir(&docker.trust_dir());
    publish(&notary, gun, "targets/releases", tags);
}

/// Pushes one image to `repository` (a name without host) under all of `tags`.
pub(crate) fn push(peers: &Peers, registry: &DockerRegistry, repository: &str, tags: &[String]) {
    let Some((first, others)) = tags.split_first() else {
        return;
    };
    let manifest = push_one(peers, registry, repository, first);
    let others = others.iter().map(|tag| (tag.clone(), manifest.clone()));
    put_manifests(registry.address(), repository, others.collect());
}

/// Pushes `count` images to `repository` that differ in an annotation, and returns `host/repository@digest` of each.
pub(crate) fn push_different(
    peers: &Peers,
    registry: &DockerRegistry,
    repository: &str,
    count: usize,
) -> Vec<String> {
    let first = push_one(peers, registry, repository, "first");
    let first: serde_json::Value =
        serde_json::from_slice(&first).expect("a manifest of ours is JSON");
    let image = |number: usize| {
        let mut manifest = first.clone();
        manifest["annotations"] = json!({"org.opencontainers.image.version": number.to_string()});
        (format!("v{number}"), Bytes::from(manifest.to_string()))
    };
    let images: Vec<(String, Bytes)> = (0..count).map(image).collect();
    let host = registry.host();
    let names = images.iter().map(|(_, manifest)| {
        let digest = testkit::image::sha256(manifest);
        format!("{host}/{repository}@{digest}")
    });
    let names = names.collect();
    put_manifests(registry.address(), repository, images);
    names
}

/// Pushes one image and returns its manifest.
fn push_one(peers: &Peers, registry: &DockerRegistry, repository: &str, tag: &str) -> Bytes {
    let layout = Folder::new("layout");
    let manifest = testkit::image::write_oci_layout(layout.path(), tag, repository);
    let from = format!("oci:{}:{tag}", layout.path().display());
    let to = format!("docker://{}/{repository}:{tag}", registry.host());
    Skopeo::new(peers)
        .run(["copy", "--dest-tls-verify=false", &from, &to])
        .success();
    let hex = manifest.digest.trim_start_matches("sha256:");
    let bytes = std::fs::read(layout.path().join("blobs/sha256").join(hex));
    Bytes::from(bytes.expect("the layout has its manifest"))
}

/// Each of `manifests` under its tag, over one connection: a thousand programs would take minutes.
fn put_manifests(address: SocketAddr, repository: &str, manifests: Vec<(String, Bytes)>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started")
        .block_on(put_all(address, repository, manifests));
}

async fn put_all(address: SocketAddr, repository: &str, manifests: Vec<(String, Bytes)>) {
    let socket = TcpStream::connect(address)
        .await
        .expect("the registry accepts connections");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .expect("nothing is sent before the first request");
    tokio::spawn(connection);
    for (tag, manifest) in manifests {
        let request = Request::put(format!("/v2/{repository}/manifests/{tag}"))
            .header(header::HOST, address.to_string())
            .header(
                header::CONTENT_TYPE,
                "application/vnd.oci.image.manifest.v1+json",
            )
            .body(Full::new(manifest))
            .expect("a valid request");
        sender.ready().await.expect("the connection is kept");
        let response = sender
            .send_request(request)
            .await
            .expect("the registry answers");
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("the answer is whole");
        assert_eq!(status, StatusCode::CREATED, "{:?}", body.to_bytes());
    }
}

fn raw(digest: &str) -> Vec<u8> {
    hex::decode(digest.trim_start_matches("sha256:")).expect("we made the digest")
}
