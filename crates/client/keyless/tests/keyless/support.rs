//! A scripted HTTP/1.1 server on loopback, and what all tests need.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use keyless::certified::{CertifiedKey, certify};
use keyless::fulcio::{Api, Fulcio};
use keyless::token::IdentityToken;
use keyless::{Error, Http, Patience};
use testkit::sigstack::{Claims, Ref, Sigstore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// What to answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    length: Option<usize>,
}

pub(crate) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        body: body.into(),
        ..Reply::default()
    }
}

impl Reply {
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says that the body is this long.
    pub(crate) fn claiming(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }
}

type Answer = dyn Fn(&Seen) -> Reply + Send + Sync;

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, recorded): (Arc<Answer>, _) = (Arc::new(answer), seen.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, recorded) = (answer.clone(), recorded.clone());
                tokio::spawn(async move { serve(stream, &*answer, &recorded).await });
            }
        });
        Self { url, seen, task }
    }

    /// Always the same answer.
    pub(crate) async fn saying(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request per connection; ends early when the peer does.
async fn serve(mut stream: TcpStream, answer: &Answer, recorded: &Mutex<Vec<Seen>>) -> Option<()> {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    let mut more = async |stream: &mut TcpStream, read: &mut Vec<u8>| {
        let count = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        read.extend_from_slice(&chunk[..count]);
        Some(())
    };
    let head_end = loop {
        if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        more(&mut stream, &mut read).await?;
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
    let length = seen.header("content-length").unwrap_or("0");
    let length: usize = length.parse().unwrap();
    while read.len() < head_end + 4 + length {
        more(&mut stream, &mut read).await?;
    }
    seen.body = read[head_end + 4..].to_vec();
    let reply = answer(&seen);
    recorded.lock().unwrap().push(seen);
    let mut text = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        text += &format!("{name}: {value}\r\n");
    }
    let length = reply.length.unwrap_or(reply.body.len());
    text += &format!("content-length: {length}\r\n\r\n");
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.write_all(&reply.body).await.ok()?;
    stream.shutdown().await.ok()
}

#[allow(clippy::disallowed_methods, reason = "the services use the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Asks twice more, at once.
pub(crate) fn http() -> Http {
    let client = net::Client::new(net::Config::new("test")).unwrap();
    Http::with_patience(
        client,
        Patience {
            again: 2,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_secs(2),
        },
    )
}

/// That no more than the limit was read.
#[track_caller]
pub(crate) fn assert_too_large<T>(outcome: &Result<T, Error>) {
    match outcome {
        Err(Error::Network { source, .. }) => {
            assert!(matches!(source, net::Error::TooLarge { .. }), "{source:?}");
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was read"),
    }
}

pub(crate) fn gitlab() -> Claims {
    Claims::gitlab("https://gitlab.com", "acme/app", Ref::Branch("main"))
}

pub(crate) fn token(sigstore: &Sigstore) -> IdentityToken {
    IdentityToken::parse(&sigstore.token(&gitlab())).unwrap()
}

pub(crate) async fn certified(sigstore: &Sigstore) -> CertifiedKey {
    let authority = Fulcio::new(http(), sigstore.fulcio_url(), Api::V2).unwrap();
    certify(&token(sigstore), &authority).await.unwrap()
}
