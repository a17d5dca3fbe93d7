//! Docker's `config.json` and `DOCKER_AUTH_CONFIG`: logins, credential helpers, plug-in folders.
//!
//! Upstream: `docker/cli:cli/config/configfile/file.go`, `cli/config/credentials`, `cli/config/memorystore`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use url::Url;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::error::{ConfigError, Error};
use crate::helper::Helper;

/// Largest configuration read, bytes.
pub(crate) const CONFIG_MAX: u64 = 4 * 1024 * 1024;

/// Where docker's configuration is. Nothing is read from the environment here.
#[derive(Clone, Default)]
pub struct ConfigSources {
    /// The folder of `config.json`: `DOCKER_CONFIG`, or `~/.docker`.
    pub dir: PathBuf,
    /// The text of `DOCKER_AUTH_CONFIG`, if set.
    pub auth_config: Option<Zeroizing<String>>,
    /// The text of `PATH`, where credential helpers are looked for.
    pub search_path: OsString,
}

/// What `config.json` says; absent files give an empty one.
#[derive(Clone)]
pub struct DockerConfig {
    file: ConfigFile,
    override_auths: BTreeMap<String, StoredLogin>,
    search_path: OsString,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    #[serde(deserialize_with = "null_as_default")]
    auths: BTreeMap<String, StoredLogin>,
    #[serde(deserialize_with = "null_as_default")]
    cred_helpers: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_as_default")]
    creds_store: String,
    #[serde(deserialize_with = "null_as_default")]
    cli_plugins_extra_dirs: Vec<PathBuf>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct StoredLogin {
    #[serde(deserialize_with = "secret")]
    auth: Zeroizing<String>,
    username: String,
    #[serde(deserialize_with = "secret")]
    password: Zeroizing<String>,
    #[serde(deserialize_with = "secret")]
    identitytoken: Zeroizing<String>,
}

/// Unknown fields are refused here, as docker does, so that a whole `config.json` is not taken for one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthConfig {
    auths: BTreeMap<String, AuthConfigLogin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthConfigLogin {
    #[serde(deserialize_with = "secret")]
    auth: Zeroizing<String>,
}

impl DockerConfig {
    /// Reads `config.json` below the folder; a missing file is an empty configuration, a broken one is an error.
    pub fn read(sources: &ConfigSources) -> Result<Self, ConfigError> {
        let path = sources.dir.join("config.json");
        let file = match read_bounded(&path, CONFIG_MAX)? {
            Some(bytes) if !bytes.trim_ascii().is_empty() => serde_json::from_slice(&bytes)
                .map_err(|source| ConfigError::Malformed { path, source })?,
            _ => ConfigFile::default(),
        };
        let override_auths = match sources.auth_config.as_deref().map(|text| text.trim()) {
            Some(text) if !text.is_empty() => parse_auth_config(text)?,
            _ => BTreeMap::new(),
        };
        Ok(Self {
            file,
            override_auths,
            search_path: sources.search_path.clone(),
        })
    }

    /// Folders to look for docker CLI plug-ins in, besides the usual ones.
    #[must_use]
    pub fn cli_plugins_extra_dirs(&self) -> &[PathBuf] {
        &self.file.cli_plugins_extra_dirs
    }

    /// The login for `key`, a registry host or Hub's URL: `DOCKER_AUTH_CONFIG`, then the helper of this host, then the
    /// general helper, and `auths` only when there is no helper. A helper that fails is an error, where docker goes
    /// on as nobody.
    pub async fn credentials(&self, key: &str) -> Result<Option<Credentials>, Error> {
        if let Some((name, login)) = find_login(&self.override_auths, key)
            && let Some(credentials) = login.credentials(name)?
        {
            return Ok(Some(credentials));
        }
        match self.helper(key)? {
            None => match find_login(&self.file.auths, key) {
                Some((name, login)) => Ok(login.credentials(name)?),
                None => Ok(None),
            },
            Some(helper) => Ok(helper.credentials(key).await?),
        }
    }

    /// Gives a login to the credential helper for `key`, if there is one; `false` if `config.json` itself is to keep it
    /// ([`crate::config_with_login`]).
    pub async fn give_to_helper(
        &self,
        key: &str,
        username: &str,
        password: &Zeroizing<String>,
    ) -> Result<bool, Error> {
        match self.helper(key)? {
            None => Ok(false),
            Some(helper) => {
                helper.store(key, username, password).await?;
                Ok(true)
            }
        }
    }

    fn helper(&self, key: &str) -> Result<Option<Helper>, Error> {
        let own = self.file.cred_helpers.get(key);
        let own = own.filter(|suffix| !suffix.is_empty());
        match own.unwrap_or(&self.file.creds_store).as_str() {
            "" => Ok(None),
            suffix => Ok(Some(Helper::find(suffix, &self.search_path)?)),
        }
    }
}

impl StoredLogin {
    fn credentials(&self, key: &str) -> Result<Option<Credentials>, ConfigError> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credentials::IdentityToken {
                token: self.identitytoken.clone(),
            }));
        }
        let (username, password) = if self.auth.is_empty() {
            (self.username.clone(), self.password.clone())
        } else {
            decode_auth(&self.auth).ok_or_else(|| ConfigError::BadAuth {
                key: key.to_owned(),
            })?
        };
        Ok((!username.is_empty()).then_some(Credentials::Password { username, password }))
    }
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerConfig")
            .field("auths", &self.file.auths.keys().collect::<Vec<_>>())
            .field("cred_helpers", &self.file.cred_helpers)
            .field("creds_store", &self.file.creds_store)
            .field(
                "override_auths",
                &self.override_auths.keys().collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ConfigSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigSources")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// The content of a small file, or `None` when there is none.
pub(crate) fn read_bounded(
    path: &Path,
    limit: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(Some(bytes))
}

fn parse_auth_config(text: &str) -> Result<BTreeMap<String, StoredLogin>, ConfigError> {
    let parsed: AuthConfig =
        serde_json::from_str(text).map_err(|source| ConfigError::MalformedAuthConfig { source })?;
    let login = |(key, login): (String, AuthConfigLogin)| {
        (
            key,
            StoredLogin {
                auth: login.auth,
                ..Default::default()
            },
        )
    };
    Ok(parsed.auths.into_iter().map(login).collect())
}

/// The entry with exactly this key, else the first whose key, without scheme and path, is this host.
fn find_login<'a>(
    auths: &'a BTreeMap<String, StoredLogin>,
    key: &str,
) -> Option<(&'a String, &'a StoredLogin)> {
    auths
        .get_key_value(key)
        .or_else(|| auths.iter().find(|(stored, _)| host_of(stored) == key))
}

fn host_of(key: &str) -> String {
    // The port is kept as written: a URL parser would drop `:443`, and docker tells `host:443` from `host`.
    let rest = match key.split_once("://") {
        Some((_, rest)) if Url::parse(key).is_ok_and(|url| url.has_host()) => rest,
        _ => key,
    };
    rest.split('/').next().unwrap_or_default().to_owned()
}

fn decode_auth(text: &str) -> Option<(String, Zeroizing<String>)> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    let text = std::str::from_utf8(&bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    // Docker once padded what it encoded with zero bytes.
    (!username.is_empty()).then(|| {
        (
            username.to_owned(),
            Zeroizing::new(password.trim_end_matches('\0').to_owned()),
        )
    })
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
