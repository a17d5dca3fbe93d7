//! Each step that writes fails twice over: without effect, and after its effect. Afterwards nothing that was
//! acknowledged is missing, nothing readable lacks its bytes, and the same request succeeds.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::{Arc, Mutex};

use axum::body::Body;
use chassis::{Access, SystemClock};
use common::image;
use http::{Method, Request, StatusCode};
use oci::{ByteRange, Digest, Manifest, MediaType, RepositoryName, Tag};
use registryd::{
    Catalog, Content, FileContent, Listed, ManifestKey, NewManifest, PutManifest, Registry,
    Settings, SqliteCatalog, StagedBlob, StoredManifest, Unlinked, router,
};
use store::{Database, Error};
use tempfile::TempDir;
use tower::ServiceExt;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum When {
    AfterEffect,
    BeforeEffect,
}

/// The step that is to fail next, once.
#[derive(Clone, Default)]
struct Plan(Arc<Mutex<Option<(&'static str, When)>>>);

impl Plan {
    fn set(&self, step: &'static str, when: When) {
        *self.0.lock().unwrap() = Some((step, when));
    }

    fn is_spent(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }

    async fn run<T>(
        &self,
        step: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let failing = self
            .0
            .lock()
            .unwrap()
            .take_if(|(planned, _)| *planned == step);
        match failing {
            None => work.await,
            Some((_, When::BeforeEffect)) => Err(Error::Full),
            Some((_, When::AfterEffect)) => {
                work.await?;
                Err(Error::Closed)
            }
        }
    }
}

struct Faulty<T>(T, Plan);

impl Catalog for Faulty<SqliteCatalog> {
    async fn link_blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        size: u64,
    ) -> Result<(), Error> {
        self.1
            .run("link_blob", self.0.link_blob(repository, digest, size))
            .await
    }

    async fn mount_blob(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: Digest,
    ) -> Result<bool, Error> {
        self.1
            .run("mount_blob", self.0.mount_blob(from, to, digest))
            .await
    }

    async fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Unlinked, Error> {
        self.1
            .run("unlink_blob", self.0.unlink_blob(repository, digest))
            .await
    }

    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Option<u64>, Error> {
        self.0.blob(repository, digest).await
    }

    async fn is_linked(&self, digest: Digest) -> Result<bool, Error> {
        self.0.is_linked(digest).await
    }

    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: NewManifest,
    ) -> Result<PutManifest, Error> {
        self.1
            .run("put_manifest", self.0.put_manifest(repository, manifest))
            .await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        key: &ManifestKey,
    ) -> Result<Option<StoredManifest>, Error> {
        self.0.manifest(repository, key).await
    }

    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        key: &ManifestKey,
    ) -> Result<bool, Error> {
        self.1
            .run("delete_manifest", self.0.delete_manifest(repository, key))
            .await
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Option<Listed<Tag>>, Error> {
        self.0.tags(repository, last, limit).await
    }

    async fn repositories(
        &self,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Listed<RepositoryName>, Error> {
        self.0.repositories(last, limit).await
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&MediaType>,
        last: Option<Digest>,
        budget: usize,
    ) -> Result<Listed<(Digest, String)>, Error> {
        self.0
            .referrers(repository, subject, artifact_type, last, budget)
            .await
    }
}

impl Content for Faulty<FileContent> {
    async fn publish(&self, blob: StagedBlob) -> Result<(), Error> {
        self.1.run("publish", self.0.publish(blob)).await
    }

    async fn read(&self, digest: Digest, range: Option<ByteRange>) -> Result<Body, Error> {
        self.0.read(digest, range).await
    }

    async fn remove(&self, digest: Digest) -> Result<(), Error> {
        self.1.run("remove", self.0.remove(digest)).await
    }

    async fn list(&self) -> Result<Vec<Digest>, Error> {
        self.0.list().await
    }
}

type FaultyRegistry = Registry<Faulty<SqliteCatalog>, Faulty<FileContent>>;

struct Stand {
    folder: TempDir,
    plan: Plan,
    registry: Arc<FaultyRegistry>,
    manifest: Manifest,
}

impl Stand {
    /// A registry with one image in `a`.
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let plan = Plan::default();
        let catalog =
            SqliteCatalog::new(Database::open(&folder.path().join("registry.db")).unwrap())
                .unwrap();
        let content = FileContent::open(&folder.path().join("blobs")).unwrap();
        let registry = FaultyRegistry::new(
            Faulty(catalog, plan.clone()),
            Faulty(content, plan.clone()),
            &folder.path().join("uploads"),
            Settings::default(),
            Access::Open,
            Arc::new(SystemClock),
        );
        let this = Self {
            folder,
            plan,
            registry: Arc::new(registry.unwrap()),
            manifest: image(b"layer", None),
        };
        for content in [&b"{}"[..], b"layer"] {
            let path = format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(content));
            assert_eq!(
                this.ask(Method::POST, &path, content).await,
                StatusCode::CREATED
            );
        }
        assert_eq!(
            this.ask(Method::PUT, "/v2/a/manifests/v1", this.manifest.bytes())
                .await,
            StatusCode::CREATED
        );
        this
    }

    async fn ask(&self, method: Method, path: &str, body: &[u8]) -> StatusCode {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from(body.to_vec()))
            .unwrap();
        router(Arc::clone(&self.registry))
            .oneshot(request)
            .await
            .unwrap()
            .status()
    }

    /// What was acknowledged is there, and what is readable has its bytes.
    async fn check_registry(&self, acknowledged: &[&str]) {
        for path in acknowledged {
            assert_eq!(
                self.ask(Method::GET, path, b"").await,
                StatusCode::OK,
                "{path}"
            );
        }
        for content in [&b"{}"[..], b"layer", b"new"] {
            for name in ["a", "b"] {
                let path = format!("/v2/{name}/blobs/{}", Digest::sha256(content));
                let (described, read) = (
                    self.ask(Method::HEAD, &path, b"").await,
                    self.ask(Method::GET, &path, b"").await,
                );
                assert_eq!(described, read, "{path}");
                assert!(described == StatusCode::OK || described == StatusCode::NOT_FOUND);
            }
        }
        let uploads = std::fs::read_dir(self.folder.path().join("uploads")).unwrap();
        assert_eq!(uploads.count(), 0);
    }
}

struct WritePoint {
    step: &'static str,
    method: Method,
    path: String,
    body: Vec<u8>,
    /// What the client sees of a failure without effect.
    failed: StatusCode,
    /// What the repeated request answers after a failure without and after effect.
    again: [StatusCode; 2],
}

fn write_points(manifest: &Manifest) -> Vec<WritePoint> {
    use StatusCode as S;
    let new = Digest::sha256(b"new");
    let layer = Digest::sha256(b"layer");
    let point = |step, method, path: String, body: &[u8], failed, again| WritePoint {
        step,
        method,
        path,
        body: body.to_vec(),
        failed,
        again,
    };
    let upload = format!("/v2/a/blobs/uploads/?digest={new}");
    let mount = format!("/v2/b/blobs/uploads/?mount={layer}&from=a");
    let (created, full) = ([S::CREATED; 2], S::INSUFFICIENT_STORAGE);
    let deleted = [S::ACCEPTED, S::NOT_FOUND];
    vec![
        point(
            "publish",
            Method::POST,
            upload.clone(),
            b"new",
            full,
            created,
        ),
        point("link_blob", Method::POST, upload, b"new", full, created),
        point("mount_blob", Method::POST, mount, b"", full, created),
        point(
            "put_manifest",
            Method::PUT,
            "/v2/a/manifests/v2".to_owned(),
            manifest.bytes(),
            full,
            created,
        ),
        point(
            "delete_manifest",
            Method::DELETE,
            "/v2/a/manifests/v1".to_owned(),
            b"",
            full,
            deleted,
        ),
        point(
            "unlink_blob",
            Method::DELETE,
            format!("/v2/a/blobs/{layer}"),
            b"",
            full,
            deleted,
        ),
        // The row is gone, so the blob is: that its bytes stayed is not the client's concern.
        point(
            "remove",
            Method::DELETE,
            format!("/v2/a/blobs/{layer}"),
            b"",
            S::ACCEPTED,
            [S::NOT_FOUND; 2],
        ),
    ]
}

#[tokio::test]
async fn every_write_point_fails_without_harm() {
    let manifest = image(b"layer", None);
    for (column, when) in [When::BeforeEffect, When::AfterEffect]
        .into_iter()
        .enumerate()
    {
        for point in write_points(&manifest) {
            let stand = Stand::new().await;
            let (step, kept) = (
                point.step,
                format!("/v2/a/manifests/{}", stand.manifest.digest()),
            );
            stand.plan.set(step, when);
            let answer = stand
                .ask(point.method.clone(), &point.path, &point.body)
                .await;
            assert!(stand.plan.is_spent(), "{step} was never reached");
            if when == When::BeforeEffect || step == "remove" {
                assert_eq!(answer, point.failed, "{step} {when:?}");
            } else {
                assert_eq!(answer, StatusCode::INTERNAL_SERVER_ERROR, "{step} {when:?}");
            }
            stand.check_registry(&[&kept]).await;
            let again = stand.ask(point.method, &point.path, &point.body).await;
            assert_eq!(again, point.again[column], "{step} {when:?}");
            stand.registry.remove_orphans().await.unwrap();
            stand.check_registry(&[&kept]).await;
        }
    }
}
