//! Where the engine is, from what the user configured.

use std::fmt;
use std::path::{Path, PathBuf};

use net::{ClientIdentity, InsecureTls, Tls};

use crate::context::{self, Context};
use crate::error::EndpointFault;
use crate::files::{read_file, read_optional};

/// Docker's own default on Linux.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// The name that means "no context".
const DEFAULT_CONTEXT: &str = "default";
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// What decides where the engine is. Empty texts count as not given, as in docker.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// `-H`, `--host`.
    pub host_flag: Option<&'a str>,
    /// `-c`, `--context`.
    pub context_flag: Option<&'a str>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<&'a str>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<&'a str>,
    /// The folder of `config.json` and `contexts/`: `--config`, `DOCKER_CONFIG`, `~/.docker`.
    pub config_dir: Option<&'a Path>,
    /// For an address that no context gave.
    pub tls: TlsSources<'a>,
}

/// TLS as flags and variables say it; contexts bring their own.
#[derive(Clone, Debug, Default)]
pub struct TlsSources<'a> {
    /// Whether TLS is wanted.
    pub mode: TlsMode,
    /// `DOCKER_CERT_PATH`; by default the folder of `config.json`.
    pub cert_path: Option<&'a Path>,
    /// `--tlscacert`; by default `ca.pem` in that folder.
    pub ca_file: Option<&'a Path>,
    /// `--tlscert`; by default `cert.pem` in that folder, if it exists.
    pub cert_file: Option<&'a Path>,
    /// `--tlskey`; by default `key.pem` in that folder, if it exists.
    pub key_file: Option<&'a Path>,
}

/// Whether an engine over TCP is spoken to over TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Neither flag nor variable: plain TCP.
    #[default]
    Off,
    /// `--tls`, `DOCKER_TLS`, `--tlsverify=false`: encrypted, with whoever answers.
    Unverified,
    /// `--tlsverify`, `DOCKER_TLS_VERIFY`: the engine's certificate is verified.
    Verified,
}

/// Where the engine is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(crate) address: Address,
    origin: Origin,
}

/// How to reach the engine.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp {
        host: String,
        port: u16,
        tls: Option<Tls>,
    },
}

/// Which of the [`Sources`] won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `-H`.
    HostFlag,
    /// `DOCKER_HOST`.
    DockerHost,
    /// The context of this name.
    Context(String),
    /// Nothing was configured.
    Default,
}

impl Endpoint {
    /// Decides as docker 28 does: a context given by `--context`, or the address given by `-H`; else `DOCKER_HOST`; else
    /// the context of `DOCKER_CONTEXT`, else of `currentContext` in config.json; else the local socket, or with TLS
    /// wanted port 2376 of this machine. The context `default` stands for "no context": `DOCKER_HOST` or the socket.
    ///
    /// # Errors
    ///
    /// Whatever was chosen and cannot be used; the next in order is never taken instead.
    pub fn choose(sources: &Sources<'_>) -> Result<Self, EndpointFault> {
        let host_flag = given(sources.host_flag);
        let context_flag = given(sources.context_flag);
        if host_flag.is_some() && context_flag.is_some() {
            return Err(EndpointFault::Both);
        }
        let context = match (context_flag, host_flag.or(given(sources.docker_host))) {
            (Some(name), _) => Some(name.to_owned()),
            (None, Some(_)) => None,
            (None, None) => match given(sources.docker_context) {
                Some(name) => Some(name.to_owned()),
                None => context::current(sources.config_dir)?,
            },
        };
        match context.filter(|name| name != DEFAULT_CONTEXT) {
            Some(name) => Self::of_context(sources.config_dir, name),
            None => Self::of_host(host_flag, sources),
        }
    }

    /// The engine at a socket, as if by `-H`.
    pub fn unix(socket: impl Into<PathBuf>) -> Self {
        Self {
            address: Address::Unix(socket.into()),
            origin: Origin::HostFlag,
        }
    }

    /// Which of the sources decided.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether everything said to the engine, logins included, passes a network unencrypted.
    pub fn is_plain_tcp(&self) -> bool {
        matches!(self.address, Address::Tcp { tls: None, .. })
    }

    fn of_context(config_dir: Option<&Path>, name: String) -> Result<Self, EndpointFault> {
        let Context { host, tls } = context::read(config_dir, &name)?;
        let has_tls = tls.is_some();
        let address = parse_address(&host, has_tls)?.with_tls(tls);
        Ok(Self {
            address,
            origin: Origin::Context(name),
        })
    }

    fn of_host(host_flag: Option<&str>, sources: &Sources<'_>) -> Result<Self, EndpointFault> {
        let (text, origin) = match (host_flag, given(sources.docker_host)) {
            (Some(text), _) => (Some(text), Origin::HostFlag),
            (None, Some(text)) => (Some(text), Origin::DockerHost),
            (None, None) => (None, Origin::Default),
        };
        let wants_tls = sources.tls.mode != TlsMode::Off;
        let address = match text {
            Some(text) => parse_address(text, wants_tls)?,
            None if wants_tls => parse_address("tcp://localhost", true)?,
            None => Address::Unix(DEFAULT_SOCKET.into()),
        };
        let address = match address {
            Address::Tcp { .. } if wants_tls => {
                address.with_tls(Some(read_tls(&sources.tls, sources.config_dir)?))
            }
            other => other,
        };
        Ok(Self { address, origin })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Unix(socket) => write!(f, "unix://{}", socket.display()),
            Address::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

impl Address {
    /// TLS belongs to TCP only: on a socket file the permissions decide.
    fn with_tls(self, tls: Option<Tls>) -> Self {
        match self {
            Self::Tcp { host, port, .. } => Self::Tcp { host, port, tls },
            unix @ Self::Unix(_) => unix,
        }
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// `unix:///path`, `tcp://host[:port]`, `host:port`; as `docker/cli:opts/hosts.go`, but without paths after a port.
fn parse_address(text: &str, wants_tls: bool) -> Result<Address, EndpointFault> {
    let bad = || EndpointFault::BadAddress {
        text: text.to_owned(),
    };
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    match scheme {
        "unix" if rest.is_empty() => Ok(Address::Unix(DEFAULT_SOCKET.into())),
        "unix" if rest.contains("://") => Err(bad()),
        "unix" => Ok(Address::Unix(rest.into())),
        "tcp" => {
            let rest = match rest.trim_end_matches('/') {
                port if port.is_empty() || port.starts_with(':') => format!("localhost{port}"),
                rest => rest.to_owned(),
            };
            // The address grammar of URLs, without anything that a URL has besides.
            let url = url::Url::parse(&format!("docker://{rest}")).map_err(|_| bad())?;
            let bare = url.username().is_empty()
                && url.password().is_none()
                && url.path().is_empty()
                && url.query().is_none()
                && url.fragment().is_none();
            let host = url
                .host_str()
                .filter(|host| !host.is_empty())
                .ok_or_else(bad)?;
            if !bare {
                return Err(bad());
            }
            Ok(Address::Tcp {
                host: host.to_owned(),
                port: url
                    .port()
                    .unwrap_or(if wants_tls { TLS_PORT } else { PLAIN_PORT }),
                tls: None,
            })
        }
        other => Err(EndpointFault::Unsupported {
            scheme: other.to_owned(),
        }),
    }
}

/// The files of `DOCKER_CERT_PATH`. Only the named authority is trusted, as docker does.
fn read_tls(sources: &TlsSources<'_>, config_dir: Option<&Path>) -> Result<Tls, EndpointFault> {
    let folder = sources.cert_path.or(config_dir);
    let named = |flag: Option<&Path>, name: &str| match (flag, folder) {
        (Some(file), _) => Ok(file.to_owned()),
        (None, Some(folder)) => Ok(folder.join(name)),
        (None, None) => Err(EndpointFault::NoConfigDir),
    };
    if sources.mode == TlsMode::Unverified && folder.is_none() {
        return Ok(unverified(None));
    }
    let identity = identity(
        named(sources.cert_file, "cert.pem")?,
        named(sources.key_file, "key.pem")?,
        sources.cert_file.is_some(),
        sources.key_file.is_some(),
    )?;
    if sources.mode == TlsMode::Unverified {
        return Ok(unverified(identity));
    }
    Ok(Tls {
        extra_roots_pem: vec![read_file(&named(sources.ca_file, "ca.pem")?)?],
        client_identity: identity,
        ..Tls::default()
    })
}

pub(crate) fn unverified(identity: Option<ClientIdentity>) -> Tls {
    Tls {
        client_identity: identity,
        insecure: Some(InsecureTls::assertion_any_server_is_accepted()),
        ..Tls::default()
    }
}

/// A pair of files that may both be absent, unless the user named one.
pub(crate) fn identity(
    cert_file: PathBuf,
    key_file: PathBuf,
    cert_is_named: bool,
    key_is_named: bool,
) -> Result<Option<ClientIdentity>, EndpointFault> {
    let read = |file: &Path, is_named: bool| {
        if is_named {
            read_file(file).map(Some)
        } else {
            read_optional(file)
        }
    };
    let cert = read(&cert_file, cert_is_named)?;
    let key = read(&key_file, key_is_named)?.map(zeroize::Zeroizing::new);
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert_pem), Some(key_pem)) => Ok(Some(ClientIdentity { cert_pem, key_pem })),
        (Some(_), None) => Err(EndpointFault::HalfIdentity {
            present: cert_file,
            missing: key_file,
        }),
        (None, Some(_)) => Err(EndpointFault::HalfIdentity {
            present: key_file,
            missing: cert_file,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(sources: &Sources<'_>) -> (String, Origin) {
        let endpoint = Endpoint::choose(sources).unwrap();
        (endpoint.to_string(), endpoint.origin().clone())
    }

    fn at(text: &str) -> Result<String, EndpointFault> {
        Endpoint::choose(&Sources {
            docker_host: Some(text),
            ..Sources::default()
        })
        .map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn nothing_configured_is_the_local_socket() {
        let (text, origin) = chosen(&Sources::default());
        assert_eq!(text, "unix:///var/run/docker.sock");
        assert_eq!(origin, Origin::Default);
        let empty = Sources {
            docker_host: Some(""),
            docker_context: Some(""),
            ..Sources::default()
        };
        assert_eq!(chosen(&empty).1, Origin::Default);
    }

    #[test]
    fn addresses_are_read_as_docker_reads_them() {
        for (text, read) in [
            ("unix:///a/b.sock", "unix:///a/b.sock"),
            ("unix://", "unix:///var/run/docker.sock"),
            ("tcp://example.com:99", "tcp://example.com:99"),
            ("tcp://example.com", "tcp://example.com:2375"),
            ("tcp://example.com:99/", "tcp://example.com:99"),
            ("127.0.0.1:99", "tcp://127.0.0.1:99"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
            ("tcp://", "tcp://localhost:2375"),
            (" tcp://example.com:99 ", "tcp://example.com:99"),
        ] {
            assert_eq!(at(text).unwrap(), read, "{text}");
        }
        for bad in [
            "tcp://example.com:99/path",
            "tcp://user@example.com",
            "tcp://example.com:x",
            "tcp://example.com?x",
            "tcp://a b",
            "unix://tcp://x",
        ] {
            assert!(
                matches!(at(bad), Err(EndpointFault::BadAddress { text }) if text == bad),
                "{bad}"
            );
        }
        for (text, name) in [
            ("ssh://user@host", "ssh"),
            ("npipe:////./pipe/docker_engine", "npipe"),
            ("fd://3", "fd"),
            ("https://host", "https"),
        ] {
            assert!(
                matches!(at(text), Err(EndpointFault::Unsupported { scheme }) if scheme == name),
                "{text}"
            );
        }
    }

    #[test]
    fn the_order_is_dockers() {
        let folder = tempfile::tempdir().unwrap();
        context::tests::write(folder.path(), "variable", r#"{"Host":"unix:///variable"}"#);
        context::tests::write(folder.path(), "flag", r#"{"Host":"unix:///flag"}"#);
        context::tests::write(folder.path(), "config", r#"{"Host":"unix:///config"}"#);
        std::fs::write(
            folder.path().join("config.json"),
            r#"{"auths":{},"currentContext":"config"}"#,
        )
        .unwrap();
        let mut sources = Sources {
            config_dir: Some(folder.path()),
            ..Sources::default()
        };
        assert_eq!(
            chosen(&sources),
            ("unix:///config".into(), Origin::Context("config".into()))
        );
        sources.docker_context = Some("variable");
        assert_eq!(chosen(&sources).0, "unix:///variable");
        sources.docker_host = Some("unix:///host");
        assert_eq!(
            chosen(&sources),
            ("unix:///host".into(), Origin::DockerHost)
        );
        sources.context_flag = Some("flag");
        assert_eq!(chosen(&sources).0, "unix:///flag");
        sources.context_flag = Some("default");
        assert_eq!(chosen(&sources).0, "unix:///host");
        sources.context_flag = None;
        sources.host_flag = Some("unix:///host-flag");
        assert_eq!(
            chosen(&sources),
            ("unix:///host-flag".into(), Origin::HostFlag)
        );
        sources.context_flag = Some("flag");
        assert!(matches!(
            Endpoint::choose(&sources),
            Err(EndpointFault::Both)
        ));
    }

    #[test]
    fn tls_is_never_dropped_because_a_file_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Sources {
            docker_host: Some("tcp://example.com"),
            config_dir: Some(folder.path()),
            tls: TlsSources {
                mode: TlsMode::Verified,
                ..TlsSources::default()
            },
            ..Sources::default()
        };
        assert!(matches!(
            Endpoint::choose(&sources),
            Err(EndpointFault::Unreadable { path, .. }) if path.ends_with("ca.pem")
        ));
        std::fs::write(folder.path().join("ca.pem"), "x").unwrap();
        let endpoint = Endpoint::choose(&sources).unwrap();
        assert_eq!(endpoint.to_string(), "tcp://example.com:2376");
        assert!(!endpoint.is_plain_tcp());
        std::fs::write(folder.path().join("cert.pem"), "x").unwrap();
        assert!(matches!(
            Endpoint::choose(&sources),
            Err(EndpointFault::HalfIdentity { missing, .. }) if missing.ends_with("key.pem")
        ));
        sources.docker_host = None;
        std::fs::write(folder.path().join("key.pem"), "x").unwrap();
        assert_eq!(chosen(&sources).0, "tcp://localhost:2376");
        sources.docker_host = Some("unix:///x");
        assert_eq!(chosen(&sources).0, "unix:///x");
    }
}
