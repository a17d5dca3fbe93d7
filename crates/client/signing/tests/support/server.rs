//! The registry: what is on the shelf, over HTTP on loopback, for any repository name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use oci::{Descriptor, Manifest, MediaType};

/// What a registry has. Every repository name leads to the same things.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Lists by subject, if there is the API.
    referrers: Option<BTreeMap<String, Vec<u8>>>,
    /// Answers for paths that end like this.
    faults: Vec<(String, StatusCode)>,
}

impl Shelf {
    pub(crate) fn with_referrers_api() -> Self {
        Self {
            referrers: Some(BTreeMap::new()),
            ..Self::default()
        }
    }

    /// A registry as a case of the golden data left it.
    pub(crate) fn golden(case: &str) -> Self {
        let file = |path: &str| super::read(&format!("cases/{case}/{path}"));
        let index: serde_json::Value = serde_json::from_slice(&file("index.json")).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let mut shelf = Self::default();
        for (digest, entry) in index["manifests"].as_object().unwrap() {
            let bytes = file(&format!("manifests/{}.json", digest.replace(':', "-")));
            let content = (text(&entry["contentType"]), bytes);
            shelf.manifests.insert(digest.clone(), content);
        }
        for (tag, digest) in index["tags"].as_object().unwrap() {
            shelf.tags.insert(tag.clone(), text(digest));
        }
        let blobs = super::golden(&format!("cases/{case}/blobs"));
        for entry in std::fs::read_dir(blobs).unwrap() {
            let entry = entry.unwrap();
            let digest = entry
                .file_name()
                .into_string()
                .unwrap()
                .replacen('-', ":", 1);
            let bytes = std::fs::read(entry.path()).unwrap();
            shelf.blobs.insert(digest, bytes);
        }
        let lists = index["referrers"].as_object().unwrap();
        if !lists.is_empty() {
            let list = |(subject, list): (&String, &serde_json::Value)| {
                (subject.clone(), list["body"].to_string().into_bytes())
            };
            shelf.referrers = Some(lists.iter().map(list).collect());
        }
        shelf
    }

    pub(crate) fn blob(&mut self, media_type: MediaType, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        self.blobs
            .insert(descriptor.digest.to_string(), bytes.to_vec());
        descriptor
    }

    /// The bytes of a blob.
    pub(crate) fn bytes(&self, blob: &Descriptor) -> Vec<u8> {
        self.blobs[&blob.digest.to_string()].clone()
    }

    pub(crate) fn remove_blob(&mut self, descriptor: &Descriptor) {
        self.blobs.remove(&descriptor.digest.to_string());
    }

    /// Adds a manifest, and to the list of its subject where there is the API.
    pub(crate) fn manifest(&mut self, manifest: &Manifest) {
        let content = (manifest.media_type().to_string(), manifest.bytes().to_vec());
        self.manifests
            .insert(manifest.digest().to_string(), content);
        let (Some(lists), Some(subject)) = (&mut self.referrers, manifest.subject()) else {
            return;
        };
        let list = lists.entry(subject.digest.to_string()).or_default();
        let mut entries = match Manifest::parse(list.clone(), None) {
            Ok(index) => index.children().cloned().collect(),
            Err(_) => Vec::new(),
        };
        entries.push(manifest.referrer_entry());
        *list = Manifest::index(entries).bytes().to_vec();
    }

    /// Makes this the list of what refers to a manifest.
    pub(crate) fn list_referrers(&mut self, subject: &Manifest, entries: Vec<Descriptor>) {
        let list = Manifest::index(entries).bytes().to_vec();
        self.referrers
            .as_mut()
            .expect("a registry with the API")
            .insert(subject.digest().to_string(), list);
    }

    pub(crate) fn remove_manifest(&mut self, manifest: &Manifest) {
        self.manifests.remove(&manifest.digest().to_string());
    }

    pub(crate) fn tag(&mut self, tag: &str, manifest: &Manifest) {
        self.tags
            .insert(tag.to_owned(), manifest.digest().to_string());
    }

    /// Answers requests for paths that end in `path` with a status.
    pub(crate) fn fault(&mut self, path: &str, status: u16) {
        let status = StatusCode::from_u16(status).unwrap();
        self.faults.push((path.to_owned(), status));
    }

    fn answer(&self, path: &str) -> Response {
        let fault = self.faults.iter().find(|(end, _)| path.ends_with(end));
        if let Some((_, status)) = fault {
            return answer(*status, None, Vec::new());
        }
        let missing = || answer(StatusCode::NOT_FOUND, None, Vec::new());
        let mut parts = path.rsplitn(3, '/');
        let (name, kind) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let found = match kind {
            "manifests" => {
                let digest = self.tags.get(name).map_or(name, String::as_str);
                let found = self.manifests.get(digest);
                found.map(|(media_type, bytes)| (Some(media_type.clone()), bytes.clone()))
            }
            "blobs" => self.blobs.get(name).map(|bytes| (None, bytes.clone())),
            "referrers" => self.referrers.as_ref().map(|lists| {
                let empty = || Manifest::index(Vec::new()).bytes().to_vec();
                let list = lists.get(name).cloned().unwrap_or_else(empty);
                (Some(MediaType::OCI_INDEX.to_string()), list)
            }),
            _ => None,
        };
        found.map_or_else(missing, |(media_type, bytes)| {
            answer(StatusCode::OK, media_type, bytes)
        })
    }
}

fn answer(status: StatusCode, media_type: Option<String>, bytes: Vec<u8>) -> Response {
    let mut response = Response::builder().status(status);
    if let Some(media_type) = media_type {
        response = response.header(header::CONTENT_TYPE, media_type);
    }
    response.body(Body::from(bytes)).unwrap()
}

/// A running registry.
pub(crate) struct Server {
    /// `127.0.0.1:<port>`.
    pub(crate) host: String,
    seen: Seen,
    task: tokio::task::JoinHandle<()>,
}

type Seen = Arc<Mutex<Vec<String>>>;

impl Server {
    pub(crate) async fn start(shelf: Shelf) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Seen::default();
        let app = Router::new()
            .fallback(serve)
            .with_state((Arc::new(shelf), seen.clone()));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { host, seen, task }
    }

    /// The paths that were asked for.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State((shelf, seen)): State<(Arc<Shelf>, Seen)>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let response = shelf.answer(&path);
    seen.lock().unwrap().push(path);
    response
}
