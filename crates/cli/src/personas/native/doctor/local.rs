//! What can be seen without asking anybody: programs, plugins, configuration, keys.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use keystore::TrustDir;
use oci::Reference;
use serde::Deserialize;
use trust::TrustServer;

use super::DoctorOps;
use super::facts::{
    BuilderAlias, ContentTrust, Docker, Enforced, Key, Plugin, Program, Registry, Report, Staged,
    Verifies,
};
use crate::docker_config;
use crate::env;
use crate::personas::docker::switch;
use crate::personas::native::error::Error;
use crate::personas::native::install::{Found, inspect};
use crate::personas::native::plugin::all_folders;
use crate::personas::plugin::PLUGINS;
use crate::process::Process;
use crate::session::Session;

/// docker's plugin that builds.
const BUILDX: &str = "buildx";
/// Deepest folder looked at below `tuf`: a name has at most 255 bytes.
const DEEPEST: usize = 130;

/// The part of `config.json` that is not about logins as such.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ConfigFile {
    aliases: BTreeMap<String, String>,
    auths: BTreeMap<String, serde::de::IgnoredAny>,
    cred_helpers: BTreeMap<String, serde::de::IgnoredAny>,
}

/// Looks, and asks docker for its version.
pub(super) fn look(session: &Session<'_>, uses: &mut dyn DoctorOps) -> Result<Report, Error> {
    let process = session.process;
    let folder = docker_config::folder(session).ok_or(Error::NoPluginFolder)?;
    let mut warnings = Vec::new();
    let config = config_file(&folder.join("config.json"))?;
    let plugins = plugins(session)?;
    let builder_alias = config.aliases.get("builder").map(|name| BuilderAlias {
        plugin: name.clone(),
        ours: plugins
            .iter()
            .any(|plugin| plugin.name == *name && plugin.used && plugin.ours),
    });
    let variable = process.var(env::CONTENT_TRUST.name);
    let trust = folder.join("trust");
    Ok(Report {
        content_trust: ContentTrust {
            variable: variable.map(str::to_owned),
            on: switch::is_on(variable),
        },
        docker: docker(process, uses)?,
        plugins,
        builder_alias,
        registries: registries(process, &config),
        server: None,
        images: Vec::new(),
        keys: keys(&trust, &mut warnings),
        staged: staged(&trust.join("tuf")),
        warnings,
        enforced: Enforced {
            images: false,
            builds: false,
        },
        verdict: String::new(),
    })
}

/// Its size and its logins were checked when the use cases were made.
fn config_file(path: &Path) -> Result<ConfigFile, Error> {
    let failed = |source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    match fs::read(path) {
        Ok(bytes) if bytes.trim_ascii().is_empty() => Ok(ConfigFile::default()),
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ConfigFile::default()),
        Err(error) => Err(failed(error)),
    }
}

/// What `docker` means in this shell.
fn docker(process: &Process, uses: &mut dyn DoctorOps) -> Result<Docker, Error> {
    let mut programs: Vec<Program> = Vec::new();
    for folder in std::env::split_paths(process.search_path()) {
        if folder.as_os_str().is_empty() {
            continue;
        }
        let path = process.resolve(&folder).join("docker");
        let runs = fs::metadata(&path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        let path_text = path.display().to_string();
        if runs && programs.iter().all(|known| known.path != path_text) {
            programs.push(Program {
                shim: inspect(&path)? == Found::Ours,
                path: path_text,
            });
        }
    }
    let shim_first = programs.first().is_some_and(|program| program.shim);
    let named = process
        .path_var(env::REAL_DOCKER.name)
        .filter(|_| shim_first);
    let real = match named {
        Some(path) => Some(process.resolve(path).display().to_string()),
        None => programs
            .iter()
            .find(|program| !program.shim)
            .map(|program| program.path.clone()),
    };
    let said = real
        .as_deref()
        .map(|path| uses.docker_version(Path::new(path)));
    let (version, version_problem) = match said {
        Some(Ok(version)) => (Some(version), None),
        Some(Err(problem)) => (None, Some(problem)),
        None => (None, None),
    };
    Ok(Docker {
        verifies: verifies(version.as_deref()),
        programs,
        shim_first,
        real,
        version,
        version_problem,
    })
}

fn verifies(version: Option<&str>) -> Verifies {
    let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    match major {
        None => Verifies::Unknown,
        Some(..=22) => Verifies::Yes,
        Some(23..=28) => Verifies::NotBuilds,
        Some(29..) => Verifies::Never,
    }
}

/// Every file of our plugins' names and of buildx, in docker's order.
fn plugins(session: &Session<'_>) -> Result<Vec<Plugin>, Error> {
    let folders = all_folders(session)?;
    let names = PLUGINS.iter().map(|plugin| plugin.name).chain([BUILDX]);
    let mut plugins: Vec<Plugin> = Vec::new();
    for name in names {
        for folder in &folders {
            let path = folder.join(format!("docker-{name}"));
            let found = inspect(&path)?;
            if found == Found::Nothing {
                continue;
            }
            let used = plugins.iter().all(|known| known.name != name);
            plugins.push(Plugin {
                name: name.to_owned(),
                path: path.display().to_string(),
                ours: found == Found::Ours,
                used,
            });
        }
    }
    Ok(plugins)
}

/// The trust server of every registry with a login.
fn registries(process: &Process, config: &ConfigFile) -> Vec<Registry> {
    let setting = process.var(env::CONTENT_TRUST_SERVER.name);
    let mut keys: Vec<&String> = config
        .auths
        .keys()
        .chain(config.cred_helpers.keys())
        .collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .map(|key| {
            let host = key.split_once("://").map_or(key.as_str(), |(_, rest)| rest);
            let host = host.split('/').next().unwrap_or_default();
            // Any repository of it will do.
            let image = match host {
                "index.docker.io" => "any".to_owned(),
                host => format!("{host}/any"),
            };
            let server = Reference::parse(&image)
                .ok()
                .and_then(|image| TrustServer::choose(image.repository(), setting).ok());
            Registry {
                registry: key.clone(),
                server: server.map(|server| server.to_string()),
            }
        })
        .collect()
}

/// The private keys, and what is wrong with their files.
fn keys(trust: &Path, warnings: &mut Vec<String>) -> Vec<Key> {
    let folder = TrustDir::new(trust);
    let listing = match folder.list() {
        Ok(listing) => listing,
        Err(error) => {
            warnings.push(format!("the keys cannot be listed: {error}"));
            return Vec::new();
        }
    };
    for (path, reason) in &listing.unusable {
        warnings.push(format!("{} is not usable: {reason}", path.display()));
    }
    let mode = |path: &Path| Some(fs::metadata(path).ok()?.permissions().mode() & 0o777);
    let keys = listing.keys.into_iter().map(|key| {
        let bits = mode(&key.path).unwrap_or(0);
        if bits & 0o077 != 0 {
            warnings.push(format!(
                "{} has mode {bits:03o}: others may read or change it; chmod 600 it",
                key.path.display()
            ));
        }
        Key {
            id: key.id.to_string(),
            role: key.role,
            repository: key.gun,
            path: key.path.display().to_string(),
            mode: format!("{bits:03o}"),
        }
    });
    keys.collect()
}

/// Changes below `tuf/<repository>/changelist`.
fn staged(tuf: &Path) -> Vec<Staged> {
    let mut found = Vec::new();
    let mut folders: Vec<(PathBuf, usize)> = vec![(tuf.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        if folder.ends_with("changelist") {
            let is_change = |path: &&PathBuf| path.extension().is_some_and(|end| end == "change");
            let changes = paths.iter().filter(is_change).count();
            let name = folder
                .parent()
                .and_then(|parent| parent.strip_prefix(tuf).ok());
            if let (1.., Some(name)) = (changes, name) {
                found.push(Staged {
                    repository: name.display().to_string(),
                    changes,
                });
            }
        } else if depth < DEEPEST {
            let below = paths.into_iter().filter(|path| {
                // Links could lead in a circle.
                fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
            });
            folders.extend(below.map(|path| (path, depth + 1)));
        }
    }
    found.sort_by(|one, other| one.repository.cmp(&other.repository));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_docker_are_told_apart() {
        let cases = [
            (Some("20.10.24+dfsg1"), Verifies::Yes),
            (Some("22.06.0-beta.0"), Verifies::Yes),
            (Some("23.0.0"), Verifies::NotBuilds),
            (Some("28.5.2"), Verifies::NotBuilds),
            (Some("29.0.0-rc.1"), Verifies::Never),
            (Some("30.1"), Verifies::Never),
            (Some("dev"), Verifies::Unknown),
            (None, Verifies::Unknown),
        ];
        for (version, expected) in cases {
            assert_eq!(verifies(version), expected, "{version:?}");
        }
    }
}
