//! Blobs: existence, verified pulls, copies. Pushing is in [`crate::uploads`].

use std::io;

use futures_util::stream;
use net::{ByteStream, Bytes, Response};
use oci::{BlobVerifier, Descriptor, Digest, RepositoryName, VerifiedBlob};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::client::{Registry, get, head, pull_scope};
use crate::error::{Error, Oversize, Resource};
use crate::uploads::{BlobSource, PushedBlob, UploadMode};

impl Registry {
    /// True when the repository has the blob.
    pub async fn blob_exists(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, Error> {
        let url = self
            .repository_url(repository, &format!("blobs/{digest}"))
            .await?;
        let found = self
            .find(
                head(url),
                &pull_scope(repository),
                Resource::Blob(Box::new(*digest)),
            )
            .await?;
        Ok(found.is_some())
    }

    /// Pulls a blob into `writer` as it arrives. Only the proof says that what was written is the blob: on an error
    /// the caller throws the bytes away.
    pub async fn pull_blob(
        &self,
        repository: &RepositoryName,
        blob: &Descriptor,
        writer: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<VerifiedBlob, Error> {
        let mut response = self.open_blob(repository, &blob.digest).await?;
        let mut verifier = BlobVerifier::new(blob.digest, Some(blob.size));
        while let Some(chunk) = response.chunk().await? {
            verifier.update(&chunk)?;
            writer
                .write_all(&chunk)
                .await
                .map_err(|source| Error::Write { source })?;
        }
        writer
            .flush()
            .await
            .map_err(|source| Error::Write { source })?;
        Ok(verifier.finish()?)
    }

    /// Pulls a small blob of at most `limit` bytes into memory.
    pub async fn read_blob(
        &self,
        repository: &RepositoryName,
        blob: &Descriptor,
        limit: u64,
    ) -> Result<Bytes, Error> {
        if blob.size > limit {
            return Err(Error::TooLarge {
                what: Oversize::Answer { limit },
            });
        }
        let bytes = self
            .open_blob(repository, &blob.digest)
            .await?
            .read_to_limit(limit)
            .await?;
        let mut verifier = BlobVerifier::new(blob.digest, Some(blob.size));
        verifier.update(&bytes)?;
        verifier.finish()?;
        Ok(bytes)
    }

    /// Pulls a blob of any size in pieces. The last piece comes only when all of them are the blob; else an error comes
    /// in its place, so that nobody who is told the size takes what was sent for whole.
    pub async fn blob_stream(
        &self,
        repository: &RepositoryName,
        blob: &Descriptor,
    ) -> Result<ByteStream, Error> {
        let response = self.open_blob(repository, &blob.digest).await?;
        let arriving = Arriving {
            response,
            verifier: BlobVerifier::new(blob.digest, Some(blob.size)),
            held: None,
        };
        Ok(Box::pin(stream::try_unfold(
            Some(arriving),
            |arriving| async move {
                match arriving {
                    Some(arriving) => arriving.next().await,
                    None => Ok(None),
                }
            },
        )))
    }

    /// Copies a blob into a repository of the same or another registry, unless it is there. Inside one registry it is
    /// mounted where the registry does that; else its bytes pass through here and are checked on the way.
    pub async fn copy_blob(
        &self,
        from: &RepositoryName,
        blob: &Descriptor,
        registry: &Self,
        into: &RepositoryName,
    ) -> Result<PushedBlob, Error> {
        let copied = |existed| PushedBlob {
            digest: blob.digest,
            size: blob.size,
            existed,
        };
        if registry.blob_exists(into, &blob.digest).await? {
            return Ok(copied(true));
        }
        if self.host() == registry.host() && from != into {
            // A login that may not read there, or a registry that does not know how: the pull will tell.
            if let Ok(true) = registry.mount_blob(into, &blob.digest, from).await {
                return Ok(copied(false));
            }
        }
        let source = BlobSource::Stream {
            digest: blob.digest,
            size: blob.size,
            chunks: self.blob_stream(from, blob).await?,
        };
        registry
            .push_blob(into, source, UploadMode::Monolithic)
            .await
    }

    async fn open_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Response, Error> {
        let url = self
            .repository_url(repository, &format!("blobs/{digest}"))
            .await?;
        self.send(
            get(url),
            &pull_scope(repository),
            Resource::Blob(Box::new(*digest)),
        )
        .await
    }
}

/// A blob of which one piece is held back.
struct Arriving {
    response: Response,
    verifier: BlobVerifier,
    held: Option<Bytes>,
}

impl Arriving {
    async fn next(mut self) -> io::Result<Option<(Bytes, Option<Self>)>> {
        while let Some(piece) = self.response.chunk().await.map_err(io::Error::other)? {
            self.verifier.update(&piece).map_err(io::Error::other)?;
            if let Some(held) = self.held.replace(piece) {
                return Ok(Some((held, Some(self))));
            }
        }
        self.verifier.finish().map_err(io::Error::other)?;
        Ok(self.held.map(|last| (last, None)))
    }
}
