//! The data folder of `serve`: a certificate authority of its own, a TLS certificate, the secret that seals the trust
//! server's keys, and the folders of the roles. Made on first start, kept for ever after.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use pki::certificate::{CertificateBundle, IssuedServer, LocalCa, LocalCaError, SubjectName};
use pki::digest::Sha256;
use pki::envelope;
use pki::keyfile::Passphrase;
use pki::signing::{ProviderError, SigningKey};
use store::files::{self, Mode};
use thiserror::Error;
use zeroize::Zeroizing;

/// How long the TLS certificate of a server lasts; it is renewed by the first start in its last third.
const TLS_DAYS: i64 = 820;

/// Most bytes of a file of the data folder; a key or certificate takes a few hundred.
const FILE_LIMIT: u64 = 1 << 20;

/// Why a data folder cannot be used. Nothing in it was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataFolderError {
    /// The authority's files do not fit together, or are not what this program wrote.
    #[error("the certificate authority in {folder}")]
    Authority {
        /// The data folder.
        folder: PathBuf,
        /// What does not fit.
        #[source]
        source: LocalCaError,
    },
    /// A certificate could not be issued.
    #[error("issue a certificate")]
    Issue(#[source] LocalCaError),
    /// Another process serves from this folder.
    #[error("{folder} is in use by another process")]
    InUse {
        /// The data folder.
        folder: PathBuf,
    },
    /// One of two files that belong together is not there.
    #[error("{missing} is missing")]
    Missing {
        /// The file.
        missing: PathBuf,
        /// The one that is there.
        present: PathBuf,
    },
    /// The crypto provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// A file cannot be read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The secret is not one that this program wrote.
    #[error("{path} does not hold a secret")]
    Secret {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// An opened data folder. No other process has it open.
pub struct DataFolder {
    root: PathBuf,
    authority: LocalCa,
    tls: IssuedServer,
    secret: Passphrase,
    is_new: bool,
    _lock: File,
}

impl DataFolder {
    /// Opens `root`, or makes it. The TLS certificate holds the loopback names and `names`.
    ///
    /// # Errors
    /// [`DataFolderError`].
    pub fn open(
        root: &Path,
        names: &[SubjectName],
        now: Timestamp,
    ) -> Result<Self, DataFolderError> {
        files::create_folder(root)?;
        let lock = lock(root)?;
        let (authority, is_new) = authority(root, now)?;
        let tls = tls(root, &authority, names, now)?;
        let secret = secret(root)?;
        Ok(Self {
            root: root.to_owned(),
            authority,
            tls,
            secret,
            is_new,
            _lock: lock,
        })
    }

    /// PEM file of the authority, for clients.
    pub fn authority_file(&self) -> PathBuf {
        self.root.join("ca.crt")
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// PEM text of the authority.
    pub fn authority_pem(&self) -> String {
        self.authority.cert_pem()
    }

    /// It was made by this start.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The folder of one role.
    pub fn role(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// What seals the keys that the trust server holds.
    pub fn secret(&self) -> &Passphrase {
        &self.secret
    }

    /// Certificate chain and key of the listener.
    pub fn tls(&self) -> &IssuedServer {
        &self.tls
    }
}

/// Host names or addresses for the certificate, from what was typed.
pub fn subject_name(text: &str) -> SubjectName {
    text.parse()
        .map_or_else(|_| SubjectName::Dns(text.to_owned()), SubjectName::Ip)
}

fn lock(root: &Path) -> Result<File, DataFolderError> {
    let path = root.join("lock");
    let open = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = open.map_err(|source| DataFolderError::Read {
        path: path.clone(),
        source,
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataFolderError::InUse {
            folder: root.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(DataFolderError::Read { path, source }),
    }
}

fn authority(root: &Path, now: Timestamp) -> Result<(LocalCa, bool), DataFolderError> {
    let (cert, key) = (root.join("ca.crt"), root.join("ca.key"));
    match (read(&cert)?, read(&key)?) {
        (Some(cert), Some(key)) => LocalCa::from_pem(&cert, &key)
            .map(|authority| (authority, false))
            .map_err(|source| DataFolderError::Authority {
                folder: root.to_owned(),
                source,
            }),
        (None, Some(_)) if root.join("secret").exists() => Err(DataFolderError::Missing {
            missing: cert,
            present: key,
        }),
        (Some(_), None) => Err(DataFolderError::Missing {
            missing: key,
            present: cert,
        }),
        // The key is written first: without its certificate it is of a first start that was cut off.
        (None, _) => {
            let authority =
                LocalCa::generate(&authority_name()?, now).map_err(DataFolderError::Issue)?;
            files::write_durably(&key, authority.key_pem().as_bytes(), Mode::Owner)?;
            files::write_durably(&cert, authority.cert_pem().as_bytes(), Mode::Everyone)?;
            Ok((authority, true))
        }
    }
}

/// Two data folders have authorities of different names, so that clients can tell them apart.
fn authority_name() -> Result<String, DataFolderError> {
    let unique = SigningKey::generate_ecdsa_p256()?.canonical_id();
    Ok(format!("Countersign authority {}", unique.short()))
}

fn tls(
    root: &Path,
    authority: &LocalCa,
    names: &[SubjectName],
    now: Timestamp,
) -> Result<IssuedServer, DataFolderError> {
    let (cert, key) = (root.join("tls.crt"), root.join("tls.key"));
    let names_file = root.join("tls.names");
    let wanted = wanted_names(names);
    let listed: String = wanted.iter().map(|name| format!("{name}\n")).collect();
    if let (Some(chain), Some(key), Some(names)) = (read(&cert)?, read(&key)?, read(&names_file)?)
        && *names == *listed.as_bytes()
        && is_fresh(&chain, authority, now)
        && let (Ok(cert_pem), Ok(key_pem)) = (to_text(&chain), to_text(&key))
    {
        return Ok(IssuedServer {
            cert_pem: cert_pem.to_string(),
            key_pem,
        });
    }
    let issued = authority
        .issue_server(&wanted.into_iter().collect::<Vec<_>>(), now, TLS_DAYS)
        .map_err(DataFolderError::Issue)?;
    // The names last: a start that is cut off before them issues anew.
    files::remove(&names_file)?;
    files::write_durably(&key, issued.key_pem.as_bytes(), Mode::Owner)?;
    files::write_durably(&cert, issued.cert_pem.as_bytes(), Mode::Everyone)?;
    files::write_durably(&names_file, listed.as_bytes(), Mode::Everyone)?;
    Ok(issued)
}

fn wanted_names(names: &[SubjectName]) -> BTreeSet<SubjectName> {
    let loopback = [
        SubjectName::Dns("localhost".to_owned()),
        SubjectName::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SubjectName::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    loopback.into_iter().chain(names.iter().cloned()).collect()
}

/// Issued by this authority, and not in the last third of its life.
fn is_fresh(chain: &[u8], authority: &LocalCa, now: Timestamp) -> bool {
    let Ok(bundle) = CertificateBundle::parse_pem(chain) else {
        return false;
    };
    let left = bundle.leaf().not_after().duration_since(now);
    left > SignedDuration::from_hours(24 * TLS_DAYS / 3)
        && bundle.certificates().last().map(|last| last.der())
            == Some(authority.certificate().der())
}

fn secret(root: &Path) -> Result<Passphrase, DataFolderError> {
    let path = root.join("secret");
    if let Some(text) = read(&path)? {
        let line = to_text(&text)
            .ok()
            .map(|text| Zeroizing::new(text.trim_end().to_owned()));
        return match line {
            Some(line) if Sha256::parse_hex(&line).is_ok() => Ok(Passphrase::new(line)),
            _ => Err(DataFolderError::Secret { path }),
        };
    }
    let secret = envelope::random_passphrase()?;
    files::write_durably(&path, secret.expose().as_bytes(), Mode::Owner)?;
    Ok(secret)
}

fn to_text(bytes: &[u8]) -> Result<Zeroizing<String>, std::str::Utf8Error> {
    std::str::from_utf8(bytes).map(|text| Zeroizing::new(text.to_owned()))
}

/// The content of a small file, or nothing if there is none.
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, DataFolderError> {
    let failed = |source| DataFolderError::Read {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Zeroizing::new(Vec::new());
    file.take(FILE_LIMIT)
        .read_to_end(&mut content)
        .map_err(failed)?;
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NOW: &str = "2026-11-21T00:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn open(root: &Path, names: &[SubjectName], now: Timestamp) -> DataFolder {
        DataFolder::open(root, names, now).unwrap()
    }

    #[test]
    fn keys_and_certificates_persist() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b");
        let first = open(&root, &[], now());
        assert!(first.is_new());
        let (ca, tls, secret) = (
            first.authority_pem(),
            first.tls().cert_pem.clone(),
            first.secret().expose().to_owned(),
        );
        drop(first);
        let second = open(&root, &[], now());
        assert!(!second.is_new());
        assert_eq!(second.authority_pem(), ca);
        assert_eq!(second.tls().cert_pem, tls);
        assert_eq!(second.secret().expose(), secret);
        for private in ["ca.key", "tls.key", "secret"] {
            let mode = fs::metadata(root.join(private))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "{private} is for the owner only");
        }
    }

    #[test]
    fn a_new_name_or_an_old_certificate_is_issued_anew_under_the_same_authority() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path(), &[], now());
        let (ca, tls) = (first.authority_pem(), first.tls().cert_pem.clone());
        drop(first);
        let named = open(
            folder.path(),
            &[subject_name("registry.example.com")],
            now(),
        );
        assert_ne!(named.tls().cert_pem, tls);
        let tls = named.tls().cert_pem.clone();
        drop(named);
        let later = now() + SignedDuration::from_hours(24 * 700);
        let renewed = open(
            folder.path(),
            &[subject_name("registry.example.com")],
            later,
        );
        assert_ne!(renewed.tls().cert_pem, tls);
        assert_eq!(renewed.authority_pem(), ca);
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let _first = open(folder.path(), &[], now());
        let second = DataFolder::open(folder.path(), &[], now());
        assert!(matches!(second, Err(DataFolderError::InUse { .. })));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), &[], now()));
        let content = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let (cert, key) = (content("ca.crt"), content("ca.key"));
        let refused = || DataFolder::open(folder.path(), &[], now()).err().unwrap();

        fs::remove_file(folder.path().join("ca.key")).unwrap();
        assert!(matches!(refused(), DataFolderError::Missing { .. }));
        fs::write(folder.path().join("ca.key"), content("tls.key")).unwrap();
        assert!(matches!(refused(), DataFolderError::Authority { .. }));
        assert_eq!(content("ca.crt"), cert);

        fs::write(folder.path().join("ca.key"), &key).unwrap();
        fs::write(folder.path().join("secret"), "short").unwrap();
        assert!(matches!(refused(), DataFolderError::Secret { .. }));
        assert_eq!(content("secret"), b"short");
    }
}
