//! A small HTTP server for what the test kit serves itself.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::tls::ServerCertificate;

/// What a handler answers with; an error in it ends the connection.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A running server on a free port of 127.0.0.1, HTTP/1.1. Ends, with all its connections, when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    runtime: Option<Runtime>,
}

impl Server {
    /// Starts it. A handler's error closes the connection without an answer.
    pub(crate) fn start<H, F>(certificate: Option<&ServerCertificate>, handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
    {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be started");
        let tls = certificate.map(|certificate| TlsAcceptor::from(tls_config(certificate)));
        let scheme = if tls.is_some() { "https" } else { "http" };
        runtime.spawn(accept(listener, tls, handler));
        Self {
            address,
            scheme,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://127.0.0.1:<port>` or `http://…`.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Does not wait, so it is allowed inside an asynchronous test too.
            runtime.shutdown_background();
        }
    }
}

fn tls_config(certificate: &ServerCertificate) -> Arc<ServerConfig> {
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

async fn accept<H, F>(listener: std::net::TcpListener, tls: Option<TlsAcceptor>, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
{
    listener
        .set_nonblocking(true)
        .expect("sockets can be non-blocking");
    let listener = tokio::net::TcpListener::from_std(listener)
        .expect("the runtime has an input/output driver");
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (tls, handler) = (tls.clone(), handler.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(socket, handler).await,
                // A failed handshake is the client's to report.
                Some(tls) => {
                    if let Ok(socket) = tls.accept(socket).await {
                        serve(socket, handler).await;
                    }
                }
            }
        });
    }
}

async fn serve<H, F>(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, handler: H)
where
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = io::Result<Response<Body>>>,
{
    // Ends with an error when a handler cuts it.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(socket), service_fn(handler))
            .await,
    );
}
