//! An engine that gives prepared answers, byte for byte, over a Unix socket, TCP or TLS.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    clippy::unwrap_used,
    reason = "a script that does not run is a failed test"
)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What is sent back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    stays_open: bool,
}

impl Answer {
    /// Exactly these bytes; then the connection is closed.
    pub(crate) fn raw(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            stays_open: false,
        }
    }

    /// Nothing, for ever.
    pub(crate) fn silence() -> Self {
        Self::raw("").then_silence()
    }

    /// A whole answer.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::raw(&format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// A success in chunks, one for each text, with a proper end.
    pub(crate) fn stream(chunks: &[&str]) -> Self {
        let mut text = String::from(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        for chunk in chunks {
            text.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        }
        text.push_str("0\r\n\r\n");
        Self::raw(&text)
    }

    /// The same without the proper end.
    pub(crate) fn unfinished(mut self) -> Self {
        assert!(self.bytes.ends_with(b"0\r\n\r\n"), "only of a stream");
        self.bytes.truncate(self.bytes.len() - 5);
        self
    }

    /// The connection stays open.
    pub(crate) fn then_silence(mut self) -> Self {
        self.stays_open = true;
        self
    }
}

/// A script to be started.
#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: HashMap<String, Answer>,
    folder: Option<tempfile::TempDir>,
    address: Option<SocketAddr>,
    requests: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
    task: Option<JoinHandle<()>>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One that answers a ping.
    pub(crate) fn with_version(version: &str) -> Self {
        Self::new().on(
            "GET /_ping",
            Answer::raw(&format!(
                "HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nOstype: linux\r\nContent-Length: 2\r\n\r\nOK"
            )),
        )
    }

    /// Answers a request by its method and address. Anything else gets an answer that no test expects.
    pub(crate) fn on(mut self, request: &str, answer: Answer) -> Self {
        self.answers.insert(request.to_owned(), answer);
        self
    }

    /// Starts it on a socket file.
    pub(crate) async fn start(mut self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        self.folder = Some(folder);
        let speaker = self.speaker();
        self.task = Some(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(speaker.clone().serve(stream));
            }
        }));
        self
    }

    /// Starts it on a port of 127.0.0.1, with TLS if it is set up.
    pub(crate) async fn start_tcp(mut self, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        self.address = Some(listener.local_addr().unwrap());
        let speaker = self.speaker();
        self.task = Some(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (speaker, tls) = (speaker.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => speaker.serve(stream).await,
                        // A failed handshake is the client's to report.
                        Some(tls) => {
                            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                                speaker.serve(stream).await;
                            }
                        }
                    }
                });
            }
        }));
        self
    }

    fn speaker(&mut self) -> Speaker {
        Speaker {
            answers: Arc::new(std::mem::take(&mut self.answers)),
            requests: self.requests.clone(),
            open: self.open.clone(),
        }
    }

    /// `127.0.0.1:<port>`
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("started on TCP")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        let folder = self.folder.as_ref().expect("started on a socket");
        folder.path().join("docker.sock")
    }

    /// The requests so far, by method and address.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

#[derive(Clone)]
struct Speaker {
    answers: Arc<HashMap<String, Answer>>,
    requests: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
}

impl Speaker {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.answer(stream).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut request = Vec::new();
        while !is_whole(&request) {
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(length) => request.extend_from_slice(&piece[..length]),
            }
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let line = text.lines().next().unwrap_or_default();
        let line = line.trim_end_matches(" HTTP/1.1").to_owned();
        self.requests.lock().unwrap().push(line.clone());
        let unexpected = Answer::raw(&format!(
            "HTTP/1.1 418 X\r\nConnection: close\r\n\r\nnot in the script: {line}"
        ));
        let answer = self.answers.get(&line).unwrap_or(&unexpected);
        if stream.write_all(&answer.bytes).await.is_err() {
            return;
        }
        if answer.stays_open {
            // Until the other side closes.
            drop(stream.read(&mut [0; 1]).await);
        } else {
            drop(stream.shutdown().await);
        }
    }
}

/// The end of the head; of a body in chunks, the end of that.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    match text.split_once("\r\n\r\n") {
        None => false,
        Some((head, body)) if head.contains("transfer-encoding: chunked") => {
            body.ends_with("0\r\n\r\n")
        }
        Some(_) => true,
    }
}
