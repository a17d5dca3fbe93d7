//! `plugin install|uninstall|status`: `docker trust …` inside the Docker CLI.

use std::path::{Path, PathBuf};

use registry::{ConfigSources, DockerConfig};

use super::error::Error;
use super::install::{Found, Way, inspect, install, uninstall};
use super::shim;
use crate::cobra::{Command, Completes, Flag, Matches};
use crate::docker_config;
use crate::failure::Failure;
use crate::personas::plugin::PLUGINS;
use crate::session::{Run, Session};

/// Where docker on Linux and macOS looks after the user's own folder, in its order.
const SYSTEM_FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

const DIR: Flag = Flag::text(
    "dir",
    "",
    "Plugin folder (default \"cli-plugins\" in DOCKER_CONFIG or ~/.docker)",
)
.completing(Completes::Folder);
const SYSTEM: Flag = Flag::switch(
    "system",
    "Use the folder for all users, /usr/local/lib/docker/cli-plugins",
);
const COPY: Flag = Flag::switch("copy", "Copy the program instead of linking to it");
const DOCKER_SHIM: Flag = Flag::text(
    "docker-shim",
    "",
    "Folder for a program named docker, which stands before the real one and makes DOCKER_CONTENT_TRUST count",
)
.completing(Completes::Folder);
const BUILDER_ALIAS: Flag = Flag::switch(
    "builder-alias",
    "Make docker build check and pin its base images, without a program before docker",
);
const FORCE: Flag = Flag::switch("force", "Replace a file that is not Countersign's").short('f');

pub(super) const TABLE: Command<Run> = Command {
    commands: &[
        Command {
            usage: "[OPTIONS]",
            flags: &[DIR, SYSTEM, DOCKER_SHIM, BUILDER_ALIAS, COPY, FORCE],
            run: Some(run_install),
            ..Command::new("install", "Make docker trust use this program")
        },
        Command {
            usage: "[OPTIONS]",
            flags: &[DIR, SYSTEM],
            run: Some(run_status),
            ..Command::new("status", "Show where the plugin is installed")
        },
        Command {
            usage: "[OPTIONS]",
            flags: &[DIR, SYSTEM, DOCKER_SHIM],
            run: Some(run_uninstall),
            ..Command::new("uninstall", "Remove the plugin")
        },
    ],
    ..Command::new("plugin", "Manage the Docker CLI plugin")
};

fn run_install(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let folder = folder(session, matches)?;
    let program = session.process.executable().ok_or(Error::OwnFileUnknown)?;
    let way = if matches.on(&COPY) {
        Way::Copy
    } else {
        Way::Link
    };
    // All names are looked at before one is touched.
    for plugin in &PLUGINS {
        let path = folder.join(plugin.file);
        if !matches.on(&FORCE) && inspect(&path)? == Found::Foreign {
            return Err(Error::ForeignFile {
                path,
                removing: false,
            }
            .into());
        }
    }
    for plugin in &PLUGINS {
        let path = folder.join(plugin.file);
        install(program, &path, way)?;
        session
            .process
            .out(format_args!("Installed {}\n", path.display()))?;
    }
    session.process.out(
        "Docker 29 and later: docker trust … is this program.\n\
         Docker up to 28: docker trust … stays Docker's own, use docker countersign trust …\n",
    )?;
    if matches.on(&BUILDER_ALIAS) {
        shim::install_alias(session, matches.on(&FORCE))?;
    }
    if let Some(folder) = matches.given(&DOCKER_SHIM) {
        let folder = session.process.resolve(Path::new(folder));
        shim::install_docker(session.process, &folder, program, way)?;
    }
    Ok(())
}

fn run_uninstall(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let folder = folder(session, matches)?;
    let mut foreign = None;
    for plugin in &PLUGINS {
        let path = folder.join(plugin.file);
        match inspect(&path)? {
            Found::Nothing => {}
            Found::Ours => {
                uninstall(&path)?;
                session
                    .process
                    .out(format_args!("Removed {}\n", path.display()))?;
            }
            Found::Foreign => foreign = Some(path),
        }
    }
    shim::uninstall_alias(session)?;
    if let Some(folder) = matches.given(&DOCKER_SHIM) {
        let folder = session.process.resolve(Path::new(folder));
        shim::uninstall_docker(session.process, &folder)?;
    }
    match foreign {
        Some(path) => Err(Error::ForeignFile {
            path,
            removing: true,
        }
        .into()),
        None => Ok(()),
    }
}

/// Docker uses the first file with a plugin's name, so the order of the lines matters.
fn run_status(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let one = matches.given(&DIR).is_some() || matches.on(&SYSTEM);
    let folders = if one {
        vec![folder(session, matches)?]
    } else {
        all_folders(session)?
    };
    for plugin in &PLUGINS {
        let mut used = false;
        for path in folders.iter().map(|folder| folder.join(plugin.file)) {
            let whose = match inspect(&path)? {
                Found::Nothing => continue,
                Found::Ours => "Countersign",
                Found::Foreign => "another program",
            };
            let note = if used {
                ", hidden by the one above"
            } else {
                ""
            };
            session.process.out(format_args!(
                "docker {}: {} ({whose}{note})\n",
                plugin.name,
                path.display()
            ))?;
            used = true;
        }
        if !used {
            session
                .process
                .out(format_args!("docker {}: not installed\n", plugin.name))?;
        }
    }
    shim::show_alias(session)?;
    shim::show_docker(session.process)
}

fn folder(session: &Session<'_>, matches: &Matches) -> Result<PathBuf, Error> {
    if let Some(folder) = matches.given(&DIR) {
        return Ok(session.process.resolve(Path::new(folder)));
    }
    if matches.on(&SYSTEM) {
        return Ok(PathBuf::from(SYSTEM_FOLDERS[0]));
    }
    Ok(docker_config::folder(session)
        .ok_or(Error::NoPluginFolder)?
        .join("cli-plugins"))
}

/// In docker's order: what `config.json` names comes first, whatever docker's own documentation says.
pub(super) fn all_folders(session: &Session<'_>) -> Result<Vec<PathBuf>, Error> {
    let config = docker_config::folder(session).ok_or(Error::NoPluginFolder)?;
    let own = config.join("cli-plugins");
    let sources = ConfigSources {
        dir: config,
        ..ConfigSources::default()
    };
    let config = DockerConfig::read(&sources).map_err(Error::DockerConfig)?;
    let extra = config.cli_plugins_extra_dirs().iter().cloned();
    let system = SYSTEM_FOLDERS.map(PathBuf::from);
    Ok(extra.chain([own]).chain(system).collect())
}
