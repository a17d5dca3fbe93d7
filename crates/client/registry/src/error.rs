//! What can go wrong between us and a registry. Sentences for users are made at the edge.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use oci::{BlobMismatch, ChallengeError, Digest, DigestMismatch, ManifestError};

pub use crate::server_error::ServerMessage;

/// A request to a registry, token server or trust server that did not give what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes of a blob that are not the blob asked for.
    #[error("blob: {0}")]
    BlobMismatch(#[from] BlobMismatch),
    /// Docker's configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Others rewrite a tag so often that no write of ours stays. What else was written may be found or not.
    #[error("{host}: the tag {tag} was overwritten after each of {writes} writes")]
    Contended {
        /// `host[:port]` of the registry.
        host: String,
        /// The tag.
        tag: oci::Tag,
        /// How many times it was written.
        writes: usize,
    },
    /// 403: we are known, but may not do this.
    #[error("{host} denies access")]
    Denied {
        /// `host[:port]` of the server.
        host: String,
        /// What it says.
        server: Option<ServerMessage>,
    },
    /// A manifest whose bytes are not what was asked for, or not what the registry's own header says.
    #[error(transparent)]
    DigestMismatch(#[from] Box<DigestMismatch>),
    /// Not a host to connect to (its port is out of range), or the reference names another registry than this one.
    #[error("wrong registry host {host:?}")]
    Host {
        /// `host[:port]`.
        host: String,
    },
    /// A credential helper failed. Going on as nobody would hide why access is refused later.
    #[error(transparent)]
    Helper(#[from] HelperError),
    /// The connection ended, or went quiet, in the middle of an exchange.
    #[error("exchange cut: {source}")]
    Interrupted {
        /// What happened.
        source: net::Error,
    },
    /// An answer that breaks the protocol.
    #[error("{host} breaks the protocol: {fault}")]
    Malformed {
        /// `host[:port]` of the server.
        host: String,
        /// How.
        fault: Fault,
    },
    /// The reference has neither tag nor digest, so it names no image.
    #[error("reference without tag and digest")]
    NameOnly,
    /// 404.
    #[error("{host} has no such {what}")]
    NotFound {
        /// `host[:port]` of the server.
        host: String,
        /// What was asked for.
        what: Resource,
        /// What it says.
        server: Option<ServerMessage>,
    },
    /// Plain HTTP was asked for with a registry that is not on this machine.
    #[error("plain HTTP refused for {host}: not a loopback address")]
    PlainHttp {
        /// `host[:port]` of the registry.
        host: String,
    },
    /// 429.
    #[error("{host} limits the rate of requests")]
    RateLimited {
        /// `host[:port]` of the server.
        host: String,
        /// How long it says to wait.
        retry_after: Option<Duration>,
        /// What it says.
        server: Option<ServerMessage>,
    },
    /// The token given for the registry cannot be sent in a header.
    #[error("the token for the registry has characters that no header can have")]
    RegistryToken,
    /// Any other status that is no success.
    #[error("{host} answered {status}")]
    ServerError {
        /// `host[:port]` of the server.
        host: String,
        /// HTTP status.
        status: u16,
        /// What it says.
        server: Option<ServerMessage>,
    },
    /// The body to push could not be read.
    #[error("reading what to push: {source}")]
    Source {
        /// The reader's error.
        source: io::Error,
    },
    /// The server's certificate is not trusted, or TLS failed otherwise.
    #[error("TLS with {host}: {reason}")]
    TlsUntrusted {
        /// `host:port` as dialled.
        host: String,
        /// Why.
        reason: net::TlsFault,
    },
    /// An answer longer than is read, or 413: what we sent is larger than the server takes.
    #[error("{what} too large")]
    TooLarge {
        /// Which side is too large.
        what: Oversize,
    },
    /// 401 after everything we could offer.
    #[error("{host} refuses our credentials")]
    Unauthorized {
        /// `host[:port]` of the server that refused: the registry or its token server.
        host: String,
        /// False when there was nobody to log in as.
        with_credentials: bool,
        /// What it says.
        server: Option<ServerMessage>,
    },
    /// No exchange took place: no address, no connection, proxy trouble.
    #[error("unreachable: {source}")]
    Unreachable {
        /// What happened.
        source: net::Error,
    },
    /// The place for pulled bytes could not be written.
    #[error("writing what was pulled: {source}")]
    Write {
        /// The writer's error.
        source: io::Error,
    },
}

/// What a request was about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Resource {
    /// A blob.
    #[error("blob {0}")]
    Blob(Box<Digest>),
    /// A manifest by tag or digest.
    #[error("manifest {0}")]
    Manifest(String),
    /// A repository: its tag list, its uploads.
    #[error("repository")]
    Repository,
    /// The registry API itself.
    #[error("registry API")]
    Api,
    /// A token, at the token server.
    #[error("token server")]
    TokenServer,
    /// An upload session.
    #[error("upload session")]
    Upload,
}

/// What is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Oversize {
    /// The answer of the server.
    #[error("answer of more than {limit} bytes")]
    Answer {
        /// The most that is read, bytes.
        limit: u64,
    },
    /// Our request (413).
    #[error("request")]
    Request,
}

/// How an answer breaks the protocol.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// `WWW-Authenticate` cannot be read.
    #[error("challenge: {0}")]
    Challenge(#[from] ChallengeError),
    /// 401 without a challenge, or with none that we can answer.
    #[error("no usable challenge, offered {offered:?}")]
    NoChallenge {
        /// Schemes it offers.
        offered: Vec<String>,
    },
    /// `Docker-Content-Digest` is not a digest.
    #[error("digest header {text:?}")]
    DigestHeader {
        /// What it is.
        text: String,
    },
    /// The body is not the JSON it should be.
    #[error("body: {0}")]
    Json(#[from] serde_json::Error),
    /// A page of a list points to a page seen before, or there are more than are read.
    #[error("list without end after {pages} pages")]
    ListWithoutEnd {
        /// Pages read.
        pages: usize,
    },
    /// `Location` or `Link` is missing, unreadable, or leads from https to http or (for a list) to another host.
    #[error("target {text:?}")]
    Location {
        /// What it is, without its query.
        text: String,
    },
    /// The manifest cannot be used.
    #[error("manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// The realm of a token challenge is not an https address.
    #[error("token server {realm:?} is not an https address")]
    Realm {
        /// What it is.
        realm: String,
    },
    /// A tag or name in a list is none.
    #[error("name {text:?} in a list")]
    Name {
        /// What it is.
        text: String,
    },
    /// After a chunk, the registry says that it has other bytes than were sent.
    #[error("upload is not at byte {sent}")]
    UploadRange {
        /// Offset of the last byte sent.
        sent: u64,
    },
    /// The token server's answer has no token, or one that cannot be sent.
    #[error("no usable token")]
    Token,
}

/// Why docker's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The `auth` text of an entry is not base64 of `user:password`.
    #[error("login of {key:?} is not base64 of user:password")]
    BadAuth {
        /// Key of the entry.
        key: String,
    },
    /// Not JSON of the right shape.
    #[error("{}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// `DOCKER_AUTH_CONFIG` is not JSON of the right shape.
    #[error("DOCKER_AUTH_CONFIG: {source}")]
    MalformedAuthConfig {
        /// Where and why.
        source: serde_json::Error,
    },
    /// `X.key` without `X.cert`.
    #[error("missing client certificate {certificate} for key {key}")]
    MissingClientCertificate {
        /// File name of the key.
        key: String,
        /// File name that is missing.
        certificate: String,
    },
    /// `X.cert` without `X.key`.
    #[error("missing key {key} for client certificate {certificate}")]
    MissingClientKey {
        /// File name of the certificate.
        certificate: String,
        /// File name that is missing.
        key: String,
    },
    /// The file or folder exists but cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than is read.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, bytes.
        limit: u64,
    },
}

/// A credential helper that gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("{helper}: {fault}")]
pub struct HelperError {
    /// Name of the program.
    pub helper: String,
    /// What happened.
    pub fault: HelperFault,
}

/// What happened to a credential helper.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperFault {
    /// It ended well but what it wrote is not a login.
    #[error("answer is not a login")]
    BadAnswer,
    /// The configured name has characters that no helper's name has.
    #[error("not a helper's name")]
    BadName,
    /// It ended with an error.
    #[error("{message}")]
    Failed {
        /// Exit code; none when a signal ended it.
        status: Option<i32>,
        /// What it wrote, cut and without control characters.
        message: String,
    },
    /// It cannot be started or spoken to.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No such program on the search path.
    #[error("not installed")]
    NotInstalled,
    /// It did not end in time and was stopped.
    #[error("no answer within {} s", limit.as_secs())]
    Timeout {
        /// How long it was waited for.
        limit: Duration,
    },
    /// It wrote more than is read.
    #[error("answer of more than {limit} bytes")]
    TooLong {
        /// The most that is read, bytes.
        limit: u64,
    },
}

impl From<net::Error> for Error {
    fn from(error: net::Error) -> Self {
        match error {
            net::Error::Tls { host, reason } => Self::TlsUntrusted { host, reason },
            net::Error::TooLarge { limit } => Self::TooLarge {
                what: Oversize::Answer { limit },
            },
            net::Error::RequestBody { source } => Self::Source { source },
            net::Error::Interrupted { .. }
            | net::Error::Timeout { .. }
            | net::Error::NotHttp { .. } => Self::Interrupted { source: error },
            _ => Self::Unreachable { source: error },
        }
    }
}
