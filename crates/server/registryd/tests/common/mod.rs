//! A registry in a temporary folder, spoken to in HTTP without a socket.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by test files, each of which uses a part"
)]

use std::sync::Arc;

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use chassis::{Access, PausedClock};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use oci::{Descriptor, Digest, Manifest, MediaType};
use registryd::{LocalRegistry, Settings, router};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub struct Stack {
    pub folder: Arc<TempDir>,
    pub registry: Arc<LocalRegistry>,
    pub clock: PausedClock,
    router: Router,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Stack {
    pub fn new() -> Self {
        Self::with(Settings::default(), Access::Open)
    }

    pub fn with(settings: Settings, access: Access) -> Self {
        Self::open(Arc::new(TempDir::new().unwrap()), settings, access)
    }

    fn open(folder: Arc<TempDir>, settings: Settings, access: Access) -> Self {
        let clock = PausedClock::at(Timestamp::UNIX_EPOCH);
        let opened = LocalRegistry::open(folder.path(), settings, access, Arc::new(clock.clone()));
        let registry = Arc::new(opened.unwrap());
        Self {
            folder,
            clock,
            router: router(Arc::clone(&registry)),
            registry,
        }
    }

    /// The same folder, opened anew.
    pub fn reopen(self) -> Self {
        self.reopen_as(Access::Open)
    }

    pub fn reopen_as(self, access: Access) -> Self {
        let folder = Arc::clone(&self.folder);
        drop(self);
        Self::open(folder, Settings::default(), access)
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(
            head.headers["docker-distribution-api-version"],
            "registry/2.0"
        );
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        self.send(
            Request::builder()
                .method(method)
                .uri(path)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    pub async fn body(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        self.send(
            Request::builder()
                .method(method)
                .uri(path)
                .body(body.into())
                .unwrap(),
        )
        .await
    }

    pub async fn chunk(
        &self,
        method: Method,
        path: &str,
        range: &str,
        body: &'static str,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-range", range);
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Begins an upload and gives its path.
    pub async fn start(&self, name: &str) -> String {
        let answer = self
            .ask(Method::POST, &format!("/v2/{name}/blobs/uploads/"))
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        answer.header("location").to_owned()
    }

    pub async fn push_blob(&self, name: &str, content: &'static [u8]) -> Digest {
        let digest = Digest::sha256(content);
        let path = self.start(name).await;
        let answer = self
            .body(Method::PUT, &format!("{path}?digest={digest}"), content)
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        digest
    }

    /// Pushes an image whose only layer is `layer`; gives the manifest.
    pub async fn push_image(&self, name: &str, reference: &str, layer: &'static [u8]) -> Manifest {
        self.push_blob(name, b"{}").await;
        self.push_blob(name, layer).await;
        let manifest = image(layer, None);
        let answer = self.put_manifest(name, reference, &manifest).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        manifest
    }

    pub async fn put_manifest(&self, name: &str, reference: &str, manifest: &Manifest) -> Answer {
        self.put_bytes(
            name,
            reference,
            manifest.media_type().as_str(),
            manifest.bytes().to_vec(),
        )
        .await
    }

    pub async fn put_bytes(
        &self,
        name: &str,
        reference: &str,
        kind: &str,
        bytes: Vec<u8>,
    ) -> Answer {
        let path = format!("/v2/{name}/manifests/{reference}");
        let request = Request::put(path).header("content-type", kind);
        self.send(request.body(Body::from(bytes)).unwrap()).await
    }

    /// Files under a folder of the registry's own, at any depth.
    pub fn files(&self, folder: &str) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path());
            entries
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        count(&self.folder.path().join(folder))
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no header {name}: {:?}", self.headers))
            .to_str()
            .unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let json = self.json();
        assert_eq!(json["errors"][0]["code"], code);
        assert!(!json["errors"][0]["message"].as_str().unwrap().is_empty());
        assert_eq!(
            self.header("content-type"),
            "application/json; charset=utf-8"
        );
    }
}

/// A manifest of an empty configuration and one layer, about `subject` if given.
pub fn image(layer: &[u8], subject: Option<&Manifest>) -> Manifest {
    let config = Descriptor::of(MediaType::OCI_EMPTY, b"{}");
    let layer = Descriptor::of(MediaType::OCI_LAYER, layer);
    let mut document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": config,
        "layers": [layer],
    });
    if let Some(subject) = subject {
        document["subject"] = serde_json::to_value(subject.descriptor()).unwrap();
        document["artifactType"] = format!("application/vnd.example.{}+json", layer.size).into();
        document["annotations"] = serde_json::json!({ "made-by": "a test" });
    }
    Manifest::parse(document.to_string().into_bytes(), None).unwrap()
}

/// A body that breaks off after `content`, as when a client goes away.
pub fn cut(content: &'static [u8]) -> Body {
    let sent = stream::iter([Ok(Bytes::from_static(content))]);
    Body::from_stream(sent.chain(stream::iter([Err(std::io::Error::from(
        std::io::ErrorKind::ConnectionReset,
    ))])))
}

/// A body of unknown length.
pub fn streamed(pieces: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(
        pieces
            .iter()
            .map(|piece| Ok::<_, std::io::Error>(Bytes::from(*piece))),
    ))
}
