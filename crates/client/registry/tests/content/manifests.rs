//! Manifests: resolved, pushed, deleted, and what of an answer is not believed.

use oci::{Descriptor, Digest, MANIFEST_MAX, Manifest, MediaType, Reference, Tag};
use registry::{Error, Fault, Oversize, Resource};

use crate::support::{Reply, Server, anonymous, reply};
use crate::{index, manifest_reply, name, tag};

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
    let page = reply(200)
        .header("content-type", "text/html")
        .body("<html>");
    for answer in [wrong_type, page] {
        let error = manifest_error(answer).await;
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
