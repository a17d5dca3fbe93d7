//! Docker's TLS folders: `tls/<host[:port]>/` for trust servers, `/etc/docker/certs.d/<host[:port]>/` for registries.
//!
//! Upstream: `moby/moby:registry/registry.go` (`ReadCertsDirectory`), the same rules for both.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::docker_config::read_bounded;
use crate::error::ConfigError;

/// Largest certificate or key file read, bytes.
const PEM_MAX: u64 = 1024 * 1024;

/// What one folder adds for one host.
#[derive(Clone, Debug, Default)]
pub struct HostTls {
    /// Each `*.crt`: certificates to trust, besides the system's.
    pub roots_pem: Vec<Vec<u8>>,
    /// The first pair `X.cert` and `X.key` by name: who we are.
    pub client_identity: Option<net::ClientIdentity>,
}

impl HostTls {
    /// Reads `<base>/<host>/`; without that folder nothing is added.
    ///
    /// # Errors
    /// A certificate without its key or the other way round, and any file that cannot be read.
    pub fn read(base: &Path, host: &str) -> Result<Self, ConfigError> {
        // Host names come from references and URLs; neither may name another folder.
        if host.is_empty() || host.starts_with('.') || host.contains(['/', '\\']) {
            return Ok(Self::default());
        }
        let folder = base.join(host);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => {
                return Err(ConfigError::Read {
                    path: folder,
                    source,
                });
            }
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| ConfigError::Read {
                path: folder.clone(),
                source,
            })?;
            names.extend(entry.file_name().into_string());
        }
        names.sort();
        Self::from_names(&folder, &names)
    }

    /// These additions and, if asked, the system's roots.
    #[must_use]
    pub fn into_tls(self, system_roots: bool) -> net::Tls {
        net::Tls {
            system_roots,
            extra_roots_pem: self.roots_pem,
            client_identity: self.client_identity,
            insecure: None,
        }
    }

    fn from_names(folder: &Path, names: &[String]) -> Result<Self, ConfigError> {
        let has = |name: &str| names.iter().any(|known| known == name);
        let read = |name: &str| {
            let path = folder.join(name);
            read_bounded(&path, PEM_MAX)?.ok_or_else(|| ConfigError::Read {
                path,
                source: io::ErrorKind::NotFound.into(),
            })
        };
        let mut tls = Self::default();
        for name in names {
            if name.ends_with(".crt") {
                tls.roots_pem.push(read(name)?.to_vec());
            } else if let Some(stem) = name.strip_suffix(".cert") {
                let key = format!("{stem}.key");
                if !has(&key) {
                    return Err(ConfigError::MissingClientKey {
                        certificate: name.clone(),
                        key,
                    });
                }
                if tls.client_identity.is_none() {
                    let cert_pem = read(name)?.to_vec();
                    let key_pem = Zeroizing::new(read(&key)?.to_vec());
                    tls.client_identity = Some(net::ClientIdentity { cert_pem, key_pem });
                }
            } else if let Some(stem) = name.strip_suffix(".key") {
                let certificate = format!("{stem}.cert");
                if !has(&certificate) {
                    return Err(ConfigError::MissingClientCertificate {
                        key: name.clone(),
                        certificate,
                    });
                }
            }
        }
        Ok(tls)
    }
}
