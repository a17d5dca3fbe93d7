//! A trust server in memory, which can be told to misbehave.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderMap, Method, StatusCode, header};
use pki::digest::Sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::signer::ServerKeys;

/// What a path answers instead of the truth.
#[derive(Clone)]
pub enum Fault {
    /// This status and body.
    Status(u16, &'static str),
    /// Status 200 with these bytes.
    Body(Bytes),
    /// The head promises more than comes.
    Cut,
    /// The update is stored, and the answer is this status.
    StoredBut(u16),
    /// The connection ends without an answer, and nothing is stored.
    Drop,
    /// The connection ends without an answer, and the update is stored.
    StoreAndDrop,
}

/// One repository: every version of every role, oldest first.
#[derive(Clone, Default)]
pub struct Repo {
    pub roles: BTreeMap<String, Vec<Bytes>>,
    /// Present once somebody asked for a key.
    pub keys: Option<Arc<ServerKeys>>,
}

#[derive(Default)]
pub struct Inner {
    pub repos: HashMap<String, Repo>,
    /// By the end of the path; with the number of requests it is for.
    pub faults: Vec<(String, Method, Fault, usize)>,
    /// `GET <path>` of every request.
    pub log: Vec<String>,
    /// The next so many publishes wait here for each other.
    pub barrier: Option<(Arc<Barrier>, usize)>,
    /// `Authorization` that is asked for, and the challenge.
    pub required: Option<(String, String)>,
    /// The server's clock.
    pub now: jiff::Timestamp,
}

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub ca_pem: String,
    inner: Arc<Mutex<Inner>>,
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.tcp.accept().await else {
                continue;
            };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

impl Server {
    /// Starts on loopback; ends with the runtime of the test.
    pub async fn start() -> Self {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
                .unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let key = tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(
            made.signing_key.serialize_der(),
        );
        let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let inner = Arc::new(Mutex::new(Inner {
            now: super::NOW.parse().unwrap(),
            ..Inner::default()
        }));
        let app = Router::new().fallback(answer).with_state(inner.clone());
        let listener = TlsListener {
            tcp,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        };
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            ca_pem: made.cert.pem(),
            inner,
        }
    }

    /// `host:port`, which is also the registry host in the GUNs of the tests.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Serves what the real server had stored, all versions or those up to `newest` of each role.
    pub fn load_golden(&self, name: &str, gun: &str) {
        let folder = super::golden().join("repos").join(name).join("server");
        let mut repo = Repo::default();
        collect(&folder, "", &mut repo);
        self.lock().repos.insert(gun.to_owned(), repo);
    }

    pub fn fault(&self, method: Method, path_end: &str, fault: Fault, times: usize) {
        self.lock()
            .faults
            .push((path_end.to_owned(), method, fault, times));
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().log)
    }

    /// Newest bytes of a role.
    pub fn newest(&self, gun: &str, role: &str) -> Option<Bytes> {
        self.lock().repos.get(gun)?.roles.get(role)?.last().cloned()
    }
}

fn collect(folder: &Path, prefix: &str, repo: &mut Repo) {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            // `2.targets/releases.json`: the version comes first, the role has slashes.
            collect(&path, &format!("{prefix}{name}/"), repo);
        } else if let Some((version, role)) = format!("{prefix}{name}")
            .strip_suffix(".json")
            .and_then(|name| name.split_once('.'))
        {
            found.push((
                version.parse::<u64>().unwrap(),
                role.to_owned(),
                std::fs::read(&path).unwrap(),
            ));
        }
    }
    found.sort();
    for (_, role, bytes) in found {
        let versions = repo.roles.entry(role).or_default();
        versions.push(bytes.into());
        versions.sort_by_key(|bytes| version(bytes));
    }
}

pub fn version(bytes: &[u8]) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    value["signed"]["version"].as_u64().unwrap()
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let barrier = match &mut inner.lock().unwrap().barrier {
        Some((barrier, left)) if head.method == Method::POST && *left > 0 => {
            *left -= 1;
            Some(barrier.clone())
        }
        _ => None,
    };
    if let Some(barrier) = barrier {
        barrier.wait().await;
    }
    let mut inner = inner.lock().unwrap();
    inner.log.push(format!(
        "{} {}",
        head.method,
        head.uri.path_and_query().unwrap()
    ));
    if path == "/token" {
        return r#"{"token":"t"}"#.into_response();
    }
    if let Some((value, challenge)) = &inner.required
        && head
            .headers
            .get(header::AUTHORIZATION)
            .is_none_or(|sent| sent != value.as_str())
    {
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, challenge.clone())],
            "",
        )
            .into_response();
    }
    let mut after = None;
    let fault = inner.faults.iter_mut().find(|(end, method, _, times)| {
        *times > 0 && *method == head.method && path.ends_with(end.as_str())
    });
    if let Some((_, _, fault, times)) = fault {
        *times -= 1;
        match fault.clone() {
            Fault::Status(status, body) => return status_of(status, body),
            Fault::Body(bytes) => return bytes.into_response(),
            Fault::Cut => {
                return Response::builder()
                    .header(header::CONTENT_LENGTH, "1000")
                    .body(cut_body())
                    .unwrap();
            }
            Fault::StoredBut(status) => after = Some(Fault::Status(status, "")),
            Fault::Drop => return dropped(),
            Fault::StoreAndDrop => after = Some(Fault::Drop),
        }
    }
    let Some((gun, file)) = path
        .strip_prefix("/v2/")
        .and_then(|rest| rest.split_once("/_trust/tuf/"))
    else {
        return status_of(404, NOT_FOUND);
    };
    let answer = match head.method {
        Method::GET => inner.get(gun, file),
        Method::POST if file.is_empty() => inner.post(gun, &head.headers, &body),
        Method::DELETE if file.is_empty() => {
            inner.repos.remove(gun);
            StatusCode::OK.into_response()
        }
        _ => status_of(405, ""),
    };
    match after {
        Some(Fault::Status(status, body)) => status_of(status, body),
        Some(_) => dropped(),
        None => answer,
    }
}

const NOT_FOUND: &str = r#"{"errors":[{"code":"METADATA_NOT_FOUND","message":"You have requested metadata that does not exist."}]}"#;
const VERSION: &str = r#"{"errors":[{"code":"VERSION","message":"A newer version of metadata is already available.","detail":{}}]}"#;

fn status_of(status: u16, body: &'static str) -> Response {
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

/// A body that fails before its head is written: the client sees the connection end.
fn dropped() -> Response {
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(
        std::io::Error::other("dropped"),
    )])))
}

fn cut_body() -> Body {
    let pieces = [
        Ok(Bytes::from_static(b"{\"signed\":")),
        Err(std::io::Error::other("cut")),
    ];
    // What came before the cut must have been sent.
    Body::from_stream(stream::iter(pieces).then(async |piece| {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        piece
    }))
}

impl Inner {
    fn get(&mut self, gun: &str, file: &str) -> Response {
        if let Some(role) = file.strip_suffix(".key") {
            let repo = self.repos.entry(gun.to_owned()).or_default();
            let keys = repo.keys.get_or_insert_with(|| Arc::new(ServerKeys::new()));
            return keys.public_json(role).into_response();
        }
        let found = file.strip_suffix(".json").and_then(|name| {
            let roles = &self.repos.get(gun)?.roles;
            if let Some(versions) = roles.get(name) {
                return versions.last();
            }
            if let Some((role, hash)) = name.rsplit_once('.')
                && hash.len() == 64
            {
                return roles
                    .get(role)?
                    .iter()
                    .find(|bytes| Sha256::of(bytes).to_string() == hash);
            }
            let (number, role) = name.split_once('.')?;
            let number: u64 = number.parse().ok()?;
            roles
                .get(role)?
                .iter()
                .find(|bytes| version(bytes) == number)
        });
        found
            .cloned()
            .map_or_else(|| status_of(404, NOT_FOUND), |bytes| bytes.into_response())
    }

    fn post(&mut self, gun: &str, headers: &HeaderMap, body: &[u8]) -> Response {
        let now = self.now;
        let repo = self.repos.entry(gun.to_owned()).or_default();
        let parts = parts(headers, body);
        let stale = parts.iter().any(|(role, bytes)| {
            repo.roles
                .get(role)
                .and_then(|v| v.last())
                .is_some_and(|last| version(last) >= version(bytes))
        });
        if stale {
            return status_of(400, VERSION);
        }
        repo.store(parts, now);
        StatusCode::OK.into_response()
    }
}

impl Repo {
    /// Stores files as published and makes a snapshot and a timestamp for them.
    pub fn store(&mut self, parts: Vec<(String, Bytes)>, now: jiff::Timestamp) {
        let uploaded = parts.iter().any(|(role, _)| role == "snapshot");
        for (role, bytes) in parts {
            self.roles.entry(role).or_default().push(bytes);
        }
        let keys = self
            .keys
            .clone()
            .expect("a client asks for the keys before it publishes");
        let made = keys.sign_again(&self.roles, uploaded, now);
        for (role, bytes) in made {
            self.roles.entry(role).or_default().push(bytes);
        }
    }
}

/// The parts by file name.
fn parts(headers: &HeaderMap, body: &[u8]) -> Vec<(String, Bytes)> {
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let text = std::str::from_utf8(body).unwrap();
    text.split(&format!("--{boundary}"))
        .filter_map(|part| {
            let (head, content) = part.split_once("\r\n\r\n")?;
            let name = head
                .split_once("name=\"files\"; filename=\"")?
                .1
                .split('"')
                .next()?;
            Some((
                name.to_owned(),
                Bytes::copy_from_slice(content.strip_suffix("\r\n")?.as_bytes()),
            ))
        })
        .collect()
}
