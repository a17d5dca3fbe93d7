//! A reverse proxy that records, and attacks.
//!
//! It stands between a client and one or more servers, keeps every exchange, and can replace, rewrite, delay, cut or
//! withhold answers. Clients see HTTPS with a certificate of the test's own authority, or plain HTTP.

mod answer;
mod forward;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use self::forward::Forwarder;
use crate::server::Server;
use crate::tls::{ServerCertificate, TestCa};

/// What happens to a request that a rule matches.
#[derive(Clone)]
pub enum Fault {
    /// Answered by the proxy; the server sees nothing.
    Answer {
        /// Status code.
        status: u16,
        /// Header names and values besides `Content-Length`.
        headers: Vec<(String, String)>,
        /// Body.
        body: Bytes,
    },
    /// Forwarded; the answer declares its full length, and the connection ends in the middle of the body.
    CutHalf,
    /// Forwarded after a while.
    Delay(Duration),
    /// The connection is closed without an answer.
    Disconnect,
    /// Status 200 and a body that never ends; the server sees nothing.
    Endless,
    /// Never answered; the server sees nothing.
    Hang,
    /// Forwarded; the answer has this header in place of its own of that name.
    Header(String, String),
    /// Forwarded, then answered with status 500: the client cannot know that the server did it.
    LoseAnswer,
    /// Status 200 and a `Content-Length` of so many bytes, of which blanks are sent as long as somebody reads; the
    /// server sees nothing.
    Promise(u64),
    /// Forwarded; the answer's body is changed.
    Rewrite(Arc<dyn Fn(Bytes) -> Bytes + Send + Sync>),
}

impl Fault {
    /// An answer with a JSON body, such as a server's error envelope, or old metadata.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self::Answer {
            status,
            headers,
            body: body.into(),
        }
    }

    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Another header in the answer.
    pub fn header(name: &str, value: &str) -> Self {
        Self::Header(name.to_owned(), value.to_owned())
    }

    /// Changes the answer's body.
    pub fn rewrite(change: impl Fn(Bytes) -> Bytes + Send + Sync + 'static) -> Self {
        Self::Rewrite(Arc::new(change))
    }
}

/// A request and its answer as the client saw them.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Request method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Request header.
    pub request_headers: HeaderMap,
    /// Request body.
    pub request_body: Bytes,
    /// Answer status; `None` when the client got no answer.
    pub status: Option<StatusCode>,
    /// Answer header; empty for [`Fault::Endless`].
    pub response_headers: HeaderMap,
    /// Answer body, whole even if the client only got half of it.
    pub response_body: Bytes,
}

/// Builds a [`Proxy`]; see [`Proxy::to`].
#[derive(Debug)]
pub struct ProxyBuilder {
    default: Url,
    routes: Vec<(String, Url)>,
    authorities: Vec<PathBuf>,
}

impl ProxyBuilder {
    /// Trusts the authority in this PEM file for HTTPS servers behind the proxy.
    #[must_use]
    pub fn trust(mut self, ca_file: &Path) -> Self {
        self.authorities.push(ca_file.to_owned());
        self
    }

    /// Sends requests whose path contains `part` to another server: `_trust` makes one origin of a registry and a
    /// trust server, as Docker expects by default.
    #[must_use]
    pub fn route(mut self, part: &str, server: &str) -> Self {
        self.routes.push((part.to_owned(), parse_origin(server)));
        self
    }

    /// Serves HTTPS with a certificate for `localhost` and `127.0.0.1` from this authority.
    pub fn start_https(self, ca: &TestCa) -> Proxy {
        self.start_https_for(ca, &["localhost", "127.0.0.1"])
    }

    /// Serves HTTPS with a certificate for these names.
    pub fn start_https_for(self, ca: &TestCa, names: &[&str]) -> Proxy {
        self.launch(Some(&ca.issue(names)))
    }

    /// Serves plain HTTP.
    pub fn start_http(self) -> Proxy {
        self.launch(None)
    }

    fn launch(self, certificate: Option<&ServerCertificate>) -> Proxy {
        let scheme = if certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let forwarder = Arc::new(Forwarder::new(
            self.default,
            self.routes,
            &self.authorities,
            scheme,
        ));
        let state = Arc::new(State::default());
        let seen = Arc::clone(&state);
        let server = Server::start(certificate, move |request| {
            let (forwarder, state) = (Arc::clone(&forwarder), Arc::clone(&seen));
            async move { answer::answer(request, &forwarder, &state).await }
        });
        Proxy { server, state }
    }
}

/// A running proxy. Ends, with all its connections, when dropped.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
    state: Arc<State>,
}

impl Proxy {
    /// A proxy to the server at `url` (`http://…` or `https://…`).
    pub fn to(url: &str) -> ProxyBuilder {
        ProxyBuilder {
            default: parse_origin(url),
            routes: Vec::new(),
            authorities: Vec::new(),
        }
    }

    /// `https://127.0.0.1:<port>`, or `http://…`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `localhost:<port>`, the registry part of an image reference.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address().port())
    }

    /// From now on does this to every request whose path (without the query) ends with `suffix`.
    pub fn on_path(&self, suffix: &str, fault: Fault) {
        let suffix = suffix.to_owned();
        self.on(move |_, path| path.ends_with(&suffix), fault);
    }

    /// From now on does this to every request that `matches` by method and path. Of several rules the newest counts.
    pub fn on(
        &self,
        matches: impl Fn(&Method, &str) -> bool + Send + Sync + 'static,
        fault: Fault,
    ) {
        self.add(Box::new(matches), None, fault);
    }

    /// Does this to the next `count` requests that `matches`, then forgets it.
    pub fn on_next(
        &self,
        count: usize,
        matches: impl Fn(&Method, &str) -> bool + Send + Sync + 'static,
        fault: Fault,
    ) {
        self.add(Box::new(matches), Some(count), fault);
    }

    /// Forgets all rules; everything is forwarded.
    pub fn clear(&self) {
        lock(&self.state.rules).clear();
    }

    /// Everything that happened so far, in the order of the answers.
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.state.exchanges).clone()
    }

    /// Everything that happened since the last time, and forgets it.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut lock(&self.state.exchanges))
    }

    /// `GET /path` and so on for everything so far, for messages and for counting round trips.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.state.exchanges)
            .iter()
            .map(|exchange| format!("{} {}", exchange.method, exchange.target))
            .collect()
    }

    fn add(&self, matches: Matcher, remaining: Option<usize>, fault: Fault) {
        lock(&self.state.rules).push(Rule {
            matches,
            remaining,
            fault,
        });
    }
}

type Matcher = Box<dyn Fn(&Method, &str) -> bool + Send + Sync>;

struct Rule {
    matches: Matcher,
    remaining: Option<usize>,
    fault: Fault,
}

#[derive(Default)]
struct State {
    rules: Mutex<Vec<Rule>>,
    exchanges: Mutex<Vec<Exchange>>,
}

impl State {
    /// The fault for this request, if any; counts it.
    fn fault(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        let rule = rules
            .iter_mut()
            .rev()
            .find(|rule| rule.remaining != Some(0) && (rule.matches)(method, path))?;
        if let Some(remaining) = &mut rule.remaining {
            *remaining -= 1;
        }
        Some(rule.fault.clone())
    }

    fn record(&self, exchange: Exchange) {
        lock(&self.exchanges).push(exchange);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("exchanges", &lock(&self.exchanges).len())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("nothing panics while it holds a lock of the proxy")
}

fn parse_origin(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}
