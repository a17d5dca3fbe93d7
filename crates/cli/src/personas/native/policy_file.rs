//! Which `countersign.toml` is in force, and what is in it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use kms::KeyReference;
use signing::policy::{FILE_NAME, POLICY_BYTES, Policy};

use super::error::Error;
use crate::cobra::{Completes, Flag, Matches};
use crate::env;
use crate::process::Process;

pub(super) const POLICY: Flag = Flag::text(
    "policy",
    "",
    "Policy file; default $COUNTERSIGN_POLICY, else countersign.toml in this folder",
)
.completing(Completes::File);
pub(super) const NO_POLICY: Flag = Flag::switch(
    "no-policy",
    "Go by flags alone, whatever policy file there is",
);

/// A policy file that is in force, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// As the user named it.
    pub(super) path: PathBuf,
    origin: Origin,
}

/// Why it is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Flag,
    Folder,
    Variable,
}

/// A policy file that was read.
#[derive(Debug)]
pub(super) struct PolicyFile {
    /// As the user named it.
    pub(super) path: PathBuf,
    pub(super) policy: Policy,
}

impl Located {
    /// The file in force, if there is one; what a flag or a variable names is in force whether it is there or not.
    pub(super) fn find(process: &Process, matches: &Matches) -> Result<Option<Self>, Error> {
        let named = matches.given(&POLICY).filter(|path| !path.is_empty());
        if matches.on(&NO_POLICY) {
            return match named {
                None => Ok(None),
                Some(_) => Err(Error::Conflict {
                    drop: NO_POLICY.name,
                    because: format!("--{}", POLICY.name),
                    why: "one names a policy, the other forbids it",
                    way_out: String::new(),
                }),
            };
        }
        if let Some(path) = named {
            return Ok(Some(Self {
                path: path.into(),
                origin: Origin::Flag,
            }));
        }
        if let Some(path) = process.path_var(env::POLICY.name) {
            return Ok(Some(Self {
                path: path.to_owned(),
                origin: Origin::Variable,
            }));
        }
        let path = PathBuf::from(FILE_NAME);
        match process.resolve(&path).symlink_metadata() {
            Ok(_) => Ok(Some(Self {
                path,
                origin: Origin::Folder,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(unreadable(path, source)),
        }
    }

    /// The refusal of a flag that says what the file says, too.
    pub(super) fn conflict(&self, drop: &'static str) -> Error {
        let path = self.path.display();
        let (because, way_out) = match self.origin {
            Origin::Flag => (format!("--{}", POLICY.name), String::new()),
            Origin::Variable => (
                format!("the policy {path} of {}", env::POLICY.name),
                format!(", or go without the policy by --{}", NO_POLICY.name),
            ),
            Origin::Folder => (
                format!("the policy {path} of this folder"),
                format!(", or go without the policy by --{}", NO_POLICY.name),
            ),
        };
        Error::Conflict {
            drop,
            because,
            why: "both say what is to be done",
            way_out,
        }
    }

    pub(super) fn read(self, process: &Process) -> Result<PolicyFile, Error> {
        let failed = |source| unreadable(self.path.clone(), source);
        let file = File::open(process.resolve(&self.path)).map_err(failed)?;
        let mut text = Vec::new();
        // One more than is allowed, which the parser refuses by name.
        let limit = u64::try_from(POLICY_BYTES).map_or(u64::MAX, |limit| limit.saturating_add(1));
        file.take(limit).read_to_end(&mut text).map_err(failed)?;
        let text = String::from_utf8(text)
            .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text")))?;
        let policy = Policy::parse(&text).map_err(|source| Error::Policy {
            path: self.path.clone(),
            source: Box::new(source),
        })?;
        Ok(PolicyFile {
            path: self.path,
            policy,
        })
    }
}

impl PolicyFile {
    /// A file that the policy names, seen from the working directory.
    pub(super) fn file(&self, named: &str) -> String {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        folder.join(named).to_string_lossy().into_owned()
    }

    /// A key that the policy names; only files are relative to it.
    pub(super) fn key(&self, named: &str) -> String {
        match KeyReference::parse(named) {
            Ok(KeyReference::Path(path)) => self.file(&path),
            _ => named.to_owned(),
        }
    }
}

fn unreadable(path: PathBuf, source: io::Error) -> Error {
    Error::Io {
        action: "read",
        path,
        source,
    }
}
