//! The package mirrors that this machine is configured for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

/// In Cargo's own lock files, and in every address of a test.
const NOT_MIRRORS: &[&str] = &["github.com", "localhost"];

/// Names of the hosts that apt, Cargo, pip and npm get packages from here. A tool that is not
/// here, or not configured, has none.
pub(crate) fn mirrors(workspace: &Workspace) -> BTreeSet<String> {
    let mut text = String::new();
    let targets = workspace.run(
        "apt-get",
        &[
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Identifier: Packages",
        ],
    );
    text.push_str(&String::from_utf8_lossy(&targets.unwrap_or_default()));
    for file in configuration_files() {
        let lines = std::fs::read_to_string(file).unwrap_or_default();
        lines
            .lines()
            .filter(|line| names_a_source(line))
            .for_each(|line| {
                text.push('\n');
                text.push_str(line);
            });
    }
    for name in [
        "CARGO_REGISTRIES_CRATES_IO_INDEX",
        "GOPROXY",
        "PIP_INDEX_URL",
        "npm_config_registry",
    ] {
        text.push('\n');
        text.push_str(&environment(name).unwrap_or_default());
    }
    hosts(&text)
}

fn configuration_files() -> Vec<PathBuf> {
    let home = PathBuf::from(environment("HOME").unwrap_or_default());
    let cargo = environment("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let mut files: Vec<PathBuf> = [".config/pip/pip.conf", ".pip/pip.conf", ".npmrc"]
        .iter()
        .map(|name| home.join(name))
        .collect();
    files.extend(
        ["config.toml", "config"]
            .iter()
            .map(|name| cargo.join(name)),
    );
    files.extend(
        ["/etc/pip.conf", "/etc/npmrc"]
            .iter()
            .map(|name| Path::new(name).to_owned()),
    );
    files
}

/// Other lines of such files are none of our business.
fn names_a_source(line: &str) -> bool {
    let name = line.split('=').next().unwrap_or_default().trim();
    [
        "registry",
        "index",
        "index-url",
        "extra-index-url",
        "replace-with",
    ]
    .contains(&name)
}

/// The hosts of all URLs in a text.
fn hosts(text: &str) -> BTreeSet<String> {
    text.split("://")
        .skip(1)
        .map(|rest| {
            rest.split(['/', '"', '\'', ' ', '\n', ',', '?', '#'])
                .next()
                .unwrap_or_default()
        })
        .map(|authority| authority.rsplit('@').next().unwrap_or_default())
        .map(|host| host.split(':').next().unwrap_or_default().to_lowercase())
        .filter(|host| host.contains('.') && !NOT_MIRRORS.contains(&host.as_str()))
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration of package managers is partly there"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_out_of_urls() {
        let text = "registry = \"sparse+https://user@Mirror.test:8443/index/\"\nhttps://github.com/x http://[::1]/";
        assert_eq!(hosts(text).into_iter().collect::<Vec<_>>(), ["mirror.test"]);
    }

    #[test]
    fn only_lines_that_name_a_source_are_read() {
        assert!(names_a_source("index-url = https://mirror.test/simple"));
        assert!(!names_a_source("//mirror.test/:_authToken=x"));
    }
}
