//! Blobs from one repository to another, and tags taken away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use net::Bytes;
use oci::{Descriptor, Manifest, MediaType, RepositoryName, Tag};
use registry::{BlobSource, Error, ManifestName, Registry, UploadMode};
use support::{Seen, Server, anonymous, reply};
use testkit::{DockerRegistry, Peers};

fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

fn client(host: String) -> Registry {
    let config = registry::RegistryConfig::new(host, registry::CredentialSource::Anonymous);
    Registry::new(support::http(), config)
}

fn content() -> (Bytes, Descriptor) {
    let bytes = Bytes::from(vec![3; 300_000]);
    let blob = Descriptor::of(MediaType::OCTET_STREAM, &bytes);
    (bytes, blob)
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_go_to_another_repository_and_another_registry() {
    let Some(peers) = Peers::locate() else { return };
    let servers = [(); 2].map(|()| DockerRegistry::start(&peers));
    let [here, there] = [&servers[0], &servers[1]].map(|server| client(server.host()));
    let (bytes, blob) = content();
    let source = BlobSource::Bytes(bytes.clone());
    here.push_blob(&name("a/one"), source, UploadMode::Monolithic)
        .await
        .unwrap();
    for (to, into) in [(&here, "a/two"), (&there, "a/one"), (&there, "b/three")] {
        for existed in [false, true] {
            let copied = here
                .copy_blob(&name("a/one"), &blob, to, &name(into))
                .await
                .unwrap();
            assert_eq!(copied.existed, existed);
        }
        let read = to.read_blob(&name(into), &blob, 1 << 20).await.unwrap();
        assert_eq!(read, bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_the_blob_arrive_nowhere() {
    let Some(peers) = Peers::locate() else { return };
    let (bytes, blob) = content();
    let liar = Server::start(move |_: &Seen| {
        let mut other = bytes.to_vec();
        other[0] += 1;
        reply(200).body(other)
    })
    .await;
    let server = DockerRegistry::start(&peers);
    let to = client(server.host());
    let error = anonymous(&liar)
        .copy_blob(&name("a/one"), &blob, &to, &name("a/one"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Source { .. }), "{error:?}");
    let arrived = to.blob_exists(&name("a/one"), &blob.digest).await;
    assert!(!arrived.unwrap());
}

/// docker-registry 2.8 takes no tag away from a manifest.
#[tokio::test(flavor = "multi_thread")]
async fn without_deleting_tags_the_manifest_goes() {
    let Some(peers) = Peers::locate() else { return };
    let server = DockerRegistry::start(&peers);
    let registry = client(server.host());
    let repository = name("team/app");
    let image = Manifest::index(Vec::new());
    let tag = Tag::parse("one").unwrap();
    registry
        .push_manifest(&repository, Some(&tag), &image)
        .await
        .unwrap();
    registry.delete_tag(&repository, &tag).await.unwrap();
    let by_digest = ManifestName::Digest(image.digest());
    let gone = registry.manifest(&repository, &by_digest).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    let error = registry.delete_tag(&repository, &tag).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn where_tags_can_be_deleted_the_manifest_stays() {
    let server = Server::start(|_: &Seen| reply(202)).await;
    let tag = Tag::parse("v1").unwrap();
    let deleted = anonymous(&server).delete_tag(&name("team/app"), &tag).await;
    deleted.unwrap();
    assert_eq!(server.lines(), ["DELETE /v2/team/app/manifests/v1"]);
}
