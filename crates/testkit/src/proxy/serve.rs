//! The side that the client sees.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::forward::Forwarder;
use super::{Exchange, Fault, State};
use crate::tls::ServerCertificate;

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>;

/// A TLS server configuration for one certificate, HTTP/1.1 only.
pub(super) fn tls_config(certificate: &ServerCertificate) -> Arc<ServerConfig> {
    let chain = CertificateDer::from_pem_slice(certificate.certificate_pem.as_bytes())
        .expect("we made the PEM text");
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes())
        .expect("we made the PEM text");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("certificate and key belong together");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Accepts connections for ever.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    tls: Option<Arc<ServerConfig>>,
    forwarder: Arc<Forwarder>,
    state: Arc<State>,
) {
    listener
        .set_nonblocking(true)
        .expect("sockets can be non-blocking");
    let listener = tokio::net::TcpListener::from_std(listener)
        .expect("the runtime has an input/output driver");
    let scheme = if tls.is_some() { "https" } else { "http" };
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (acceptor, forwarder, state) =
            (acceptor.clone(), Arc::clone(&forwarder), Arc::clone(&state));
        tokio::spawn(async move {
            match acceptor {
                None => connection(socket, scheme, forwarder, state).await,
                // A failed handshake is the client's to report.
                Some(acceptor) => {
                    if let Ok(socket) = acceptor.accept(socket).await {
                        connection(socket, scheme, forwarder, state).await;
                    }
                }
            }
        });
    }
}

async fn connection(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    scheme: &'static str,
    forwarder: Arc<Forwarder>,
    state: Arc<State>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (forwarder, state) = (Arc::clone(&forwarder), Arc::clone(&state));
        // docker-registry makes absolute URLs from this and from `Host`.
        request
            .headers_mut()
            .insert("X-Forwarded-Proto", HeaderValue::from_static(scheme));
        async move { answer(request, &forwarder, &state).await }
    });
    // Ends with an error when a fault cuts it.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(socket), service)
            .await,
    );
}

/// An error closes the connection without an answer.
async fn answer(
    request: Request<Incoming>,
    forwarder: &Forwarder,
    state: &State,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let fault = state.fault(&head.method, head.uri.path());
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut exchange = Exchange {
        method: head.method.clone(),
        target: head
            .uri
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string),
        request_headers: head.headers.clone(),
        request_body: body.clone(),
        status: None,
        response_headers: HeaderMap::new(),
        response_body: Bytes::new(),
    };
    match fault {
        Some(Fault::Disconnect) => {
            state.record(exchange);
            return Err(io::Error::other("closed on purpose"));
        }
        Some(Fault::Hang) => {
            state.record(exchange);
            return std::future::pending().await;
        }
        Some(Fault::Endless) => {
            exchange.status = Some(StatusCode::OK);
            state.record(exchange);
            return Ok(Response::new(endless()));
        }
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    let (status, mut headers, body) = match &fault {
        Some(Fault::Answer {
            status,
            headers,
            body,
        }) => made_up(*status, headers, body.clone()),
        _ => forwarder
            .forward(&head, body)
            .await
            .unwrap_or_else(|error| bad_gateway(&error)),
    };
    let (status, body) = match &fault {
        Some(Fault::Rewrite(change)) => (status, change(body)),
        Some(Fault::LoseAnswer) => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
        _ => (status, body),
    };
    headers.remove(TRANSFER_ENCODING);
    if head.method != http::Method::HEAD && status != StatusCode::NO_CONTENT {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    exchange.status = Some(status);
    exchange.response_headers = headers.clone();
    exchange.response_body = body.clone();
    state.record(exchange);
    let body = if matches!(fault, Some(Fault::CutHalf)) {
        half(&body)
    } else {
        whole(body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn made_up(
    status: u16,
    headers: &[(String, String)],
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("the test gives valid header names");
            (
                name,
                value.parse().expect("the test gives valid header values"),
            )
        })
        .collect();
    (
        StatusCode::from_u16(status).expect("the test gives a valid status"),
        headers,
        body,
    )
}

fn bad_gateway(error: &io::Error) -> (StatusCode, HeaderMap, Bytes) {
    (
        StatusCode::BAD_GATEWAY,
        HeaderMap::new(),
        Bytes::from(format!("the proxy cannot reach the server: {error}")),
    )
}

fn whole(body: Bytes) -> Body {
    http_body_util::Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// The first half, then an error, on which the connection ends. It comes late enough that the half is on its way.
fn half(body: &Bytes) -> Body {
    let first = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2)))]);
    let error = stream::once(async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(io::Error::other("cut on purpose"))
    });
    StreamBody::new(first.chain(error)).boxed_unsync()
}

fn endless() -> Body {
    static BLANKS: [u8; 16 * 1024] = [b' '; 16 * 1024];
    StreamBody::new(stream::repeat_with(|| {
        Ok(Frame::data(Bytes::from_static(&BLANKS)))
    }))
    .boxed_unsync()
}
