//! A small load generator: some connections over TLS that ask for the same thing again and again.
//!
//! It runs on one thread, the same for every server, and talks to loopback only. An answer other than the first one
//! is a failure.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::measure::count;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// A server on loopback.
    pub(crate) address: SocketAddr,
    /// PEM text of the authority of its certificate.
    pub(crate) ca_pem: String,
    /// The path of the URL.
    pub(crate) path: String,
    /// Whether the body is an answer at all.
    pub(crate) is_right: fn(&[u8]) -> bool,
}

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// HTTP/1.1 connections, kept alive.
    pub(crate) connections: usize,
    /// How long.
    pub(crate) duration: Duration,
}

/// No load is larger, however fast the server.
const MOST_REQUESTS: usize = 2_000_000;

/// Answered requests per second.
///
/// # Panics
///
/// When the server is not on loopback, cannot be reached, or answers anything but 200 with always the same body.
pub(crate) fn requests_per_second(question: &Question, load: Load) -> f64 {
    assert!(question.address.ip().is_loopback(), "loopback only");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started")
        .block_on(apply(question, load))
}

async fn apply(question: &Question, load: Load) -> f64 {
    let tls = TlsConnector::from(trusting(&question.ca_pem));
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(connect(question.address, &tls).await);
    }
    // Connecting is not what is measured, nor is a cold cache.
    let first = connections.first_mut().expect("there are connections");
    let expected = ask(first, question).await;
    assert!((question.is_right)(&expected), "{expected:?}");
    let answered = Cell::new(0);
    let begin = Instant::now();
    let end = begin + load.duration;
    let users = connections.into_iter().map(|mut connection| async {
        while Instant::now() < end && answered.get() < MOST_REQUESTS {
            assert_eq!(ask(&mut connection, question).await, expected);
            answered.set(answered.get() + 1);
        }
        // Closing is not measured either.
        (connection, begin.elapsed())
    });
    let users = join_all(users).await;
    let elapsed = users.iter().map(|(_, elapsed)| *elapsed).max();
    count(answered.get()) / elapsed.unwrap_or(load.duration).as_secs_f64()
}

async fn connect(address: SocketAddr, tls: &TlsConnector) -> SendRequest<Empty<Bytes>> {
    let socket = TcpStream::connect(address)
        .await
        .expect("the server accepts connections");
    socket.set_nodelay(true).expect("sockets have this option");
    let socket = tls
        .connect(ServerName::from(address.ip()), socket)
        .await
        .expect("the server's certificate is for its address");
    let (sender, connection) = handshake(TokioIo::new(socket))
        .await
        .expect("nothing is sent before the first request");
    // Ends when the sender is dropped; what goes wrong before is seen by who asks.
    tokio::spawn(connection);
    sender
}

async fn ask(connection: &mut SendRequest<Empty<Bytes>>, question: &Question) -> Bytes {
    let request = Request::builder()
        .uri(Uri::try_from(question.path.as_str()).expect("a path of ours"))
        .header(header::HOST, question.address.to_string())
        .body(Empty::new())
        .expect("a valid request");
    connection.ready().await.expect("the connection is kept");
    let response = connection
        .send_request(request)
        .await
        .expect("the server answers");
    let status = response.status();
    let body = response.into_body().collect().await;
    let body = body.expect("the answer is whole").to_bytes();
    assert_eq!(status, StatusCode::OK, "{}: {body:?}", question.path);
    body
}

fn trusting(ca_pem: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots
            .add(certificate.expect("the authority's file is PEM"))
            .expect("the authority is a certificate");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use testkit::{NotaryServer, Peers, TestCa};

    use super::*;

    fn ask_notary(peers: &Peers, path: &str) -> f64 {
        let ca = TestCa::new();
        let server = NotaryServer::memory(peers, &ca);
        let question = Question {
            address: server.address(),
            ca_pem: ca.pem().to_owned(),
            path: path.to_owned(),
            is_right: |body| body == b"{}",
        };
        let load = Load {
            connections: 4,
            duration: Duration::from_millis(200),
        };
        requests_per_second(&question, load)
    }

    #[test]
    fn answers_are_counted() {
        let Some(peers) = Peers::locate() else { return };
        assert!(ask_notary(&peers, "/v2/") > 10.0);
    }

    #[test]
    fn refusals_are_not_counted() {
        let Some(peers) = Peers::locate() else { return };
        let path = "/v2/nothing/_trust/tuf/timestamp.json";
        assert!(std::panic::catch_unwind(|| ask_notary(&peers, path)).is_err());
        assert!(std::panic::catch_unwind(|| ask_notary(&peers, "/v2/")).is_ok());
    }
}
