//! Lists of tags and of referrers, which are read to their end and no further.

use std::sync::atomic::{AtomicU32, Ordering};

use oci::{Descriptor, Digest, Manifest, MediaType, Tag};
use registry::{Error, Fault, ReferrersSource, Resource};

use crate::support::{Reply, Seen, Server, anonymous, reply};
use crate::{manifest_reply, name};

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
async fn a_list_is_limited_as_a_whole() {
    let counter = AtomicU32::new(0);
    let (error, requests) = tags_error(move |_| {
        let page = counter.fetch_add(1, Ordering::Relaxed);
        let blanks = " ".repeat(8 * 1024 * 1024 - 11);
        reply(200)
            .header("link", format!("</{page}>; rel=next"))
            .body(format!("{{\"tags\":[]{blanks}}}"))
    })
    .await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert_eq!(requests, 9);
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
