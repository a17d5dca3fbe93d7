use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, Method, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    Proxies, Tls,
    classify::{self, Exchange},
    error::{Error, Phase, RedirectFault},
    proxy::Selector,
    redact,
    request::{self, Body, ByteStream, Redirects, Request},
    response::Response,
    tls,
};

/// Bytes in memory are sent in pieces of this size, so that a slow but moving upload can be told from a stalled one.
const PIECE: usize = 64 * 1024;

/// How a [`Client`] behaves. Nothing here has a second source: no environment variable is read.
#[derive(Clone, Debug)]
pub struct Config {
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Proxies and their exceptions.
    pub proxies: Proxies,
    /// For name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The longest time without any byte moving, either way. Before the head of the answer it counts from the end of
    /// [`Config::connect_timeout`], because setting up the connection is not waiting for the server.
    pub read_timeout: Duration,
    /// For one whole exchange, redirects and the body included. `None` for transfers of unknown size.
    pub total_timeout: Option<Duration>,
    /// Whom to trust.
    pub tls: Tls,
}

impl Config {
    /// No proxies, 10 s to connect, 30 s without a byte, no bound for the whole, and no trusted root.
    pub fn new(user_agent: impl Into<String>) -> Self {
        Self {
            user_agent: user_agent.into(),
            proxies: Proxies::default(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            total_timeout: None,
            tls: Tls::default(),
        }
    }
}

/// The HTTP client. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    proxies: Arc<Selector>,
    connect_timeout: Duration,
    read_timeout: Duration,
    total_timeout: Option<Duration>,
}

impl Client {
    /// Reads roots, client identity and proxies; contacts nobody.
    ///
    /// # Errors
    /// [`Error::BadTlsConfig`], [`Error::Proxy`] for a proxy address that is none, [`Error::Other`] for a user agent
    /// that is no header value.
    pub fn new(config: Config) -> Result<Self, Error> {
        let proxies = Arc::new(Selector::new(&config.proxies)?);
        let selector = proxies.clone();
        #[allow(clippy::disallowed_methods, reason = "this is the one HTTP client")]
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&config.tls)?)
            .proxy(reqwest::Proxy::custom(move |url| {
                selector.select(url).cloned()
            }))
            .dns_resolver(Arc::new(classify::Resolver))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Digests are taken over the bytes as they travel, and a bound on them must hold.
            .gzip(false)
            .user_agent(config.user_agent)
            .connect_timeout(config.connect_timeout)
            .build()
            .map_err(|error| Error::Other {
                host: String::new(),
                detail: classify::causes_text(&error),
            })?;
        Ok(Self {
            http,
            proxies,
            connect_timeout: config.connect_timeout,
            read_timeout: config.read_timeout,
            total_timeout: config.total_timeout,
        })
    }

    /// Sends the request, follows redirects as it says, and waits for the head of the answer. Any status is `Ok`.
    ///
    /// A `GET` or `HEAD` without body whose connection ended before any answer is sent once more: a server may close
    /// a kept connection at the moment it is used again.
    ///
    /// # Errors
    /// Every variant of [`Error`] except [`Error::BadTlsConfig`] and [`Error::TooLarge`].
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let deadline = self.total_timeout.map(|total| Instant::now() + total);
        let mut request = request;
        let mut followed = 0;
        loop {
            request::check_url(&request.url)?;
            let Redirects::Follow { max } = request.redirects else {
                return self.exchange(request, deadline).await;
            };
            let template = Template::of(&request);
            let response = self.exchange(request, deadline).await?;
            if !is_redirect(response.status) {
                return Ok(response);
            }
            let from = redact::redacted_url(&template.request.url);
            let next = if followed == max {
                Err(RedirectFault::TooMany { max })
            } else {
                template.redirected(&response)
            };
            request = next.map_err(|reason| Error::BadRedirect { from, reason })?;
            followed += 1;
        }
    }

    async fn exchange(
        &self,
        request: Request,
        deadline: Option<Instant>,
    ) -> Result<Response, Error> {
        let safe = matches!(request.method, Method::GET | Method::HEAD)
            && matches!(request.body, Body::Empty);
        let again = safe.then(|| request.replay()).flatten();
        match (self.exchange_once(request, deadline).await, again) {
            (
                Err(Error::Interrupted {
                    phase: Phase::Answer,
                    ..
                }),
                Some(again),
            ) => self.exchange_once(again, deadline).await,
            (outcome, _) => outcome,
        }
    }

    async fn exchange_once(
        &self,
        request: Request,
        deadline: Option<Instant>,
    ) -> Result<Response, Error> {
        let exchange = Exchange {
            host: request::host_port(&request.url),
            url: request.url.clone(),
            proxy: self.proxies.select(&request.url).map(redact::redacted_url),
        };
        let progress = Arc::new(Progress::default());
        let mut builder = self
            .http
            .request(request.method, request.url)
            .headers(request.headers);
        builder = match request.body {
            Body::Empty => builder,
            Body::Bytes(bytes) if bytes.len() <= PIECE => builder.body(bytes),
            Body::Bytes(bytes) => {
                let length = bytes.len();
                let stream = Watched {
                    chunks: Box::pin(Pieces(bytes)),
                    progress: progress.clone(),
                };
                builder
                    .header(header::CONTENT_LENGTH, length)
                    .body(reqwest::Body::wrap_stream(stream))
            }
            Body::Stream { length, chunks } => {
                let stream = Watched {
                    chunks,
                    progress: progress.clone(),
                };
                let builder = match length {
                    Some(length) => builder.header(header::CONTENT_LENGTH, length),
                    None => builder,
                };
                builder.body(reqwest::Body::wrap_stream(stream))
            }
        };
        let sent = self
            .wait_for_head(builder.send(), &progress, deadline)
            .await;
        match sent {
            Ok(Ok(response)) => Ok(Response::new(
                response,
                exchange.host,
                self.read_timeout,
                deadline,
            )),
            Ok(Err(error)) => match progress.take_error() {
                Some(source) => Err(Error::RequestBody { source }),
                None => Err(classify::answer_error(error, &exchange).await),
            },
            Err(TimedOut) => Err(Error::Timeout {
                host: exchange.host,
                phase: Phase::Answer,
            }),
        }
    }

    async fn wait_for_head<T>(
        &self,
        sent: impl Future<Output = T>,
        progress: &Progress,
        deadline: Option<Instant>,
    ) -> Result<T, TimedOut> {
        let mut sent = std::pin::pin!(sent);
        let mut patience = self.connect_timeout.saturating_add(self.read_timeout);
        loop {
            let before = progress.chunks.load(Ordering::Relaxed);
            let until = idle_until(patience, deadline);
            patience = self.read_timeout;
            if let Ok(outcome) = timeout_at(until, sent.as_mut()).await {
                return Ok(outcome);
            }
            let moved = progress.chunks.load(Ordering::Relaxed) != before;
            if !moved || deadline.is_some_and(|deadline| deadline <= until) {
                return Err(TimedOut);
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("read_timeout", &self.read_timeout)
            .field("total_timeout", &self.total_timeout)
            .finish_non_exhaustive()
    }
}

/// When to stop waiting if nothing moves from now on.
pub(crate) fn idle_until(read_timeout: Duration, deadline: Option<Instant>) -> Instant {
    let idle = Instant::now() + read_timeout;
    deadline.map_or(idle, |deadline| deadline.min(idle))
}

struct TimedOut;

/// What the sending side has done so far.
#[derive(Default)]
struct Progress {
    chunks: AtomicU64,
    error: Mutex<Option<io::Error>>,
}

impl Progress {
    fn take_error(&self) -> Option<io::Error> {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

struct Watched {
    chunks: ByteStream,
    progress: Arc<Progress>,
}

impl Stream for Watched {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.chunks.as_mut().poll_next(cx);
        match polled {
            Poll::Ready(Some(Err(error))) => {
                let kind = error.kind();
                *self
                    .progress
                    .error
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(error);
                Poll::Ready(Some(Err(kind.into())))
            }
            Poll::Ready(item) => {
                self.progress.chunks.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(item)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

struct Pieces(Bytes);

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.0.len().min(PIECE);
        Poll::Ready(Some(Ok(self.0.split_to(length))))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// RFC 9110 section 15.4: 303 asks for `GET`; 301 and 302 do so by custom, for anything but `GET` and `HEAD`.
fn changes_to_get(status: StatusCode, method: &Method) -> bool {
    matches!(status.as_u16(), 301..=303) && !matches!(*method, Method::GET | Method::HEAD)
}

/// A request that was sent, as far as it can be sent again.
struct Template {
    /// With an empty body if that was a stream.
    request: Request,
    spent: bool,
}

impl Template {
    fn of(request: &Request) -> Self {
        let body = match &request.body {
            Body::Bytes(bytes) => Body::Bytes(bytes.clone()),
            Body::Empty | Body::Stream { .. } => Body::Empty,
        };
        Self {
            request: Request {
                method: request.method.clone(),
                url: request.url.clone(),
                headers: request.headers.clone(),
                body,
                redirects: request.redirects,
            },
            spent: matches!(request.body, Body::Stream { .. }),
        }
    }

    /// What to send to the place that the answer names.
    fn redirected(self, response: &Response) -> Result<Request, RedirectFault> {
        let mut next = self.request;
        let to = redirect_target(response, &next.url)?;
        if changes_to_get(response.status, &next.method) {
            next.method = Method::GET;
            next.body = Body::Empty;
            for name in [
                header::CONTENT_TYPE,
                header::CONTENT_LENGTH,
                header::CONTENT_ENCODING,
            ] {
                next.headers.remove(name);
            }
        } else if self.spent {
            return Err(RedirectFault::BodySpent);
        }
        if next.url.origin() != to.origin() {
            drop_secrets(&mut next.headers);
        }
        next.url = to;
        Ok(next)
    }
}

fn redirect_target(response: &Response, from: &Url) -> Result<Url, RedirectFault> {
    let location = response
        .headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    let to = location
        .and_then(|location| from.join(location).ok())
        .ok_or(RedirectFault::Location)?;
    if request::check_url(&to).is_err() {
        return Err(RedirectFault::Location);
    }
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(RedirectFault::Downgrade {
            to: redact::redacted_url(&to),
        });
    }
    Ok(to)
}

fn drop_secrets(headers: &mut HeaderMap) {
    let secret: Vec<_> = headers
        .iter()
        .filter(|(name, value)| value.is_sensitive() || redact::is_secret_header(name))
        .map(|(name, _)| name.clone())
        .collect();
    for name in secret {
        headers.remove(name);
    }
}
