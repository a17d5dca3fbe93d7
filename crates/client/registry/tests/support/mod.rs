//! A scripted HTTP/1.1 server on loopback: each request is recorded and answered by a function.
#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::{Arc, Mutex};

use net::{Bytes, Url};
use registry::{CredentialSource, Credentials, Registry, RegistryConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What to answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut: usize,
}

pub(crate) fn reply(status: u16) -> Reply {
    Reply {
        status,
        ..Reply::default()
    }
}

impl Reply {
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn oci_error(self, code: &str, message: &str) -> Self {
        self.body(format!(
            "{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"{message}\"}}]}}"
        ))
    }

    /// Ends the connection this many bytes before the end of the body.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.cut = bytes;
        self
    }
}

type Answer = dyn Fn(&Seen) -> Reply + Send + Sync;

pub(crate) struct Server {
    pub(crate) host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, answer).await
    }

    /// With TLS if a configuration is given.
    pub(crate) async fn start_with(
        tls: Option<Arc<rustls::ServerConfig>>,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(answer);
        let acceptor = tls.map(tokio_rustls::TlsAcceptor::from);
        let recorded = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, recorded, acceptor) =
                    (answer.clone(), recorded.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, &*answer, &recorded).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => serve(stream, &*answer, &recorded).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { host, seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.host)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn http() -> net::Client {
    net::Client::new(net::Config::new("test")).unwrap()
}

pub(crate) fn registry(server: &Server, credentials: CredentialSource) -> Registry {
    Registry::new(
        http(),
        RegistryConfig {
            host: server.host.clone(),
            credentials,
            plain_http: registry::PlainHttp::Loopback,
            retry: net::Retry::OFF,
        },
    )
}

pub(crate) fn anonymous(server: &Server) -> Registry {
    registry(server, CredentialSource::Anonymous)
}

pub(crate) fn alice() -> CredentialSource {
    let password = Zeroizing::new("wonderland".to_owned());
    CredentialSource::Fixed(Credentials::Password {
        username: "alice".to_owned(),
        password,
    })
}

/// `alice:wonderland`
pub(crate) const ALICE_BASIC: &str = "Basic YWxpY2U6d29uZGVybGFuZA==";

/// One request per connection; ends early, with `None`, when the peer does.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &Answer,
    recorded: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let mut read = Vec::new();
    let head_end = loop {
        if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        more(&mut stream, &mut read).await?;
        // A TLS greeting; real servers answer it like this too.
        if read[0] == 0x16 {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
                .await
                .ok()?;
            return None;
        }
    };
    let head = String::from_utf8(read[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut start = lines.next()?.split(' ');
    let mut seen = Seen {
        method: start.next()?.to_owned(),
        target: start.next()?.to_owned(),
        ..Seen::default()
    };
    for line in lines {
        let (name, value) = line.split_once(':')?;
        seen.headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = seen
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    while read.len() < head_end + 4 + length {
        more(&mut stream, &mut read).await?;
    }
    seen.body = read[head_end + 4..].to_vec();
    let Reply {
        status,
        headers,
        body,
        cut,
    } = answer(&seen);
    let body = if seen.method == "HEAD" {
        Vec::new()
    } else {
        body
    };
    let has_length = headers.iter().any(|(name, _)| name == "content-length");
    recorded.lock().unwrap().push(seen);
    let mut text = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    for (name, value) in &headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !has_length {
        text += &format!("content-length: {}\r\n", body.len());
    }
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.write_all(b"\r\n").await.ok()?;
    stream.write_all(&body[..body.len() - cut]).await.ok()?;
    stream.shutdown().await.ok()
}

async fn more(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    let count = stream
        .read(&mut chunk)
        .await
        .ok()
        .filter(|count| *count > 0)?;
    read.extend_from_slice(&chunk[..count]);
    Some(())
}

/// A stream for pushing, in the pieces given.
pub(crate) fn pieces(pieces: &[&'static [u8]]) -> net::ByteStream {
    let items: Vec<_> = pieces
        .iter()
        .map(|piece| Ok(Bytes::from_static(piece)))
        .collect();
    Box::pin(futures_util::stream::iter(items))
}
