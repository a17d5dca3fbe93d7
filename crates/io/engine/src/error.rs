//! What can go wrong between us and an engine.

use std::io;
use std::path::PathBuf;

use http::StatusCode;

use crate::version::ApiVersion;

/// Why the engine did not do what was asked. `endpoint` is the engine's address as in `DOCKER_HOST`; no field holds a
/// credential. `message` is the engine's own text, unchecked: it may contain anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Where the engine is cannot be told from what the user configured.
    #[error("the engine's address: {0}")]
    BadEndpoint(#[from] EndpointFault),
    /// The engine cannot do it now, such as naming a container as another one is named (409).
    #[error("the engine answers a conflict: {message}")]
    Conflict {
        /// The engine's words.
        message: String,
    },
    /// No connection, for another reason than the ones with a name of their own.
    #[error("connecting to {endpoint}: {source}")]
    ConnectFailed {
        /// Who was called.
        endpoint: String,
        /// As the operating system says it.
        source: io::Error,
    },
    /// The engine, or a plugin or proxy before it, forbids it (403).
    #[error("the engine denies it: {message}")]
    Denied {
        /// The engine's words.
        message: String,
    },
    /// The connection ended before the exchange did; whether the engine finished is unknown.
    #[error("the connection to {endpoint} ended early")]
    Interrupted {
        /// Who was spoken to.
        endpoint: String,
    },
    /// The answer is not what the Engine API defines.
    #[error("the engine's answer to {request} is malformed: {detail}")]
    Malformed {
        /// Such as `GET /images/x/json`.
        request: String,
        /// What is wrong with it.
        detail: String,
    },
    /// It is not there (404): the image, for a pull also the image in the registry.
    #[error("{what} not found: {message}")]
    NotFound {
        /// What was asked for: an image reference or id.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// Nobody listens at the address, or the socket does not exist.
    #[error("no engine at {endpoint}")]
    NotRunning {
        /// Who was called.
        endpoint: String,
    },
    /// The user may not use the socket.
    #[error("no permission for the socket {}", socket.display())]
    PermissionDenied {
        /// The socket.
        socket: PathBuf,
    },
    /// The caller's own stream failed while it was being sent.
    #[error("reading what is to be sent: {source}")]
    RequestBody {
        /// The stream's error.
        source: io::Error,
    },
    /// Any other status than success.
    #[error("the engine answers {status}: {message}")]
    Server {
        /// The status.
        status: StatusCode,
        /// The engine's words.
        message: String,
    },
    /// An error reported inside a stream that began with success. A push, pull or build that failed ends so; what the
    /// registry said is part of the text.
    #[error("the engine reports: {message}")]
    Stream {
        /// The engine's words.
        message: String,
        /// `errorDetail.code`: the exit code of a build step.
        code: Option<i64>,
    },
    /// Nothing came for longer than [`crate::Config`] allows.
    #[error("{endpoint} does not answer")]
    Timeout {
        /// Who was spoken to.
        endpoint: String,
    },
    /// The TLS handshake failed, or the engine wants TLS and none is configured ([`net::TlsFault::NotTls`] is the
    /// opposite case).
    #[error("TLS with {endpoint}: {reason}")]
    Tls {
        /// Who was called.
        endpoint: String,
        /// Why.
        reason: TlsFault,
    },
    /// More than is accepted of one line, one answer or one stream.
    #[error("the engine's answer to {request} is longer than {limit} bytes")]
    TooLarge {
        /// Such as `GET /images/x/json`.
        request: String,
        /// Bytes.
        limit: u64,
    },
    /// The engine no longer speaks the newest version that we do.
    #[error("the engine speaks API {minimum} or newer, we speak {ours} at most")]
    TooNew {
        /// The oldest version of the engine.
        minimum: ApiVersion,
        /// The newest version of ours, or the one the user asked for.
        ours: ApiVersion,
    },
    /// The engine does not know the oldest version that we speak.
    #[error("the engine speaks API {theirs} at most, we need {needed}")]
    TooOld {
        /// The newest version of the engine.
        theirs: ApiVersion,
        /// The oldest version of ours, or the one the user asked for.
        needed: ApiVersion,
    },
    /// The engine wants credentials (401).
    #[error("the engine wants a login: {message}")]
    Unauthorized {
        /// The engine's words.
        message: String,
    },
}

/// Why TLS with the engine does not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The certificates configured for it cannot be used.
    #[error("{0}")]
    Config(net::Error),
    /// The handshake failed.
    #[error("{0}")]
    Handshake(net::TlsFault),
    /// The engine speaks TLS, and the user configured plain TCP.
    #[error("the engine wants TLS")]
    Wanted,
}

/// What is wrong with the user's choice of an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointFault {
    /// A host and a context on the same command line.
    #[error("--host and --context given together")]
    Both,
    /// A folder or file of the docker configuration is needed, and there is no such folder.
    #[error("no folder for the docker configuration")]
    NoConfigDir,
    /// The context does not exist.
    #[error("context {name:?} not found: no {}", path.display())]
    NoContext {
        /// Its name.
        name: String,
        /// The file that should describe it.
        path: PathBuf,
    },
    /// The context has no endpoint for docker.
    #[error("context {name:?} has no docker endpoint")]
    NoDockerEndpoint {
        /// Its name.
        name: String,
    },
    /// A file cannot be read.
    #[error("reading {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// As the operating system says it.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {detail}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The address is not one.
    #[error("address {text:?} is malformed")]
    BadAddress {
        /// As configured.
        text: String,
    },
    /// A way of reaching an engine that we do not go: `ssh`, `npipe`, `fd`, `http`.
    #[error("engines at {scheme}:// are not supported")]
    Unsupported {
        /// The part before `://`.
        scheme: String,
    },
    /// A client certificate without its key, or the other way round.
    #[error("{} is there without {}", present.display(), missing.display())]
    HalfIdentity {
        /// The file that is there.
        present: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
}
