use std::io;

/// Why a request gave no usable answer. `host` is `host:port` as it was dialled; no field holds a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A redirect that is not followed.
    #[error("redirect from {from} refused: {reason}")]
    BadRedirect {
        /// The address that answered, without secrets.
        from: String,
        /// What is wrong with it.
        reason: RedirectFault,
    },
    /// Roots or client identity of [`crate::Tls`] that cannot be used.
    #[error("TLS configuration, {part}: {detail}")]
    BadTlsConfig {
        /// Which part cannot be used.
        part: TlsPart,
        /// What is wrong with it.
        detail: String,
    },
    /// An address that is not a plain `http` or `https` URL.
    #[error("address {url}: {reason}")]
    BadUrl {
        /// The text, without secrets.
        url: String,
        /// What is wrong with it.
        reason: UrlFault,
    },
    /// No connection, for another reason than refusal or time: no route, network down, address in use.
    #[error("connecting to {host}: {source}")]
    ConnectFailed {
        /// `host:port`.
        host: String,
        /// As the operating system says it.
        source: io::Error,
    },
    /// Nobody listens there.
    #[error("connection to {host} refused")]
    ConnectRefused {
        /// `host:port`.
        host: String,
    },
    /// TCP and TLS set-up took longer than [`crate::Config::connect_timeout`].
    #[error("connecting to {host} timed out")]
    ConnectTimeout {
        /// `host:port`.
        host: String,
    },
    /// The name has no address.
    #[error("no address for {host}: {source}")]
    Dns {
        /// The name alone.
        host: String,
        /// As the resolver says it.
        source: io::Error,
    },
    /// The connection ended before the exchange did. In [`Phase::Body`] the answer's body is cut.
    #[error("connection to {host} ended early ({phase})")]
    Interrupted {
        /// `host:port`.
        host: String,
        /// How far the exchange had come.
        phase: Phase,
    },
    /// The answer is not HTTP: for instance a TLS port spoken to in plain text.
    #[error("{host} did not answer in HTTP")]
    NotHttp {
        /// `host:port`.
        host: String,
    },
    /// None of the kinds above.
    #[error("{host}: {detail}")]
    Other {
        /// `host:port`.
        host: String,
        /// The causes, outermost first.
        detail: String,
    },
    /// The server of an `https` address speaks plain HTTP.
    #[error("{host} answered in plain HTTP on an https address")]
    PlainHttpAnswer {
        /// `host:port`.
        host: String,
    },
    /// The proxy, not the server, failed.
    #[error("proxy {proxy}: {reason}")]
    Proxy {
        /// The proxy's address without credentials.
        proxy: String,
        /// How it failed.
        reason: ProxyFault,
    },
    /// The caller's own body stream failed while it was being sent.
    #[error("reading the body to send: {source}")]
    RequestBody {
        /// The stream's error.
        source: io::Error,
    },
    /// Nothing moved for [`crate::Config::read_timeout`], or [`crate::Config::total_timeout`] ran out.
    #[error("{host} timed out ({phase})")]
    Timeout {
        /// `host:port`.
        host: String,
        /// What was waited for.
        phase: Phase,
    },
    /// The TLS handshake failed.
    #[error("TLS with {host}: {reason}")]
    Tls {
        /// `host:port`.
        host: String,
        /// Why.
        reason: TlsFault,
    },
    /// The body is longer than the caller allows.
    #[error("answer longer than {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
}

/// How far an exchange had come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Sending the request, or waiting for the head of the answer.
    Answer,
    /// Reading the body of the answer.
    Body,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Answer => "waiting for the answer",
            Self::Body => "reading the body",
        })
    }
}

/// What a proxy did.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyFault {
    /// It wants credentials, or other ones (407).
    #[error("authentication required")]
    AuthRequired,
    /// It does not answer a connection attempt.
    #[error("connection failed: {0}")]
    ConnectFailed(String),
    /// Nobody listens there.
    #[error("connection refused")]
    ConnectRefused,
    /// It would not open a tunnel to the server.
    #[error("tunnel refused: {0}")]
    Tunnel(String),
    /// Its name has no address.
    #[error("no address for its name")]
    UnknownHost,
    /// Its configured address is not a URL.
    #[error("not an http or https address")]
    Url,
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectFault {
    /// The body was a stream, which is spent.
    #[error("the body cannot be sent again")]
    BodySpent,
    /// From https to http.
    #[error("it leads from https to http, at {to}")]
    Downgrade {
        /// The target, without secrets.
        to: String,
    },
    /// No `Location`, or one that is not an address.
    #[error("its location is missing or not an address")]
    Location,
    /// More than the caller allows.
    #[error("more than {max} redirects")]
    TooMany {
        /// The bound.
        max: u8,
    },
}

/// What is wrong with an address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlFault {
    /// `user:password@` in it: credentials travel in headers only.
    #[error("credentials inside the address")]
    Credentials,
    /// Not an absolute URL.
    #[error("not a URL: {0}")]
    Malformed(String),
    /// Neither `http` nor `https`, or without a host.
    #[error("neither http nor https")]
    Scheme,
}

/// A part of [`crate::Tls`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsPart {
    /// [`crate::ClientIdentity::cert_pem`].
    #[error("client certificate")]
    ClientCertificate,
    /// [`crate::ClientIdentity::key_pem`].
    #[error("client key")]
    ClientKey,
    /// The protocol versions.
    #[error("protocol")]
    Protocol,
    /// One of [`crate::Tls::extra_roots_pem`].
    #[error("root file {index}")]
    Root {
        /// Its place in the list, from 0.
        index: usize,
    },
}

/// Why a TLS handshake failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The server wants a client certificate, or another one.
    #[error("the server refused the client certificate")]
    ClientCertificate,
    /// Past its last day.
    #[error("certificate expired")]
    Expired,
    /// For other names than the one dialled.
    #[error("certificate is for {}", presented.join(", "))]
    NameMismatch {
        /// The names in the certificate.
        presented: Vec<String>,
    },
    /// What came back was not TLS.
    #[error("not a TLS server")]
    NotTls,
    /// Before its first day.
    #[error("certificate not valid yet")]
    NotYetValid,
    /// Anything else, in the words of the TLS library.
    #[error("{0}")]
    Other(String),
    /// Not signed by a trusted root.
    #[error("certificate of an unknown issuer")]
    UnknownIssuer,
}
