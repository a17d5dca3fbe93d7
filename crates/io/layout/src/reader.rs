//! Reading a layout.

use std::io;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use oci::{
    Algorithm, BlobVerifier, Content, Descriptor, Digest, MANIFEST_MAX, Manifest, MediaType,
};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::error::Error;
use crate::files::{BLOBS, INDEX, MARKER, blob_path, open, read};
use crate::kind::{Kind, REF_NAME};

/// Largest `oci-layout` read, bytes.
const MARKER_MAX: u64 = 64 * 1024;
/// Most blobs searched for what refers to an image.
const SEARCHED_MAX: usize = 100_000;
/// Bytes read at once of a large blob.
const PIECE: usize = 64 * 1024;

/// A layout that exists. Its index was read once, when it was opened.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: PathBuf,
    index: Manifest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Layout {
    /// Opens the layout in `folder`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Version`], an index that cannot be read.
    pub async fn open(folder: &Path) -> Result<Self, Error> {
        let absent = |missing| Error::Absent {
            folder: folder.to_owned(),
            missing,
        };
        let path = folder.join(MARKER);
        let marker = read(&path, MARKER_MAX).await?.ok_or(absent(MARKER))?;
        check_marker(&path, &marker)?;
        let path = folder.join(INDEX);
        let bytes = read(&path, manifest_max()).await?.ok_or(absent(INDEX))?;
        let index = Manifest::parse(bytes, Some(&MediaType::OCI_INDEX))
            .map_err(|source| Error::Manifest { path, source })?;
        Ok(Self {
            folder: folder.to_owned(),
            index,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What its index lists.
    #[must_use]
    pub fn entries(&self) -> &[Descriptor] {
        match self.index.content() {
            Content::Index { manifests } => manifests,
            Content::Image { .. } => &[],
        }
    }

    /// The image that it holds: the one that says so, else the only entry.
    #[must_use]
    pub fn image(&self) -> Option<&Descriptor> {
        let entries = self.entries();
        let image = |entry: &&Descriptor| Kind::of(entry).is_some_and(Kind::is_image);
        match (entries.iter().find(image), entries) {
            (Some(image), _) => Some(image),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// The entry with this name: an image's tag, or the tag of something attached.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Descriptor> {
        let has_name = |entry: &&Descriptor| {
            let text = entry.annotations.get(REF_NAME);
            text.is_some_and(|text| text == name)
        };
        self.entries().iter().find(has_name)
    }

    /// What is attached to `subject` under a tag `sha256-<hex>.<suffix>` in a registry. Cosign saves it for the one
    /// image of the layout, and without that name.
    #[must_use]
    pub fn attached(&self, subject: &Digest, kind: Kind) -> Option<&Descriptor> {
        let suffix = match kind {
            Kind::Signatures => "sig",
            Kind::Attestations => "att",
            Kind::Sbom => "sbom",
            Kind::Image | Kind::ImageIndex => return None,
        };
        let name = format!("{}.{suffix}", subject.referrers_tag());
        let unnamed = |entry: &&Descriptor| {
            Kind::of(entry) == Some(kind) && !entry.annotations.contains_key(REF_NAME)
        };
        self.named(&name).or_else(|| {
            self.image()
                .filter(|image| image.digest == *subject)
                .and_then(|_| self.entries().iter().find(unnamed))
        })
    }

    /// A manifest or index, by its digest.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DigestMismatch`], and what is no manifest.
    pub async fn manifest(&self, digest: &Digest) -> Result<Manifest, Error> {
        let path = blob_path(&self.folder, digest);
        let bytes = read(&path, manifest_max()).await?;
        let bytes = bytes.ok_or_else(|| absent(digest))?;
        digest.check(&bytes)?;
        parse(bytes).map_err(|source| Error::Manifest { path, source })
    }

    /// A small blob of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooLarge`], [`Error::Blob`].
    pub async fn blob(&self, blob: &Descriptor, limit: u64) -> Result<Bytes, Error> {
        let path = blob_path(&self.folder, &blob.digest);
        if blob.size > limit {
            return Err(Error::TooLarge { path, limit });
        }
        let bytes = read(&path, limit).await?;
        let bytes = bytes.ok_or_else(|| absent(&blob.digest))?;
        let mut verifier = BlobVerifier::new(blob.digest, Some(blob.size));
        let checked = verifier.update(&bytes).and_then(|()| verifier.finish());
        checked.map_err(|fault| Error::Blob {
            digest: Box::new(blob.digest),
            fault,
        })?;
        Ok(bytes.into())
    }

    /// A blob of any size, in pieces. The last piece comes only when all of them are the blob; else an error comes in
    /// its place, so that nobody who is told the size takes what was sent for whole.
    ///
    /// # Errors
    /// [`Error::NotFound`] and whatever keeps the file from being opened.
    pub async fn stream(
        &self,
        blob: &Descriptor,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, Error> {
        let path = blob_path(&self.folder, &blob.digest);
        let file = open(&path).await?.ok_or_else(|| absent(&blob.digest))?;
        let reading = Reading {
            file,
            verifier: BlobVerifier::new(blob.digest, Some(blob.size)),
            held: None,
        };
        Ok(stream::try_unfold(Some(reading), |reading| async move {
            match reading {
                Some(reading) => reading.next().await,
                None => Ok(None),
            }
        }))
    }

    /// What refers to `subject`, by digest. Every blob is looked at, because cosign lists referrers nowhere. What the
    /// index lists must be there, and whole: it may have referred to this image. Of other blobs, what is damaged is
    /// passed over.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::TooMany`]; for what the index lists, as [`Self::manifest`].
    pub async fn referrers(&self, subject: &Digest) -> Result<Vec<Manifest>, Error> {
        for entry in self.entries().iter().filter(|entry| is_manifest(entry)) {
            self.manifest(&entry.digest).await?;
        }
        let mut found = Vec::new();
        let mut searched = 0;
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let folder = self.folder.join(BLOBS).join(algorithm.to_string());
            for name in names(&folder, &mut searched).await? {
                let Ok(digest) = Digest::parse(&format!("{algorithm}:{name}")) else {
                    continue;
                };
                if let Some(manifest) = self.referrer(&digest, subject).await? {
                    found.push(manifest);
                }
            }
        }
        found.sort_by_key(Manifest::digest);
        Ok(found)
    }

    async fn referrer(&self, digest: &Digest, subject: &Digest) -> Result<Option<Manifest>, Error> {
        let path = blob_path(&self.folder, digest);
        let Ok(Some(mut file)) = open(&path).await else {
            return Ok(None);
        };
        // Most blobs are compressed layers.
        let mut first = [0];
        let read_first = file.read(&mut first).await;
        if read_first.map_err(|error| Error::io(&path, error))? == 0 || first != *b"{" {
            return Ok(None);
        }
        let bytes = match read(&path, manifest_max()).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) | Err(Error::TooLarge { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if digest.check(&bytes).is_err() {
            return Ok(None);
        }
        let refers = |manifest: &Manifest| {
            let found = manifest.subject();
            found.is_some_and(|found| found.digest == *subject)
        };
        Ok(parse(bytes).ok().filter(refers))
    }
}

fn is_manifest(entry: &Descriptor) -> bool {
    entry.media_type.is_index() || entry.media_type.is_image()
}

/// A blob of which one piece is held back.
struct Reading {
    file: File,
    verifier: BlobVerifier,
    held: Option<Bytes>,
}

impl Reading {
    async fn next(mut self) -> io::Result<Option<(Bytes, Option<Self>)>> {
        loop {
            let mut piece = BytesMut::with_capacity(PIECE);
            if self.file.read_buf(&mut piece).await? == 0 {
                self.verifier.finish().map_err(io::Error::other)?;
                return Ok(self.held.map(|last| (last, None)));
            }
            self.verifier.update(&piece).map_err(io::Error::other)?;
            if let Some(held) = self.held.replace(piece.freeze()) {
                return Ok(Some((held, Some(self))));
            }
        }
    }
}

/// The file names in a folder; of those that are not there, none.
async fn names(folder: &Path, searched: &mut usize) -> Result<Vec<String>, Error> {
    let failed = |error| Error::io(folder, error);
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        *searched += 1;
        if *searched > SEARCHED_MAX {
            let limit = SEARCHED_MAX;
            return Err(Error::TooMany { limit });
        }
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

pub(crate) fn check_marker(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    match serde_json::from_slice::<Marker>(bytes) {
        Ok(marker) if marker.image_layout_version.starts_with("1.") => Ok(()),
        _ => Err(Error::Version {
            path: path.to_owned(),
        }),
    }
}

/// A layout does not say the type of a manifest that does not say it itself: then its members do.
fn parse(bytes: Vec<u8>) -> Result<Manifest, oci::ManifestError> {
    match Manifest::parse(bytes.clone(), None) {
        Err(oci::ManifestError::UnsupportedMediaType { found: None }) => {
            Manifest::parse(bytes.clone(), Some(&MediaType::OCI_MANIFEST))
                .or_else(|_| Manifest::parse(bytes, Some(&MediaType::OCI_INDEX)))
        }
        parsed => parsed,
    }
}

fn absent(digest: &Digest) -> Error {
    Error::NotFound {
        digest: Box::new(*digest),
    }
}

fn manifest_max() -> u64 {
    u64::try_from(MANIFEST_MAX).unwrap_or(u64::MAX)
}
