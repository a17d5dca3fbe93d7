//! What tracked files must not say: where on some machine they were written, and from where it gets its packages.

use std::path::PathBuf;

use crate::hosts::mirrors;
use crate::workspace::{Problem, Workspace};

pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, Problem> {
    let hosts = mirrors(workspace);
    let folders = folders(workspace);
    let mut findings = Vec::new();
    let listed = workspace.run("git", &["ls-files", "-z"])?;
    for name in String::from_utf8_lossy(&listed)
        .split('\0')
        .filter(|name| !name.is_empty())
    {
        let path = workspace.root.join(name);
        // A link's target is a name in the tree; a deleted file is gone with the next commit.
        if !path.is_file() || path.is_symlink() {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|source| Problem::Read {
            path: path.clone(),
            source,
        })?;
        for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let number = number + 1;
            findings.extend(
                folder_in(line, &folders).map(|folder| format!("{name}:{number} names {folder}")),
            );
            let line = line.to_lowercase();
            if hosts.iter().any(|host| line.contains(host.as_str())) {
                // Not which one: this text ends up in logs.
                findings.push(format!(
                    "{name}:{number} names a package mirror of this machine"
                ));
            }
        }
    }
    Ok(findings)
}

/// Folders of this machine: where the tree is, what is above it, and the user's home.
fn folders(workspace: &Workspace) -> Vec<String> {
    let above = workspace
        .root
        .parent()
        .filter(|folder| folder.parent().is_some());
    #[expect(clippy::disallowed_methods, reason = "this is the program's edge")]
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let known = [Some(workspace.root.as_path()), above, home.as_deref()];
    let named = known
        .into_iter()
        .flatten()
        .map(|folder| format!("{}/", folder.display()));
    named.filter(|folder| folder.len() > 2).collect()
}

/// An absolute path into one of the folders: with `/home/x/`, `$cache/home/x/usr` and `a/home/x/1` are not.
fn folder_in<'f>(line: &str, folders: &'f [String]) -> Option<&'f str> {
    folders.iter().map(String::as_str).find(|folder| {
        line.match_indices(folder).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || "_-.$})>/".contains(c))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_are_found_and_others_are_not() {
        let folders = ["/home/somebody/".to_owned()];
        let found = |line: &str| folder_in(line, &folders).is_some();
        assert!(found("see /home/somebody/x"));
        assert!(found("`/home/somebody/`"));
        assert!(!found("$cache/home/somebody/usr"));
        assert!(!found("${cache}/home/somebody/usr"));
        assert!(!found("/home/else/x"));
    }
}
