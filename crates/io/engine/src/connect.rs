//! One connection for one request: it ends when its answer is dropped, which is how an engine learns that the caller
//! stopped, and cancels a push or a build.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hyper::client::conn::http1;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::endpoint::{Address, Endpoint};
use crate::error::{Error, TlsFault};
use crate::request::Body;

/// Drives a connection; dropped, it closes it.
#[derive(Debug)]
pub(crate) struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Who is called, with TLS made ready.
#[derive(Clone)]
pub(crate) struct Dialer {
    endpoint: Endpoint,
    tls: Option<Arc<ClientConfig>>,
}

impl Dialer {
    pub(crate) fn new(endpoint: Endpoint) -> Result<Self, Error> {
        let tls = match &endpoint.address {
            Address::Tcp { tls: Some(tls), .. } => {
                let mut config = tls.client_config().map_err(|error| Error::Tls {
                    endpoint: endpoint.to_string(),
                    reason: TlsFault::Config(error),
                })?;
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                Some(Arc::new(config))
            }
            _ => None,
        };
        Ok(Self { endpoint, tls })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) async fn dial(&self) -> Result<(SendRequest<Body>, Connection), Error> {
        match &self.endpoint.address {
            Address::Unix(socket) => {
                let stream = UnixStream::connect(socket)
                    .await
                    .map_err(|error| self.connect_error(error, Some(socket)))?;
                self.handshake(stream).await
            }
            Address::Tcp { host, port, .. } => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let stream = TcpStream::connect((host, *port))
                    .await
                    .map_err(|error| self.connect_error(error, None))?;
                match &self.tls {
                    None => self.handshake(stream).await,
                    Some(config) => {
                        let stream = self.secure(stream, host, config.clone()).await?;
                        self.handshake(stream).await
                    }
                }
            }
        }
    }

    async fn secure(
        &self,
        stream: TcpStream,
        host: &str,
        config: Arc<ClientConfig>,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Error> {
        let failed = |reason| Error::Tls {
            endpoint: self.endpoint.to_string(),
            reason: TlsFault::Handshake(reason),
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| failed(net::TlsFault::Other(error.to_string())))?;
        TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| failed(handshake_fault(&error)))
    }

    async fn handshake<S>(&self, stream: S) -> Result<(SendRequest<Body>, Connection), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.exchange_error(&error, "connecting"))?;
        // What ends it is seen where the request or the answer's body is waited for.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok((sender, Connection(task)))
    }

    fn connect_error(&self, source: io::Error, socket: Option<&Path>) -> Error {
        let endpoint = self.endpoint.to_string();
        match (source.kind(), socket) {
            (io::ErrorKind::PermissionDenied, Some(socket)) => Error::PermissionDenied {
                socket: socket.to_owned(),
            },
            (io::ErrorKind::ConnectionRefused, _) | (io::ErrorKind::NotFound, Some(_)) => {
                Error::NotRunning { endpoint }
            }
            _ => Error::ConnectFailed { endpoint, source },
        }
    }

    /// Why there was no answer, or no more of it.
    pub(crate) fn exchange_error(&self, error: &hyper::Error, request: &str) -> Error {
        let endpoint = self.endpoint.to_string();
        tracing::debug!(endpoint, request, cause = ?error, "exchange with the engine failed");
        if let Some(tls) = find::<rustls::Error>(error) {
            // In TLS 1.3 a refused client certificate shows only here.
            let reason = TlsFault::Handshake(net::TlsFault::of(tls));
            return Error::Tls { endpoint, reason };
        }
        if error.is_user()
            && let Some(source) = find::<io::Error>(error)
        {
            return Error::RequestBody {
                source: io::Error::new(source.kind(), source.to_string()),
            };
        }
        if error.is_parse() {
            return Error::Malformed {
                request: request.to_owned(),
                detail: "not HTTP".to_owned(),
            };
        }
        Error::Interrupted { endpoint }
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dialer({})", self.endpoint)
    }
}

fn handshake_fault(error: &io::Error) -> net::TlsFault {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(tls) => net::TlsFault::of(tls),
        None => net::TlsFault::Other(error.to_string()),
    }
}

/// The first cause of that type. `io::Error::source` skips the error it wraps, so that one is stepped into.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_not_for_the_user_has_its_own_error() {
        let socket = Path::new("/run/docker.sock");
        let dialer = Dialer::new(Endpoint::unix(socket)).unwrap();
        let error = |kind: io::ErrorKind, socket| dialer.connect_error(kind.into(), socket);
        assert!(matches!(
            error(io::ErrorKind::PermissionDenied, Some(socket)),
            Error::PermissionDenied { socket: refused } if refused == socket
        ));
        assert!(matches!(
            error(io::ErrorKind::NotFound, Some(socket)),
            Error::NotRunning { endpoint } if endpoint == "unix:///run/docker.sock"
        ));
        // A name that is not known is no engine that is not running.
        assert!(matches!(
            error(io::ErrorKind::NotFound, None),
            Error::ConnectFailed { .. }
        ));
    }
}
