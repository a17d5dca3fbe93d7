//! The listener over real sockets: TLS and its refusals, limits, time-outs, panics, the graceful stop.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get, routing::post};
use bytes::Bytes;
use chassis::{
    BindError, Health, Limits, Listener, Metrics, Origin, RequestMetrics, Transport, operations,
    server_config,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(
        transport: Transport,
        limits: Limits,
        router: Router,
        metrics: &Metrics,
    ) -> Self {
        let listener = Listener::bind(&[LOOPBACK], transport, limits)
            .await
            .unwrap();
        let address = listener.addresses()[0];
        let (stop, stopped) = oneshot::channel::<()>();
        let requests = RequestMetrics::new(metrics);
        let task = tokio::spawn(listener.serve(router, requests, async {
            stopped.await.ok();
        }));
        Self {
            address,
            stop: Some(stop),
            task,
        }
    }

    async fn plain(limits: Limits, router: Router) -> Self {
        Self::start(
            Transport::PlainOnLoopback,
            limits,
            router,
            &Metrics::default(),
        )
        .await
    }

    fn begin_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn stop(mut self) {
        self.begin_stop();
        tokio::time::timeout(Duration::from_secs(5), self.task)
            .await
            .unwrap()
            .unwrap();
    }

    /// Sends raw bytes and gives everything until the server closes.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(answer).unwrap()
    }
}

fn tls() -> (Transport, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let served = server_config(
        made.cert.pem().as_bytes(),
        made.signing_key.serialize_pem().as_bytes(),
    )
    .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Transport::Tls(served), TlsConnector::from(Arc::new(client)))
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
    .unwrap()
}

fn hello() -> Router {
    Router::new().route("/hello", get(|| async { "hello" }))
}

#[tokio::test]
async fn http2_and_http1_over_tls_by_negotiation() {
    let (transport, connector) = tls();
    let server = Running::start(transport, Limits::default(), hello(), &Metrics::default()).await;
    for (alpn, version) in [
        (Some("h2"), http::Version::HTTP_2),
        (Some("http/1.1"), http::Version::HTTP_11),
        (None, http::Version::HTTP_11),
    ] {
        let mut config = (**connector.config()).clone();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = TokioIo::new(
            TlsConnector::from(Arc::new(config))
                .connect(name, stream)
                .await
                .unwrap(),
        );
        let request = Request::get("https://localhost/hello")
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = if version == http::Version::HTTP_2 {
            let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), stream)
                .await
                .unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            let (mut sender, connection) = conn::http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        assert_eq!(response.version(), version);
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(text(response).await, "hello");
    }
    server.stop().await;
}

#[tokio::test]
async fn plain_text_on_a_tls_port_and_a_silent_handshake_are_dropped() {
    let (transport, _) = tls();
    let limits = Limits {
        handshake: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = Running::start(transport, limits, hello(), &Metrics::default()).await;
    assert!(
        !server
            .raw("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .contains("hello")
    );
    assert_eq!(server.raw("").await, "");
    server.stop().await;
}

#[tokio::test]
async fn plain_http_is_refused_beyond_loopback() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = Listener::bind(
        &[LOOPBACK, everywhere],
        Transport::PlainOnLoopback,
        Limits::default(),
    )
    .await;
    assert!(
        matches!(refused, Err(BindError::PlainBeyondLoopback { address }) if address == everywhere)
    );
    let none = Listener::bind(&[], Transport::PlainOnLoopback, Limits::default()).await;
    assert!(matches!(none, Err(BindError::NoAddress)));
}

#[tokio::test]
async fn a_taken_address_is_named_and_several_are_served() {
    let first = Listener::bind(
        &[LOOPBACK, LOOPBACK],
        Transport::PlainOnLoopback,
        Limits::default(),
    )
    .await
    .unwrap();
    let [one, two] = first.addresses() else {
        panic!("two addresses")
    };
    assert_ne!(one.port(), two.port());
    let taken = Listener::bind(&[*two], Transport::PlainOnLoopback, Limits::default()).await;
    assert!(matches!(taken, Err(BindError::Refused { address, .. }) if address == *two));
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_goes_on() {
    async fn broken() -> &'static str {
        panic!("a bug in a handler")
    }
    let server = Running::plain(Limits::default(), hello().route("/broken", get(broken))).await;
    let answer = server
        .raw("GET /broken HTTP/1.1\r\nhost: a\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn silent_heads_and_bodies_time_out() {
    let short = Duration::from_millis(100);
    let limits = Limits {
        head: short,
        silence: short,
        ..Limits::default()
    };
    let router = Router::new().route(
        "/read",
        post(|body: Body| async move {
            match chassis::body::collect(body, 100).await {
                Ok(_) => StatusCode::OK,
                Err(_) => StatusCode::BAD_REQUEST,
            }
        }),
    );
    let server = Running::plain(limits, router).await;
    assert_eq!(server.raw("").await, "");
    let head = server.raw("GET /read HTTP/1.1\r\nhost:").await;
    assert!(
        head.is_empty() || head.starts_with("HTTP/1.1 408 "),
        "{head}"
    );
    let body = server
        .raw("POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab")
        .await;
    assert!(body.starts_with("HTTP/1.1 400 "), "{body}");
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_dropped() {
    let limits = Limits {
        silence: Duration::from_millis(100),
        connections: 1,
        ..Limits::default()
    };
    let router = hello().route("/large", get(|| async { vec![0_u8; 64 << 20] }));
    let server = Running::plain(limits, router).await;
    let mut stalled = TcpStream::connect(server.address).await.unwrap();
    stalled
        .write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    // The only slot is free again once the stalled reader has been dropped.
    let answer = server
        .raw("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.ends_with("hello"), "{answer}");
    drop(stalled);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_still_sends_reads_its_refusal() {
    let router = Router::new().route(
        "/refuse",
        post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "no") }),
    );
    let server = Running::plain(Limits::default(), router).await;
    let body = "x".repeat(8 << 20);
    for _ in 0..5 {
        let head = format!(
            "POST /refuse HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = server.raw(&(head + &body)).await;
        assert!(
            answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("no"),
            "{answer}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_their_turn() {
    let server = Running::plain(
        Limits {
            connections: 1,
            ..Limits::default()
        },
        hello(),
    )
    .await;
    let first = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let request = "GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut second = TcpStream::connect(server.address).await.unwrap();
    second.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let waits = tokio::time::timeout(
        Duration::from_millis(100),
        second.read_to_string(&mut answer),
    )
    .await;
    assert!(waits.is_err(), "{answer}");
    drop(first);
    second.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn stopping_finishes_what_runs_and_accepts_nothing_more() {
    let router = Router::new().route(
        "/slow",
        get(|| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        }),
    );
    let mut server = Running::plain(Limits::default(), router).await;
    let mut running = TcpStream::connect(server.address).await.unwrap();
    let idle = TcpStream::connect(server.address).await.unwrap();
    running
        .write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.begin_stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(server.address).await.is_err());
    let mut answer = String::new();
    running.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    tokio::time::timeout(Duration::from_secs(5), server.task)
        .await
        .unwrap()
        .unwrap();
    drop(idle);
}

#[tokio::test]
async fn stopping_gives_up_on_what_does_not_end() {
    let router = Router::new().route("/never", get(std::future::pending::<&'static str>));
    let server = Running::plain(
        Limits {
            grace: Duration::from_millis(100),
            ..Limits::default()
        },
        router,
    )
    .await;
    let mut running = TcpStream::connect(server.address).await.unwrap();
    running
        .write_all(b"GET /never HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop().await;
}

#[tokio::test]
async fn roles_share_an_origin_with_the_operator_faces() {
    let role = |answer: &'static str| Router::new().fallback(move || async move { answer });
    let metrics = Metrics::default();
    let mut health = Health::default();
    health.check("disk", || async { Err("full".to_owned()) });
    let origin = Origin::new()
        .role(|path| path.contains("/_trust/"), role("trust"))
        .role(|path| path.starts_with("/v2/"), role("registry"))
        .role(|_| true, operations(Arc::new(health), metrics.clone()))
        .into_router();
    let server = Running::start(
        Transport::PlainOnLoopback,
        Limits::default(),
        origin,
        &metrics,
    )
    .await;
    let ask = |path: &'static str| {
        server.raw_owned(format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        ))
    };
    assert!(ask("/v2/a/b/_trust/tuf/root.json").await.ends_with("trust"));
    assert!(ask("/v2/a/b/manifests/latest").await.ends_with("registry"));
    assert!(ask("/healthz").await.ends_with("ok\n"));
    let ready = ask("/readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 503 ") && ready.ends_with(r#"{"disk":"full"}"#),
        "{ready}"
    );
    assert!(ask("/nothing").await.starts_with("HTTP/1.1 404 "));
    let exposed = ask("/metrics").await;
    assert!(
        exposed.contains(r#"countersign_http_requests_total{method="GET",code="503"} 1"#),
        "{exposed}"
    );
    assert!(
        exposed.contains("countersign_http_connections 1"),
        "{exposed}"
    );
    server.stop().await;
}

impl Running {
    async fn raw_owned(&self, request: String) -> String {
        self.raw(&request).await
    }
}
