//! Our `docker` before the real one, and our plugin as docker's builder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use super::error::Error;
use super::install::{Found, Way, inspect, install, uninstall};
use crate::docker_config;
use crate::failure::Failure;
use crate::process::Process;
use crate::session::Session;

/// What the shim's file is called.
const NAME: &str = "docker";
/// The plugin that `aliases.builder` names.
const BUILDER: &str = "countersign";
/// More than any configuration.
const LARGEST_CONFIG: u64 = 4 * 1024 * 1024;

/// Puts our `docker` into `folder`. A docker that is there already is never replaced: it may be the only one.
pub(super) fn install_docker(
    process: &Process,
    folder: &Path,
    program: &Path,
    way: Way,
) -> Result<(), Failure> {
    let path = folder.join(NAME);
    if inspect(&path)? == Found::Foreign {
        return Err(Error::RealDockerThere { path }.into());
    }
    install(program, &path, way)?;
    process.out(format_args!("Installed {}\n", path.display()))?;
    if first_docker(process).as_deref() != Some(&path) {
        process.out(format_args!(
            "Put its folder before the real docker's: export PATH=\"{}:$PATH\"\n",
            folder.display()
        ))?;
    }
    Ok(())
}

/// Takes our `docker` out of `folder`.
pub(super) fn uninstall_docker(process: &Process, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(NAME);
    match inspect(&path)? {
        Found::Nothing => {}
        Found::Ours => {
            uninstall(&path)?;
            process.out(format_args!("Removed {}\n", path.display()))?;
        }
        Found::Foreign => {
            return Err(Error::ForeignFile {
                path,
                removing: true,
            }
            .into());
        }
    }
    Ok(())
}

/// Which docker a shell finds first, and whether it is ours.
pub(super) fn show_docker(process: &Process) -> Result<(), Failure> {
    match first_docker(process) {
        None => process.out("docker: not on PATH\n")?,
        Some(path) => {
            let whose = match inspect(&path)? {
                Found::Ours => "Countersign, before the real one",
                Found::Foreign | Found::Nothing => "the real one",
            };
            process.out(format_args!("docker: {} ({whose})\n", path.display()))?;
        }
    }
    Ok(())
}

fn first_docker(process: &Process) -> Option<PathBuf> {
    std::env::split_paths(process.search_path())
        .filter(|folder| !folder.as_os_str().is_empty())
        .map(|folder| process.resolve(&folder).join(NAME))
        .find(|path| path.is_file())
}

/// docker's `config.json`, its members as they were written.
struct Config {
    path: PathBuf,
    members: BTreeMap<String, Box<RawValue>>,
}

type Aliases = BTreeMap<String, String>;

impl Config {
    fn read(session: &Session<'_>) -> Result<Self, Error> {
        let folder = docker_config::folder(session).ok_or(Error::NoPluginFolder)?;
        let path = folder.join("config.json");
        // A link stays a link.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let failed = |source| Error::Io {
            action: "read",
            path: path.clone(),
            source,
        };
        let bytes = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => b"{}".to_vec(),
            Err(error) => return Err(failed(error)),
            Ok(meta) if meta.len() > LARGEST_CONFIG => {
                return Err(failed(io::ErrorKind::FileTooLarge.into()));
            }
            Ok(_) => fs::read(&path).map_err(failed)?,
        };
        let members = serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
        Ok(Self { path, members })
    }

    fn aliases(&self) -> Result<Aliases, Error> {
        let Some(aliases) = self.members.get("aliases") else {
            return Ok(Aliases::new());
        };
        serde_json::from_str(aliases.get()).map_err(|error| Error::Io {
            action: "read aliases in",
            path: self.path.clone(),
            source: error.into(),
        })
    }

    /// Writes the file whole or not at all, with the rights it had; a new one is for its owner only, as docker makes
    /// it.
    fn write(mut self, aliases: &Aliases) -> Result<(), Error> {
        let failed = |source| Error::Io {
            action: "write",
            path: self.path.clone(),
            source,
        };
        if aliases.is_empty() {
            self.members.remove("aliases");
        } else {
            let value = serde_json::value::to_raw_value(aliases);
            let value = value.map_err(|error| failed(error.into()))?;
            self.members.insert("aliases".to_owned(), value);
        }
        let mut text = Vec::new();
        let style = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut writer = serde_json::Serializer::with_formatter(&mut text, style);
        serde::Serialize::serialize(&self.members, &mut writer)
            .map_err(|error| failed(error.into()))?;
        let folder = self
            .path
            .parent()
            .ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        if let Ok(meta) = fs::metadata(&self.path) {
            let rights = meta.permissions();
            file.as_file().set_permissions(rights).map_err(failed)?;
        }
        file.write_all(&text).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path)
            .map(drop)
            .map_err(|error| failed(error.error))
    }
}

/// Makes `docker build` ours on a docker without a shim.
pub(super) fn install_alias(session: &Session<'_>, force: bool) -> Result<(), Failure> {
    let config = Config::read(session)?;
    let mut aliases = config.aliases()?;
    let path = config.path.clone();
    match aliases.get("builder").map(String::as_str) {
        Some(BUILDER) => {}
        Some(found) if !force => {
            let found = found.to_owned();
            return Err(Error::OtherBuilder { path, found }.into());
        }
        _ => {
            aliases.insert("builder".to_owned(), BUILDER.to_owned());
            config.write(&aliases)?;
        }
    }
    session.process.out(format_args!(
        "docker build is this program: aliases.builder in {}\n",
        path.display()
    ))?;
    Ok(())
}

/// Takes the alias away, if it is ours.
pub(super) fn uninstall_alias(session: &Session<'_>) -> Result<(), Failure> {
    let config = Config::read(session)?;
    let mut aliases = config.aliases()?;
    if aliases.get("builder").is_some_and(|name| name == BUILDER) {
        aliases.remove("builder");
        let path = config.path.clone();
        config.write(&aliases)?;
        session.process.out(format_args!(
            "Removed aliases.builder from {}\n",
            path.display()
        ))?;
    }
    Ok(())
}

/// Whose `docker build` is without a shim.
pub(super) fn show_alias(session: &Session<'_>) -> Result<(), Failure> {
    let config = Config::read(session)?;
    let aliases = config.aliases()?;
    let text = match aliases.get("builder").map(String::as_str) {
        Some(BUILDER) => "Countersign".to_owned(),
        Some(other) => format!("docker-{other}"),
        None => "docker's own".to_owned(),
    };
    session.process.out(format_args!(
        "docker build: {text}, where no shim is before docker\n"
    ))?;
    Ok(())
}
