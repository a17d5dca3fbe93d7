//! The registry role of `countersign serve` against skopeo, docker and docker-registry.

use http::{Method, StatusCode};
use testkit::{
    Countersign, DockerCli, DockerRegistry, DockerVersion, Dockerd, Peers, Proxy, Skopeo, TestCa,
    files,
};

use crate::support::{
    COUNTERSIGN, TrustingSkopeo, index_layout, json_of, layout, tagged_in, word_after,
};

/// What goes in comes out with the same digests and the same bytes, also after a restart.
#[test]
fn skopeo_copies_images_and_indexes_in_and_out() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let skopeo = TrustingSkopeo::new(&peers, &server.ca_file());
    let (image, image_digest) = layout("in and out");
    let (index, index_digest) = index_layout(["on amd64", "on arm64"]);
    let images = [
        (image, image_digest, format!("{}/image:1", server.host())),
        (
            index,
            index_digest,
            format!("{}/a/b/index:1", server.host()),
        ),
    ];
    for (folder, _, name) in &images {
        skopeo.push(folder.path(), name);
    }
    server.restart();
    for (folder, digest, name) in &images {
        let (repository, _) = name.rsplit_once(':').unwrap();
        for reference in [name.clone(), format!("{repository}@{digest}")] {
            let pulled = skopeo.pull(&reference);
            assert_eq!(&tagged_in(pulled.path()), digest, "{reference}");
            let blobs = |folder: &testkit::Folder| files(&folder.path().join("blobs"));
            assert_eq!(blobs(&pulled), blobs(folder), "{reference}");
        }
    }
}

/// An image is found under its tags, and not any more once it is deleted.
#[test]
fn skopeo_lists_inspects_and_deletes() {
    let Some(peers) = Peers::locate() else { return };
    let server = Countersign::start(COUNTERSIGN);
    let skopeo = TrustingSkopeo::new(&peers, &server.ca_file());
    let repository = format!("{}/team/app", server.host());
    let mut digests = Vec::new();
    for tag in ["1.0", "2.0", "latest"] {
        let (folder, digest) = layout(tag);
        skopeo.push(folder.path(), &format!("{repository}:{tag}"));
        digests.push(digest);
    }
    let at = format!("docker://{repository}");
    let listed = |expected: &[&str]| {
        let tags = skopeo.at_registry("list-tags", &[&at]).success();
        assert_eq!(json_of(&tags)["Tags"], serde_json::json!(expected));
    };
    listed(&["1.0", "2.0", "latest"]);

    let inspected = skopeo
        .at_registry("inspect", &[&format!("{at}:2.0")])
        .success();
    let inspected = json_of(&inspected);
    assert_eq!(inspected["Digest"], digests[1].as_str());
    assert_eq!(inspected["Architecture"], "amd64");
    let raw = skopeo
        .at_registry("inspect", &["--raw", &format!("{at}:2.0")])
        .success();
    assert_eq!(testkit::image::sha256(raw.stdout.as_bytes()), digests[1]);

    skopeo
        .at_registry("delete", &[&format!("{at}:2.0")])
        .success();
    listed(&["1.0", "latest"]);
    skopeo
        .at_registry("inspect", &[&format!("{at}:2.0")])
        .failure()
        .says("manifest unknown");
    skopeo
        .at_registry("inspect", &[&format!("{at}@{}", digests[1])])
        .failure()
        .says("manifest unknown");
    skopeo
        .at_registry("inspect", &[&format!("{at}:latest")])
        .success();
}

/// A client that does not know the server's authority is told so, and nothing is stored.
#[test]
fn skopeo_refuses_an_unknown_authority() {
    let Some(peers) = Peers::locate() else { return };
    let server = Countersign::start(COUNTERSIGN);
    let (folder, _) = layout("not for you");
    let from = format!("oci:{}:1", folder.path().display());
    let to = format!("docker://{}/image:1", server.host());
    Skopeo::new(&peers)
        .run(["copy", &from, &to])
        .failure()
        .says("certificate signed by unknown authority");
    TrustingSkopeo::new(&peers, &server.ca_file())
        .at_registry("inspect", &[&to])
        .failure()
        .says("manifest unknown");
}

/// Images move between docker-registry and ours, and back, unchanged.
#[test]
fn skopeo_copies_between_docker_registry_and_ours() {
    let Some(peers) = Peers::locate() else { return };
    let server = Countersign::start(COUNTERSIGN);
    let theirs = DockerRegistry::start(&peers);
    let ca = TestCa::new();
    // skopeo verifies one authority on both sides here; docker-registry itself speaks plain HTTP.
    let front = Proxy::to(&theirs.url())
        .route("/ours/", &server.url())
        .trust(&server.ca_file())
        .start_https(&ca);
    let skopeo = TrustingSkopeo::new(&peers, &ca.file());
    let (folder, digest) = index_layout(["first", "second"]);
    let name = |repository: &str| format!("{}/{repository}:1", front.host());
    skopeo.push(folder.path(), &name("theirs/app"));
    for (from, to) in [("theirs/app", "ours/app"), ("ours/app", "theirs/copy")] {
        skopeo
            .copy(
                &format!("docker://{}", name(from)),
                &format!("docker://{}", name(to)),
            )
            .success();
    }
    let pulled = skopeo.pull(&name("theirs/copy"));
    assert_eq!(tagged_in(pulled.path()), digest);
    assert_eq!(
        files(&pulled.path().join("blobs")),
        files(&folder.path().join("blobs"))
    );
}

/// Both dockers push and pull by tag and by digest, and skopeo reads what they pushed.
#[test]
fn dockerd_pushes_and_pulls() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let server = Countersign::start(COUNTERSIGN);
    let dockerd = Dockerd::start(&peers);
    let skopeo = TrustingSkopeo::new(&peers, &server.ca_file());
    let docker = DockerCli::new(&peers, DockerVersion::V20).daemon(&dockerd);
    for version in [DockerVersion::V20, DockerVersion::V28] {
        let docker = docker.version(version);
        let repository = format!("{}/from-docker", server.host());
        let image = format!("{repository}:{version:?}").to_lowercase();
        docker.import(&image, &format!("pushed by {version:?}"));
        let pushed = docker.run(["push", &image]).success();
        let digest = word_after(&pushed.stdout, "digest: ").to_owned();
        docker.run(["image", "rm", &image]).success();
        docker.run(["pull", &image]).success().says(&digest);
        docker
            .run(["pull", &format!("{repository}@{digest}")])
            .success();
        let seen = skopeo
            .at_registry("inspect", &[&format!("docker://{image}")])
            .success();
        assert_eq!(json_of(&seen)["Digest"], digest.as_str());

        let (folder, index) = index_layout(["for amd64", "for arm64"]);
        let image = format!("{}/from-skopeo:{version:?}", server.host()).to_lowercase();
        skopeo.push(folder.path(), &image);
        docker.run(["pull", &image]).success().says(&index);
        let missing = format!("{}/nothing:1", server.host());
        docker
            .run(["pull", &missing])
            .failure()
            .says(&format!("manifest for {missing} not found"));
    }
}

/// Layers that the registry has in another repository are mounted and not sent again.
#[test]
fn dockerd_mounts_layers_of_another_repository() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let server = Countersign::start(COUNTERSIGN);
    let ca = TestCa::new();
    let front = Proxy::to(&server.url())
        .trust(&server.ca_file())
        .start_https(&ca);
    let dockerd = Dockerd::start(&peers);
    let docker = DockerCli::new(&peers, DockerVersion::V28).daemon(&dockerd);
    let (first, second) = (
        format!("{}/first:1", front.host()),
        format!("{}/second:1", front.host()),
    );
    docker.import(&first, "layers to share");
    docker.run(["push", &first]).success();
    docker.run(["tag", &first, &second]).success();
    front.take_exchanges();
    docker
        .run(["push", &second])
        .success()
        .says("Mounted from first");
    let mounted: Vec<_> = front
        .exchanges()
        .into_iter()
        .filter(|exchange| {
            exchange.method == Method::POST && exchange.target.contains("from=first&mount=")
        })
        .collect();
    assert_eq!(mounted.len(), 1, "{:?}", front.requests());
    assert_eq!(mounted[0].status, Some(StatusCode::CREATED));
    docker.run(["image", "rm", &first, &second]).success();
    docker.run(["pull", &second]).success();
}
