//! Timestamps, right and wrong.

use keyless::tsa::TimestampAuthority;
use keyless::{Error, Fault, Service};
use sigstore::timestamp::{SignedTimestamp, TimestampError};
use testkit::sigstack::Sigstore;

use crate::support::{Reply, Server, http, reply};

async fn ask(reply: Reply) -> Result<Vec<u8>, Error> {
    let server = Server::saying(reply).await;
    let authority = TimestampAuthority::new(http(), &server.url).unwrap();
    authority.stamp(b"signature").await
}

fn fault(outcome: Result<Vec<u8>, Error>) -> Fault {
    match outcome {
        Err(Error::Answer {
            service: Service::TimestampAuthority,
            fault,
            ..
        }) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_authority_is_asked_at_its_address_or_at_the_usual_path() {
    let sigstore = Sigstore::start();
    let whole = sigstore.timestamp_url();
    let base = whole.strip_suffix("/api/v1/timestamp").unwrap();
    for url in [whole.as_str(), base] {
        let authority = TimestampAuthority::new(http(), url).unwrap();
        let stamp = authority.stamp(b"signature").await.unwrap();
        assert!(SignedTimestamp::from_der(&stamp).is_ok(), "{url}");
    }
    let calls = sigstore.calls();
    for call in &calls {
        assert_eq!(call.path, "/api/v1/timestamp");
        assert_eq!(
            call.headers["content-type"].to_str().unwrap(),
            "application/timestamp-query"
        );
    }
    assert_ne!(calls[0].body, calls[1].body, "every nonce is new");
}

#[tokio::test]
async fn the_stamp_of_another_request_is_refused() {
    let sigstore = Sigstore::start();
    let authority = TimestampAuthority::new(http(), &sigstore.timestamp_url()).unwrap();
    let replayed = authority.stamp(b"signature").await.unwrap();
    let found = fault(ask(reply(200, replayed)).await);
    assert!(
        matches!(
            &found,
            Fault::Timestamp(TimestampError::Nonce { found: Some(_), .. })
        ),
        "{found:?}"
    );
    let other = authority.stamp(b"something else").await.unwrap();
    let found = fault(ask(reply(200, other)).await);
    assert!(
        matches!(&found, Fault::Timestamp(TimestampError::Imprint { .. })),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_is_no_stamp_is_refused() {
    // PKIStatus 2, rejection.
    let denied = fault(ask(reply(200, [0x30, 5, 0x30, 3, 2, 1, 2])).await);
    assert_eq!(
        denied,
        Fault::Timestamp(TimestampError::Denied { status: 2 })
    );
    for body in [b"".as_slice(), b"<html>", &[0x30, 0x80]] {
        let found = fault(ask(reply(200, body)).await);
        assert!(
            matches!(found, Fault::Timestamp(TimestampError::Malformed { .. })),
            "{found:?}"
        );
    }
    let found = fault(ask(reply(204, "")).await);
    let expected = Fault::Status {
        expected: 200,
        found: 204,
    };
    assert_eq!(found, expected);
    let large = ask(reply(200, vec![0; (64 << 10) + 1])).await;
    assert!(
        matches!(
            &large,
            Err(Error::Network {
                source: net::Error::TooLarge { limit: 65536 },
                ..
            })
        ),
        "{large:?}"
    );
    let refused = ask(reply(400, r#"{"code":400,"message":"weak hash"}"#)).await;
    assert!(
        matches!(&refused, Err(Error::Refused { status: 400, message: Some(text), .. }) if text == "weak hash"),
        "{refused:?}"
    );
}
