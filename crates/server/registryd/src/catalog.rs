//! What the registry knows about its content, in the registry's own verbs.

use oci::{Digest, Manifest, MediaType, RepositoryName, Tag};

/// How a client names a manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ManifestKey {
    /// By what it is.
    Digest(Digest),
    /// By what points at it now.
    Tag(Tag),
}

/// A manifest whose digest was checked against the one it was pushed under.
#[derive(Clone, Debug)]
pub struct NewManifest {
    digest: Digest,
    manifest: Manifest,
    tag: Option<Tag>,
}

impl NewManifest {
    /// A manifest pushed by tag, stored under its SHA-256 digest, or by digest, stored under that.
    ///
    /// # Errors
    /// The digest that the bytes have, when they were pushed under another.
    pub fn new(manifest: Manifest, key: ManifestKey) -> Result<Self, Digest> {
        match key {
            ManifestKey::Tag(tag) => Ok(Self {
                digest: manifest.digest(),
                manifest,
                tag: Some(tag),
            }),
            ManifestKey::Digest(wanted) => {
                let digest = Digest::of(wanted.algorithm(), manifest.bytes());
                if digest == wanted {
                    Ok(Self {
                        digest,
                        manifest,
                        tag: None,
                    })
                } else {
                    Err(digest)
                }
            }
        }
    }

    /// The digest it is stored under.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The document.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The tag that is to point at it.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }
}

/// What became of a pushed manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PutManifest {
    /// The repository lacks content that the manifest points at; nothing was stored.
    MissingContent(Vec<Digest>),
    /// It is stored, and its tag points at it.
    Stored,
}

/// A manifest as it was pushed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredManifest {
    /// What it is stored under.
    pub digest: Digest,
    /// The type it was pushed as.
    pub media_type: MediaType,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}

/// What became of the link between a repository and a blob.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unlinked {
    /// There was none.
    Absent,
    /// It is gone, and no other repository has the blob: its bytes may go.
    Last,
    /// It is gone, other repositories still have the blob.
    Shared,
}

/// A part of an ordered list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Whether more follow.
    pub more: bool,
}

/// What is in which repository.
///
/// Every method that changes something answers when the change is durable, and changes all of it or nothing. A failure
/// that is reported may still have been stored (the answer of a database can be lost); all changes may be repeated.
/// Names are compared exactly. `sqlite.rs` is the implementation for one machine.
pub trait Catalog: Send + Sync + 'static {
    /// Makes a blob whose bytes are durable readable in `repository`.
    fn link_blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        size: u64,
    ) -> impl Future<Output = Result<(), store::Error>> + Send;

    /// Makes a blob of the repository `from` readable in `to`; whether `from` has it.
    fn mount_blob(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: Digest,
    ) -> impl Future<Output = Result<bool, store::Error>> + Send;

    /// Makes a blob unreadable in `repository`.
    fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> impl Future<Output = Result<Unlinked, store::Error>> + Send;

    /// The size in bytes of a blob of `repository`.
    fn blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> impl Future<Output = Result<Option<u64>, store::Error>> + Send;

    /// Whether any repository has the blob.
    fn is_linked(&self, digest: Digest) -> impl Future<Output = Result<bool, store::Error>> + Send;

    /// Stores a manifest and moves its tag, if `repository` has everything that it points at.
    fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: NewManifest,
    ) -> impl Future<Output = Result<PutManifest, store::Error>> + Send;

    /// A manifest of `repository`.
    fn manifest(
        &self,
        repository: &RepositoryName,
        key: &ManifestKey,
    ) -> impl Future<Output = Result<Option<StoredManifest>, store::Error>> + Send;

    /// Removes a manifest with all tags that point at it, or a tag alone; whether there was one.
    fn delete_manifest(
        &self,
        repository: &RepositoryName,
        key: &ManifestKey,
    ) -> impl Future<Output = Result<bool, store::Error>> + Send;

    /// Up to `limit` tags after `last` in byte order; `None` when there is no such repository.
    fn tags(
        &self,
        repository: &RepositoryName,
        last: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Listed<Tag>>, store::Error>> + Send;

    /// Up to `limit` repositories after `last` in byte order.
    fn repositories(
        &self,
        last: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Listed<RepositoryName>, store::Error>> + Send;

    /// The manifests of `repository` whose subject is `subject`, as index entries in JSON with their digests: those
    /// after `last` in the order of digests, of this artifact type if one is given, about `budget` bytes of them but
    /// at least one.
    fn referrers(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&MediaType>,
        last: Option<Digest>,
        budget: usize,
    ) -> impl Future<Output = Result<Listed<(Digest, String)>, store::Error>> + Send;
}
