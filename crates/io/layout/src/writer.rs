//! Making a layout.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use oci::{BlobVerifier, Descriptor, Digest, MANIFEST_MAX, Manifest, MediaType, VerifiedBlob};
use serde::Serialize;
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::error::Error;
use crate::files::{BLOBS, INDEX, MARKER, blob_path, open, read};
use crate::reader::{Layout, check_marker};

/// Largest `oci-layout` read, bytes.
const MARKER_MAX: u64 = 64 * 1024;
/// As cosign writes it.
const MARKER_TEXT: &[u8] = b"{\n    \"imageLayoutVersion\": \"1.0.0\"\n}";

/// A layout that is being made. Without [`finish`](Self::finish) it is none, or what it was before.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
}

/// A blob that is being written. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct StagedBlob {
    staged: NamedTempFile,
    writer: File,
    folder: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u64,
    media_type: MediaType,
    manifests: &'a [Descriptor],
}

impl Writer {
    /// Starts a layout in `folder`, which is made if it is not there. In a layout that exists, the blobs stay and the
    /// index is replaced at the end. Other files in the folder are left alone.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a folder that is no layout, but has a file of that name; [`Error::Version`].
    pub async fn create(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MARKER);
        match read(&path, MARKER_MAX).await? {
            Some(marker) => check_marker(&path, &marker)?,
            None => {
                for found in [INDEX, BLOBS] {
                    if tokio::fs::symlink_metadata(folder.join(found))
                        .await
                        .is_ok()
                    {
                        return Err(Error::Foreign {
                            folder: folder.to_owned(),
                            found,
                        });
                    }
                }
                make_folder(folder).await?;
                publish(folder, &path, MARKER_TEXT).await?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Whether the blob is there and is what it should be.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn has(&self, blob: &Descriptor) -> Result<bool, Error> {
        let path = blob_path(&self.folder, &blob.digest);
        let Some(mut file) = open(&path).await? else {
            return Ok(false);
        };
        let mut verifier = BlobVerifier::new(blob.digest, Some(blob.size));
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = file.read(&mut piece).await;
            let length = read.map_err(|error| Error::io(&path, error))?;
            if length == 0 {
                return Ok(verifier.finish().is_ok());
            }
            if verifier.update(&piece[..length]).is_err() {
                return Ok(false);
            }
        }
    }

    /// Adds a small blob and says what it is called.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::sha256(bytes);
        self.put(&digest, bytes).await?;
        Ok(digest)
    }

    /// Adds a manifest; what it points at should be there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn put_manifest(&self, manifest: &Manifest) -> Result<(), Error> {
        self.put(&manifest.digest(), manifest.bytes()).await
    }

    /// Begins a blob of any size: write it, then [`StagedBlob::keep`] it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn stage(&self) -> Result<StagedBlob, Error> {
        let staged = temporary(&self.folder)?;
        let file = staged.as_file().try_clone();
        let file = file.map_err(|error| Error::io(staged.path(), error))?;
        Ok(StagedBlob {
            staged,
            writer: File::from_std(file),
            folder: self.folder.clone(),
        })
    }

    /// Writes the index. From now on this is a layout, of these entries.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Manifest`] for an index that nobody would read.
    pub async fn finish(self, entries: Vec<Descriptor>) -> Result<Layout, Error> {
        let path = self.folder.join(INDEX);
        let bytes = indented(&entries);
        if bytes.len() > MANIFEST_MAX {
            let size = bytes.len();
            let source = oci::ManifestError::TooLarge { size };
            return Err(Error::Manifest { path, source });
        }
        publish(&self.folder, &path, &bytes).await?;
        Layout::open(&self.folder).await
    }

    async fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
        let path = blob_path(&self.folder, digest);
        if let Some(above) = path.parent() {
            make_folder(above).await?;
        }
        publish(&self.folder, &path, bytes).await
    }
}

impl StagedBlob {
    /// Where its bytes go.
    pub const fn writer(&mut self) -> &mut File {
        &mut self.writer
    }

    /// Gives the blob its name; `proof` is that of the bytes written.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn keep(self, proof: &VerifiedBlob) -> Result<(), Error> {
        let path = blob_path(&self.folder, &proof.digest());
        if let Some(above) = path.parent() {
            make_folder(above).await?;
        }
        let failed = |error| Error::io(&path, error);
        self.writer.sync_all().await.map_err(failed)?;
        let persisted = self.staged.persist(&path);
        persisted.map(drop).map_err(|error| failed(error.error))
    }
}

async fn make_folder(path: &Path) -> Result<(), Error> {
    let made = tokio::fs::create_dir_all(path).await;
    made.map_err(|error| Error::io(path, error))
}

/// A file is whole under its final name, or not there.
async fn publish(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (folder, path, bytes) = (folder.to_owned(), path.to_owned(), bytes.to_vec());
    let write = move || {
        let mut staged = temporary(&folder)?;
        let written = staged
            .write_all(&bytes)
            .and_then(|()| staged.as_file().sync_all());
        written.map_err(|error| Error::io(&path, error))?;
        let persisted = staged.persist(&path);
        persisted
            .map(drop)
            .map_err(|error| Error::io(&path, error.error))
    };
    match tokio::task::spawn_blocking(write).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Error::io(Path::new(""), io::Error::other(error))),
    }
}

/// Read by whoever may read the folder, as the process's umask says.
fn temporary(folder: &Path) -> Result<NamedTempFile, Error> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".partial-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let made = builder.tempfile_in(folder);
    made.map_err(|error| Error::io(folder, error))
}

/// By three spaces, as cosign does.
fn indented(manifests: &[Descriptor]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"   ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    let document = Document {
        schema_version: 2,
        media_type: MediaType::OCI_INDEX,
        manifests,
    };
    document
        .serialize(&mut serializer)
        .expect("text keys and plain values only");
    bytes
}
