//! Blobs: proved while they stream, and uploaded as the registry wants them.

use std::sync::atomic::{AtomicU32, Ordering};

use net::Bytes;
use oci::{BlobMismatch, Descriptor, Digest, MediaType, RepositoryName};
use registry::{BlobSource, Error, Fault, Oversize, UploadMode};

use crate::name;
use crate::support::{Reply, Seen, Server, anonymous, pieces, reply};

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
