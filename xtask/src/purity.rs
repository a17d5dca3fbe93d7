//! What may not be in a dependency tree.

use std::collections::BTreeSet;

use crate::workspace::{Problem, Workspace};

/// A spec crate that pulls one of these in reaches a socket, a runtime or a database.
const IMPURE: &[&str] = &[
    "async-std",
    "axum",
    "h2",
    "hyper",
    "hyper-util",
    "mio",
    "openssl",
    "postgres",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-postgres",
    "ureq",
];

/// Nowhere, tests included: a second crypto provider, OpenSSL, and an RSA implementation with a timing leak.
const BANNED: &[&str] = &["native-tls", "openssl", "openssl-sys", "ring", "rsa"];

pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, Problem> {
    let mut findings = Vec::new();
    for package in workspace
        .packages
        .iter()
        .filter(|package| package.is_spec(&workspace.root))
    {
        let tree = tree(
            workspace,
            &["--edges", "normal", "--package", &package.name],
        )?;
        findings.extend(found(
            &tree,
            IMPURE,
            &format!("below {}", package.short_name()),
        ));
    }
    let tree = tree(
        workspace,
        &[
            "--workspace",
            "--target",
            "all",
            "--edges",
            "normal,build,dev",
        ],
    )?;
    findings.extend(found(&tree, BANNED, "in the workspace"));
    Ok(findings)
}

/// The names of all packages in a dependency tree. The features are those of the crate alone, not of the workspace.
fn tree(workspace: &Workspace, arguments: &[&str]) -> Result<BTreeSet<String>, Problem> {
    let mut all = vec!["tree", "--prefix", "none", "--format", "{p}"];
    all.extend(arguments);
    let output = workspace.run("cargo", &all)?;
    Ok(names(&String::from_utf8_lossy(&output)))
}

fn names(output: &str) -> BTreeSet<String> {
    output
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn found(tree: &BTreeSet<String>, unwanted: &[&str], place: &str) -> Vec<String> {
    unwanted
        .iter()
        .filter(|name| tree.contains(**name))
        .map(|name| format!("{name} is {place}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unwanted_package_is_found_by_its_whole_name() {
        let tree = names("countersign-tuf v0.1.0 (/x)\ntokio v1.54.0\nring-like v1.0.0\n\n");
        assert_eq!(found(&tree, IMPURE, "below tuf"), ["tokio is below tuf"]);
        assert_eq!(
            found(&tree, BANNED, "in the workspace"),
            Vec::<String>::new()
        );
    }
}
