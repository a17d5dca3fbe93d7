//! Where docker keeps its files.

use std::path::PathBuf;

use crate::env;
use crate::session::Session;

/// The folder of `config.json`, `trust/`, `tls/` and `cli-plugins/`: `--config`, else `DOCKER_CONFIG`, else
/// `~/.docker`. `None` without any of them and without a home folder.
pub fn folder(session: &Session<'_>) -> Option<PathBuf> {
    let process = session.process;
    let named = session
        .globals
        .config
        .as_deref()
        .or_else(|| process.path_var(env::DOCKER_CONFIG.name));
    match named {
        Some(folder) => Some(process.resolve(folder)),
        None => Some(process.path_var(env::HOME.name)?.join(".docker")),
    }
}
