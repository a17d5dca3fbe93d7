use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use prometheus_client::metrics::gauge::Gauge;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{RequestMetrics, guard::GuardedStream, service::Edge};

/// What a connection speaks below HTTP.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Plain text; refused on addresses that other machines can reach.
    PlainOnLoopback,
    /// TLS with this certificate; see [`server_config`](crate::server_config).
    Tls(Arc<ServerConfig>),
}

/// What one client may take from the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a sender of a body, or a reader of an answer, may be silent.
    pub silence: Duration,
    /// Open connections; more wait in the backlog of the socket.
    pub connections: usize,
    /// How long running requests may take to finish after the stop.
    pub grace: Duration,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the head of a request may take, and so how long an unused HTTP/1 connection stays open.
    pub head: Duration,
    /// Requests in flight on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(60),
            connections: 1024,
            grace: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            streams: 100,
        }
    }
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// No address was given.
    #[error("no address to listen on")]
    NoAddress,
    /// Plain HTTP was asked for on an address that other machines can reach.
    #[error("{address} is not a loopback address, and plain HTTP is served on loopback only")]
    PlainBeyondLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The operating system refused (in use, not permitted, not an address of this machine).
    #[error("listen on {address}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// Open sockets, not yet served; clients that connect already wait.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    transport: Transport,
    limits: Limits,
}

impl Listener {
    /// Opens a socket on each address; port 0 takes a free port, see [`Listener::addresses`].
    ///
    /// # Errors
    /// [`BindError`]; no socket stays open then.
    pub async fn bind(
        addresses: &[SocketAddr],
        transport: Transport,
        limits: Limits,
    ) -> Result<Self, BindError> {
        if addresses.is_empty() {
            return Err(BindError::NoAddress);
        }
        let mut this = Self {
            sockets: Vec::new(),
            addresses: Vec::new(),
            transport,
            limits,
        };
        for &address in addresses {
            if matches!(this.transport, Transport::PlainOnLoopback) && !address.ip().is_loopback() {
                return Err(BindError::PlainBeyondLoopback { address });
            }
            let refused = |source| BindError::Refused { address, source };
            let socket = TcpListener::bind(address).await.map_err(refused)?;
            this.addresses.push(socket.local_addr().map_err(refused)?);
            this.sockets.push(socket);
        }
        Ok(this)
    }

    /// Where clients reach it, in the order given to [`Listener::bind`], with the real ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves `router` until `stop` completes, then accepts nothing more, lets running requests finish (for at most
    /// [`Limits::grace`]) and returns.
    pub async fn serve(
        self,
        router: Router,
        metrics: RequestMetrics,
        stop: impl Future<Output = ()>,
    ) {
        let server = Arc::new(Server {
            edge: Edge::new(router, metrics.clone(), self.limits.silence),
            http1: http_settings(self.limits).http1_only(),
            http2: http_settings(self.limits).http2_only(),
            tls: match self.transport {
                Transport::PlainOnLoopback => None,
                Transport::Tls(config) => Some(TlsAcceptor::from(config)),
            },
            limits: self.limits,
            metrics,
            slots: Arc::new(Semaphore::new(self.limits.connections)),
        });
        let (stopping, stopped) = watch::channel(());
        let mut sockets = JoinSet::new();
        for socket in self.sockets {
            sockets.spawn(Arc::clone(&server).serve_socket(socket, stopped.clone()));
        }
        stop.await;
        drop(stopping);
        sockets.join_all().await;
    }
}

struct Server {
    edge: Edge,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    metrics: RequestMetrics,
    slots: Arc<Semaphore>,
}

impl Server {
    /// Serves the connections of one socket until `stopped` closes. Dropping the future ends them at once.
    async fn serve_socket(self: Arc<Self>, socket: TcpListener, mut stopped: watch::Receiver<()>) {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = stopped.changed() => break,
                Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
                (stream, slot) = self.accept(&socket) => {
                    connections.spawn(Arc::clone(&self).serve_stream(stream, slot, graceful.watcher()));
                }
            }
        }
        drop(socket);
        let finish = async {
            graceful.shutdown().await;
            while connections.join_next().await.is_some() {}
        };
        if timeout(self.limits.grace, finish).await.is_err() {
            tracing::warn!(
                left = connections.len(),
                "requests were still running when the time to finish was over"
            );
        }
    }

    async fn accept(&self, socket: &TcpListener) -> (TcpStream, OwnedSemaphorePermit) {
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        loop {
            match socket.accept().await {
                Ok((stream, _peer)) => return (stream, slot),
                Err(error) => {
                    // Out of descriptors, or a client that left: neither gets better by trying at once.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn serve_stream(
        self: Arc<Self>,
        stream: TcpStream,
        slot: OwnedSemaphorePermit,
        watcher: Watcher,
    ) {
        let _open = Open::count(self.metrics.connections.clone(), slot);
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's delay");
        }
        match &self.tls {
            None => self.serve_http(&self.http1, stream, watcher).await,
            Some(tls) => match timeout(self.limits.handshake, tls.accept(stream)).await {
                Ok(Ok(stream)) => {
                    // By what was negotiated and not by the first bytes: waiting for those has no time-out.
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let http = if http2 { &self.http2 } else { &self.http1 };
                    self.serve_http(http, stream, watcher).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                Err(_elapsed) => tracing::debug!("TLS handshake timed out"),
            },
        }
    }

    async fn serve_http<S>(&self, http: &auto::Builder<TokioExecutor>, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let stream = TokioIo::new(GuardedStream::new(stream, self.limits.silence));
        let connection = http.serve_connection(stream, self.edge.clone());
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(error, "a connection ended early");
        }
    }
}

fn http_settings(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .max_header_list_size(32 << 10)
        .keep_alive_interval(limits.silence)
        .keep_alive_timeout(limits.silence);
    http
}

/// An open connection: its slot and its place in the metrics, both given back when it ends.
struct Open {
    gauge: Gauge,
    _slot: OwnedSemaphorePermit,
}

impl Open {
    fn count(gauge: Gauge, slot: OwnedSemaphorePermit) -> Self {
        gauge.inc();
        Self { gauge, _slot: slot }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
