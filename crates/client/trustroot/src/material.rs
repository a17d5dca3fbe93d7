use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use net::{Client, Url};
use pki::digest::{Sha256, Sha512};
use sigstore::trust::{SigningConfig, SigningConfigError, TrustedRoot};

use crate::error::TargetError;
use crate::transport::{self, ReadError, read_file};
use crate::{
    Cache, Error, Mirror, Repository, RepositoryFolder, Status, Transport, TransportError, Trusted,
    legacy,
};

const TRUSTED_ROOT: &str = "trusted_root.json";
const SIGNING_CONFIG: &str = "signing_config.v0.2.json";
/// As [`SIGNING_CONFIG`], with logs of Rekor v2, for those who ask for them.
const SIGNING_CONFIG_REKOR_V2: &str = "signing_config_rekor_v2.v0.2.json";

/// What a repository of Sigstore distributes.
#[derive(Debug, Clone)]
pub struct Material {
    /// Whom to trust.
    pub trusted_root: TrustedRoot,
    signing_config: Option<Vec<u8>>,
    signing_config_rekor_v2: Option<Vec<u8>>,
}

/// Material, and how new it is.
#[derive(Debug)]
pub struct Loaded {
    /// What was distributed.
    pub material: Material,
    /// Where it was had from.
    pub freshness: Freshness,
    /// What the repository says.
    pub status: Status,
}

/// Whether the mirror may be asked.
#[derive(Clone, Copy)]
pub enum Contact<'a> {
    /// Never: no socket is opened.
    Offline,
    /// Unless the cache is in force and the mirror was asked less than `max_age` ago.
    Online {
        /// How to ask it.
        transport: &'a dyn Transport,
        /// How long an answer is good for; zero to ask always.
        max_age: SignedDuration,
    },
}

/// Where material was had from.
#[derive(Debug)]
pub enum Freshness {
    /// The cache, which is in force.
    Cached,
    /// The mirror.
    Updated,
    /// The cache, which is in force, because the mirror did not answer.
    Unreachable {
        /// What it did.
        error: TransportError,
    },
}

impl Material {
    /// Whom to ask when signing; `None` if the repository says nothing about it.
    ///
    /// # Errors
    /// A configuration that does not parse, or of another version.
    pub fn signing_config(&self) -> Result<Option<SigningConfig>, Error> {
        parsed(SIGNING_CONFIG, self.signing_config.as_deref())
    }

    /// The same with logs of Rekor v2.
    ///
    /// # Errors
    /// As [`Self::signing_config`].
    pub fn signing_config_rekor_v2(&self) -> Result<Option<SigningConfig>, Error> {
        parsed(
            SIGNING_CONFIG_REKOR_V2,
            self.signing_config_rekor_v2.as_deref(),
        )
    }
}

fn parsed(name: &str, json: Option<&[u8]>) -> Result<Option<SigningConfig>, Error> {
    let parsed = json.map(SigningConfig::parse).transpose();
    parsed.map_err(|source| Error::Target {
        name: name.to_owned(),
        source: source.into(),
    })
}

/// Trusts `root` for a mirror from now on, brings everything that signing and verifying need into the cache, and makes
/// the mirror the cache's own. An earlier root of the same mirror is forgotten; versions seen under the same keys are not.
///
/// # Errors
/// As [`Repository::refresh`] and [`Trusted::target`]; the cache's own mirror is then what it was.
pub async fn initialize(
    cache: &Cache,
    mirror: &Mirror,
    root: &[u8],
    transport: &dyn Transport,
    now: Timestamp,
) -> Result<Loaded, Error> {
    let folder = cache.repository(mirror);
    let _guard = folder.lock().await?;
    let loaded = update(&folder, Some(root), transport, now).await?;
    cache.set_last_asked(mirror, now)?;
    cache.set_mirror(mirror)?;
    Ok(loaded)
}

/// Material of a mirror. `pin` is a root to trust instead of the cache's.
///
/// # Errors
/// As [`Repository::refresh`], [`Repository::cached`] and [`Trusted::target`]. A mirror that does not answer is none as
/// long as the cache is in force; one that answers with something that does not verify is.
pub async fn load(
    cache: &Cache,
    mirror: &Mirror,
    pin: Option<&[u8]>,
    contact: Contact<'_>,
    now: Timestamp,
) -> Result<Loaded, Error> {
    let folder = cache.repository(mirror);
    let (transport, max_age) = match contact {
        Contact::Offline => {
            let _guard = folder.lock_for_reading().await?;
            return cached(&folder, pin, Freshness::Cached, now).await;
        }
        Contact::Online { transport, max_age } => (transport, max_age),
    };
    if was_asked_within(cache, mirror, max_age, now) {
        let _guard = folder.lock_for_reading().await?;
        if let Ok(loaded) = cached(&folder, pin, Freshness::Cached, now).await {
            return Ok(loaded);
        }
    }
    let _guard = folder.lock().await?;
    match update(&folder, pin, transport, now).await {
        Ok(loaded) => {
            cache.set_last_asked(mirror, now)?;
            Ok(loaded)
        }
        Err(Error::Transport(error)) if error.is_absence() => {
            match cached(&folder, pin, Freshness::Cached, now).await {
                Ok(loaded) => Ok(Loaded {
                    freshness: Freshness::Unreachable { error },
                    ..loaded
                }),
                Err(_) => Err(Error::Transport(error)),
            }
        }
        Err(error) => Err(error),
    }
}

fn was_asked_within(
    cache: &Cache,
    mirror: &Mirror,
    max_age: SignedDuration,
    now: Timestamp,
) -> bool {
    let age = cache
        .last_asked(mirror)
        .map(|asked| now.duration_since(asked));
    age.is_some_and(|age| !age.is_negative() && age < max_age)
}

async fn update(
    folder: &RepositoryFolder,
    pin: Option<&[u8]>,
    transport: &dyn Transport,
    now: Timestamp,
) -> Result<Loaded, Error> {
    let trusted = Repository::open(folder, pin)?
        .refresh(transport, now)
        .await?;
    material(trusted, Freshness::Updated).await
}

async fn cached(
    folder: &RepositoryFolder,
    pin: Option<&[u8]>,
    freshness: Freshness,
    now: Timestamp,
) -> Result<Loaded, Error> {
    let trusted = Repository::open(folder, pin)?.cached(now)?;
    material(trusted, freshness).await
}

async fn material(mut trusted: Trusted<'_>, freshness: Freshness) -> Result<Loaded, Error> {
    let trusted_root = match trusted.target(TRUSTED_ROOT).await? {
        Some(json) => TrustedRoot::parse(&json).map_err(|source| Error::Target {
            name: TRUSTED_ROOT.to_owned(),
            source: TargetError::TrustedRoot(source),
        })?,
        None => legacy::trusted_root(&mut trusted).await?,
    };
    let signing_config = trusted.target(SIGNING_CONFIG).await?;
    let signing_config_rekor_v2 = trusted.target(SIGNING_CONFIG_REKOR_V2).await?;
    Ok(Loaded {
        material: Material {
            trusted_root,
            signing_config,
            signing_config_rekor_v2,
        },
        freshness,
        status: trusted.status(),
    })
}

/// Why a file is no trusted root or signing configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("reading {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// As the operating system says it.
        source: std::io::Error,
    },
    /// It is no signing configuration.
    #[error("{}: {source}", path.display())]
    SigningConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SigningConfigError,
    },
    /// It is longer than [`sigstore::limits::TRUST_BYTES`].
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes.
        limit: u64,
    },
}

/// The signing configuration of a file.
///
/// # Errors
/// It cannot be read, is too long, or is none.
pub fn signing_config_file(path: &Path) -> Result<SigningConfig, FileError> {
    SigningConfig::parse(&read(path)?).map_err(|source| FileError::SigningConfig {
        path: path.to_owned(),
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let limit = u64::try_from(sigstore::limits::TRUST_BYTES).unwrap_or(u64::MAX);
    let io = |source| FileError::Io {
        path: path.to_owned(),
        source,
    };
    match read_file(path, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(io(std::io::ErrorKind::NotFound.into())),
        Err(ReadError::Io(source)) => Err(io(source)),
        Err(ReadError::TooLarge) => Err(FileError::TooLarge {
            path: path.to_owned(),
            limit,
        }),
    }
}

/// What the first root must hash to, for one that comes over a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootChecksum {
    /// 64 hexadecimal digits, alone or after `sha256:`.
    Sha256(Sha256),
    /// 128 hexadecimal digits after `sha512:`.
    Sha512(Sha512),
}

/// Why a root does not have its checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootChecksumError {
    /// The text is no checksum.
    #[error("{text:?} is no SHA-256 or SHA-512 checksum")]
    Malformed {
        /// The text.
        text: String,
    },
    /// Another one.
    #[error("checksum {found}, not {expected}")]
    Mismatch {
        /// The checksum that was given.
        expected: String,
        /// The root's.
        found: String,
    },
}

impl RootChecksum {
    /// Reads the text of a flag.
    ///
    /// # Errors
    /// No such checksum.
    pub fn parse(text: &str) -> Result<Self, RootChecksumError> {
        let malformed = || RootChecksumError::Malformed {
            text: text.to_owned(),
        };
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("sha512:") {
            Some(hex) => Sha512::parse_hex(hex).map(Self::Sha512).ok(),
            None => Sha256::parse_hex(lower.strip_prefix("sha256:").unwrap_or(&lower))
                .map(Self::Sha256)
                .ok(),
        }
        .ok_or_else(malformed)
    }

    /// Compares it with a root's.
    ///
    /// # Errors
    /// They differ.
    pub fn check(&self, root: &[u8]) -> Result<(), RootChecksumError> {
        let (expected, found) = match self {
            Self::Sha256(expected) => (expected.to_string(), Sha256::of(root).to_string()),
            Self::Sha512(expected) => (expected.to_string(), Sha512::of(root).to_string()),
        };
        match expected == found {
            true => Ok(()),
            false => Err(RootChecksumError::Mismatch { expected, found }),
        }
    }
}

/// The file at an address that the user named as the first root. Nothing about it is verified.
///
/// # Errors
/// No answer, an answer above [`crate::limits::ROOT_BYTES`], or that there is no such file.
pub async fn fetch_root(client: &Client, url: Url) -> Result<Vec<u8>, Error> {
    let file = net::redacted_url(&url);
    let root = transport::get(client, url).await?;
    root.ok_or(Error::NotServed { file })
}
