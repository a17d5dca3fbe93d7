//! What tracked files must not say: where on some machine they were written, and from where it gets its packages.

use crate::hosts::mirrors;
use crate::workspace::{Problem, Workspace};

/// Folders of one machine. In two parts, so that this file does not say them itself.
const FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/tmp", "/t/"),
];

pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, Problem> {
    let hosts = mirrors(workspace);
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
            findings
                .extend(folder_in(line).map(|folder| format!("{name}:{number} names {folder}")));
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

/// An absolute path into one of the folders: `$cache/root/usr` and `tuf/root/1` are not.
fn folder_in(line: &str) -> Option<&'static str> {
    FOLDERS.iter().copied().find(|folder| {
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
        for folder in FOLDERS {
            assert_eq!(folder_in(&format!("see {folder}x")), Some(*folder));
            assert_eq!(folder_in(&format!("`{folder}`")), Some(*folder));
            assert_eq!(folder_in(&format!("$cache{folder}usr")), None);
            assert_eq!(folder_in(&format!("${{cache}}{folder}usr")), None);
        }
    }
}
