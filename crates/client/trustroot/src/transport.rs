use std::fs::File;
use std::future::Future;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use net::{Client, Request, StatusCode, Url};

use crate::{Mirror, limits};

/// What a [`Transport`] gives: the file, or none if there is no such file.
pub type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, TransportError>> + Send + 'a>>;

/// Where the files of a TUF repository are had from. Nothing it gives is trusted.
pub trait Transport: Send + Sync {
    /// A file beside `timestamp.json`, of at most `limit` bytes.
    fn metadata<'a>(&'a self, name: &'a str, limit: u64) -> FetchFuture<'a>;

    /// A file below `targets/`, of at most `limit` bytes.
    fn target<'a>(&'a self, path: &'a str, limit: u64) -> FetchFuture<'a>;
}

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// An answer that is neither the file nor that there is none.
    #[error("{url}: status {status}")]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
    },
    /// No answer, or none within the limit.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// A file of a `file` mirror.
    #[error("reading {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// As the operating system says it.
        source: io::Error,
    },
    /// A longer file than allowed.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes.
        limit: u64,
    },
}

impl TransportError {
    /// Whether nobody answered properly; a too long answer is not that.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        !matches!(
            self,
            Self::TooLarge { .. } | Self::Net(net::Error::TooLarge { .. })
        )
    }
}

/// A repository behind HTTP.
#[derive(Clone)]
pub struct HttpTransport {
    client: Client,
    metadata: Url,
    targets: Url,
}

impl HttpTransport {
    /// The repository of a mirror: metadata at its address, targets below `targets/`.
    #[must_use]
    pub fn new(client: Client, mirror: &Mirror) -> Self {
        let metadata = mirror.url().clone();
        let targets = below(&metadata, "targets");
        Self {
            client,
            metadata,
            targets,
        }
    }

    /// With targets at another address.
    #[must_use]
    pub fn with_targets(mut self, targets: Url) -> Self {
        self.targets = targets;
        self
    }

    async fn get(&self, url: Url, limit: u64) -> Result<Option<Vec<u8>>, TransportError> {
        let response = self.client.send(Request::get(url)).await?;
        match response.status {
            StatusCode::OK => Ok(Some(response.read_to_limit(limit).await?.into())),
            // Object stores answer 403 for what they do not have.
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Ok(None),
            status => Err(TransportError::Status {
                url: net::redacted_url(&response.url),
                status: status.as_u16(),
            }),
        }
    }
}

impl Transport for HttpTransport {
    fn metadata<'a>(&'a self, name: &'a str, limit: u64) -> FetchFuture<'a> {
        Box::pin(self.get(below(&self.metadata, name), limit))
    }

    fn target<'a>(&'a self, path: &'a str, limit: u64) -> FetchFuture<'a> {
        Box::pin(self.get(below(&self.targets, path), limit))
    }
}

/// The address of a file below another. The path is set, not joined: a name with a scheme or a host stays a name.
fn below(base: &Url, name: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}/{name}", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// A repository in a folder.
#[derive(Debug, Clone)]
pub struct FolderTransport {
    folder: PathBuf,
}

impl FolderTransport {
    /// A folder with metadata, and targets below `targets/`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Transport for FolderTransport {
    fn metadata<'a>(&'a self, name: &'a str, limit: u64) -> FetchFuture<'a> {
        let path = self.folder.join(name.trim_start_matches('/'));
        Box::pin(async move { read(&path, limit) })
    }

    fn target<'a>(&'a self, path: &'a str, limit: u64) -> FetchFuture<'a> {
        let path = self
            .folder
            .join("targets")
            .join(path.trim_start_matches('/'));
        Box::pin(async move { read(&path, limit) })
    }
}

fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, TransportError> {
    match read_file(path, limit) {
        Ok(bytes) => Ok(bytes),
        Err(ReadError::TooLarge) => Err(TransportError::TooLarge {
            path: path.to_owned(),
            limit,
        }),
        Err(ReadError::Io(source)) => Err(TransportError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

pub(crate) enum ReadError {
    Io(io::Error),
    TooLarge,
}

/// A file of at most `limit` bytes; none if it is not there.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ReadError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReadError::Io(error)),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(ReadError::Io)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(ReadError::TooLarge);
    }
    Ok(Some(bytes))
}

/// A root from an address that the user named, of at most [`limits::ROOT_BYTES`].
pub(crate) async fn get(client: &Client, url: Url) -> Result<Option<Vec<u8>>, TransportError> {
    let transport = HttpTransport {
        client: client.clone(),
        metadata: url.clone(),
        targets: url.clone(),
    };
    transport.get(url, limits::ROOT_BYTES).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_below_its_host() {
        let base = Url::parse("http://127.0.0.1:1/tuf/").unwrap();
        for (name, url) in [
            ("1.root.json", "http://127.0.0.1:1/tuf/1.root.json"),
            ("//evil/x", "http://127.0.0.1:1/tuf///evil/x"),
            ("http://evil/x", "http://127.0.0.1:1/tuf/http://evil/x"),
            ("a?b#c", "http://127.0.0.1:1/tuf/a%3Fb%23c"),
            ("1.a%2Fb.json", "http://127.0.0.1:1/tuf/1.a%2Fb.json"),
        ] {
            assert_eq!(below(&base, name).as_str(), url);
        }
    }
}
