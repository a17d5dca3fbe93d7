//! `version`.

use serde::Serialize;

use super::flags::flags;
use super::{Action, Context};
use crate::cobra::{Command, Flag, Matches};
use crate::failure::Failure;

const JSON: Flag = Flag::switch("json", "Print JSON");

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS]",
    flags: flags!(&[JSON]),
    run: Some(run),
    ..Command::new("version", "Show the version")
};

/// What `version --json` of cosign has, so that tools that ask for a cosign find one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: &'static str,
    git_commit: &'static str,
    git_tree_state: &'static str,
    build_date: &'static str,
    go_version: &'static str,
    compiler: &'static str,
    platform: String,
}

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let version = Version {
        // The cosign whose commands these are, and what it really is.
        git_version: concat!("v3.1.1+countersign.", env!("CARGO_PKG_VERSION")),
        git_commit: "none",
        git_tree_state: "none",
        build_date: "none",
        go_version: "none",
        compiler: "rustc",
        platform: format!("{}/{architecture}", std::env::consts::OS),
    };
    let text = if matches.on(&JSON) {
        serde_json::to_string_pretty(&version).map_err(std::io::Error::other)? + "\n"
    } else {
        format!(
            "cosign: the commands of cosign, by countersign\n\nGitVersion:    {}\nGitCommit:     {}\nGitTreeState:  {}\n\
             BuildDate:     {}\nGoVersion:     {}\nCompiler:      {}\nPlatform:      {}\n\n",
            version.git_version,
            version.git_commit,
            version.git_tree_state,
            version.build_date,
            version.go_version,
            version.compiler,
            version.platform
        )
    };
    Ok(context.session.process.out(text)?)
}
