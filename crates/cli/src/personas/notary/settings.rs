//! Flags and the configuration file, as one value.
//!
//! Notary lower-cases every key of its configuration, so that a pin for a GUN with capitals never matches and the
//! first root seen is trusted. Here names of GUNs are compared exactly.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pki::certificate::CertificateBundle;
use pki::key::TufKeyId;
use serde::Deserialize;
use trust::TrustServer;
use tuf::pins::Pins;
use zeroize::Zeroizing;

use super::error::{ConfigFault, Error};
use super::table::{CONFIG_FILE, SERVER, TLS_CA, TLS_CERT, TLS_KEY, TRUST_DIR};
use crate::cobra::Matches;
use crate::env;
use crate::process::Process;

const DEFAULT_SERVER: &str = "https://notary-server:4443";
/// Largest configuration, certificate or key file read, bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Everything a command needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Keys and cached metadata.
    pub trust_dir: PathBuf,
    /// The server's address as given, not yet checked: `key list` does not need it.
    pub server: String,
    /// The only roots to trust, instead of the system's.
    pub root_ca: Option<PathBuf>,
    /// The client certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    pins: PinSettings,
    /// The configuration file's folder, which its paths are relative to.
    folder: PathBuf,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigFile {
    trust_dir: String,
    remote_server: RemoteServer,
    trust_pinning: PinSettings,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RemoteServer {
    url: String,
    root_ca: String,
    tls_client_cert: String,
    tls_client_key: String,
    #[serde(rename = "skipTLSVerify")]
    skip_tls_verify: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PinSettings {
    /// Checked when they are needed: notary refuses their form with a sentence of its own.
    certs: serde_json::Value,
    ca: BTreeMap<String, String>,
    disable_tofu: bool,
}

impl Settings {
    /// Reads the configuration file and puts the flags over it.
    ///
    /// # Errors
    /// [`Error::ConfigFile`], [`Error::SkipTlsVerify`], [`Error::ClientPair`], [`Error::NoHome`].
    pub(super) fn read(process: &Process, matches: &Matches) -> Result<Self, Error> {
        let (file, path) = config_file(process, matches)?;
        if file.remote_server.skip_tls_verify {
            return Err(Error::SkipTlsVerify { path });
        }
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let beside = |text: &str| (!text.is_empty()).then(|| folder.join(text));
        let flag = |flag| {
            let given = matches.given(flag).filter(|text| !text.is_empty());
            given.map(|text| process.resolve(Path::new(text)))
        };
        let remote = &file.remote_server;
        let client = match (
            flag(&TLS_CERT).or_else(|| beside(&remote.tls_client_cert)),
            flag(&TLS_KEY).or_else(|| beside(&remote.tls_client_key)),
        ) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(Error::ClientPair),
        };
        let trust_dir = match flag(&TRUST_DIR) {
            Some(folder) => folder,
            None => expand(process, &file.trust_dir)?,
        };
        let server = matches.given(&SERVER).filter(|text| !text.is_empty());
        let server = server.unwrap_or(match remote.url.as_str() {
            "" => DEFAULT_SERVER,
            url => url,
        });
        Ok(Self {
            trust_dir,
            server: server.to_owned(),
            root_ca: flag(&TLS_CA).or_else(|| beside(&remote.root_ca)),
            client,
            pins: file.trust_pinning,
            folder,
        })
    }

    /// The server to ask.
    ///
    /// # Errors
    /// [`Error::ServerAddress`], [`Error::PlainHttp`], [`Error::ServerForm`].
    pub fn trust_server(&self) -> Result<TrustServer, Error> {
        let text = || self.server.clone();
        TrustServer::parse(&self.server).map_err(|error| match net::parse_url(&self.server) {
            // What was refused may hold a password; the error's own text does not.
            Err(net::Error::BadUrl { .. }) if !self.server.contains(':') => {
                Error::ServerForm { text: error.text }
            }
            Err(net::Error::BadUrl { reason, .. }) => Error::ServerAddress {
                text: error.text,
                problem: reason.to_string(),
            },
            Ok(url) if url.scheme() == "http" => Error::PlainHttp { text: text() },
            _ => Error::ServerForm { text: error.text },
        })
    }

    /// Whom to believe that it is the server.
    ///
    /// # Errors
    /// [`Error::TlsFile`].
    pub fn tls(&self) -> Result<net::Tls, Error> {
        let mut tls = net::Tls {
            system_roots: self.root_ca.is_none(),
            ..net::Tls::default()
        };
        if let Some(path) = &self.root_ca {
            tls.extra_roots_pem.push(tls_file("CA certificate", path)?);
        }
        if let Some((certificate, key)) = &self.client {
            tls.client_identity = Some(net::ClientIdentity {
                cert_pem: tls_file("client certificate", certificate)?,
                key_pem: Zeroizing::new(tls_file("client key", key)?),
            });
        }
        Ok(tls)
    }

    /// Which roots are acceptable.
    ///
    /// # Errors
    /// [`Error::PinnedCertificates`], [`Error::PinnedAuthority`].
    pub fn pins(&self) -> Result<Pins, Error> {
        let mut pins = Pins::none();
        let certificates = match &self.pins.certs {
            serde_json::Value::Null => BTreeMap::new(),
            value => BTreeMap::<String, Vec<String>>::deserialize(value)
                .map_err(|_| Error::PinnedCertificates)?,
        };
        for (gun, ids) in certificates {
            let ids: Result<Vec<_>, _> = ids.iter().map(|id| TufKeyId::parse_hex(id)).collect();
            pins = pins.with_certificates(&gun, ids.map_err(|_| Error::PinnedCertificates)?);
        }
        for (prefix, path) in &self.pins.ca {
            let path = self.folder.join(path);
            let text = read_file(&path).map_err(|source| Error::PinnedAuthority {
                path: path.clone(),
                problem: source.to_string(),
            })?;
            let bundle =
                CertificateBundle::parse_pem(&text).map_err(|error| Error::PinnedAuthority {
                    path: path.clone(),
                    problem: error.to_string(),
                })?;
            pins = pins.with_authorities(prefix, bundle);
        }
        Ok(if self.pins.disable_tofu {
            pins.without_tofu()
        } else {
            pins
        })
    }
}

/// The file that `-c` names, which must exist, or the user's own, which need not.
fn config_file(process: &Process, matches: &Matches) -> Result<(ConfigFile, PathBuf), Error> {
    let named = matches.given(&CONFIG_FILE).filter(|text| !text.is_empty());
    let path = match named {
        Some(text) => process.resolve(Path::new(text)),
        None => home(process)?.join(".notary/config.json"),
    };
    let failed = |fault| Error::ConfigFile {
        path: PathBuf::from(named.unwrap_or_default()),
        fault,
    };
    match read_file(&path) {
        Ok(bytes) => parse(&bytes)
            .map_err(|source| failed(ConfigFault::Malformed(source)))
            .map(|file| (file, path)),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            Ok((ConfigFile::default(), path))
        }
        Err(error) => Err(failed(ConfigFault::Read(error))),
    }
}

/// An object; serde would take a list for one.
fn parse(bytes: &[u8]) -> serde_json::Result<ConfigFile> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes)?;
    ConfigFile::deserialize(serde_json::Value::Object(object))
}

fn home(process: &Process) -> Result<&Path, Error> {
    process.path_var(env::HOME.name).ok_or(Error::NoHome)
}

/// `trust_dir` of the configuration: relative to the working directory, `~/` for the home folder.
fn expand(process: &Process, trust_dir: &str) -> Result<PathBuf, Error> {
    Ok(match (trust_dir, trust_dir.strip_prefix("~/")) {
        ("", _) => home(process)?.join(".notary"),
        (_, Some(rest)) => home(process)?.join(rest),
        (path, None) => PathBuf::from(path),
    })
}

fn tls_file(what: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    read_file(path).map_err(|source| Error::TlsFile {
        what,
        path: path.to_owned(),
        source,
    })
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
