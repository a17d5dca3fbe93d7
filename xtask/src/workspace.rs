//! What Cargo and git know about this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// Why a check could not run. A check that could not run is a failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// A file of the workspace cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program cannot be started.
    #[error("{program}: {source}")]
    Start {
        /// Which one.
        program: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{program} {arguments}: {stderr}")]
    Failed {
        /// Which one.
        program: &'static str,
        /// Its arguments.
        arguments: String,
        /// What it said.
        stderr: String,
    },
    /// `cargo metadata` said something else than expected.
    #[error("cargo metadata: {0}")]
    Metadata(#[from] serde_json::Error),
    /// A manifest is not TOML.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: toml::de::Error,
    },
}

/// The members of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
}

/// One member.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// `Some` and empty: `publish = false`.
    pub(crate) publish: Option<Vec<String>>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency of a member.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` is a normal dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Dependency {
    /// Whether only tests, examples and benchmarks see it.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, Problem> {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let text = run(
            "cargo",
            &[
                "metadata",
                "--format-version",
                "1",
                "--no-deps",
                "--manifest-path",
                manifest,
            ],
            None,
        )?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Runs a program in the root of the workspace and returns its output.
    pub(crate) fn run(
        &self,
        program: &'static str,
        arguments: &[&str],
    ) -> Result<Vec<u8>, Problem> {
        run(program, arguments, Some(&self.root))
    }
}

impl Package {
    /// The name without the prefix that all our packages have.
    pub(crate) fn short_name(&self) -> &str {
        self.name.strip_prefix("countersign-").unwrap_or(&self.name)
    }

    /// Whether it lies in the spec ring.
    pub(crate) fn is_spec(&self, root: &Path) -> bool {
        self.manifest_path.starts_with(root.join("crates/spec"))
    }

    pub(crate) fn manifest(&self) -> Result<toml::Table, Problem> {
        let path = &self.manifest_path;
        let text = std::fs::read_to_string(path).map_err(|source| Problem::Read {
            path: path.clone(),
            source,
        })?;
        text.parse().map_err(|source| Problem::Manifest {
            path: path.clone(),
            source,
        })
    }
}

fn run(
    program: &'static str,
    arguments: &[&str],
    folder: Option<&Path>,
) -> Result<Vec<u8>, Problem> {
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let output = command
        .output()
        .map_err(|source| Problem::Start { program, source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Problem::Failed {
        program,
        arguments: arguments.join(" "),
        stderr,
    })
}
