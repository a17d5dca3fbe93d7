//! From the errors of the libraries below to [`Error`].

use std::{error::Error as StdError, io, sync::Arc, time::Duration};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{AlertDescription, CertificateError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use crate::error::{Error, Phase, ProxyFault, TlsFault};

/// How long a server may take to show that it speaks plain HTTP.
const PROBE: Duration = Duration::from_secs(2);

/// Who is spoken to.
pub(crate) struct Exchange {
    pub(crate) host: String,
    pub(crate) url: Url,
    pub(crate) proxy: Option<String>,
}

/// Why there was no answer.
pub(crate) async fn answer_error(error: reqwest::Error, exchange: &Exchange) -> Error {
    let error = error.without_url();
    if let Some(tls) = find::<rustls::Error>(&error) {
        return tls_error(tls, exchange).await;
    }
    if error.is_connect() {
        connect_error(&error, exchange).await
    } else {
        sent_error(&error, exchange)
    }
}

/// Why a body ended before its end.
pub(crate) fn body_error(error: reqwest::Error, host: &str) -> Error {
    tracing::debug!(host, cause = causes_text(&error.without_url()), "body cut");
    Error::Interrupted {
        host: host.to_owned(),
        phase: Phase::Body,
    }
}

/// All causes in one line, outermost first.
pub(crate) fn causes_text(error: &(dyn StdError + 'static)) -> String {
    let mut lines: Vec<String> = Vec::new();
    for cause in causes(error) {
        let line = cause.to_string();
        if !lines.iter().any(|before| before.ends_with(&line)) {
            lines.push(line);
        }
    }
    lines.join(": ")
}

async fn connect_error(error: &reqwest::Error, exchange: &Exchange) -> Error {
    if let Some(proxy) = &exchange.proxy {
        return Error::Proxy {
            proxy: proxy.clone(),
            reason: proxy_fault(error),
        };
    }
    let host = exchange.host.clone();
    if let Some(unresolved) = find::<Unresolved>(error) {
        return Error::Dns {
            host: unresolved.name.clone(),
            source: copy(&unresolved.source),
        };
    }
    if error.is_timeout() {
        return Error::ConnectTimeout { host };
    }
    let Some(io) = find_io(error) else {
        return Error::Other {
            host,
            detail: causes_text(error),
        };
    };
    match io.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectRefused { host },
        kind if is_cut(kind) && exchange.url.scheme() == "https" => {
            not_tls(
                exchange,
                TlsFault::Other("connection closed during the handshake".to_owned()),
            )
            .await
        }
        _ => Error::ConnectFailed {
            host,
            source: copy(io),
        },
    }
}

fn sent_error(error: &reqwest::Error, exchange: &Exchange) -> Error {
    let host = exchange.host.clone();
    if error.is_timeout() {
        return Error::Timeout {
            host,
            phase: Phase::Answer,
        };
    }
    let hyper = find::<hyper::Error>(error);
    if hyper.is_some_and(|hyper| hyper.is_parse()) {
        return Error::NotHttp { host };
    }
    let unfinished = hyper.is_some_and(|hyper| {
        hyper.is_incomplete_message()
            || hyper.is_canceled()
            || hyper.is_closed()
            // A stream or connection that the server reset; hyper has no question for it, only these words.
            || hyper.to_string() == "http2 error"
    });
    if unfinished || find_io(error).is_some_and(|io| is_cut(io.kind())) {
        return Error::Interrupted {
            host,
            phase: Phase::Answer,
        };
    }
    Error::Other {
        host,
        detail: causes_text(error),
    }
}

async fn tls_error(error: &rustls::Error, exchange: &Exchange) -> Error {
    match TlsFault::of(error) {
        TlsFault::NotTls => not_tls(exchange, TlsFault::NotTls).await,
        reason => Error::Tls {
            host: exchange.host.clone(),
            reason,
        },
    }
}

impl TlsFault {
    /// What a failed handshake means.
    pub fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::InvalidCertificate(certificate) => certificate_fault(certificate),
            rustls::Error::AlertReceived(
                AlertDescription::BadCertificate
                | AlertDescription::CertificateRequired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA,
            ) => Self::ClientCertificate,
            other => Self::Other(other.to_string()),
        }
    }
}

fn certificate_fault(error: &CertificateError) -> TlsFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFault::NotYetValid
        }
        CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
        CertificateError::NotValidForName => TlsFault::NameMismatch {
            presented: Vec::new(),
        },
        CertificateError::NotValidForNameContext { presented, .. } => TlsFault::NameMismatch {
            presented: presented.clone(),
        },
        other => TlsFault::Other(other.to_string()),
    }
}

fn proxy_fault(error: &reqwest::Error) -> ProxyFault {
    if find::<Unresolved>(error).is_some() {
        return ProxyFault::UnknownHost;
    }
    if find_io(error).is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
        return ProxyFault::ConnectRefused;
    }
    // The tunnel's error type is private to its crate; the test with a real proxy notices if its words change.
    let text = causes_text(error);
    if text.contains("proxy authorization required") {
        ProxyFault::AuthRequired
    } else if text.contains("tunnel error") {
        ProxyFault::Tunnel(text)
    } else {
        ProxyFault::ConnectFailed(text)
    }
}

/// What came back was not TLS. Asks once more in plain text, sending nothing of the request, to tell a plain HTTP
/// server from anything else.
async fn not_tls(exchange: &Exchange, otherwise: TlsFault) -> Error {
    let host = exchange.host.clone();
    let plain = exchange.proxy.is_none()
        && tokio::time::timeout(PROBE, speaks_plain_http(&exchange.url))
            .await
            .is_ok_and(|answer| answer.unwrap_or(false));
    if plain {
        Error::PlainHttpAnswer { host }
    } else {
        Error::Tls {
            host,
            reason: otherwise,
        }
    }
}

async fn speaks_plain_http(url: &Url) -> io::Result<bool> {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or_default();
    let mut stream = tokio::net::TcpStream::connect((host, port)).await?;
    stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await?;
    let mut start = [0; 5];
    stream.read_exact(&mut start).await?;
    Ok(&start == b"HTTP/")
}

/// The system's resolver, with an error that can be recognised again.
pub(crate) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs),
                Err(source) => Err(Unresolved {
                    name: name.as_str().to_owned(),
                    source: Arc::new(source),
                }
                .into()),
            }
        })
    }
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("no address for {name}")]
struct Unresolved {
    name: String,
    source: Arc<io::Error>,
}

fn is_cut(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The innermost I/O error: the outer ones only wrap.
fn find_io<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .last()
}

/// The error and its causes. `io::Error::source` skips the error it wraps, so that one is stepped into.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}
