//! Against real engines: 20.10 with its own image store, 28.5 with containerd's.
#![allow(clippy::unwrap_used, reason = "in the helpers of tests too")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::slice;

use engine::{
    ApiVersion, BuildOptions, Config, ContainerSpec, Endpoint, Engine, Error, Event, ImageName,
    ImageStore, RegistryAuth, ReportedIn, Sources,
};
use futures_util::stream;
use oci::{Descriptor, Digest, Manifest, Platform, Reference, Repository, Tag};
use testkit::{DockerCli, DockerRegistry, DockerVersion, Dockerd, Peers};
use zeroize::Zeroizing;

const NOBODY: RegistryAuth = RegistryAuth::Anonymous;

async fn connect(host: &str) -> Engine {
    let endpoint = Endpoint::choose(&Sources {
        docker_host: Some(host),
        ..Sources::default()
    })
    .unwrap();
    Engine::connect(endpoint, Config::default()).await.unwrap()
}

fn ignore(_: &Event) {}

fn repository(registry: &DockerRegistry, path: &str) -> Repository {
    Reference::parse(&format!("{}/{path}", registry.host()))
        .unwrap()
        .repository()
        .clone()
}

fn tagged(repository: &Repository, tag: &Tag) -> Reference {
    Reference::new(repository.clone(), Some(tag.clone()), None)
}

fn pinned(repository: &Repository, digest: Digest) -> Reference {
    Reference::new(repository.clone(), None, Some(digest))
}

/// The life of an image, the same on every engine; returns what the push reported.
async fn lives(engine: &Engine, docker: &DockerCli, registry: &DockerRegistry) -> ReportedIn {
    let demo = repository(registry, "api/demo");
    let (one, two) = (Tag::parse("1").unwrap(), Tag::parse("2").unwrap());
    let name = tagged(&demo, &one);
    docker.import(&name.familiar(), "hello");
    let local = engine.image(&ImageName::from(&name)).await.unwrap();
    assert_eq!(engine.tags(&demo).await.unwrap(), slice::from_ref(&one));
    assert_eq!(local.os, "linux");

    let mut events = Vec::new();
    let pushed = engine
        .push(&demo, &one, &NOBODY, &mut |event| {
            events.push(event.clone())
        })
        .await
        .unwrap();
    assert!(
        matches!(&events[0], Event::Status { id: None, text, .. } if text.starts_with("The push refers to")),
        "{events:?}"
    );
    assert!(
        events.iter().any(
            |event| matches!(event, Event::Status { id: Some(_), text, .. } if text == "Pushed")
        )
    );
    let said = engine.distribution(&name, &NOBODY).await.unwrap();
    assert_eq!(
        (said.descriptor.digest, said.descriptor.size),
        (pushed.digest, pushed.size)
    );

    // Moved in the registry, the signed digest is still what is pulled.
    docker.import(&name.familiar(), "another");
    let moved = engine
        .push(&demo, &one, &NOBODY, &mut ignore)
        .await
        .unwrap();
    assert_ne!(moved.digest, pushed.digest);
    docker.run(["rmi", "--force", &name.familiar()]).success();
    drop(docker.run(["rmi", "--force", &local.id.to_string()]));
    let pulled = engine
        .pull(&demo, &pushed.digest, None, &NOBODY, &mut ignore)
        .await
        .unwrap();
    assert_eq!(pulled.id, local.id);
    let source = ImageName::from(&pinned(&demo, pushed.digest));
    engine.tag(&source, &demo, &two).await.unwrap();
    let again = engine
        .image(&ImageName::from(&tagged(&demo, &two)))
        .await
        .unwrap();
    assert!(again.repo_digests.contains(&source.to_string()));
    assert_eq!(engine.tags(&demo).await.unwrap(), slice::from_ref(&two));
    assert!(engine.image(&ImageName::from(&local.id)).await.is_ok());

    let all = engine.push_all(&demo, &NOBODY, &mut ignore).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0].tag, all[0].digest), (&two, pushed.digest));

    pulls_by_index(engine, registry, &demo, &said.descriptor).await;
    refuses(engine, &demo).await;
    builds_and_creates(engine, docker, &demo, pushed.digest).await;
    pushed.reported_in
}

/// What is signed of an image for several platforms is its index.
async fn pulls_by_index(
    engine: &Engine,
    registry: &DockerRegistry,
    demo: &Repository,
    manifest: &Descriptor,
) {
    let amd64 = Platform {
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        variant: None,
        os_version: None,
    };
    let entry = Descriptor {
        platform: Some(amd64.clone()),
        ..manifest.clone()
    };
    let index = Manifest::index(vec![entry]);
    put_manifest(registry, demo, &index);
    let pulled = engine
        .pull(demo, &index.digest(), Some(&amd64), &NOBODY, &mut ignore)
        .await
        .unwrap();
    let name = ImageName::from(&pinned(demo, index.digest()));
    assert!(pulled.repo_digests.contains(&name.to_string()));
    let tag = Tag::parse("index").unwrap();
    engine.tag(&name, demo, &tag).await.unwrap();
    let arm = Platform {
        architecture: "arm64".to_owned(),
        ..amd64
    };
    assert!(
        engine
            .pull(demo, &index.digest(), Some(&arm), &NOBODY, &mut ignore)
            .await
            .is_err()
    );
}

fn put_manifest(registry: &DockerRegistry, repository: &Repository, manifest: &Manifest) {
    let mut stream = TcpStream::connect(registry.address()).unwrap();
    let head = format!(
        "PUT /v2/{}/manifests/{} HTTP/1.0\r\nHost: registry\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        repository.path(),
        manifest.digest(),
        manifest.media_type(),
        manifest.bytes().len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(manifest.bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 201 "), "{answer}");
}

async fn refuses(engine: &Engine, demo: &Repository) {
    let none = Tag::parse("nosuch").unwrap();
    let missing = pinned(demo, Digest::sha256(b"nothing"));
    assert!(matches!(
        engine.push(demo, &none, &NOBODY, &mut ignore).await,
        Err(Error::Stream { message, .. }) if message.contains("tag does not exist")
    ));
    assert!(matches!(
        engine.image(&ImageName::from(&missing)).await,
        Err(Error::NotFound { what, .. }) if what == missing.familiar()
    ));
    assert!(matches!(
        engine.tag(&ImageName::from(&missing), demo, &none).await,
        Err(Error::NotFound { .. })
    ));
    let digest = Digest::sha256(b"nothing");
    assert!(matches!(
        engine.pull(demo, &digest, None, &NOBODY, &mut ignore).await,
        Err(Error::NotFound { what, .. }) if what == missing.familiar()
    ));
    assert!(matches!(
        engine.distribution(&tagged(demo, &none), &NOBODY).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        engine
            .create(&ImageName::from(&missing), &ContainerSpec::default())
            .await,
        Err(Error::NotFound { .. })
    ));
}

async fn builds_and_creates(engine: &Engine, docker: &DockerCli, demo: &Repository, base: Digest) {
    let result = tagged(demo, &Tag::parse("built").unwrap());
    let options = BuildOptions {
        tags: vec![result.clone()],
        labels: [("a".to_owned(), "b".to_owned())].into(),
        build_args: [("X".to_owned(), Some("y z".to_owned()))].into(),
        ..BuildOptions::default()
    };
    let base = pinned(demo, base);
    let context = |text: String| stream::iter([Ok(tar_of("Dockerfile", &text).into())]);
    let mut output = String::new();
    let built = engine
        .build(
            context(format!(
                "FROM {}\nARG X\nLABEL x=\"$X\"\nCOPY Dockerfile /\n",
                base.familiar()
            )),
            &options,
            &mut |event| {
                if let Event::Output(text) = event {
                    output.push_str(text);
                }
            },
        )
        .await
        .unwrap();
    assert!(output.contains("Successfully built"), "{output}");
    let image = engine.image(&ImageName::from(&result)).await.unwrap();
    assert_eq!(image.id, built.id);
    let shown = docker
        .run([
            "inspect",
            "--format",
            "{{json .Config.Labels}}",
            &result.familiar(),
        ])
        .success();
    assert_eq!(shown.stdout.trim(), r#"{"a":"b","x":"y z"}"#);

    assert!(matches!(
        engine
            .build(
                context("FROM scratch\nCOPY nothing /\n".to_owned()),
                &options,
                &mut ignore
            )
            .await,
        Err(Error::Stream { .. })
    ));
    let failing = stream::iter([
        Ok(bytes::Bytes::from_static(b"some")),
        Err(std::io::Error::other("disk")),
    ]);
    assert!(matches!(
        engine.build(failing, &options, &mut ignore).await,
        Err(Error::RequestBody { source }) if source.to_string() == "disk"
    ));

    // An archive that ends at once and goes on for 64 MB: the engine answers and hears no more.
    let long = stream::iter((0..1024).map(|_| Ok(bytes::Bytes::from(vec![0; 64 << 10]))));
    let outcome = engine.build(long, &options, &mut ignore).await;
    assert!(
        matches!(&outcome, Err(Error::Server { message, .. }) if message.contains("Dockerfile")),
        "{outcome:?}"
    );

    let spec = ContainerSpec {
        name: Some("made".to_owned()),
        config: serde_json::from_str(r#"{"Cmd":["/x"],"Image":"other"}"#).unwrap(),
        ..ContainerSpec::default()
    };
    let image = ImageName::from(&base);
    let made = engine.create(&image, &spec).await.unwrap();
    let shown = docker
        .run(["inspect", "--format", "{{.Id}} {{.Config.Image}}", "made"])
        .success();
    assert_eq!(shown.stdout.trim(), format!("{} {image}", made.id));
    assert!(matches!(
        engine.create(&image, &spec).await,
        Err(Error::Conflict { .. })
    ));

    let archive = docker.home().join("saved.tar");
    docker
        .run([
            "save",
            "-o",
            &archive.display().to_string(),
            &result.familiar(),
        ])
        .success();
    let saved = std::fs::read(archive).unwrap();
    let loaded = engine
        .load(stream::iter([Ok(saved.into())]), &mut ignore)
        .await
        .unwrap();
    assert_eq!(loaded, [result.familiar()]);
}

/// A tar of one file: testkit's has a fixed name, and its text in the place of the content.
fn tar_of(name: &str, text: &str) -> Vec<u8> {
    let mut tar = testkit::image::rootfs_tar(text);
    tar[..100].fill(0);
    tar[..name.len()].copy_from_slice(name.as_bytes());
    tar[148..156].fill(b' ');
    let sum: u32 = tar[..512].iter().map(|byte| u32::from(*byte)).sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar
}

#[tokio::test]
async fn dockerd_20_keeps_the_life_of_an_image() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let registry = DockerRegistry::start(&peers);
    let dockerd = Dockerd::start(&peers);
    let docker = DockerCli::new(&peers, DockerVersion::V20).daemon(&dockerd);
    let engine = connect(&dockerd.host()).await;
    assert_eq!(engine.api_version(), ApiVersion::OLDEST);
    let version = engine.version().await.unwrap();
    assert!(version.version.starts_with("20.10."));
    assert_eq!(version.min_api_version, "1.12");
    let driver = "vfs".to_owned();
    assert_eq!(
        engine.info().await.unwrap().image_store,
        ImageStore::GraphDriver { driver }
    );
    let reported = lives(&engine, &docker, &registry).await;
    assert_eq!(reported, ReportedIn::Aux);
}

#[tokio::test]
async fn dockerd_28_with_the_containerd_store_keeps_it_too() {
    let Some(peers) = Peers::locate_with_dockerd_28() else {
        return;
    };
    let registry = DockerRegistry::start(&peers);
    let dockerd = Dockerd::start_28_containerd(&peers);
    let docker = DockerCli::new(&peers, DockerVersion::V28_5).daemon(&dockerd);
    let engine = connect(&dockerd.host()).await;
    assert_eq!(engine.api_version(), ApiVersion::NEWEST);
    let snapshotter = "native".to_owned();
    assert_eq!(
        engine.info().await.unwrap().image_store,
        ImageStore::Containerd { snapshotter }
    );
    let reported = lives(&engine, &docker, &registry).await;
    assert_eq!(reported, ReportedIn::StatusLine);
}

#[tokio::test]
async fn dockerd_logs_in_at_the_registry_in_our_name() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let registry = DockerRegistry::start_with_password(&peers);
    let dockerd = Dockerd::start(&peers);
    let docker = DockerCli::new(&peers, DockerVersion::V20).daemon(&dockerd);
    let engine = connect(&dockerd.host()).await;
    let demo = repository(&registry, "demo");
    let tag = Tag::latest();
    docker.import(&tagged(&demo, &tag).familiar(), "hello");
    assert!(matches!(
        engine.push(&demo, &tag, &NOBODY, &mut ignore).await,
        Err(Error::Stream { message, .. }) if message.contains("no basic auth credentials")
    ));
    let alice = RegistryAuth::Password {
        server: registry.host(),
        username: DockerRegistry::USER.to_owned(),
        password: Zeroizing::new(DockerRegistry::PASSWORD.to_owned()),
    };
    let pushed = engine.push(&demo, &tag, &alice, &mut ignore).await.unwrap();
    let found = engine
        .distribution(&tagged(&demo, &tag), &alice)
        .await
        .unwrap();
    assert_eq!(found.descriptor.digest, pushed.digest);
    assert!(matches!(
        engine.distribution(&tagged(&demo, &tag), &NOBODY).await,
        Err(Error::Unauthorized { .. } | Error::Denied { .. } | Error::Server { .. })
    ));
}
