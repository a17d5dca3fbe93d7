//! Pushing blobs: in one request, in chunks, or by mounting from another repository.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use net::{
    Body, ByteStream, Bytes, HeaderValue, Method, Request, Response, StatusCode, Url, header,
};
use oci::{BlobMismatch, ByteRange, Digest, DigestMismatch, MediaType, RepositoryName};
use tokio::sync::Mutex;

use crate::auth::Scope;
use crate::client::{Registry, push_scope};
use crate::error::{Error, Fault, Resource};
use crate::manifests::text_value;

/// Largest chunk held in memory, bytes, whatever the caller or the registry asks for.
const CHUNK_MAX: u64 = 64 * 1024 * 1024;

/// Most uploads of the same bytes that may collide with somebody else's.
const COLLISIONS_MAX: u32 = 6;

/// How long somebody else's upload is given to end after the first collision; doubled each time.
const COLLISION_PAUSE: Duration = Duration::from_millis(25);

/// What to push.
pub enum BlobSource {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes that arrive in pieces.
    Stream {
        /// Their digest.
        digest: Digest,
        /// How many there are.
        size: u64,
        /// The pieces. They can be read once, so that a refused login in the middle ends the push.
        chunks: ByteStream,
    },
}

/// How to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadMode {
    /// One `PUT` with all bytes.
    Monolithic,
    /// `PATCH` requests of this many bytes, for proxies that limit request bodies.
    Chunked {
        /// Bytes in each but the last; the registry may ask for more.
        chunk: u64,
    },
}

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushedBlob {
    /// Digest of the blob.
    pub digest: Digest,
    /// Bytes in it.
    pub size: u64,
    /// True when the repository had it already and nothing was sent.
    pub existed: bool,
}

/// An open upload session: where its next request goes.
struct Session {
    location: Url,
    min_chunk: u64,
}

impl Registry {
    /// Pushes a blob, unless the repository has it. The registry checks the digest before it accepts.
    pub async fn push_blob(
        &self,
        repository: &RepositoryName,
        source: BlobSource,
        mode: UploadMode,
    ) -> Result<PushedBlob, Error> {
        let (digest, size, again) = match &source {
            BlobSource::Bytes(bytes) => (
                Digest::sha256(bytes),
                u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                Some(bytes.clone()),
            ),
            BlobSource::Stream { digest, size, .. } => (*digest, *size, None),
        };
        let pushed = |existed| PushedBlob {
            digest,
            size,
            existed,
        };
        let (mut source, mut collisions) = (source, 0);
        let turn = self.upload_turn(repository, &digest);
        let _turn = turn.lock().await;
        loop {
            if self.blob_exists(repository, &digest).await? {
                return Ok(pushed(true));
            }
            match self.upload(repository, source, mode, digest, size).await {
                Ok(()) => return Ok(pushed(false)),
                Err(error) => match &again {
                    Some(bytes) if is_collision(&error) && collisions < COLLISIONS_MAX => {
                        tokio::time::sleep(COLLISION_PAUSE * 2_u32.pow(collisions)).await;
                        collisions += 1;
                        source = BlobSource::Bytes(bytes.clone());
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    /// Uploads of the same bytes take turns: signatures of many images share a configuration, and a registry that is
    /// sent it ten times at once is one that collides.
    fn upload_turn(&self, repository: &RepositoryName, digest: &Digest) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Who waits or works holds another reference.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        let turn = turns.entry((repository.clone(), *digest)).or_default();
        Arc::clone(turn)
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        source: BlobSource,
        mode: UploadMode,
        digest: Digest,
        size: u64,
    ) -> Result<(), Error> {
        let mut session = self
            .open_session(repository, &[], &push_scope(repository))
            .await?
            .1;
        let sent = match mode {
            UploadMode::Monolithic => {
                self.put_all(repository, &session, source, digest, size)
                    .await
            }
            UploadMode::Chunked { chunk } => {
                self.put_chunks(repository, &mut session, source, digest, size, chunk)
                    .await
            }
        };
        if let Err(error) = &sent
            && was_answered(error)
        {
            self.cancel(repository, &session).await;
        }
        sent
    }

    /// Takes a blob over from another repository of this registry without sending it. False when the registry would
    /// rather have the bytes.
    pub async fn mount_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        from: &RepositoryName,
    ) -> Result<bool, Error> {
        let query = [("mount", digest.to_string()), ("from", from.to_string())];
        let scopes = [
            Scope::repository(repository, "pull,push"),
            Scope::repository(from, "pull"),
        ];
        let (response, session) = self.open_session(repository, &query, &scopes).await?;
        if response.status == StatusCode::CREATED {
            return Ok(true);
        }
        self.cancel(repository, &session).await;
        Ok(false)
    }

    async fn open_session(
        &self,
        repository: &RepositoryName,
        query: &[(&str, String)],
        scopes: &[Scope],
    ) -> Result<(Response, Session), Error> {
        let mut url = self.repository_url(repository, "blobs/uploads/").await?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let response = self
            .send(
                Request::new(Method::POST, url),
                scopes,
                Resource::Repository,
            )
            .await?;
        let location = self.location(&response)?;
        let min_chunk = response
            .header("oci-chunk-min-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        Ok((
            response,
            Session {
                location,
                min_chunk,
            },
        ))
    }

    async fn put_all(
        &self,
        repository: &RepositoryName,
        session: &Session,
        source: BlobSource,
        digest: Digest,
        size: u64,
    ) -> Result<(), Error> {
        let body = match source {
            BlobSource::Bytes(bytes) => Body::Bytes(bytes),
            BlobSource::Stream { chunks, .. } => Body::Stream {
                length: Some(size),
                chunks,
            },
        };
        self.finish(repository, session, digest, body).await
    }

    async fn put_chunks(
        &self,
        repository: &RepositoryName,
        session: &mut Session,
        source: BlobSource,
        digest: Digest,
        size: u64,
        chunk: u64,
    ) -> Result<(), Error> {
        let mut pieces: ByteStream = match source {
            BlobSource::Bytes(bytes) => Box::pin(stream::iter([Ok(bytes)])),
            BlobSource::Stream { chunks, .. } => chunks,
        };
        let chunk =
            usize::try_from(chunk.max(session.min_chunk).clamp(1, CHUNK_MAX)).unwrap_or(usize::MAX);
        let mut buffer = BytesMut::new();
        let mut sent = 0_u64;
        loop {
            let piece = pieces
                .next()
                .await
                .transpose()
                .map_err(|source| Error::Source { source })?;
            let ended = piece.is_none();
            buffer.extend_from_slice(&piece.unwrap_or_default());
            while buffer.len() >= chunk || (ended && !buffer.is_empty()) {
                let part = buffer.split_to(chunk.min(buffer.len())).freeze();
                sent = self.patch(repository, session, sent, part).await?;
            }
            if ended {
                break;
            }
        }
        if sent != size {
            return Err(BlobMismatch::Size {
                expected: size,
                found: sent,
            }
            .into());
        }
        self.finish(repository, session, digest, Body::Empty).await
    }

    /// Sends one chunk and returns how many bytes the registry has now.
    async fn patch(
        &self,
        repository: &RepositoryName,
        session: &mut Session,
        start: u64,
        part: Bytes,
    ) -> Result<u64, Error> {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        let range = ByteRange {
            start,
            end: start + length - 1,
        };
        let request = Request::new(Method::PATCH, session.location.clone())
            .header(header::CONTENT_TYPE, octet_stream())
            .header(header::CONTENT_RANGE, text_value(&range.to_string()))
            .body(Body::Bytes(part));
        let response = self
            .send(request, &push_scope(repository), Resource::Upload)
            .await?;
        session.location = self.location(&response)?;
        let kept = response.header(header::RANGE).map(ByteRange::parse);
        match kept {
            Some(Ok(kept)) if kept.start == 0 && kept.end == range.end => Ok(start + length),
            None => Ok(start + length),
            Some(_) => Err(self.malformed(Fault::UploadRange { sent: range.end })),
        }
    }

    async fn finish(
        &self,
        repository: &RepositoryName,
        session: &Session,
        digest: Digest,
        body: Body,
    ) -> Result<(), Error> {
        let mut url = session.location.clone();
        url.query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        let request = Request::new(Method::PUT, url)
            .header(header::CONTENT_TYPE, octet_stream())
            .body(body);
        let response = self
            .send(request, &push_scope(repository), Resource::Upload)
            .await?;
        match self.stated_digest(&response)? {
            Some(found) if found != digest => Err(Box::new(DigestMismatch {
                expected: digest,
                found,
            })
            .into()),
            _ => Ok(()),
        }
    }

    /// Best effort: registries drop forgotten sessions by themselves.
    async fn cancel(&self, repository: &RepositoryName, session: &Session) {
        let request = Request::new(Method::DELETE, session.location.clone());
        if let Err(error) = self
            .send(request, &push_scope(repository), Resource::Upload)
            .await
        {
            tracing::debug!(%error, "upload session left behind");
        }
    }

    fn location(&self, response: &Response) -> Result<Url, Error> {
        self.target(&response.url, response.header(header::LOCATION))
    }
}

/// False when the connection failed: then a further request would only wait for the next time-out.
const fn was_answered(error: &Error) -> bool {
    !matches!(
        error,
        Error::Unreachable { .. } | Error::Interrupted { .. } | Error::TlsUntrusted { .. }
    )
}

/// docker-registry 2.8 finds another digest when an upload of the same bytes is finished at the same moment.
pub(crate) fn is_collision(error: &Error) -> bool {
    matches!(
        error,
        Error::ServerError { status: 400, server: Some(message), .. } if message.code == "DIGEST_INVALID"
    )
}

fn octet_stream() -> HeaderValue {
    text_value(MediaType::OCTET_STREAM.as_str())
}
