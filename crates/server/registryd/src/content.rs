//! Where the bytes of blobs are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use axum::body::Body;
use bytes::BytesMut;
use futures_util::stream;
use oci::{Algorithm, ByteRange, Digest};
use store::{Error, files};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// Bytes read from a file at once.
const PIECE: usize = 256 << 10;

/// A received blob whose bytes have its digest, not yet readable by anyone.
#[derive(Debug)]
pub struct StagedBlob {
    digest: Digest,
    size: u64,
    file: NamedTempFile,
}

impl StagedBlob {
    /// Made by the upload alone, once it has compared the digests.
    pub(crate) fn new(digest: Digest, size: u64, file: NamedTempFile) -> Self {
        Self { digest, size, file }
    }

    /// The digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many bytes there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// The bytes of all blobs, by digest.
///
/// It decides nothing: what may be read is the [`Catalog`](crate::Catalog)'s answer. A blob that was published stays
/// until it is removed; publishing it again is no error. `FileContent` is the implementation for one machine.
pub trait Content: Send + Sync + 'static {
    /// Makes a blob durable; answers once it is.
    fn publish(&self, blob: StagedBlob) -> impl Future<Output = Result<(), Error>> + Send;

    /// A part of a blob as a body. The range must lie within the blob; `None` is all of it.
    fn read(
        &self,
        digest: Digest,
        range: Option<ByteRange>,
    ) -> impl Future<Output = Result<Body, Error>> + Send;

    /// Removes a blob; that there is none is no error.
    fn remove(&self, digest: Digest) -> impl Future<Output = Result<(), Error>> + Send;

    /// All blobs that are there, in no order.
    fn list(&self) -> impl Future<Output = Result<Vec<Digest>, Error>> + Send;
}

/// [`Content`] as files: `<folder>/<algorithm>/<first two hex digits>/<hex>`.
#[derive(Clone, Debug)]
pub struct FileContent(PathBuf);

impl FileContent {
    /// Content in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::File`] and its kin.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        files::create_folder(folder)?;
        Ok(Self(folder.to_owned()))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let hex = digest.hex();
        self.0
            .join(digest.algorithm().to_string())
            .join(&hex[..2])
            .join(hex)
    }
}

impl Content for FileContent {
    async fn publish(&self, blob: StagedBlob) -> Result<(), Error> {
        let path = self.path(blob.digest);
        blocking(move || {
            files::create_folder(path.parent().expect("a blob's path has three parts"))?;
            files::publish(blob.file, &path)
        })
        .await
    }

    async fn read(&self, digest: Digest, range: Option<ByteRange>) -> Result<Body, Error> {
        let path = self.path(digest);
        let failed = |error| Error::file("read", &path, error);
        let mut file = tokio::fs::File::open(&path).await.map_err(failed)?;
        let mut left = u64::MAX;
        if let Some(range) = range {
            file.seek(io::SeekFrom::Start(range.start))
                .await
                .map_err(failed)?;
            left = range.length();
        }
        let pieces = stream::try_unfold(file.take(left), |mut file| async move {
            let mut piece = BytesMut::with_capacity(PIECE);
            let read = file.read_buf(&mut piece).await?;
            Ok::<_, io::Error>((read > 0).then(|| (piece.freeze(), file)))
        });
        Ok(Body::from_stream(pieces))
    }

    async fn remove(&self, digest: Digest) -> Result<(), Error> {
        let path = self.path(digest);
        blocking(move || files::remove(&path)).await
    }

    async fn list(&self) -> Result<Vec<Digest>, Error> {
        let folder = self.0.clone();
        blocking(move || list(&folder).map_err(|error| Error::file("list", &folder, error))).await
    }
}

fn list(folder: &Path) -> io::Result<Vec<Digest>> {
    let mut found = Vec::new();
    for algorithm in fs::read_dir(folder)? {
        let algorithm = algorithm?;
        let Ok(kind) = Algorithm::parse(&algorithm.file_name().to_string_lossy()) else {
            continue;
        };
        for prefix in fs::read_dir(algorithm.path())? {
            for file in fs::read_dir(prefix?.path())? {
                let text = format!("{kind}:{}", file?.file_name().to_string_lossy());
                // Anything else in here was not put there by this program, and is left alone.
                found.extend(Digest::parse(&text));
            }
        }
    }
    Ok(found)
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Panicked { name: "file work" })?
}
