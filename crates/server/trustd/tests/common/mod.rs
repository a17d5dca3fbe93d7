//! A trust server in a temporary folder, spoken to in HTTP without a socket; and publishers with keys of their own.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by test files, each of which uses a part"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "golden data lies in files, and tests damage databases"
)]

pub mod golden;

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use chassis::{Access, Metrics, PausedClock};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use pki::{
    certificate::{CertificateBundle, self_signed_root},
    digest::Sha256,
    key::{KeyType, PublicKey},
    keyfile::Passphrase,
    signing::SigningKey,
};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use trustd::{LocalTrustServer, Settings, StartError, router};
use tuf::{
    Gun, Refusal, Role,
    edit::{Editor, InitialKeys, Lifetimes, Publication, SignedFile, SigningJob, SnapshotHolder},
    metadata::{FileMeta, Signature},
    pins::Pins,
    trusted::{Need, RootWanted, TargetsTrusted, Update},
};

pub const NOW: &str = "2026-11-21T00:00:00Z";
pub const SECRET: &str = "golden-signer-passphrase";
pub const BOUNDARY: &str = "3f43eea7c1f5e10d52f5d40e85ad40";

pub struct Stack {
    pub folder: Arc<TempDir>,
    pub server: Arc<LocalTrustServer>,
    pub clock: PausedClock,
    pub metrics: Metrics,
    router: Router,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub fn secret() -> Passphrase {
    Passphrase::from(SECRET.to_owned())
}

impl Stack {
    pub async fn new() -> Self {
        Self::with(Settings::default(), Access::Open).await
    }

    pub async fn with(settings: Settings, access: Access) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let clock = PausedClock::at(NOW.parse().unwrap());
        Self::open(folder, clock, settings, access, secret())
            .await
            .unwrap()
    }

    pub async fn open(
        folder: Arc<TempDir>,
        clock: PausedClock,
        settings: Settings,
        access: Access,
        secret: Passphrase,
    ) -> Result<Self, StartError> {
        let server = LocalTrustServer::open(
            folder.path(),
            secret,
            settings,
            access,
            Arc::new(clock.clone()),
        );
        let server = Arc::new(server.await?);
        let metrics = Metrics::default();
        Ok(Self {
            folder,
            clock,
            router: router(Arc::clone(&server), &metrics),
            metrics,
            server,
        })
    }

    /// The same folder and clock, opened anew.
    pub async fn reopen(self) -> Self {
        self.reopen_as(Settings::default(), Access::Open).await
    }

    pub async fn reopen_as(self, settings: Settings, access: Access) -> Self {
        let (folder, clock) = (Arc::clone(&self.folder), self.clock.clone());
        drop(self);
        Self::open(folder, clock, settings, access, secret())
            .await
            .unwrap()
    }

    /// Changes the database behind the server's back.
    pub async fn sql(&self, statement: &'static str) -> usize {
        let database = store::Database::open(&self.folder.path().join("trust.db")).unwrap();
        database
            .run_tx("test", move |tx| {
                Ok::<_, store::Error>(tx.execute(statement, [])?)
            })
            .await
            .unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    /// `GET /v2/<gun>/_trust/tuf/<file>`
    pub async fn file(&self, gun: &str, file: &str) -> Answer {
        self.get(&format!("/v2/{gun}/_trust/tuf/{file}")).await
    }

    pub async fn upload(&self, gun: &str, parts: &[(&str, &[u8])]) -> Answer {
        self.form(gun, form(parts)).await
    }

    pub async fn form(&self, gun: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(format!("/v2/{gun}/_trust/tuf/"));
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = request.header("content-type", kind).body(body.into());
        self.send(request.unwrap()).await
    }

    pub async fn publish(&self, gun: &str, publication: &Publication) -> Answer {
        self.publish_files(gun, publication.files()).await
    }

    pub async fn publish_files(&self, gun: &str, files: &[SignedFile]) -> Answer {
        let parts: Vec<_> = files
            .iter()
            .map(|file| (file.role.as_str(), &file.bytes[..]))
            .collect();
        self.upload(gun, &parts).await
    }

    pub async fn delete(&self, gun: &str) -> Answer {
        self.ask(Method::DELETE, &format!("/v2/{gun}/_trust/tuf/"))
            .await
    }

    pub async fn key(&self, method: Method, gun: &str, role: &str) -> PublicKey {
        let answer = self
            .ask(method, &format!("/v2/{gun}/_trust/tuf/{role}.key"))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        assert!(json["keyval"]["private"].is_null());
        let public = json["keyval"]["public"].as_str().unwrap();
        PublicKey::new(
            KeyType::parse(json["keytype"].as_str().unwrap()),
            golden::base64(public),
        )
    }

    /// A client without a cache.
    pub async fn update(&self, gun: &str) -> Result<TargetsTrusted, Refusal> {
        let now = chassis::Clock::now(&self.clock);
        let mut update = Update::start(&Gun::parse(gun).unwrap(), Pins::none(), None, now)?;
        while let Some(need) = update.need() {
            let file = match &need {
                Need::Root(RootWanted::Version(version)) => format!("{version}.root.json"),
                Need::Root(RootWanted::Newest(Some(wanted))) | Need::File(wanted) => {
                    let sha256 = wanted.meta.hashes.sha256().unwrap();
                    format!("{}.{sha256}.json", wanted.role)
                }
                need => format!("{}.json", need.role()),
            };
            let answer = self.file(gun, &file).await;
            assert_eq!(answer.status, 200, "{file}: {}", answer.text());
            update.feed(&answer.body)?;
        }
        Ok(update.finish().unwrap())
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
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    #[track_caller]
    pub fn ok(&self) -> &Self {
        assert_eq!(self.status, 200, "{}", self.text());
        self
    }

    /// Refused with this code; gives the detail.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        let json = self.json();
        assert_eq!(json["errors"][0]["code"], code, "{}", self.text());
        assert!(!json["errors"][0]["message"].as_str().unwrap().is_empty());
        let kind = self.header("content-type");
        assert_eq!(kind, "application/json; charset=utf-8");
        assert!(!self.headers.contains_key("cache-control"));
        json["errors"][0]["detail"].clone()
    }

    /// Refused as an update that is not valid.
    #[track_caller]
    pub fn invalid(&self, name: &str, message: &str) {
        let detail = self.refused(400, "INVALID_UPDATE");
        assert_eq!(detail["Name"], name, "{detail}");
        assert_eq!(detail["Error"]["Msg"], message, "{detail}");
    }
}

/// A form as Notary's client sends it.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// A body that breaks off after `content`, as when a client goes away.
pub fn cut(content: Vec<u8>) -> Body {
    let sent = stream::iter([Ok(Bytes::from(content))]);
    Body::from_stream(sent.chain(stream::iter([Err(std::io::Error::from(
        std::io::ErrorKind::ConnectionReset,
    ))])))
}

/// Somebody with keys for a GUN.
pub struct Publisher {
    pub gun: Gun,
    pub keys: Vec<Arc<SigningKey>>,
    root: PublicKey,
    targets: PublicKey,
    snapshot: Option<PublicKey>,
}

pub fn new_key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate_ecdsa_p256().unwrap())
}

pub fn certificate(gun: &str, key: &SigningKey, now: &str) -> PublicKey {
    let pem = self_signed_root(gun, key, now.parse().unwrap()).unwrap();
    let bundle = CertificateBundle::parse_pem(pem.as_bytes()).unwrap();
    bundle.public_key().unwrap()
}

impl Publisher {
    pub fn new(gun: &str, holder: SnapshotHolder) -> Self {
        let keys: Vec<_> = (0..3).map(|_| new_key()).collect();
        let snapshot = keys[2].public_key().clone();
        Self {
            root: certificate(gun, &keys[0], NOW),
            targets: keys[1].public_key().clone(),
            snapshot: (holder == SnapshotHolder::Publisher).then_some(snapshot),
            gun: Gun::parse(gun).unwrap(),
            keys,
        }
    }

    pub fn holder(&self) -> SnapshotHolder {
        match self.snapshot {
            Some(_) => SnapshotHolder::Publisher,
            None => SnapshotHolder::Server,
        }
    }

    /// The first publication, for the keys that the server gives out.
    pub async fn first(&self, stack: &Stack) -> Publication {
        let gun = self.gun.as_str();
        let snapshot = match &self.snapshot {
            Some(key) => key.clone(),
            None => stack.key(Method::GET, gun, "snapshot").await,
        };
        let timestamp = stack.key(Method::GET, gun, "timestamp").await;
        self.first_with(snapshot, timestamp)
    }

    pub fn first_with(&self, snapshot: PublicKey, timestamp: PublicKey) -> Publication {
        let keys = InitialKeys {
            root: vec![self.root.clone()],
            targets: vec![self.targets.clone()],
            snapshot: vec![snapshot],
            timestamp: vec![timestamp],
        };
        let mut editor = Editor::first_publication(&self.gun, keys).unwrap();
        add(&mut editor, "v1");
        self.sign(editor)
    }

    pub async fn editor(&self, stack: &Stack) -> Editor {
        Editor::from_trusted(&stack.update(self.gun.as_str()).await.unwrap())
    }

    /// The next publication, with one more target.
    pub async fn next(&self, stack: &Stack, target: &str) -> Publication {
        let mut editor = self.editor(stack).await;
        add(&mut editor, target);
        self.sign(editor)
    }

    pub fn sign(&self, editor: Editor) -> Publication {
        self.sign_at(editor, self.holder(), NOW)
    }

    pub fn sign_at(&self, editor: Editor, holder: SnapshotHolder, now: &str) -> Publication {
        let now: Timestamp = now.parse().unwrap();
        let signing = editor.sign(holder, &Lifetimes::default(), now).unwrap();
        let signatures: BTreeMap<_, _> = signing
            .jobs()
            .iter()
            .map(|job| (job.role().clone(), self.signatures(job)))
            .collect();
        let snapshot = signing.finish(&signatures).unwrap();
        let signatures = snapshot.job().map(|job| self.signatures(job));
        snapshot.finish(&signatures.unwrap_or_default()).unwrap()
    }

    fn signatures(&self, job: &SigningJob) -> Vec<Signature> {
        let keys = self.keys.iter();
        keys.flat_map(|key| job.sign_with(key).unwrap()).collect()
    }

    /// Publishes once, with success.
    pub async fn begin(&self, stack: &Stack) -> Publication {
        let first = self.first(stack).await;
        stack.publish(self.gun.as_str(), &first).await.ok();
        first
    }
}

pub fn add(editor: &mut Editor, target: &str) {
    let meta = FileMeta::of(target.as_bytes());
    assert!(editor.add_target(&Role::Targets, target, meta).unwrap());
}

pub fn file_of<'a>(publication: &'a Publication, role: &str) -> &'a [u8] {
    let mut files = publication.files().iter();
    &files.find(|file| file.role.as_str() == role).unwrap().bytes
}

pub fn hash(bytes: &[u8]) -> Sha256 {
    Sha256::of(bytes)
}
