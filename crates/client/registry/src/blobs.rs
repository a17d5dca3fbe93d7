//! Blobs: existence and verified pulls. Pushing is in [`crate::uploads`].

use net::{Bytes, Response};
use oci::{BlobVerifier, Descriptor, Digest, RepositoryName, VerifiedBlob};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::client::{Registry, get, head, pull_scope};
use crate::error::{Error, Oversize, Resource};

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
