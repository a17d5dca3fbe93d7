//! Referrers that several clients push at once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use net::Bytes;
use oci::{Artifact, Descriptor, Digest, Manifest, MediaType, RepositoryName};
use registry::{
    BlobSource, Error, ManifestName, ReferrersSource, Registry, RegistryConfig, UploadMode,
};
use support::{Reply, Seen, Server, anonymous, reply};
use testkit::{DockerRegistry, Peers};

const EMPTY: &[u8] = b"{}";

fn name() -> RepositoryName {
    RepositoryName::parse("team/app").unwrap()
}

fn artifact(subject: Option<&Manifest>, note: &str) -> Manifest {
    Manifest::artifact(Artifact {
        config: Descriptor::of(MediaType::OCI_EMPTY, EMPTY),
        layers: vec![Descriptor::of(MediaType::OCI_EMPTY, EMPTY)],
        annotations: BTreeMap::from([("note".to_owned(), note.to_owned())]),
        subject: subject.map(Manifest::descriptor),
        artifact_type: Some(MediaType::parse("application/vnd.example.note").unwrap()),
    })
}

/// A connection of its own, as another process has it.
fn client(host: &str) -> Registry {
    let config = RegistryConfig {
        host: host.to_owned(),
        credentials: registry::CredentialSource::Anonymous,
        plain_http: registry::PlainHttp::Loopback,
        retry: net::Retry::OFF,
    };
    Registry::new(support::http(), config)
}

async fn with_subject(registry: &Registry) -> Manifest {
    let subject = artifact(None, "subject");
    let blob = BlobSource::Bytes(Bytes::from_static(EMPTY));
    registry
        .push_blob(&name(), blob, UploadMode::Monolithic)
        .await
        .unwrap();
    registry
        .push_manifest(&name(), None, &subject)
        .await
        .unwrap();
    subject
}

async fn found(registry: &Registry, subject: &Manifest) -> BTreeSet<String> {
    let referrers = registry
        .referrers(&name(), &subject.digest(), None)
        .await
        .unwrap();
    assert_eq!(referrers.source, ReferrersSource::TagSchema);
    let notes = referrers.entries.iter().map(|entry| {
        assert_eq!(
            entry.artifact_type.as_ref().unwrap().as_str(),
            "application/vnd.example.note"
        );
        entry.annotations["note"].clone()
    });
    notes.collect()
}

/// Stock cosign keeps two to five of six here.
#[tokio::test(flavor = "multi_thread")]
async fn six_writers_at_once_lose_nothing_on_a_registry_without_the_api() {
    let Some(peers) = Peers::locate() else { return };
    let server = DockerRegistry::start(&peers);
    let reader = client(&server.host());
    let subject = with_subject(&reader).await;
    for round in 0..5 {
        let writers: Vec<_> = (0..6)
            .map(|writer| {
                let (registry, subject) = (client(&server.host()), subject.clone());
                tokio::spawn(async move {
                    let referrer = artifact(Some(&subject), &format!("{round}-{writer}"));
                    registry.push_referrer(&name(), &referrer).await.unwrap()
                })
            })
            .collect();
        for writer in writers {
            let pushed = writer.await.unwrap();
            assert_eq!(pushed.listed, ReferrersSource::TagSchema);
        }
        let expected: BTreeSet<_> = (0..=round)
            .flat_map(|round| (0..6).map(move |writer| format!("{round}-{writer}")))
            .collect();
        assert_eq!(found(&reader, &subject).await, expected);
    }
}

/// `cosign copy` puts the image under the tag that the list is kept at.
#[tokio::test(flavor = "multi_thread")]
async fn the_subject_under_its_own_tag_gives_way_and_another_image_does_not() {
    let Some(peers) = Peers::locate() else { return };
    let server = DockerRegistry::start(&peers);
    let registry = client(&server.host());
    let subject = with_subject(&registry).await;
    let tag = subject.digest().referrers_tag();
    registry
        .push_manifest(&name(), Some(&tag), &subject)
        .await
        .unwrap();
    assert!(found(&registry, &subject).await.is_empty());
    let referrer = artifact(Some(&subject), "first");
    registry.push_referrer(&name(), &referrer).await.unwrap();
    assert_eq!(
        found(&registry, &subject).await,
        BTreeSet::from(["first".to_owned()])
    );

    let other = artifact(None, "other");
    registry
        .push_manifest(&name(), Some(&tag), &other)
        .await
        .unwrap();
    let error = registry
        .push_referrer(&name(), &referrer)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    let kept = registry
        .manifest(&name(), &ManifestName::Tag(tag))
        .await
        .unwrap();
    assert_eq!(kept.digest(), other.digest());
}

#[tokio::test]
async fn with_the_api_no_tag_is_touched() {
    for said in [true, false] {
        let subject = artifact(None, "subject");
        let digest = subject.digest();
        let server = Server::start(move |seen: &Seen| match seen.method.as_str() {
            "PUT" if said => reply(201).header("oci-subject", digest.to_string()),
            "PUT" => reply(201),
            _ => index_reply(&Manifest::index(Vec::new())),
        })
        .await;
        let referrer = artifact(Some(&subject), "first");
        let pushed = anonymous(&server)
            .push_referrer(&name(), &referrer)
            .await
            .unwrap();
        assert_eq!(pushed.listed, ReferrersSource::Api);
        assert_eq!(pushed.digest, referrer.digest());
        let mut expected = vec![format!("PUT /v2/team/app/manifests/{}", referrer.digest())];
        if !said {
            expected.push(format!("GET /v2/team/app/referrers/{digest}"));
        }
        assert_eq!(server.lines(), expected);
    }
}

/// A registry that keeps its own version of the tag, whatever is written.
#[tokio::test(start_paused = true)]
async fn a_tag_that_never_holds_still_is_an_error() {
    let subject = artifact(None, "subject");
    let server = Server::start(|seen: &Seen| match seen.method.as_str() {
        "PUT" => reply(201),
        _ if seen.target.contains("/manifests/") => index_reply(&Manifest::index(Vec::new())),
        _ => reply(404),
    })
    .await;
    let error = anonymous(&server)
        .push_referrer(&name(), &artifact(Some(&subject), "lost"))
        .await
        .unwrap_err();
    let expected = subject.digest().referrers_tag();
    assert!(
        matches!(&error, Error::Contended { tag, writes: 50, .. } if *tag == expected),
        "{error:?}"
    );
}

/// A registry that answers so to a question for referrers, and what it keeps under the tag that lists them. Before that
/// is read, what is in `before` is, the last first.
async fn without_api(
    status: u16,
    before: Vec<Manifest>,
    kept: Vec<u8>,
) -> (Server, Arc<Mutex<Vec<u8>>>) {
    let kept = Arc::new(Mutex::new(kept));
    let (before, state) = (Mutex::new(before), kept.clone());
    let server = Server::start(move |seen: &Seen| {
        let tagged = seen.target.contains("/manifests/sha256-");
        match (seen.method.as_str(), tagged) {
            ("PUT", true) => {
                *state.lock().unwrap() = seen.body.clone();
                reply(201)
            }
            ("PUT", false) => reply(201),
            (_, true) => match before.lock().unwrap().pop() {
                Some(index) => index_reply(&index),
                None => reply(200)
                    .header("content-type", MediaType::OCI_INDEX.as_str())
                    .body(state.lock().unwrap().clone()),
            },
            _ => reply(status),
        }
    })
    .await;
    (server, kept)
}

/// What another writer overwrote and nobody else will write again is written again.
#[tokio::test(start_paused = true)]
async fn what_a_finished_writer_wrote_is_kept_too() {
    let subject = artifact(None, "subject");
    let entry = |note| artifact(Some(&subject), note).referrer_entry();
    // The tag as it is read: another writer's, then that of a third who had not seen it, then what is written.
    let (first, third) = (entry("finished"), entry("third"));
    let before = vec![
        Manifest::index(vec![third.clone()]),
        Manifest::index(vec![first.clone()]),
    ];
    let (server, written) = without_api(404, before, Vec::new()).await;
    let ours = artifact(Some(&subject), "ours");
    anonymous(&server)
        .push_referrer(&name(), &ours)
        .await
        .unwrap();
    let bytes = written.lock().unwrap().clone();
    let index = Manifest::parse(bytes, Some(&MediaType::OCI_INDEX)).unwrap();
    let digests: BTreeSet<_> = index
        .children()
        .map(|entry| entry.digest)
        .map(text)
        .collect();
    let expected = [first.digest, third.digest, ours.digest()].map(text);
    assert_eq!(digests, BTreeSet::from(expected));
}

fn text(digest: Digest) -> String {
    digest.to_string()
}

fn index_reply(index: &Manifest) -> Reply {
    reply(200)
        .header("content-type", MediaType::OCI_INDEX.as_str())
        .body(index.bytes())
}

/// What other clients write into the list, and we do not read, is still there after us.
#[tokio::test(start_paused = true)]
async fn what_is_not_known_of_the_list_is_kept() {
    let subject = artifact(None, "subject");
    let other = artifact(Some(&subject), "other").digest();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","size":7,"digest":"{other}","urls":["https://mirror.example/"],"data":"e30="}}],"annotations":{{"of":"the list"}},"subject":null,"x-more":[1]}}"#,
        MediaType::OCI_INDEX,
        MediaType::OCI_MANIFEST
    );
    // As Harbor answers, where the API is off.
    let (server, state) = without_api(412, Vec::new(), index.into_bytes()).await;
    let ours = artifact(Some(&subject), "ours");
    let pushed = anonymous(&server)
        .push_referrer(&name(), &ours)
        .await
        .unwrap();
    assert_eq!(pushed.listed, ReferrersSource::TagSchema);
    let written = String::from_utf8(state.lock().unwrap().clone()).unwrap();
    for kept in [
        r#""urls":["https://mirror.example/"],"data":"e30=""#,
        r#""annotations":{"of":"the list"}"#,
        r#""x-more":[1]"#,
        &ours.digest().to_string(),
    ] {
        assert!(written.contains(kept), "{kept} is not in {written}");
    }
    let order = [r#"{"schemaVersion":2,"mediaType""#, r#""manifests":["#];
    assert!(order.iter().all(|text| written.matches(text).count() == 1));
}

#[tokio::test]
async fn only_some_answers_say_that_there_is_no_api() {
    for (status, is_absent) in [
        (404, true),
        (405, true),
        (412, true),
        (400, false),
        (403, false),
        (406, false),
        (500, false),
        (501, false),
    ] {
        let server = Server::start(move |seen: &Seen| {
            reply(if seen.target.contains("/referrers/") {
                status
            } else {
                404
            })
        })
        .await;
        let subject = artifact(None, "subject").digest();
        let found = anonymous(&server).referrers(&name(), &subject, None).await;
        match found {
            Ok(referrers) => {
                assert!(is_absent, "{status}");
                assert_eq!(referrers.source, ReferrersSource::TagSchema);
                assert!(referrers.entries.is_empty());
            }
            Err(error) => assert!(!is_absent, "{status}: {error:?}"),
        }
    }
}
