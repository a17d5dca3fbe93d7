//! Uploads under way: received into temporary files, hashed as they arrive, forgotten at a restart.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt, fs,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Body;
use axum::body::HttpBody as _;
use bytes::Bytes;
use chassis::{Clock, body::next_chunk};
use jiff::{SignedDuration, Timestamp};
use oci::{Algorithm, ByteRange, Digest, Hasher, RepositoryName};
use store::{Error, files};
use tempfile::NamedTempFile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    content::{StagedBlob, blocking},
    error::Refused,
};

/// Received bytes are hashed and written in batches of this size: one hop to the blocking pool for each.
const BATCH: usize = 512 << 10;

/// The name of an upload: 128 random bits, written like a UUID.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct UploadId([u8; 16]);

impl UploadId {
    fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
            Error::file(
                "take randomness from",
                Path::new("the system"),
                io::ErrorKind::Other.into(),
            )
        })?;
        Ok(Self(bytes))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hex = text.replace('-', "");
        let mut bytes = [0; 16];
        hex::decode_to_slice(hex, &mut bytes).ok()?;
        let id = Self(bytes);
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = hex::encode(self.0);
        write!(
            f,
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}

/// All uploads under way.
#[derive(Debug)]
pub(crate) struct Uploads {
    folder: PathBuf,
    blob_max: u64,
    clock: Arc<dyn Clock>,
    slots: Arc<Semaphore>,
    sessions: Mutex<HashMap<UploadId, Session>>,
}

#[derive(Debug)]
struct Session {
    repository: RepositoryName,
    busy: bool,
    used: Timestamp,
    received: Arc<Mutex<Received>>,
    _slot: OwnedSemaphorePermit,
}

/// What has arrived. File, hash and size always agree, unless writing failed: then the upload is of no more use.
#[derive(Debug)]
struct Received {
    file: NamedTempFile,
    hasher: Hasher,
    size: u64,
    failed: bool,
}

impl Uploads {
    /// Uploads in `folder`, which is emptied of what an earlier run left: at most `limit` at once.
    pub(crate) fn open(
        folder: &Path,
        limit: usize,
        blob_max: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        files::create_folder(folder)?;
        let failed = |error| Error::file("empty", folder, error);
        for left in fs::read_dir(folder).map_err(failed)? {
            fs::remove_file(left.map_err(failed)?.path()).map_err(failed)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            blob_max,
            clock,
            slots: Arc::new(Semaphore::new(limit)),
            sessions: Mutex::new(HashMap::new()),
        })
    }

    /// Begins an upload, which belongs to `repository`.
    pub(crate) async fn begin(&self, repository: &RepositoryName) -> Result<UploadId, Refused> {
        let slot = Arc::clone(&self.slots)
            .try_acquire_owned()
            .map_err(|_| Refused::TooManyUploads)?;
        let folder = self.folder.clone();
        let file = blocking(move || {
            NamedTempFile::new_in(&folder).map_err(|e| Error::file("write in", &folder, e))
        });
        let received = Received {
            file: file.await?,
            hasher: Hasher::new(Algorithm::Sha256),
            size: 0,
            failed: false,
        };
        let id = UploadId::random()?;
        let session = Session {
            repository: repository.clone(),
            busy: false,
            used: self.clock.now(),
            received: Arc::new(Mutex::new(received)),
            _slot: slot,
        };
        self.sessions().insert(id, session);
        Ok(id)
    }

    /// Takes an upload for one request; no other request gets it until the answer is dropped.
    pub(crate) fn take(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Upload<'_>, Refused> {
        let mut sessions = self.sessions();
        let session = sessions
            .get_mut(&id)
            .filter(|session| session.repository == *repository)
            .ok_or(Refused::UploadUnknown)?;
        if session.busy {
            return Err(Refused::UploadBusy);
        }
        session.busy = true;
        Ok(Upload {
            uploads: self,
            id,
            received: Arc::clone(&session.received),
            keep: true,
        })
    }

    /// Forgets uploads that nobody has used for `idle`.
    pub(crate) fn forget_idle(&self, idle: SignedDuration) {
        let now = self.clock.now();
        self.sessions()
            .retain(|_, session| session.busy || now.duration_since(session.used) < idle);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<UploadId, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One upload in the hands of one request. Dropped (also by a client that goes away), it is there for the next
/// request, with what has arrived; or it is gone, after [`Upload::discard`].
pub(crate) struct Upload<'a> {
    uploads: &'a Uploads,
    id: UploadId,
    received: Arc<Mutex<Received>>,
    keep: bool,
}

impl Upload<'_> {
    pub(crate) fn id(&self) -> UploadId {
        self.id
    }

    /// Bytes received so far.
    pub(crate) fn size(&self) -> u64 {
        lock(&self.received).size
    }

    /// Does not outlive this value.
    pub(crate) fn discard(&mut self) {
        self.keep = false;
    }

    /// Appends a body. With a range it must begin where the upload stands and fill the range exactly; bytes beyond it
    /// are not taken.
    pub(crate) async fn append(
        &mut self,
        mut body: Body,
        range: Option<ByteRange>,
    ) -> Result<(), Refused> {
        let start = self.size();
        let mut left = self.room(&body, start, range)?;
        let (mut batch, mut batched) = (Vec::new(), 0);
        loop {
            let piece = match next_chunk(&mut body).await {
                Ok(piece) => piece,
                Err(cut) => {
                    // What arrived before the cut counts: the client asks how far it got and goes on from there.
                    self.write(batch).await?;
                    return Err(Refused::BodyCut(cut));
                }
            };
            let Some(piece) = piece else { break };
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            left = left
                .checked_sub(length)
                .ok_or_else(|| self.too_much(range))?;
            batched += piece.len();
            batch.push(piece);
            if batched >= BATCH {
                self.write(std::mem::take(&mut batch)).await?;
                batched = 0;
            }
        }
        self.write(batch).await?;
        match range {
            Some(range) if self.size() - start != range.length() => Err(Refused::ChunkSize),
            _ => Ok(()),
        }
    }

    /// Ends the upload: its bytes with their digest, if that is `expected`. The upload is gone in any case.
    pub(crate) async fn finish(mut self, expected: Digest) -> Result<StagedBlob, Refused> {
        self.discard();
        // Gives back the only other reference to what was received, and the slot.
        let received = Arc::clone(&self.received);
        drop(self);
        let received = Arc::into_inner(received).ok_or(Refused::UploadBusy)?;
        let received = received
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if received.failed {
            return Err(Refused::UploadUnknown);
        }
        let (found, received) =
            blocking(move || Ok((received.digest(expected.algorithm())?, received))).await?;
        if found != expected {
            return Err(Refused::mismatch(expected, found));
        }
        Ok(StagedBlob::new(found, received.size, received.file))
    }

    /// How many bytes may follow those received; refuses what is known to be wrong before a byte of it is read.
    fn room(&mut self, body: &Body, start: u64, range: Option<ByteRange>) -> Result<u64, Refused> {
        let announced = body.size_hint();
        let room = self.uploads.blob_max.saturating_sub(start);
        let Some(range) = range else {
            let fits = announced.lower() <= room;
            return if fits {
                Ok(room)
            } else {
                Err(self.too_much(None))
            };
        };
        if range.start != start {
            return Err(Refused::ChunkOutOfOrder {
                expected: start,
                found: range.start,
            });
        }
        let length = range.length();
        if length > room
            || announced
                .exact()
                .is_some_and(|announced| announced != length)
        {
            return Err(Refused::ChunkSize);
        }
        Ok(length)
    }

    fn too_much(&mut self, range: Option<ByteRange>) -> Refused {
        if range.is_some() {
            return Refused::ChunkSize;
        }
        self.discard();
        Refused::BlobTooLarge {
            limit: self.uploads.blob_max,
        }
    }

    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<(), Refused> {
        if pieces.is_empty() {
            return Ok(());
        }
        let received = Arc::clone(&self.received);
        let written = blocking(move || lock(&received).append(&pieces)).await;
        if written.is_err() {
            self.discard();
        }
        Ok(written?)
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        let now = self.uploads.clock.now();
        if let Entry::Occupied(mut session) = self.uploads.sessions().entry(self.id) {
            if self.keep {
                session.get_mut().busy = false;
                session.get_mut().used = now;
            } else {
                session.remove();
            }
        }
    }
}

impl Received {
    fn append(&mut self, pieces: &[Bytes]) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Closed);
        }
        self.failed = true;
        for piece in pieces {
            self.hasher.update(piece);
            self.file
                .write_all(piece)
                .map_err(|error| Error::file("write", self.file.path(), error))?;
            self.size += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        }
        self.failed = false;
        Ok(())
    }

    /// The digest under `algorithm`. While bytes arrive the algorithm is not known; if it turns out to be another, the
    /// file is read again.
    fn digest(&self, algorithm: Algorithm) -> Result<Digest, Error> {
        if algorithm == Algorithm::Sha256 {
            return Ok(self.hasher.clone().finish());
        }
        let mut hasher = Hasher::new(algorithm);
        let mut buffer = vec![0; BATCH];
        let failed = |error| Error::file("read back", self.file.path(), error);
        let mut file = self.file.as_file();
        file.rewind().map_err(failed)?;
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&buffer[..read]),
            }
        }
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::UploadId;

    #[test]
    fn an_id_has_one_spelling() {
        let id = UploadId::random().unwrap();
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(UploadId::parse(&text), Some(id));
        assert_eq!(
            UploadId::parse("00000000-0000-0000-0000-00000000000A"),
            None
        );
        assert_eq!(UploadId::parse(&text.replace('-', "")), None);
        assert_eq!(UploadId::parse("../../etc/passwd"), None);
        assert_ne!(UploadId::random().unwrap(), id);
    }
}
