//! The side that the server sees.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// Sends requests on, each over a connection of its own.
pub(super) struct Forwarder {
    default: Url,
    routes: Vec<(String, Url)>,
    tls: TlsConnector,
    /// What the client speaks; docker-registry makes absolute URLs from this and from `Host`.
    scheme: HeaderValue,
}

impl Forwarder {
    pub(super) fn new(
        default: Url,
        routes: Vec<(String, Url)>,
        authorities: &[PathBuf],
        scheme: &'static str,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for file in authorities {
            let certificate = CertificateDer::from_pem_file(file)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            roots
                .add(certificate)
                .expect("the test's authority has a usable certificate");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            default,
            routes,
            tls: TlsConnector::from(Arc::new(config)),
            scheme: HeaderValue::from_static(scheme),
        }
    }

    /// The `Host` header stays the client's, so that URLs which the server makes from it lead through the proxy.
    pub(super) async fn forward(
        &self,
        head: &Parts,
        body: Bytes,
    ) -> io::Result<(StatusCode, HeaderMap, Bytes)> {
        let path = head.uri.path();
        let origin = self
            .routes
            .iter()
            .find(|(part, _)| path.contains(part))
            .map_or(&self.default, |(_, url)| url);
        let host = origin
            .host_str()
            .ok_or_else(|| io::Error::other("the server's URL has no host"))?;
        let port = origin
            .port_or_known_default()
            .ok_or_else(|| io::Error::other("the server's URL has no port"))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
            .parse()
            .map_err(io::Error::other)?;
        *request.headers_mut() = head.headers.clone();
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        request
            .headers_mut()
            .insert("X-Forwarded-Proto", self.scheme.clone());
        let socket = TcpStream::connect((host, port)).await?;
        if origin.scheme() == "http" {
            return exchange(socket, request).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        exchange(self.tls.connect(name, socket).await?, request).await
    }
}

async fn exchange(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<(StatusCode, HeaderMap, Bytes)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .map_err(io::Error::other)?;
    let driver = tokio::spawn(connection);
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    driver.abort();
    let mut headers = head.headers;
    headers.remove(CONNECTION);
    Ok((head.status, headers, body))
}
