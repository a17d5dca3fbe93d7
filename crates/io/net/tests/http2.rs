#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
//! The same outcomes over HTTP/2, which TLS negotiates.

mod common;

use std::{convert::Infallible, time::Duration};

use common::{authority, client, tcp, url};
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{
    Request as HyperRequest, Response as HyperResponse, Version, body::Frame, body::Incoming,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use net::{Body, Bytes, Error, Method, Phase, Request};

type Answer = HyperResponse<http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>>;

/// `/count`: the length of the body received; `/cut`: half a body, then a reset; `/reset`: a reset at once; else: the version.
async fn answer(request: HyperRequest<Incoming>) -> Result<Answer, Infallible> {
    let version = request.version();
    let whole = |text: String| {
        Full::new(Bytes::from(text))
            .map_err(|never| match never {})
            .boxed_unsync()
    };
    let body = match request.uri().path() {
        "/count" => whole(
            request
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .len()
                .to_string(),
        ),
        "/reset" => {
            StreamBody::new(stream::iter([Err(std::io::Error::other("cut"))])).boxed_unsync()
        }
        "/cut" => {
            let half = stream::iter([Ok(Frame::data(Bytes::from_static(b"half")))]);
            let cut = stream::once(async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(std::io::Error::other("cut"))
            });
            StreamBody::new(half.chain(cut)).boxed_unsync()
        }
        _ => whole(format!("{}", version == Version::HTTP_2)),
    };
    Ok(HyperResponse::new(body))
}

async fn server() -> (std::net::SocketAddr, Vec<u8>) {
    let ca = authority();
    let acceptor = ca.leaf(&["127.0.0.1"], |_| ()).acceptor_with_alpn(&[b"h2"]);
    let address = tcp(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
            Builder::new(TokioExecutor::new())
                .serve_connection(stream, service_fn(answer))
                .await
                .ok();
        }
    })
    .await;
    (address, ca.pem)
}

#[tokio::test]
async fn it_is_negotiated_and_bodies_go_both_ways() {
    let (address, root) = server().await;
    let client = client(&[&root]);
    let response = client
        .send(Request::get(url(format!("https://{address}/"))))
        .await
        .unwrap();
    assert_eq!(&response.read_to_limit(10).await.unwrap()[..], b"true");
    let large = Body::Bytes(vec![7; 300_000].into());
    let streamed = Body::Stream {
        length: Some(6),
        chunks: Box::pin(stream::iter([
            Ok(Bytes::from_static(b"abc")),
            Ok(Bytes::from_static(b"def")),
        ])),
    };
    for (body, expected) in [(large, "300000"), (streamed, "6"), (Body::Empty, "0")] {
        let request = Request::new(Method::PUT, url(format!("https://{address}/count"))).body(body);
        let response = client.send(request).await.unwrap();
        assert_eq!(response.read_to_limit(10).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_reset_stream_is_an_interruption() {
    let (address, root) = server().await;
    let client = client(&[&root]);
    let outcome = client
        .send(Request::get(url(format!("https://{address}/reset"))))
        .await;
    assert!(
        matches!(
            outcome,
            Err(Error::Interrupted {
                phase: Phase::Answer,
                ..
            })
        ),
        "{outcome:?}"
    );
    let response = client
        .send(Request::get(url(format!("https://{address}/cut"))))
        .await
        .unwrap();
    let outcome = response.read_to_limit(100).await;
    assert!(
        matches!(
            outcome,
            Err(Error::Interrupted {
                phase: Phase::Body,
                ..
            })
        ),
        "{outcome:?}"
    );
}
