//! Manifests, blobs and lists: what is asked, what is checked, what is refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};

use net::Bytes;
use oci::{
    BlobMismatch, Descriptor, Digest, MANIFEST_MAX, Manifest, MediaType, Reference, RepositoryName,
    Tag,
};
use registry::{
    BlobSource, Error, Fault, ManifestName, Oversize, ReferrersSource, Resource, UploadMode,
};
use support::{Reply, Seen, Server, anonymous, pieces, reply};

fn name() -> RepositoryName {
    RepositoryName::parse("team/app").unwrap()
}

fn tag(text: &str) -> ManifestName {
    ManifestName::Tag(Tag::parse(text).unwrap())
}

fn index() -> Manifest {
    Manifest::index(vec![Descriptor::of(MediaType::OCI_MANIFEST, b"one")])
}

fn manifest_reply(manifest: &Manifest) -> Reply {
    reply(200)
        .header("content-type", manifest.media_type().as_str())
        .header("docker-content-digest", manifest.digest().to_string())
        .body(manifest.bytes())
}

#[tokio::test]
async fn a_tag_resolves_to_the_bytes_received() {
    let server = Server::start(|_| manifest_reply(&index())).await;
    let reference = Reference::parse(&format!("{}/team/app:v1", server.host)).unwrap();
    let image = anonymous(&server).resolve(&reference).await.unwrap();
    assert_eq!(image.repository(), reference.repository());
    assert_eq!(image.manifest_digest(), index().digest());
    assert_eq!(image.size(), u64::try_from(index().bytes().len()).unwrap());
    assert_eq!(image.media_type(), &MediaType::OCI_INDEX);
    let seen = &server.seen()[0];
    assert_eq!(seen.line(), "GET /v2/team/app/manifests/v1");
    let accepted: Vec<_> = seen
        .headers
        .iter()
        .filter(|(name, _)| name == "accept")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(
        accepted,
        MediaType::MANIFESTS
            .iter()
            .map(MediaType::as_str)
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_digest_beats_the_tag_and_is_checked() {
    let server = Server::start(|_| manifest_reply(&index())).await;
    let registry = anonymous(&server);
    let good =
        Reference::parse(&format!("{}/team/app:v1@{}", server.host, index().digest())).unwrap();
    assert_eq!(
        registry.resolve(&good).await.unwrap().manifest_digest(),
        index().digest()
    );
    assert_eq!(
        server.lines(),
        [format!("GET /v2/team/app/manifests/{}", index().digest())]
    );
    let other = Digest::sha256(b"other");
    let bad = Reference::parse(&format!("{}/team/app@{other}", server.host)).unwrap();
    let error = registry.resolve(&bad).await.unwrap_err();
    assert!(
        matches!(&error, Error::DigestMismatch(bytes) if bytes.expected == other && bytes.found == index().digest())
    );
}

#[tokio::test]
async fn what_names_no_image_here_is_refused_without_a_request() {
    let server = Server::start(|_| manifest_reply(&index())).await;
    let registry = anonymous(&server);
    let bare = Reference::parse(&format!("{}/team/app", server.host)).unwrap();
    assert!(matches!(
        registry.resolve(&bare).await,
        Err(Error::NameOnly)
    ));
    let elsewhere = Reference::parse("elsewhere.example/team/app:v1").unwrap();
    assert!(matches!(
        registry.resolve(&elsewhere).await,
        Err(Error::Host { .. })
    ));
    assert!(server.seen().is_empty());
}

async fn manifest_error(reply: Reply) -> Error {
    let server = Server::start(move |_| reply.clone()).await;
    anonymous(&server)
        .manifest(&name(), &tag("v1"))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_registry_that_contradicts_itself_is_not_believed() {
    let other = Digest::sha256(b"other");
    let error = manifest_error(manifest_reply(&index()).body("{}")).await;
    assert!(
        matches!(&error, Error::DigestMismatch(bytes) if bytes.expected == index().digest()),
        "{error:?}"
    );
    let stated = reply(200)
        .header("content-type", MediaType::OCI_INDEX.as_str())
        .body(index().bytes());
    let error = manifest_error(
        stated
            .clone()
            .header("docker-content-digest", other.to_string()),
    )
    .await;
    assert!(matches!(error, Error::DigestMismatch(_)), "{error:?}");
    let error = manifest_error(stated.header("docker-content-digest", "sha256:zz")).await;
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::DigestHeader { .. },
                ..
            }
        ),
        "{error:?}"
    );
    let wrong_type = reply(200)
        .header("content-type", MediaType::OCI_MANIFEST.as_str())
        .body(index().bytes());
    let error = manifest_error(wrong_type).await;
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::Manifest(_),
                ..
            }
        ),
        "{error:?}"
    );
    let error = manifest_error(
        reply(200)
            .header("content-type", "text/html")
            .body("<html>"),
    )
    .await;
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::Manifest(_),
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn endless_and_cut_manifests_are_refused() {
    let error = manifest_error(manifest_reply(&index()).body(vec![b' '; MANIFEST_MAX + 1])).await;
    assert!(
        matches!(
            error,
            Error::TooLarge {
                what: Oversize::Answer { .. }
            }
        ),
        "{error:?}"
    );
    let error = manifest_error(manifest_reply(&index()).cut(5)).await;
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
}

#[tokio::test]
async fn each_refusal_is_its_own_error() {
    type Fits = fn(&Error) -> bool;
    let cases: [(Reply, Fits); 8] = [
        (
            reply(404).oci_error("MANIFEST_UNKNOWN", "unknown"),
            |error| {
                matches!(error, Error::NotFound { what: Resource::Manifest(name), server: Some(server), .. }
                if name == "v1" && server.code == "MANIFEST_UNKNOWN")
            },
        ),
        (reply(401), |error| {
            matches!(
                error,
                Error::Unauthorized {
                    with_credentials: false,
                    server: None,
                    ..
                }
            )
        }),
        (
            reply(403).oci_error("DENIED", "no"),
            |error| matches!(error, Error::Denied { server: Some(server), .. } if server.message == "no"),
        ),
        (reply(413), |error| {
            matches!(
                error,
                Error::TooLarge {
                    what: Oversize::Request
                }
            )
        }),
        (
            reply(429).header("retry-after", "7"),
            |error| matches!(error, Error::RateLimited { retry_after: Some(wait), .. } if wait.as_secs() == 7),
        ),
        (reply(503).body("<html>busy</html>"), |error| {
            matches!(
                error,
                Error::ServerError {
                    status: 503,
                    server: None,
                    ..
                }
            )
        }),
        (reply(500).body(vec![b'x'; 1024 * 1024]), |error| {
            matches!(error, Error::ServerError { status: 500, .. })
        }),
        (reply(304), |error| {
            matches!(error, Error::ServerError { status: 304, .. })
        }),
    ];
    for (answer, fits) in cases {
        let error = manifest_error(answer).await;
        assert!(fits(&error), "{error:?}");
    }
}

#[tokio::test]
async fn messages_of_servers_are_cut_and_have_no_control_characters() {
    let long = format!("a\\u001b[31m{}", "x".repeat(5000));
    let error = manifest_error(reply(403).oci_error("DENIED", &long)).await;
    let Error::Denied {
        server: Some(server),
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert!(server.message.starts_with("a [31mx") && server.message.len() == 500);
}

#[tokio::test]
async fn blobs_are_proved_while_they_stream() {
    let server = Server::start(|seen| match seen.target.as_str() {
        target if target.contains("blobs") => reply(200).body("hello world"),
        _ => reply(404),
    })
    .await;
    let registry = anonymous(&server);
    let blob = Descriptor::of(MediaType::OCTET_STREAM, b"hello world");
    let mut written = Vec::new();
    let proof = registry
        .pull_blob(&name(), &blob, &mut written)
        .await
        .unwrap();
    assert_eq!(
        (proof.digest(), proof.size(), written.as_slice()),
        (blob.digest, 11, &b"hello world"[..])
    );
    assert_eq!(
        registry.read_blob(&name(), &blob, 11).await.unwrap(),
        "hello world"
    );
    let limit = registry.read_blob(&name(), &blob, 10).await;
    assert!(matches!(limit, Err(Error::TooLarge { .. })));
    let other = Descriptor::of(MediaType::OCTET_STREAM, b"hello_world");
    let mismatch = registry.read_blob(&name(), &other, 100).await;
    assert!(matches!(
        mismatch,
        Err(Error::BlobMismatch(BlobMismatch::Digest(_)))
    ));
    let shorter = Descriptor {
        size: 5,
        ..blob.clone()
    };
    let mismatch = registry.pull_blob(&name(), &shorter, &mut Vec::new()).await;
    assert!(matches!(
        mismatch,
        Err(Error::BlobMismatch(BlobMismatch::Size { expected: 5, .. }))
    ));
}

#[tokio::test]
async fn a_cut_blob_is_no_blob() {
    let server = Server::start(|_| reply(200).body("hello world").cut(3)).await;
    let blob = Descriptor::of(MediaType::OCTET_STREAM, b"hello world");
    let error = anonymous(&server)
        .pull_blob(&name(), &blob, &mut Vec::new())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
}

/// An upload endpoint that wants chunks of `min` bytes and answers sessions at relative addresses.
fn uploads(seen: &Seen) -> Reply {
    match seen.method.as_str() {
        "HEAD" => reply(404),
        "POST" => reply(202)
            .header("location", "/up/1?state=a%2Bb")
            .header("oci-chunk-min-length", "4"),
        "PATCH" => {
            let end = seen
                .header("content-range")
                .unwrap()
                .split('-')
                .next_back()
                .unwrap()
                .to_owned();
            reply(202)
                .header("location", format!("/up/1?state={end}"))
                .header("range", format!("0-{end}"))
        }
        "PUT" => reply(201).header("location", "/v2/team/app/blobs/x"),
        "DELETE" => reply(204),
        _ => reply(405),
    }
}

#[tokio::test]
async fn a_blob_is_pushed_in_one_request() {
    let server = Server::start(uploads).await;
    let bytes = Bytes::from_static(b"hello world");
    let source = BlobSource::Bytes(bytes.clone());
    let pushed = anonymous(&server)
        .push_blob(&name(), source, UploadMode::Monolithic)
        .await
        .unwrap();
    assert_eq!(
        (pushed.digest, pushed.size, pushed.existed),
        (Digest::sha256(&bytes), 11, false)
    );
    let digest = pushed.digest.to_string().replace(':', "%3A");
    assert_eq!(
        server.lines(),
        [
            format!("HEAD /v2/team/app/blobs/{}", pushed.digest),
            "POST /v2/team/app/blobs/uploads/".to_owned(),
            format!("PUT /up/1?state=a%2Bb&digest={digest}"),
        ]
    );
    assert_eq!(server.seen()[2].body, b"hello world");
}

#[tokio::test]
async fn a_streamed_blob_states_its_length() {
    let server = Server::start(uploads).await;
    let source = BlobSource::Stream {
        digest: Digest::sha256(b"hello world"),
        size: 11,
        chunks: pieces(&[b"hello ", b"world"]),
    };
    anonymous(&server)
        .push_blob(&name(), source, UploadMode::Monolithic)
        .await
        .unwrap();
    let put = server.seen().pop().unwrap();
    assert_eq!(
        (put.header("content-length"), put.body.as_slice()),
        (Some("11"), &b"hello world"[..])
    );
}

#[tokio::test]
async fn chunks_have_the_size_the_registry_wants() {
    let server = Server::start(uploads).await;
    let source = BlobSource::Stream {
        digest: Digest::sha256(b"hello world"),
        size: 11,
        chunks: pieces(&[b"hel", b"lo worl", b"d"]),
    };
    anonymous(&server)
        .push_blob(&name(), source, UploadMode::Chunked { chunk: 2 })
        .await
        .unwrap();
    let patches: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PATCH")
        .collect();
    let sent: Vec<_> = patches
        .iter()
        .map(|seen| {
            (
                seen.target.as_str(),
                seen.header("content-range").unwrap(),
                String::from_utf8(seen.body.clone()).unwrap(),
            )
        })
        .collect();
    assert_eq!(
        sent,
        [
            ("/up/1?state=a%2Bb", "0-3", "hell".to_owned()),
            ("/up/1?state=3", "4-7", "o wo".to_owned()),
            ("/up/1?state=7", "8-10", "rld".to_owned()),
        ]
    );
    assert!(
        server
            .lines()
            .pop()
            .unwrap()
            .starts_with("PUT /up/1?state=10&digest=")
    );
}

#[tokio::test]
async fn an_empty_blob_can_be_pushed_either_way() {
    for mode in [UploadMode::Monolithic, UploadMode::Chunked { chunk: 10 }] {
        let server = Server::start(uploads).await;
        anonymous(&server)
            .push_blob(&name(), BlobSource::Bytes(Bytes::new()), mode)
            .await
            .unwrap();
        assert!(!server.lines().iter().any(|line| line.starts_with("PATCH")));
    }
}

#[tokio::test]
async fn failed_uploads_are_cancelled() {
    for (status, method) in [(413, "PUT"), (500, "PATCH"), (416, "PATCH")] {
        let server = Server::start(move |seen| {
            if seen.method == method {
                reply(status)
            } else {
                uploads(seen)
            }
        })
        .await;
        let mode = UploadMode::Chunked { chunk: 100 };
        let source = BlobSource::Bytes(Bytes::from_static(b"x"));
        let error = anonymous(&server)
            .push_blob(&name(), source, mode)
            .await
            .unwrap_err();
        match status {
            413 => assert!(
                matches!(
                    error,
                    Error::TooLarge {
                        what: Oversize::Request
                    }
                ),
                "{error:?}"
            ),
            _ => assert!(matches!(error, Error::ServerError { .. }), "{error:?}"),
        }
        assert!(
            server.lines().pop().unwrap().starts_with("DELETE /up/1"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn fewer_bytes_than_promised_are_not_finished() {
    let server = Server::start(uploads).await;
    let source = BlobSource::Stream {
        digest: Digest::sha256(b"hello"),
        size: 5,
        chunks: pieces(&[b"hell"]),
    };
    let error = anonymous(&server)
        .push_blob(&name(), source, UploadMode::Chunked { chunk: 4 })
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::BlobMismatch(BlobMismatch::Size {
                expected: 5,
                found: 4
            })
        ),
        "{error:?}"
    );
    assert!(!server.lines().iter().any(|line| line.starts_with("PUT")));
}

#[tokio::test]
async fn an_upload_that_lost_bytes_is_noticed() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "PATCH" => reply(202)
            .header("location", "/up/2")
            .header("range", "0-1"),
        _ => uploads(seen),
    })
    .await;
    let source = BlobSource::Bytes(Bytes::from_static(b"hello"));
    let error = anonymous(&server)
        .push_blob(&name(), source, UploadMode::Chunked { chunk: 9 })
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::UploadRange { sent: 4 },
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_upload_without_a_place_to_go_is_refused() {
    for location in [None, Some("ftp://x/"), Some("http://[")] {
        let server = Server::start(move |seen| match (seen.method.as_str(), location) {
            ("POST", None) => reply(202),
            ("POST", Some(location)) => reply(202).header("location", location),
            _ => uploads(seen),
        })
        .await;
        let source = BlobSource::Bytes(Bytes::from_static(b"x"));
        let error = anonymous(&server)
            .push_blob(&name(), source, UploadMode::Monolithic)
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Malformed {
                    fault: Fault::Location { .. },
                    ..
                }
            ),
            "{location:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn what_is_there_is_not_sent() {
    let server = Server::start(|_| reply(200)).await;
    let source = BlobSource::Bytes(Bytes::from_static(b"x"));
    let pushed = anonymous(&server)
        .push_blob(&name(), source, UploadMode::Monolithic)
        .await
        .unwrap();
    assert!(pushed.existed);
    assert_eq!(server.seen().len(), 1);
}

/// Whoever comes later finds what the first has sent.
#[tokio::test]
async fn the_same_bytes_are_sent_once_by_many_at_once() {
    let finished = AtomicU32::new(0);
    let server = Server::start(move |seen| match seen.method.as_str() {
        "HEAD" if finished.load(Ordering::SeqCst) > 0 => reply(200),
        "PUT" => {
            finished.fetch_add(1, Ordering::SeqCst);
            uploads(seen)
        }
        _ => uploads(seen),
    })
    .await;
    let registry = anonymous(&server);
    let push = || {
        let source = BlobSource::Bytes(Bytes::from_static(b"{}"));
        let (registry, name) = (&registry, name());
        async move {
            let pushed = registry.push_blob(&name, source, UploadMode::Monolithic);
            pushed.await.unwrap().existed
        }
    };
    let (one, two, three) = tokio::join!(push(), push(), push());
    assert_eq!(
        [one, two, three]
            .iter()
            .filter(|existed| !**existed)
            .count(),
        1
    );
    let posts = server.lines();
    let posts = posts.iter().filter(|line| line.starts_with("POST"));
    assert_eq!(posts.count(), 1);
}

#[tokio::test]
async fn mounts_succeed_or_leave_no_session() {
    let digest = Digest::sha256(b"x");
    let from = RepositoryName::parse("base").unwrap();
    let server = Server::start(|_| reply(201).header("location", "/v2/team/app/blobs/x")).await;
    assert!(
        anonymous(&server)
            .mount_blob(&name(), &digest, &from)
            .await
            .unwrap()
    );
    let query = format!("mount={}&from=base", digest.to_string().replace(':', "%3A"));
    assert_eq!(
        server.lines(),
        [format!("POST /v2/team/app/blobs/uploads/?{query}")]
    );
    let server = Server::start(uploads).await;
    assert!(
        !anonymous(&server)
            .mount_blob(&name(), &digest, &from)
            .await
            .unwrap()
    );
    assert_eq!(server.lines().pop().unwrap(), "DELETE /up/1?state=a%2Bb");
}

#[tokio::test]
async fn manifests_are_pushed_by_tag_or_digest() {
    let server =
        Server::start(|_| reply(201).header("docker-content-digest", index().digest().to_string()))
            .await;
    let registry = anonymous(&server);
    let pushed = registry
        .push_manifest(&name(), Some(&Tag::latest()), &index())
        .await
        .unwrap();
    assert_eq!(
        (pushed.digest, pushed.subject_listed),
        (index().digest(), false)
    );
    registry
        .push_manifest(&name(), None, &index())
        .await
        .unwrap();
    let digest = index().digest();
    assert_eq!(
        server.lines(),
        [
            "PUT /v2/team/app/manifests/latest".to_owned(),
            format!("PUT /v2/team/app/manifests/{digest}")
        ]
    );
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.header("content-type"), seen.body.as_slice()),
        (Some(MediaType::OCI_INDEX.as_str()), index().bytes())
    );
}

#[tokio::test]
async fn a_registry_that_kept_something_else_is_noticed() {
    let other = Digest::sha256(b"other");
    let server =
        Server::start(move |_| reply(201).header("docker-content-digest", other.to_string())).await;
    let error = anonymous(&server)
        .push_manifest(&name(), None, &index())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::DigestMismatch(bytes) if bytes.expected == other),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_subject_header_is_reported() {
    let subject = Descriptor::of(MediaType::OCI_MANIFEST, b"subject");
    let text = serde_json::json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST.as_str(), "layers": [], "subject": subject,
        "config": Descriptor::of(MediaType::OCI_EMPTY, b"{}"),
    });
    let manifest = Manifest::parse(serde_json::to_vec(&text).unwrap(), None).unwrap();
    let listed = subject.digest;
    let server = Server::start(move |_| reply(201).header("oci-subject", listed.to_string())).await;
    assert!(
        anonymous(&server)
            .push_manifest(&name(), None, &manifest)
            .await
            .unwrap()
            .subject_listed
    );
    let server = Server::start(|_| reply(201)).await;
    assert!(
        !anonymous(&server)
            .push_manifest(&name(), None, &manifest)
            .await
            .unwrap()
            .subject_listed
    );
}

#[tokio::test]
async fn deleting_asks_for_the_digest() {
    let server = Server::start(|_| reply(202)).await;
    let digest = Digest::sha256(b"x");
    anonymous(&server)
        .delete_manifest(&name(), &digest)
        .await
        .unwrap();
    assert_eq!(
        server.lines(),
        [format!("DELETE /v2/team/app/manifests/{digest}")]
    );
    let server = Server::start(|_| reply(405).oci_error("UNSUPPORTED", "no")).await;
    let error = anonymous(&server)
        .delete_manifest(&name(), &digest)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::ServerError {
                status: 405,
                server: Some(_),
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn tags_are_read_page_by_page() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/v2/team/app/tags/list?n=1000" => reply(200)
            .header("link", "</v2/team/app/tags/list?n=2&last=b>; rel=\"next\"")
            .body("{\"tags\":[\"a\",\"b\"]}"),
        "/v2/team/app/tags/list?n=2&last=b" => {
            reply(200).body("{\"name\":\"team/app\",\"tags\":[\"c\"]}")
        }
        other => panic!("{other}"),
    })
    .await;
    let tags = anonymous(&server).tags(&name()).await.unwrap();
    assert_eq!(
        tags.iter().map(Tag::as_str).collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    let server = Server::start(|_| reply(200).body("{\"tags\":null}")).await;
    assert!(anonymous(&server).tags(&name()).await.unwrap().is_empty());
}

async fn tags_error(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (Error, usize) {
    let server = Server::start(answer).await;
    (
        anonymous(&server).tags(&name()).await.unwrap_err(),
        server.seen().len(),
    )
}

#[tokio::test]
async fn lists_without_end_or_elsewhere_are_refused() {
    let link = |target: &'static str| {
        move |_: &Seen| {
            reply(200)
                .header("link", format!("<{target}>; rel=next"))
                .body("{\"tags\":[]}")
        }
    };
    let (error, requests) = tags_error(link("/loop")).await;
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::ListWithoutEnd { pages: 2 },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(requests, 2);
    let (error, requests) = tags_error(link("http://elsewhere.example/list")).await;
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::Location { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(requests, 1);
    let counter = AtomicU32::new(0);
    let (error, requests) = tags_error(move |_| {
        let page = counter.fetch_add(1, Ordering::Relaxed);
        let tags = vec![format!("\"t{page}\""); 250_000].join(",");
        reply(200)
            .header("link", format!("</{page}>; rel=next"))
            .body(format!("{{\"tags\":[{tags}]}}"))
    })
    .await;
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::ListWithoutEnd { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(requests, 5);
}

#[tokio::test]
async fn bodies_of_lists_are_checked() {
    let (error, _) = tags_error(|_| reply(200).body("{\"tags\":[\"a b\"]}")).await;
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::Name { .. },
                ..
            }
        ),
        "{error:?}"
    );
    let (error, _) = tags_error(|_| reply(200).body("[")).await;
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::Json(_),
                ..
            }
        ),
        "{error:?}"
    );
    let (error, _) = tags_error(|_| reply(200).body(vec![b' '; 9 * 1024 * 1024])).await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    let (error, _) = tags_error(|_| reply(404).oci_error("NAME_UNKNOWN", "x")).await;
    assert!(
        matches!(
            error,
            Error::NotFound {
                what: Resource::Repository,
                ..
            }
        ),
        "{error:?}"
    );
}

fn referrer(artifact_type: &str, content: &[u8]) -> Descriptor {
    let artifact_type = Some(MediaType::parse(artifact_type).unwrap());
    Descriptor {
        artifact_type,
        ..Descriptor::of(MediaType::OCI_MANIFEST, content)
    }
}

#[tokio::test]
async fn referrers_come_from_the_api_and_are_filtered_here_too() {
    let first = Manifest::index(vec![referrer("a/sig", b"1"), referrer("a/sbom", b"2")]);
    let second = Manifest::index(vec![referrer("a/sig", b"3")]);
    let subject = Digest::sha256(b"subject");
    let server = Server::start(move |seen| match seen.target.ends_with("page=2") {
        false => manifest_reply(&first).header("link", "<?page=2>; rel=next"),
        true => manifest_reply(&second),
    })
    .await;
    let signature = MediaType::parse("a/sig").unwrap();
    let found = anonymous(&server)
        .referrers(&name(), &subject, Some(&signature))
        .await
        .unwrap();
    assert_eq!(found.source, ReferrersSource::Api);
    assert_eq!(
        found.entries,
        [referrer("a/sig", b"1"), referrer("a/sig", b"3")]
    );
    assert_eq!(
        server.lines()[0],
        format!("GET /v2/team/app/referrers/{subject}?artifactType=a%2Fsig")
    );
    assert_eq!(
        anonymous(&server)
            .referrers(&name(), &subject, None)
            .await
            .unwrap()
            .entries
            .len(),
        3
    );
}

#[tokio::test]
async fn referrers_fall_back_to_the_tag_schema() {
    let subject = Digest::sha256(b"subject");
    let wanted = format!("/v2/team/app/manifests/{}", subject.referrers_tag());
    let index = Manifest::index(vec![referrer("a/sig", b"1")]);
    let server = Server::start(move |seen| {
        if seen.target == wanted {
            manifest_reply(&index)
        } else {
            reply(404)
        }
    })
    .await;
    let found = anonymous(&server)
        .referrers(&name(), &subject, None)
        .await
        .unwrap();
    assert_eq!(
        (found.source, found.entries.len()),
        (ReferrersSource::TagSchema, 1)
    );
    let server = Server::start(|_| reply(404)).await;
    assert!(
        anonymous(&server)
            .referrers(&name(), &subject, None)
            .await
            .unwrap()
            .entries
            .is_empty()
    );
    // Only 404 means that there is no such API.
    let server = Server::start(|_| reply(503)).await;
    let error = anonymous(&server)
        .referrers(&name(), &subject, None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::ServerError { status: 503, .. }),
        "{error:?}"
    );
}
